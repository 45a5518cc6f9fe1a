package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/plugins/sdk"
)

// any calls an operation of a kind with next to nothing, to see whether it is
// there.
func (r *running) any(ctx context.Context, kind sdk.Kind) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	switch kind {
	case sdk.KindAuth:
		_, err = r.Token(ctx, "")
	case sdk.KindTarget:
		_, err = r.Submit(ctx, sdk.SubmitRequest{Input: json.RawMessage("{}")})
	case sdk.KindSink:
		err = r.Deliver(ctx, nil)
	case sdk.KindHook:
		_, err = r.Call(ctx, "", json.RawMessage("null"))
	}
	return err
}

// operation is one operation of a plugin, with the documents of the samples.
type operation struct {
	name string
	call func(ctx context.Context, r *running) error
}

// main is the operation that a plugin is there for, with a document that is
// padded by size bytes.
func (t *trial) main(op Operation, size int) (operation, error) {
	switch {
	case t.is(sdk.KindTarget) && op.Target != nil:
		input, err := padded(op.Target.Input, size)
		return operation{"Submit", func(ctx context.Context, r *running) error {
			_, err := r.Submit(ctx, sdk.SubmitRequest{Token: token, ActionID: op.Target.ActionID, Input: input})
			return err
		}}, err
	case t.is(sdk.KindHook) && op.Hook != nil:
		document, err := padded(op.Hook.Document, size)
		return operation{"Call", func(ctx context.Context, r *running) error {
			_, err := r.Call(ctx, op.Hook.Name, document)
			return err
		}}, err
	case t.is(sdk.KindSink):
		event := op.event()
		var err error
		if size > 0 {
			event.Input, err = padded(event.Input, size)
		}
		return operation{"Deliver", func(ctx context.Context, r *running) error { return r.Deliver(ctx, []sdk.Event{event}) }}, err
	case t.is(sdk.KindAuth):
		return operation{"Token", func(ctx context.Context, r *running) error { _, err := r.Token(ctx, ""); return err }}, nil
	}
	return operation{}, skip("the samples hold no target or hook to call")
}

// requesting are the operations that make a request to a plugin's peer.
func (t *trial) requesting(op Operation) []operation {
	var all []operation
	if m, err := t.main(op, 0); err == nil && (m.name == "Submit" || m.name == "Deliver") {
		all = append(all, m)
	}
	if t.is(sdk.KindAuth) {
		all = append(all, operation{"Token", func(ctx context.Context, r *running) error { _, err := r.Token(ctx, ""); return err }})
	}
	if !t.is(sdk.KindTarget) || op.Target == nil {
		return all
	}
	id := op.Target.ActionID
	schema := sdk.SchemaRequest{Token: token, ActionID: id}
	return append(all,
		operation{"Poll", func(ctx context.Context, r *running) error {
			_, err := r.Poll(ctx, sdk.PollRequest{Token: token, ActionID: id, SessionID: "sdktest"})
			return err
		}},
		operation{"Metrics", func(ctx context.Context, r *running) error {
			_, err := r.Metrics(ctx, sdk.MetricsRequest{Token: token, ActionID: id, Window: "PT24H"})
			return err
		}},
		operation{"GetSchema", func(ctx context.Context, r *running) error { _, err := r.GetSchema(ctx, schema); return err }},
		operation{"PutSchema", func(ctx context.Context, r *running) error {
			return r.PutSchema(ctx, schema, json.RawMessage(`{"name":"SdktestAction","description":"","input":{"type":"object"},"output":{"type":"object"},"errorCodes":[]}`))
		}},
	)
}

// do calls an operation within a bounded time.
func (t *trial) do(ctx context.Context, r *running, o operation) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := o.call(ctx, r)
	t.note(err)
	if errors.Is(err, sdk.Internal) { // what a broken connection is, too
		if after := r.afterword(ctx); after != "" {
			return failed("%s: %w%s", o.name, err, after)
		}
	}
	return err
}

// padded adds a member to a JSON object.
func padded(object json.RawMessage, size int) (json.RawMessage, error) {
	if size == 0 {
		return object, nil
	}
	members := map[string]json.RawMessage{}
	if len(object) > 0 {
		if err := json.Unmarshal(object, &members); err != nil {
			return nil, skip("the document of the samples is not a JSON object")
		}
	}
	text := make([]byte, size)
	for i := range text {
		text[i] = 'x'
	}
	members["padding"] = append(append([]byte{'"'}, text...), '"')
	return json.Marshal(members)
}

// event is the samples' own, or one of a session that failed.
func (o *Operation) event() sdk.Event {
	if o.Sink != nil {
		return o.Sink.Event
	}
	return sdk.Event{
		ID: "6f1b7a52-3c0d-4d2e-9a41-0c5d1f2e3a4b", Type: sdk.EventSession, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		RunID: "0d9c8b7a-6f5e-4d3c-8b2a-190817263544", Suite: "sdktest", Vector: "sdktest",
		ActionID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890", ActionName: "SdktestAction", SessionID: "sdktest-session",
		InputHash: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		Verdict:   "fail", Status: sdk.StatusFailed, DurationMS: 12, Masked: true,
		Classification: &sdk.Classification{Class: "EXTERNAL_DEPENDENCY_OUTAGE", Category: "timeout", Confidence: 0.9, Reason: "a timeout", Source: "builtin"},
		Correlation:    &sdk.Correlation{FailingStepID: "s1", FailingStepName: "sync", Timestamp: "2026-01-02T03:04:05Z", RawError: "ETIMEDOUT"},
	}
}

// isBroken tells a connection that broke, or hangs, from a plugin that answered.
func isBroken(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}
