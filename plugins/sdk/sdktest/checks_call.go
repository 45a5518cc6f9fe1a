package sdktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	largeDocument   = 5 << 20
	concurrentCalls = 128
	hangDeadline    = time.Second
)

// hanging is a plugin, and an operation of it that does not end by itself.
func (t *trial) hanging(ctx context.Context) (*running, operation, error) {
	if _, err := t.describe(ctx); err != nil {
		return nil, operation{}, err
	}
	op := t.Samples.over(t.Samples.Hang)
	withPeer := t.Samples.Hang == nil
	if withPeer && t.Samples.Peer == nil {
		return nil, operation{}, skip("the samples name neither a peer nor an operation that hangs")
	}
	o, err := t.main(op, 0)
	if err != nil {
		return nil, o, err
	}
	r, err := t.configured(ctx, op, withPeer)
	if err == nil && r.peer != nil {
		r.peer.behave(r.peer.hang)
	}
	return r, o, err
}

func (t *trial) keepsDeadline(ctx context.Context) (string, error) {
	r, o, err := t.hanging(ctx)
	if err != nil {
		return "", err
	}
	// A busy machine may swallow the moment that there is to answer in.
	for try := range 3 {
		limit := hangDeadline << try
		within, cancel := context.WithTimeout(ctx, limit)
		err = o.call(within, r)
		cancel()
		t.note(err)
		if e := released(ctx, r, o); e != nil {
			return "", e
		}
		var e *sdk.Error
		switch {
		case err == nil:
			return "", failed("%s ends before its deadline: the samples must hold one that hangs", o.name)
		case errors.As(err, &e) && e.Kind == sdk.Timeout && !saidByGRPC(e):
			return fmt.Sprintf("%s answered: %s", o.name, e.Message), nil
		case errors.As(err, &e) && e.Kind != sdk.Timeout:
			return "", failed("%s must be an error of kind timeout when its deadline passes, and is: %w%s", o.name, err, r.afterword(ctx))
		}
	}
	return "", failed("%s does not answer before its deadline: it must give up by itself, in time to say whether the request was sent", o.name)
}

// released waits until the plugin has given up its request to the peer.
func released(ctx context.Context, r *running, o operation) error {
	if r.peer == nil {
		return nil
	}
	if err := await(ctx, r.peer.arrived, patience); err != nil {
		return failed("%s made no request to the peer", o.name)
	}
	if err := await(ctx, r.peer.gone, patience); err != nil {
		return failed("%s is over, and its request to the peer is still open after %v", o.name, patience)
	}
	return nil
}

func (t *trial) stopsWhenCanceled(ctx context.Context) (string, error) {
	r, o, err := t.hanging(ctx)
	if err != nil {
		return "", err
	}
	canceling, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- o.call(canceling, r) }()
	if r.peer != nil {
		if err := await(ctx, r.peer.arrived, callTimeout); err != nil {
			return "", failed("%s made no request to the peer", o.name)
		}
	} else if err := pause(ctx, patience/10); err != nil {
		return "", undecided{err}
	}
	cancel()
	err = <-ended
	t.note(err)
	if !errors.Is(err, context.Canceled) {
		return "", failed("%s, cancelled, is: %w%s", o.name, err, r.afterword(ctx))
	}
	if r.peer == nil {
		return "", t.worksStill(ctx, r)
	}
	if err := await(ctx, r.peer.gone, patience); err != nil {
		return "", failed("the request to the peer is still open %v after %s was cancelled", patience, o.name)
	}
	return "the request to the peer was given up, too", nil
}

// worksStill calls what works; a plugin whose settings are made to hang only
// has to live.
func (t *trial) worksStill(ctx context.Context, r *running) error {
	o, err := t.main(t.Samples.Operation, 0)
	if err != nil {
		return nil // nothing to call
	}
	if t.Samples.Hang != nil && len(t.Samples.Hang.Attributes) > 0 {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := o.call(ctx, r); errors.Is(err, sdk.Internal) {
			return failed("afterwards: %w%s", err, r.afterword(ctx))
		}
		return nil
	}
	if err := t.do(ctx, r, o); err != nil {
		return failed("afterwards %s fails: %w", o.name, err)
	}
	return nil
}

