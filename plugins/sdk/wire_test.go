package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

var execution = sdk.Execution{
	Status:     sdk.StatusFailed,
	DurationMS: 1234,
	Output:     json.RawMessage(`{"a":[1.50,"<b>"]}`),
	Error:      &sdk.ExecutionError{Code: "UPSTREAM_TIMEOUT", Message: "grüß <b>", Stack: "at x", Details: json.RawMessage(`{"trace":"t"}`)},
	Trace: []sdk.TraceStep{
		{ID: "1", Name: "first", Timestamp: "2026-03-01T12:00:00Z", Input: json.RawMessage(`{"sku":1}`), Output: json.RawMessage(`null`)},
		{ID: "2", Name: "second", Error: &sdk.StepError{Message: "boom", Stack: "at y", Code: "ECONNREFUSED", Status: 503}},
	},
}

var event = sdk.Event{
	ID: "e-1", Type: sdk.EventSession, Time: time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC), RunID: "r", Suite: "s", Vector: "v",
	ActionID: "a", ActionName: "n", SessionID: "x", InputHash: "00ff", Verdict: "fail", Status: sdk.StatusFailed, DurationMS: 7,
	Classification: &sdk.Classification{Class: "UNKNOWN", Category: "unknown", Confidence: 0.25, Reason: "why", Source: "builtin"},
	Correlation:    &sdk.Correlation{FailingStepID: "2", FailingStepName: "second", RawError: "boom"},
	Error:          &sdk.EventError{Kind: "timeout", Message: "late", HTTPStatus: 504},
	Masked:         true,
}

// A sink that takes some of the events answers for the others one by one.
func TestDeliverInPart(t *testing.T) {
	late := &sdk.Error{Kind: sdk.Unavailable, HTTPStatus: 503, RetryAfter: time.Minute, Message: "busy", Sent: true}
	p := &everything{}
	client := dialConfigured(t, p)
	p.err = sdk.Partial([]error{nil, late, errors.New("untyped"), nil})
	err := client.Deliver(t.Context(), []sdk.Event{{ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}})
	var partial *sdk.PartialError
	if !errors.As(err, &partial) || len(partial.Errs) != 4 || partial.Errs[0] != nil || partial.Errs[3] != nil {
		t.Fatalf("got %#v", err)
	}
	if diff := cmp.Diff(error(late), partial.Errs[1]); diff != "" {
		t.Errorf("the second (-want +got):\n%s", diff)
	}
	if !errors.Is(partial.Errs[2], sdk.Internal) || !errors.Is(err, sdk.Unavailable) {
		t.Errorf("got %v", err)
	}
	if err := sdk.Partial(make([]error, 3)); err != nil {
		t.Errorf("of nothing but successes: %v", err)
	}
}

