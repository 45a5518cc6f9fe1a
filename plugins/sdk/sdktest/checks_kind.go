package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// of is a ready plugin of a kind.
func (t *trial) of(ctx context.Context, kind sdk.Kind) (*running, error) {
	if _, err := t.describe(ctx); err != nil {
		return nil, err
	}
	if !t.is(kind) {
		return nil, skip(fmt.Sprintf("it is no %s", kind))
	}
	return t.ready(ctx)
}

func (t *trial) givesTokens(ctx context.Context) (string, error) {
	r, err := t.of(ctx, sdk.KindAuth)
	if err != nil {
		return "", err
	}
	rejected := ""
	for range 2 { // the second time, the first one was refused
		before := r.requests()
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		answer, err := r.Token(ctx, rejected)
		t.note(err)
		switch {
		case err != nil:
			return "", failed("Token: %w%s", err, r.afterword(ctx))
		case !httpguts.ValidHeaderFieldValue(answer.Value) || strings.TrimSpace(answer.Value) != answer.Value:
			return "", failed("the token holds what no header may hold")
		case answer.RefreshBefore > answer.ExpiresIn && answer.ExpiresIn > 0 && answer.RefreshBefore > time.Hour:
			return "", failed("the token expires in %v and is to be fetched anew %v before", answer.ExpiresIn, answer.RefreshBefore)
		case r.peer != nil && r.requests() == before:
			return "", failed("Token makes no request: a token that it keeps may be the one that was refused")
		}
		rejected = answer.Value
	}
	return "a token, and another when it was refused", nil
}

// requests are those that the peer has got; 0 where there is none.
func (r *running) requests() int64 {
	if r.peer == nil {
		return 0
	}
	return r.peer.requests.Load()
}

func (t *trial) runsActions(ctx context.Context) (string, error) {
	r, err := t.of(ctx, sdk.KindTarget)
	if err != nil {
		return "", err
	}
	sample := t.Samples.Target
	if sample == nil {
		return "", skip("the samples hold no target (an action_id and an input)")
	}
	answer, err := r.Submit(ctx, sdk.SubmitRequest{Token: token, ActionID: sample.ActionID, Input: sample.Input})
	t.note(err)
	if err != nil {
		return "", failed("Submit: %w%s", err, r.afterword(ctx))
	}
	execution, polls, err := t.toTheEnd(ctx, r, answer)
	if err != nil {
		return "", err
	}
	if err := t.doesTheRest(ctx, r); err != nil {
		return "", err
	}
	if polls == 0 {
		return fmt.Sprintf("Submit answered %s at once", execution.Status), nil
	}
	return fmt.Sprintf("a session that ended %s; polls: %d", execution.Status, polls), nil
}

// toTheEnd polls a session to its end.
func (t *trial) toTheEnd(ctx context.Context, r *running, answer sdk.SubmitResult) (*sdk.Execution, int, error) {
	execution, polls := answer.Execution, 0
	for ; execution == nil; polls++ {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, polls, failed("the session did not end within %d polls; is there an answer for it in the samples?", polls)
		}
		poll, err := r.Poll(ctx, sdk.PollRequest{Token: token, ActionID: t.Samples.Target.ActionID, SessionID: answer.SessionID})
		t.note(err)
		if err != nil {
			return nil, polls, failed("Poll: %w%s", err, r.afterword(ctx))
		}
		if poll.Status == "" && poll.Execution == nil {
			return nil, polls, failed("Poll answers no status: it must be the platform's own word")
		}
		execution = poll.Execution
	}
	switch {
	case len(execution.Output) > 0 && !json.Valid(execution.Output):
		return nil, polls, failed("the execution's output is not JSON")
	case execution.Status == sdk.StatusFailed && execution.Error == nil:
		return nil, polls, failed("the execution is FAILED and has no error")
	}
	return execution, polls, nil
}

// doesTheRest calls the reading operations that a platform may lack.
func (t *trial) doesTheRest(ctx context.Context, r *running) error {
	for _, o := range t.requesting(t.Samples.Operation) {
		if o.name != "Metrics" && o.name != "GetSchema" {
			continue
		}
		if err := t.do(ctx, r, o); errors.Is(err, sdk.Internal) {
			return failed("%s: %w", o.name, err)
		}
	}
	return nil
}