func (t *trial) worksWhileOneWaits(ctx context.Context) (string, error) {
	r, o, err := t.hanging(ctx)
	if err != nil {
		return "", err
	}
	if t.Samples.Hang != nil && len(t.Samples.Hang.Attributes) > 0 {
		return "", skip("with the settings of hang every call waits")
	}
	if r.peer != nil {
		if len(t.Samples.Peer.Answers) == 0 {
			return "", skip("the samples hold no answers of the peer")
		}
		r.peer.behave(r.peer.hangOnce())
	}
	well, err := t.main(t.Samples.Operation, 0)
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithCancel(ctx)
	var first sync.WaitGroup
	first.Go(func() { _ = o.call(waiting, r) })
	defer first.Wait()
	defer cancel()
	if r.peer != nil {
		if err := await(ctx, r.peer.arrived, callTimeout); err != nil {
			return "", failed("%s made no request to the peer", o.name)
		}
	} else if err := pause(ctx, patience/10); err != nil {
		return "", undecided{err}
	}
	began := time.Now()
	ctx, giveUp := context.WithTimeout(ctx, 2*patience)
	defer giveUp()
	if err := t.do(ctx, r, well); err != nil {
		return "", failed("%s, while another waits: %w", well.name, err)
	}
	return fmt.Sprintf("answered in %v", time.Since(began).Round(time.Millisecond)), nil
}

func (t *trial) takesLargeDocuments(ctx context.Context) (string, error) {
	r, err := t.ready(ctx)
	if err != nil {
		return "", err
	}
	o, err := t.main(r.op, largeDocument)
	if err != nil {
		return "", err
	}
	if o.name == "Token" {
		return "", skip("an auth plugin takes no documents")
	}
	if err := t.do(ctx, r, o); err != nil {
		return "", failed("%s of 5 MB: %w", o.name, err)
	}
	return o.name + " of 5 MB", nil
}

func (t *trial) worksConcurrently(ctx context.Context) (string, error) {
	r, err := t.ready(ctx)
	if err != nil {
		return "", err
	}
	o, err := t.main(r.op, 0)
	if err != nil {
		return "", err
	}
	began := time.Now()
	wrong := make([]error, concurrentCalls)
	var calls sync.WaitGroup
	for i := range wrong {
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			wrong[i] = o.call(ctx, r)
		})
	}
	calls.Wait()
	bad := 0
	var first error
	for _, err := range wrong {
		t.note(err)
		if err != nil {
			bad, first = bad+1, err
		}
	}
	if bad > 0 {
		return "", failed("%d of %d calls at once fail, such as: %w%s", bad, concurrentCalls, first, r.afterword(ctx))
	}
	return fmt.Sprintf("%d calls in %v", concurrentCalls, time.Since(began).Round(time.Millisecond)), nil
}

func (t *trial) survivesDocuments(ctx context.Context) (string, error) {
	if _, err := t.describe(ctx); err != nil {
		return "", err
	}
	var r *running
	var err error
	if t.Samples.Peer != nil {
		r, err = t.played(ctx) // nothing of it gets to a platform
	} else {
		r, err = t.ready(ctx)
	}
	if err != nil {
		return "", err
	}
	calls := t.hostile(r)
	for _, call := range calls {
		if err := t.survives(ctx, r, call); err != nil {
			return "", err
		}
	}
	if r.peer == nil || len(t.Samples.Peer.Answers) > 0 {
		if err := t.worksStill(ctx, r); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d calls", len(calls)), nil
}

func (t *trial) survives(ctx context.Context, r *running, call hostileCall) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := call.call(ctx)
	t.note(err)
	if ctx.Err() != nil {
		return failed("%s is not answered within %v", call.what, callTimeout)
	}
	if err != nil && r.process != nil && isBroken(err) {
		if how := r.process.crashed(ctx); how != "" {
			return failed("%s: %s", call.what, how)
		}
	}
	return nil
}

// hostileCall is a call with documents that nobody should send.
type hostileCall struct {
	what string
	call func(ctx context.Context) error
}

// hostileDocument is one of them.
type hostileDocument struct {
	what string
	text []byte
}