// Every operation carries all of its request to the plugin and all of the
// answer back.
func TestOperationsRoundTrip(t *testing.T) {
	p := &everything{
		token:     sdk.Token{Value: "tok", ExpiresIn: time.Hour, RefreshBefore: time.Minute},
		submitted: sdk.SubmitResult{SessionID: "session"},
		polled:    sdk.PollResult{Status: "DONE", Execution: &execution},
		metrics: sdk.MetricsPage{NextPageToken: "next", Rows: []sdk.MetricsRow{
			{Status: "FAILED", ErrorCode: "E", ExecutionCount: math.MaxInt64, ErrorCount: 2, AverageDurationMS: 1.5, P95DurationMS: new(0.0)},
		}},
		document: json.RawMessage(`{"name": "x"}`),
	}
	client := dialConfigured(t, p)
	ctx := t.Context()
	submit := sdk.SubmitRequest{Token: "t", ActionID: "a", Input: json.RawMessage(`{"b": 2,"a":1}`), Overrides: json.RawMessage(`{"environment":"dev","n":1}`)}
	poll := sdk.PollRequest{Token: "t", ActionID: "a", SessionID: "s"}
	metrics := sdk.MetricsRequest{Token: "t", ActionID: "a", Window: "PT24H", PageToken: "p"}
	schema := sdk.SchemaRequest{Token: "t", ActionID: "a"}
	document := json.RawMessage(`{"doc": true}`)
	tests := []struct {
		name      string
		call      func() (any, error)
		got, want any
	}{
		{"token", func() (any, error) { return client.Token(ctx, "old") }, []any{"old"}, p.token},
		{"submit", func() (any, error) { return client.Submit(ctx, submit) }, []any{submit}, p.submitted},
		{"poll", func() (any, error) { return client.Poll(ctx, poll) }, []any{poll}, p.polled},
		{"metrics", func() (any, error) { return client.Metrics(ctx, metrics) }, []any{metrics}, p.metrics},
		{"get schema", func() (any, error) { return client.GetSchema(ctx, schema) }, []any{schema}, p.document},
		{"put schema", func() (any, error) { return nil, client.PutSchema(ctx, schema, document) }, []any{schema, document}, nil},
		{"deliver", func() (any, error) { return nil, client.Deliver(ctx, []sdk.Event{event, {ID: "2"}}) }, []any{[]sdk.Event{event, {ID: "2"}}}, nil},
		{"call", func() (any, error) { return client.Call(ctx, "classify", document) }, []any{"classify", document}, p.document},
		{"shutdown", func() (any, error) { return nil, client.Shutdown(ctx) }, []any{"shutdown"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, err := test.call()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.got, any(p.got)); diff != "" {
				t.Errorf("the plugin got (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, answer); diff != "" {
				t.Errorf("the host got (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSubmitAnswersAtOnce(t *testing.T) {
	client := dialConfigured(t, &everything{submitted: sdk.SubmitResult{Execution: &execution}})
	result, err := client.Submit(t.Context(), sdk.SubmitRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&execution, result.Execution); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigure(t *testing.T) {
	p := &everything{configured: sdk.Configured{
		Poll:       &sdk.PollPolicy{Initial: time.Second, Max: time.Minute, Attempts: 60, Timeout: time.Hour},
		BestEffort: true,
		Sink:       &sdk.SinkPolicy{Types: []sdk.EventType{sdk.EventSession}, Verdicts: []string{"fail", "error"}, IncludeInput: true},
	}}
	client := dial(t, p)
	config := sdk.Config{Attributes: json.RawMessage(`{"n":1.50,"poll":{"max":"3s"},"url":"http://x/?a=1&b"}`), Workspace: "/w", LocalHosts: []string{"127.0.0.1:1"}}
	configured, err := client.Configure(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.configured, configured); diff != "" {
		t.Errorf("the host got (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{config}, p.got); diff != "" {
		t.Errorf("the plugin got (-want +got):\n%s", diff)
	}
	if _, err := client.Configure(t.Context(), config); !errors.Is(err, sdk.Internal) {
		t.Errorf("a second time: %v", err)
	}
}

func TestConfigureRefused(t *testing.T) {
	for _, wrong := range []*sdk.ConfigError{
		{Problems: []sdk.Problem{{Attribute: "url", Summary: "Wrong URL", Detail: "no host"}, {Summary: "x"}}},
		{}, // none named is still a refusal
	} {
		client := dial(t, &everything{err: fmt.Errorf("look: %w", wrong)})
		_, err := client.Configure(t.Context(), sdk.Config{})
		var got *sdk.ConfigError
		if !errors.As(err, &got) || len(got.Problems) == 0 {
			t.Fatalf("got %#v", err)
		}
		if diff := cmp.Diff(wrong.Problems, got.Problems); diff != "" && len(wrong.Problems) > 0 {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := client.Token(t.Context(), ""); !errors.Is(err, sdk.Internal) || !strings.Contains(err.Error(), "not configured") {
			t.Errorf("an operation then: %v", err)
		}
	}
	client := dial(t, &everything{err: errors.New("disk on fire")})
	if _, err := client.Configure(t.Context(), sdk.Config{Attributes: json.RawMessage(`[]`)}); !errors.Is(err, sdk.Internal) {
		t.Errorf("attributes that are no object: %v", err)
	}
	if _, err := client.Configure(t.Context(), sdk.Config{}); !errors.Is(err, sdk.Internal) || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsRoundTrip(t *testing.T) {
	kinds := []sdk.ErrorKind{
		sdk.Unauthenticated, sdk.Forbidden, sdk.NotFound, sdk.Invalid, sdk.RateLimited, sdk.Unavailable,
		sdk.Timeout, sdk.Protocol, sdk.Internal, sdk.Unsupported, sdk.Canceled,
	}
	p := &everything{}
	client := dialConfigured(t, p)
	for _, kind := range kinds {
		for _, sent := range []bool{true, false} {
			want := &sdk.Error{Kind: kind, Message: "what", Sent: sent, RetryAfter: 1500 * time.Millisecond, HTTPStatus: 418, Detail: "more"}
			p.err = fmt.Errorf("wrapped: %w", want)
			_, err := client.Token(t.Context(), "")
			var got *sdk.Error
			if !errors.As(err, &got) || !errors.Is(err, kind) {
				t.Fatalf("%s: got %#v", kind, err)
			}
			if canceled := errors.Is(err, context.Canceled); canceled != (kind == sdk.Canceled) {
				t.Errorf("%s is context.Canceled: %v", kind, canceled)
			}
			if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Cause" }, cmp.Ignore())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func TestErrorsOfOddShape(t *testing.T) {
	tests := map[string]struct{ err, want *sdk.Error }{
		"no kind":         {&sdk.Error{Message: "x"}, &sdk.Error{Kind: sdk.Internal, Message: "x"}},
		"unknown kind":    {&sdk.Error{Kind: "odd"}, &sdk.Error{Kind: sdk.Internal}},
		"not UTF-8":       {&sdk.Error{Kind: sdk.Invalid, Message: "a\xffb", Detail: "\xfe"}, &sdk.Error{Kind: sdk.Invalid, Message: "ab"}},
		"endless":         {&sdk.Error{Kind: sdk.Invalid, Detail: strings.Repeat("x", 1<<20)}, &sdk.Error{Kind: sdk.Invalid, Detail: strings.Repeat("x", 4<<10)}},
		"endless wait":    {&sdk.Error{Kind: sdk.RateLimited, RetryAfter: math.MaxInt64}, &sdk.Error{Kind: sdk.RateLimited, RetryAfter: time.Duration(math.MaxInt64).Truncate(time.Millisecond)}},
		"negative wait":   {&sdk.Error{Kind: sdk.RateLimited, RetryAfter: -time.Hour}, &sdk.Error{Kind: sdk.RateLimited}},
		"short wait":      {&sdk.Error{Kind: sdk.RateLimited, RetryAfter: 1}, &sdk.Error{Kind: sdk.RateLimited, RetryAfter: time.Millisecond}},
		"impossible HTTP": {&sdk.Error{Kind: sdk.Invalid, HTTPStatus: math.MinInt}, &sdk.Error{Kind: sdk.Invalid}},
	}
	p := &everything{}
	client := dialConfigured(t, p)
	for name, test := range tests {
		p.err = test.err
		_, err := client.Token(t.Context(), "")
		if diff := cmp.Diff(error(test.want), err); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUntypedErrors(t *testing.T) {
	var nowhere *everything
	tests := map[string]struct {
		does func(context.Context) error
		kind sdk.ErrorKind
		text string
	}{
		"plain":    {func(context.Context) error { return errors.New("disk on fire") }, sdk.Internal, "disk on fire"},
		"deadline": {func(context.Context) error { return context.DeadlineExceeded }, sdk.Timeout, ""},
		"canceled": {func(context.Context) error { return context.Canceled }, sdk.Canceled, ""},
		"own deadline": {func(ctx context.Context) error {
			ctx, cancel := context.WithTimeoutCause(ctx, 0, errors.New("too slow"))
			defer cancel()
			return fmt.Errorf("%w: %w", ctx.Err(), context.Cause(ctx))
		}, sdk.Timeout, "too slow"},
		"panic":        {func(context.Context) error { panic("secret") }, sdk.Internal, "the plugin panicked in Token"},
		"panic error":  {func(context.Context) error { panic(errors.New("secret")) }, sdk.Internal, "the plugin panicked in Token"},
		"nil pointer":  {func(context.Context) error { return nowhere.err }, sdk.Internal, "nil pointer dereference"},
		"out of range": {func(context.Context) error { panic(make([]error, 0)[len("x")-1:][0]) }, sdk.Internal, "out of range"},
	}
	p := &everything{}
	client := dialConfigured(t, p)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p.does = test.does
			_, err := client.Token(t.Context(), "")
			var e *sdk.Error
			if !errors.As(err, &e) || e.Kind != test.kind || !e.Sent || !strings.Contains(e.Error(), test.text) {
				t.Errorf("got %#v", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells what was thrown: %v", err)
			}
		})
	}
}

func TestDeadlineAndCancel(t *testing.T) {
	stopped := make(chan error, 1)
	p := &everything{}
	client := dialConfigured(t, p)
	p.does = func(ctx context.Context) error {
		<-ctx.Done()
		stopped <- ctx.Err()
		return &sdk.Error{Kind: sdk.Timeout, Message: "while dialing"}
	}
	t.Run("the plugin answers before the host gives up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Token(ctx, "")
		var e *sdk.Error
		if !errors.As(err, &e) || e.Kind != sdk.Timeout || e.Sent || e.Message != "while dialing" {
			t.Errorf("got %#v", err)
		}
		if err := <-stopped; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the plugin's context: %v", err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := client.Token(ctx, "")
		if !errors.Is(err, context.Canceled) || !errors.Is(err, sdk.Canceled) {
			t.Errorf("got %#v", err)
		}
		if err := <-stopped; !errors.Is(err, context.Canceled) {
			t.Errorf("the plugin's context: %v", err)
		}
	})
	t.Run("a plugin that does not listen", func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		p.does = func(context.Context) error { <-release; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := client.Token(ctx, "")
		var e *sdk.Error
		if !errors.As(err, &e) || e.Kind != sdk.Timeout || !e.Sent {
			t.Errorf("got %#v", err)
		}
	})
}

// A plugin that breaks the rules of an operation is an error, not a crash.
func TestAnswersThatBreakTheRules(t *testing.T) {
	p := &everything{document: json.RawMessage(`{`)}
	client := dialConfigured(t, p)
	ctx := t.Context()
	tests := map[string]func() error{
		"no token":        func() error { _, err := client.Token(ctx, ""); return err },
		"neither":         func() error { _, err := client.Submit(ctx, sdk.SubmitRequest{}); return err },
		"schema not JSON": func() error { _, err := client.GetSchema(ctx, sdk.SchemaRequest{}); return err },
		"hook not JSON":   func() error { _, err := client.Call(ctx, "x", nil); return err },
		"status unknown":  func() error { _, err := client.Poll(ctx, sdk.PollRequest{}); return err },
		"overrides no object": func() error {
			_, err := client.Poll(ctx, sdk.PollRequest{Overrides: json.RawMessage(`1`)})
			return err
		},
	}
	p.polled.Execution = &sdk.Execution{Status: "RUNNING"}
	for name, call := range tests {
		err := call()
		var e *sdk.Error
		if !errors.As(err, &e) || e.Kind != sdk.Protocol && e.Kind != sdk.Internal {
			t.Errorf("%s: got %#v", name, err)
		}
	}
	p.submitted = sdk.SubmitResult{SessionID: "s", Execution: &execution}
	if _, err := client.Submit(ctx, sdk.SubmitRequest{}); !errors.Is(err, sdk.Internal) {
		t.Errorf("both: got %v", err)
	}
	p.polled.Execution = &sdk.Execution{Status: sdk.StatusCompleted, Output: json.RawMessage(`{"secret`)}
	if _, err := client.Poll(ctx, sdk.PollRequest{}); !errors.Is(err, sdk.Internal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("output not JSON: got %v", err)
	}
}

func TestHookWithNothingToSay(t *testing.T) {
	client := dialConfigured(t, &everything{})
	answer, err := client.Call(t.Context(), "x", nil)
	if err != nil || !bytes.Equal(answer, []byte("null")) {
		t.Errorf("got %s, %v", answer, err)
	}
}

// onlyAuth has one kind.
type onlyAuth struct{ sdk.Auth }

func (onlyAuth) Configure(context.Context, sdk.Config) (sdk.Configured, error) {
	return sdk.Configured{}, nil
}

func TestOperationsOfOtherKinds(t *testing.T) {
	client := dialConfigured(t, onlyAuth{})
	_, err := client.Poll(t.Context(), sdk.PollRequest{})
	var e *sdk.Error
	if !errors.As(err, &e) || e.Kind != sdk.Unsupported || e.Sent {
		t.Errorf("got %#v", err)
	}
	if err := client.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestUnsupportedTarget(t *testing.T) {
	type bare struct {
		onlyAuth
		sdk.UnsupportedTarget
	}
	var b bare
	_, poll := b.Poll(t.Context(), sdk.PollRequest{})
	_, metrics := b.Metrics(t.Context(), sdk.MetricsRequest{})
	_, get := b.GetSchema(t.Context(), sdk.SchemaRequest{})
	for _, err := range []error{poll, metrics, get, b.PutSchema(t.Context(), sdk.SchemaRequest{}, nil)} {
		if !errors.Is(err, sdk.Unsupported) {
			t.Errorf("got %v", err)
		}
	}
}

func TestLargeDocuments(t *testing.T) {
	p := &everything{}
	client := dialConfigured(t, p)
	p.document = json.RawMessage(`"` + strings.Repeat("x", 15<<20) + `"`)
	if answer, err := client.GetSchema(t.Context(), sdk.SchemaRequest{}); !errors.Is(err, sdk.Protocol) {
		// The connection of this test has gRPC's own limit of 4 MB.
		t.Errorf("got %d bytes, %v", len(answer), err)
	}
	if err := client.PutSchema(t.Context(), sdk.SchemaRequest{}, p.document); err != nil {
		t.Errorf("to the plugin: %v", err)
	}
	if err := client.PutSchema(t.Context(), sdk.SchemaRequest{}, make([]byte, 17<<20)); !errors.Is(err, sdk.Protocol) {
		t.Errorf("17 MB to the plugin: %v", err)
	}
}