// pause waits, or fails with the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *trial) takesEvents(ctx context.Context) (string, error) {
	r, err := t.of(ctx, sdk.KindSink)
	if err != nil {
		return "", err
	}
	event := t.Samples.event()
	batch := 1
	if t.description.Sink != nil {
		batch = max(1, t.description.Sink.Batch)
	}
	events := make([]sdk.Event, batch)
	for i := range events {
		events[i] = event
		events[i].ID = fmt.Sprintf("%s%04x", event.ID[:max(0, len(event.ID)-4)], i)
	}
	for _, delivery := range []struct {
		what   string
		events []sdk.Event
	}{{"no event", nil}, {"an event", []sdk.Event{event}}, {"the event again", []sdk.Event{event}}, {"a batch", events}} {
		if err := r.Deliver(ctx, delivery.events); err != nil {
			t.note(err)
			return "", failed("Deliver of %s: %w%s", delivery.what, err, r.afterword(ctx))
		}
	}
	unknown := []byte(`{"id":"0f9e8d7c-6b5a-4c3d-8e2f-112233445566","type":"sdktest_unknown","time":"2026-01-02T03:04:05Z","run_id":"r","suite":"s","duration_ms":0,"masked":true,"sdktest_unknown":{"a":[1]}}`)
	if _, err := pluginv1.NewSinkClient(r.conn).Deliver(ctx, &pluginv1.DeliverRequest{Events: [][]byte{unknown}}); err != nil {
		return "", failed("Deliver of an event of a type and with a field that it does not know: %w%s", err, r.afterword(ctx))
	}
	return fmt.Sprintf("batches of %d", batch), nil
}

func (t *trial) answersHooks(ctx context.Context) (string, error) {
	r, err := t.of(ctx, sdk.KindHook)
	if err != nil {
		return "", err
	}
	answer, err := r.Call(ctx, "sdktest_undefined", json.RawMessage("{}"))
	t.note(err)
	if !isUnsupported(err) && (err != nil || string(answer) != "null") {
		return "", failed("a hook that is not defined answers %q (error: %v)%s", answer, err, r.afterword(ctx))
	}
	sample := t.Samples.Hook
	if sample == nil {
		return "the samples hold no hook: only one that is not defined was called", nil
	}
	answer, err = r.Call(ctx, sample.Name, sample.Document)
	t.note(err)
	if err != nil {
		return "", failed("%s: %w%s", sample.Name, err, r.afterword(ctx))
	}
	return fmt.Sprintf("%s answered %d bytes", sample.Name, len(answer)), nil
}

// fault is how the peer misbehaves, and what has to come of it.
type fault struct {
	what      string
	behaviour http.HandlerFunc // nil: nobody listens
	kind      sdk.ErrorKind
}

func faults() []fault {
	return []fault{
		{"HTTP 401", refusal(http.StatusUnauthorized), sdk.Unauthenticated},
		{"HTTP 403", refusal(http.StatusForbidden), sdk.Forbidden},
		{"HTTP 429", refusal(http.StatusTooManyRequests), sdk.RateLimited},
		{"HTTP 503", refusal(http.StatusServiceUnavailable), sdk.Unavailable},
		{"a page where JSON is due", garbage, sdk.Protocol},
		{"a connection that breaks after the request", reset, sdk.Unavailable},
		{"a port where nobody listens", nil, sdk.Unavailable},
	}
}

func (t *trial) typesErrors(ctx context.Context) (string, error) {
	r, err := t.played(ctx)
	if err != nil {
		return "", err
	}
	operations := t.requesting(r.op)
	if len(operations) == 0 {
		return "", skip("the samples hold nothing to call, or the plugin makes no requests")
	}
	seen := map[string]bool{}
	for _, f := range faults() {
		if f.behaviour == nil {
			r.peer.close()
		} else {
			r.peer.behave(f.behaviour)
		}
		for _, o := range operations {
			if o.name == "Deliver" && f.kind == sdk.Protocol {
				continue // of a sink's answer the status alone counts
			}
			done, err := t.typesError(ctx, r, o, f)
			if err != nil {
				return "", err
			}
			seen[o.name] = seen[o.name] || done
		}
	}
	return fmt.Sprintf("%d faults of the peer, in %s", len(faults()), names(operations, seen)), nil
}

func names(operations []operation, seen map[string]bool) string {
	var words []string
	for _, o := range operations {
		if seen[o.name] {
			words = append(words, o.name)
		}
	}
	return strings.Join(words, ", ")
}

// typesError tries one operation with one fault. It is false where the plugin
// does not have the operation.
func (t *trial) typesError(ctx context.Context, r *running, o operation, f fault) (bool, error) {
	before := r.requests()
	err := t.do(ctx, r, o)
	requests := r.requests() - before
	var e *sdk.Error
	switch {
	case isUnsupported(err):
		return false, nil
	case err == nil:
		return true, failed("%s succeeds with %s", o.name, f.what)
	case !errors.As(err, &e) || e.Kind != f.kind:
		return true, failed("%s with %s must be an error of kind %s, and is: %w", o.name, f.what, f.kind, err)
	case f.behaviour != nil && requests != 1:
		return true, failed("%s with %s makes %d requests: it must make one, since the host retries", o.name, f.what, requests)
	case f.behaviour != nil && !e.Sent:
		return true, failed("%s with %s must say sent = true: the request has reached the peer", o.name, f.what)
	case f.behaviour == nil && e.Sent:
		return true, failed("%s with %s must say sent = false: no byte of the request has left", o.name, f.what)
	case e.Kind == sdk.RateLimited && e.RetryAfter != 2*time.Second:
		return true, failed("%s with %s must pass on the peer's `Retry-After: 2` as 2 s, and says %v", o.name, f.what, e.RetryAfter)
	}
	return true, nil
}