func hostileDocuments() []hostileDocument {
	return []hostileDocument{
		{"nothing", nil},
		{"null", []byte("null")},
		{"a number", []byte("-1e400")},
		{"an array", []byte("[[],{}]")},
		{"text that is not JSON", []byte(`{"a":`)},
		{"bytes that are not text", []byte{0xff, 0x00, 0xfe, '{'}},
		{"100,000 nested arrays", []byte(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))},
		{"fields of wrong types", []byte(`{"input":7,"id":[],"type":{},"time":1,"error":"x","trace":0,"classification":[]}`)},
	}
}

// hostile are the calls of the plugin's kinds.
func (t *trial) hostile(r *running) []hostileCall {
	var calls []hostileCall
	add := func(what string, call func(ctx context.Context) error) {
		calls = append(calls, hostileCall{what, call})
	}
	hook, target := "", ""
	if t.Samples.Hook != nil {
		hook = t.Samples.Hook.Name
	}
	if t.Samples.Target != nil {
		target = t.Samples.Target.ActionID
	}
	for _, d := range hostileDocuments() {
		what, document := d.what, d.text
		if t.is(sdk.KindTarget) {
			add("Submit of "+what, func(ctx context.Context) error {
				_, err := pluginv1.NewTargetClient(r.conn).Submit(ctx, &pluginv1.SubmitRequest{Token: token, ActionId: target, Input: document})
				return err
			})
			add("Submit with overrides of "+what, func(ctx context.Context) error {
				_, err := pluginv1.NewTargetClient(r.conn).Submit(ctx, &pluginv1.SubmitRequest{
					Token: token, ActionId: target, Input: []byte("{}"), Overrides: []*pluginv1.Attribute{{Name: "sdktest", Value: document}},
				})
				return err
			})
		}
		if t.is(sdk.KindSink) {
			add("Deliver of "+what, func(ctx context.Context) error {
				_, err := pluginv1.NewSinkClient(r.conn).Deliver(ctx, &pluginv1.DeliverRequest{Events: [][]byte{document}})
				return err
			})
		}
		if t.is(sdk.KindHook) {
			add("Call with "+what, func(ctx context.Context) error {
				_, err := pluginv1.NewHookClient(r.conn).Call(ctx, &pluginv1.CallRequest{Name: hook, Document: document})
				return err
			})
		}
	}
	for _, text := range []string{"", "../../..", "a\x00b\r\nc: d", strings.Repeat("x", 1<<20)} {
		if t.is(sdk.KindAuth) {
			add("Token after an odd token", func(ctx context.Context) error { _, err := r.Token(ctx, text); return err })
		}
		if t.is(sdk.KindTarget) {
			add("Submit of an odd action", func(ctx context.Context) error {
				_, err := r.Submit(ctx, sdk.SubmitRequest{Token: token, ActionID: text, Input: []byte("{}")})
				return err
			})
			add("Poll of an odd session", func(ctx context.Context) error {
				_, err := r.Poll(ctx, sdk.PollRequest{Token: token, ActionID: target, SessionID: text})
				return err
			})
		}
		if t.is(sdk.KindHook) {
			add("Call of an odd name", func(ctx context.Context) error { _, err := r.Call(ctx, text, []byte("{}")); return err })
		}
	}
	return calls
}

func (t *trial) answersPanic(ctx context.Context) (string, error) {
	if t.Samples.Panic == nil {
		return "", skip("the samples hold no operation that panics")
	}
	if _, err := t.describe(ctx); err != nil {
		return "", err
	}
	op := t.Samples.over(t.Samples.Panic)
	o, err := t.main(op, 0)
	if err != nil {
		return "", err
	}
	r, err := t.configured(ctx, op, t.Samples.Peer != nil && len(t.Samples.Peer.Answers) > 0)
	if err != nil {
		return "", err
	}
	err = t.do(ctx, r, o)
	if !errors.Is(err, sdk.Internal) {
		return "", failed("%s must be an error of kind internal, and is: %w", o.name, err)
	}
	seen := err.Error()
	if after := r.afterword(ctx); after != "" {
		return "", failed("after %s%s", o.name, after)
	}
	return seen, nil
}
