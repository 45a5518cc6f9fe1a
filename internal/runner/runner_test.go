package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is a target whose answers a test writes.
type platform struct {
	mu       sync.Mutex
	submits  []sdk.SubmitRequest
	polls    int
	onSubmit func(n int) (sdk.SubmitResult, error)
	onPoll   func(n int) (sdk.PollResult, error)
	pages    map[string]sdk.MetricsPage

	onMetrics func(context.Context) error
}

func (p *platform) Submit(_ context.Context, request sdk.SubmitRequest) (sdk.SubmitResult, error) {
	p.mu.Lock()
	p.submits = append(p.submits, request)
	n := len(p.submits)
	p.mu.Unlock()
	if p.onSubmit != nil {
		return p.onSubmit(n)
	}
	return sdk.SubmitResult{SessionID: fmt.Sprintf("s-%d", n)}, nil
}

func (p *platform) Poll(_ context.Context, _ sdk.PollRequest) (sdk.PollResult, error) {
	p.mu.Lock()
	p.polls++
	n := p.polls
	p.mu.Unlock()
	if p.onPoll != nil {
		return p.onPoll(n)
	}
	return completed(`{"ok":true}`), nil
}

func (p *platform) Metrics(ctx context.Context, request sdk.MetricsRequest) (sdk.MetricsPage, error) {
	if p.onMetrics != nil {
		return sdk.MetricsPage{}, p.onMetrics(ctx)
	}
	page, ok := p.pages[request.PageToken]
	if !ok {
		return page, &sdk.Error{Kind: sdk.Forbidden, Message: "scope analytics:read is missing"}
	}
	return page, nil
}

func completed(output string) sdk.PollResult {
	return sdk.PollResult{Status: "COMPLETED", Execution: &sdk.Execution{Status: sdk.StatusCompleted, DurationMS: 5, Output: json.RawMessage(output)}}
}

func failing(message string) sdk.PollResult {
	return sdk.PollResult{Status: "FAILED", Execution: &sdk.Execution{
		Status: sdk.StatusFailed, DurationMS: 7,
		Error: &sdk.ExecutionError{Message: message},
		Trace: []sdk.TraceStep{{ID: "s1", Name: "call", Input: json.RawMessage(`{"pin":"1234"}`), Error: &sdk.StepError{Message: message}}},
	}}
}

func running() sdk.PollResult { return sdk.PollResult{Status: "RUNNING"} }

// listener keeps what it is told.
type listener struct {
	mu      sync.Mutex
	vectors []result.Vector
	started int
	onStart func()
}

func (l *listener) Started(string, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started++
	if l.onStart != nil {
		l.onStart()
	}
}

func (l *listener) Finished(v result.Vector) { l.vectors = append(l.vectors, v) }

// sink keeps events, or fails.
type sink struct {
	mu        sync.Mutex
	events    []sdk.Event // but for those told before a submission
	announced []sdk.Event
	err       error
}

func (s *sink) deliver(_ context.Context, events []sdk.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, e := range events {
		if e.Type == sdk.EventSubmitting {
			s.announced = append(s.announced, e)
		} else {
			s.events = append(s.events, e)
		}
	}
	return nil
}

// bench is a runner over a platform, with what it told.
type bench struct {
	*Runner
	listener *listener
	sink     *sink
}

func newBench(ctx context.Context, p *platform, vectors int) *bench {
	b := &bench{listener: &listener{}, sink: &sink{}}
	target := &plan.Plugin{Name: "cxone"}
	act := &plan.Action{Definition: action.Definition{Name: "act", ID: "id-1", DisplayName: "Act"}, Target: target}
	suite := &plan.Plan{Suite: "suite", Parallel: 4}
	for n := range vectors {
		suite.Vectors = append(suite.Vectors, &plan.Vector{
			Name: fmt.Sprintf("v%d", n), Action: act, Input: json.RawMessage(`{"pin":"1234","b":1,"a":2}`),
			Expect: check.Expect{Status: "COMPLETED"}, Sensitive: []string{"1234"},
		})
	}
	stack := invoke.New("cxone", invoke.Policy{}, 1)
	b.Runner = &Runner{
		Plan: suite, RunID: "run-1",
		Targets: map[string]*Target{"cxone": {Operations: p, Stack: stack, Poll: DefaultPoll}},
		Delivery: delivery.New(ctx, delivery.Options{Sinks: []delivery.Sink{{
			Name: "audit", Traits: sdk.SinkTraits{Required: true, Batch: 8}, Deliver: b.sink.deliver, Stack: invoke.New("audit", invoke.Policy{}, 1),
		}}}),
		Redactor: &redact.Redactor{},
		Listener: b.listener,
	}
	return b
}

func (b *bench) run(t *testing.T) Outcome {
	t.Helper()
	outcome := b.Run(t.Context(), nil)
	if _, _, err := b.Delivery.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return outcome
}

// one runs a single vector on a platform.
func one(t *testing.T, p *platform) (result.Vector, *bench) {
	t.Helper()
	b := newBench(t.Context(), p, 1)
	b.run(t)
	return b.listener.vectors[0], b
}

func TestAVectorPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		v, b := one(t, p)
		if v.Status != result.Pass || v.Execution.SessionID != "s-1" || v.Execution.Polls != 1 || v.Execution.DurationMS != 5 {
			t.Errorf("got %+v, execution %+v", v, v.Execution)
		}
		if got := string(p.submits[0].Input); got != `{"a":2,"b":1,"pin":"1234"}` {
			t.Errorf("submitted %s, want the canonical input", got)
		}
		// sha256sum of the canonical input above
		if want := "e8de95857f81d466332b8e698ccf43774ba983984b0118a875fa2fbe168064b5"; v.Execution.InputHash != want {
			t.Errorf("hash %q, want %q", v.Execution.InputHash, want)
		}
		e := b.sink.events[0]
		if e.Type != sdk.EventSession || e.Verdict != "pass" || e.SessionID != "s-1" || e.RunID != "run-1" || !e.Masked || e.Classification != nil {
			t.Errorf("event %+v", e)
		}
	})
}

func TestTheInputHashDoesNotDependOnKeyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 2)
		b.Plan.Vectors[1].Input = json.RawMessage(`{ "a": 2.0, "b":1, "pin":"1234" }`)
		b.run(t)
		if x, y := b.listener.vectors[0].Execution.InputHash, b.listener.vectors[1].Execution.InputHash; x != y {
			t.Errorf("%s and %s", x, y)
		}
	})
}

func TestPollsGrowAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		v, _ := one(t, &platform{onPoll: func(n int) (sdk.PollResult, error) {
			times = append(times, time.Now())
			if n < 8 {
				return running(), nil
			}
			return completed(`{}`), nil
		}})
		if v.Status != result.Pass || v.Execution.Polls != 8 {
			t.Fatalf("status %s after %d polls", v.Status, v.Execution.Polls)
		}
		for i, ceiling := range []time.Duration{200, 400, 800, 1600, 3000, 3000, 3000} {
			wait := times[i+1].Sub(times[i])
			if wait > ceiling*time.Millisecond || wait < ceiling*time.Millisecond/2 {
				t.Errorf("wait %d was %s, want between half of %d ms and it", i+1, wait, ceiling)
			}
		}
	})
}

func TestASessionThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		v, b := one(t, &platform{onPoll: func(int) (sdk.PollResult, error) { return running(), nil }})
		if v.Status != result.Errored || time.Since(started) > 2*time.Minute {
			t.Fatalf("status %s after %s", v.Status, time.Since(started))
		}
		for _, part := range []string{"session s-1", "times in", "status RUNNING"} {
			if !strings.Contains(v.Error.Detail, part) {
				t.Errorf("%q is not in %q", part, v.Error.Detail)
			}
		}
		if e := b.sink.events[0]; e.Type != sdk.EventNotFinished || e.Error.Kind != "timeout" || e.SessionID != "s-1" {
			t.Errorf("event %+v", e)
		}
	})
}

func TestPassingTroubleAtPoll(t *testing.T) {
	for name, err := range map[string]error{
		"429":     &sdk.Error{Kind: sdk.RateLimited, Sent: true, RetryAfter: 2 * time.Second},
		"503":     &sdk.Error{Kind: sdk.Unavailable, Sent: true, HTTPStatus: 503},
		"timeout": &sdk.Error{Kind: sdk.Timeout, Sent: true},
		"404":     &sdk.Error{Kind: sdk.NotFound, Sent: true, HTTPStatus: 404},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{onPoll: func(n int) (sdk.PollResult, error) {
					if n < 3 {
						return sdk.PollResult{}, err
					}
					return completed(`{}`), nil
				}}
				started := time.Now()
				v, _ := one(t, p)
				if v.Status != result.Pass || p.polls != 3 || len(p.submits) != 1 {
					t.Errorf("status %s, %d polls, %d submits: %+v", v.Status, p.polls, len(p.submits), v.Error)
				}
				if took := time.Since(started); name == "429" && took < 4*time.Second {
					t.Errorf("Retry-After was not respected: %s", took)
				}
			})
		})
	}
}

func TestA429OnTheLastPollIsAPlainError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{onPoll: func(n int) (sdk.PollResult, error) {
			if n < 3 {
				return running(), nil
			}
			return sdk.PollResult{}, &sdk.Error{Kind: sdk.RateLimited, Message: "429 from the platform"}
		}}, 1)
		b.Targets["cxone"].Poll.Attempts = 3
		b.run(t)
		v := b.listener.vectors[0]
		if v.Status != result.Errored || !strings.Contains(v.Error.Detail, "429 from the platform") || v.Execution.Polls != 3 {
			t.Errorf("got %s: %+v", v.Status, v.Error)
		}
	})
}

func TestASessionThatIsGoneIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := one(t, &platform{onPoll: func(int) (sdk.PollResult, error) {
			return sdk.PollResult{}, &sdk.Error{Kind: sdk.NotFound, Message: "session expired or purged"}
		}})
		if v.Status != result.Errored || !strings.Contains(v.Error.Detail, "expired or purged") {
			t.Errorf("got %s: %+v", v.Status, v.Error)
		}
	})
}

func TestAResetAtSubmitNeverMakesASecondSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{onSubmit: func(int) (sdk.SubmitResult, error) {
			return sdk.SubmitResult{}, &sdk.Error{Kind: sdk.Unavailable, Sent: true, Message: "connection reset"}
		}}
		v, b := one(t, p)
		if v.Status != result.Errored || len(p.submits) != 1 {
			t.Errorf("status %s after %d submits", v.Status, len(p.submits))
		}
		if e := b.sink.events[0]; e.Type != sdk.EventNotStarted || e.Error.Kind != "unavailable" {
			t.Errorf("event %+v", e)
		}
	})
}

func TestAPlatformThatAsksToWaitADayDoesNotHoldTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{onSubmit: func(int) (sdk.SubmitResult, error) {
			return sdk.SubmitResult{}, &sdk.Error{Kind: sdk.RateLimited, Sent: true, RetryAfter: 24 * time.Hour, Message: "429"}
		}}
		started := time.Now()
		v, _ := one(t, p)
		if took := time.Since(started); took > time.Second || v.Status != result.Errored || len(p.submits) != 1 {
			t.Errorf("took %s, status %s after %d submits", took, v.Status, len(p.submits))
		}
	})
}

func TestASubmitOfUnknownFateIsSaid(t *testing.T) {
	const said = "whether the action was started is not known"
	for name, test := range map[string]struct {
		err   error
		fate  bool
		calls int
	}{
		"reset":           {&sdk.Error{Kind: sdk.Unavailable, Sent: true}, true, 1},
		"timeout":         {&sdk.Error{Kind: sdk.Timeout, Sent: true}, true, 1},
		"no session id":   {&sdk.Error{Kind: sdk.Protocol, Sent: true, HTTPStatus: 200}, true, 1},
		"bad gateway":     {&sdk.Error{Kind: sdk.Unavailable, Sent: true, HTTPStatus: 502}, true, 1},
		"not sent":        {&sdk.Error{Kind: sdk.Unavailable}, false, 3},
		"compile error":   {&sdk.Error{Kind: sdk.Unavailable, Sent: true, HTTPStatus: 500}, false, 1},
		"not in the room": {&sdk.Error{Kind: sdk.Forbidden, Sent: true, HTTPStatus: 403}, false, 1},
		"refused":         {&sdk.Error{Kind: sdk.Invalid, Sent: true}, false, 1}, // by a platform that has no HTTP
		"too many":        {&sdk.Error{Kind: sdk.RateLimited, Sent: true}, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{onSubmit: func(int) (sdk.SubmitResult, error) { return sdk.SubmitResult{}, test.err }}
				v, _ := one(t, p)
				if v.Status != result.Errored || strings.Contains(v.Error.Detail, said) != test.fate || len(p.submits) != test.calls {
					t.Errorf("%d submits, %+v", len(p.submits), v.Error)
				}
			})
		})
	}
}

// A platform that gives one session to two vectors tells nothing of either:
// the first has a verdict before that is known, the second errs.
func TestASessionOfAnotherVectorIsAnError(t *testing.T) {
	b := newBench(t.Context(), &platform{onSubmit: func(int) (sdk.SubmitResult, error) {
		return sdk.SubmitResult{SessionID: "the-same"}, nil
	}}, 3)
	b.run(t)
	ends := map[result.Status]int{}
	for _, v := range b.listener.vectors {
		ends[v.Status]++
		if v.Status == result.Errored && !strings.Contains(v.Error.Detail, "the-same, which belongs to another vector") {
			t.Errorf("%+v", v.Error)
		}
	}
	if ends[result.Pass] != 1 || ends[result.Errored] != 2 {
		t.Errorf("%v, want one pass and two errors", ends)
	}
}

func TestAnAnswerWithoutASessionIsAnError(t *testing.T) {
	v, _ := one(t, &platform{onSubmit: func(int) (sdk.SubmitResult, error) { return sdk.SubmitResult{}, nil }})
	if v.Status != result.Errored || v.Error.Summary != "The platform's answer is not understood" {
		t.Errorf("got %s: %+v", v.Status, v.Error)
	}
}

func TestRejectedInputIsDecidedLikeAnyResult(t *testing.T) {
	p := &platform{onSubmit: func(int) (sdk.SubmitResult, error) {
		return sdk.SubmitResult{Execution: &sdk.Execution{Status: sdk.StatusRejected, Error: &sdk.ExecutionError{Message: "sku is missing"}}}, nil
	}}
	b := newBench(t.Context(), p, 1)
	b.Plan.Vectors[0].Expect.Status = "REJECTED"
	outcome := b.run(t)
	v := b.listener.vectors[0]
	if v.Status != result.Pass || outcome.Status != result.Pass || p.polls != 0 || v.Classification != nil {
		t.Errorf("got %s, %d polls, %+v", v.Status, p.polls, v)
	}
	if e := b.sink.events[0]; e.Type != sdk.EventSession || e.Status != sdk.StatusRejected {
		t.Errorf("event %+v", e)
	}
}

func TestAFailureIsClassifiedAndRedacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, b := one(t, &platform{onPoll: func(int) (sdk.PollResult, error) { return failing("connect ECONNREFUSED while paying with 1234"), nil }})
		if v.Status != result.Fail || v.Classification == nil || v.Classification.Class != result.ExternalDependencyOutage {
			t.Fatalf("got %s, %+v", v.Status, v.Classification)
		}
		for _, document := range []any{v, b.sink.events[0]} {
			encoded, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			// An id, or a hash, may hold these digits by chance.
			if regexp.MustCompile(`(^|[^0-9a-f])1234([^0-9a-f]|$)`).Match(encoded) {
				t.Errorf("the sensitive value shows: %s", encoded)
			}
		}
		c := b.sink.events[0].Correlation
		if c.FailingStepID != "s1" || c.RawError != "connect ECONNREFUSED while paying with (sensitive)" {
			t.Errorf("correlation %+v", c)
		}
	})
}

func TestTheScriptIsAskedFirstThenRulesThenBuiltin(t *testing.T) {
	const message = "connect ECONNREFUSED"
	for name, test := range map[string]struct {
		answer string
		want   string
	}{
		"script":           {`{"category":"timeout","confidence":0.7,"reason":"so"}`, "script:classify.lua"},
		"script passes on": {`null`, "builtin"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return failing(message), nil }}, 1)
				var asked string
				b.Classifiers = []Hook{{HookScript, "classify.lua", func(_ context.Context, _ string, failure json.RawMessage) (json.RawMessage, error) {
					asked = string(failure)
					return json.RawMessage(test.answer), nil
				}}}
				b.run(t)
				if got := b.listener.vectors[0].Classification.Source; got != test.want {
					t.Errorf("source %s, want %s", got, test.want)
				}
				if strings.Contains(asked, "1234") || !strings.Contains(asked, message) {
					t.Errorf("the script was shown %s", asked)
				}
			})
		})
	}
}

func TestAScriptThatFailsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return failing("x"), nil }}, 1)
		b.Classifiers = []Hook{{HookScript, "classify.lua", func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return nil, &sdk.Error{Kind: sdk.Invalid, Message: "classify.lua:3: boom"}
		}}}
		b.run(t)
		v := b.listener.vectors[0]
		if v.Status != result.Errored || v.Error.Summary != "A script of the suite failed" || !strings.Contains(v.Error.Detail, "classify.lua:3: boom") {
			t.Errorf("got %s: %+v", v.Status, v.Error)
		}
	})
}

func TestAnAuditThatCannotBeWrittenErrsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 100)
		b.sink.err = &sdk.Error{Kind: sdk.Unavailable, Message: "no space left on device"}
		outcome := b.Run(t.Context(), nil)
		_, _, _ = b.Delivery.Close(t.Context())
		if outcome.Status != result.Errored || outcome.Summary.Passed != 0 || outcome.Summary.Skipped == 0 {
			t.Errorf("outcome %+v", outcome)
		}
		if len(outcome.Errors) != 1 || !strings.Contains(outcome.Errors[0].Detail, "no space left") {
			t.Errorf("errors %+v", outcome.Errors)
		}
	})
}

func TestFailFastSkipsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return failing("x"), nil }}, 100)
		b.FailFast = true
		told := false
		b.OnFailFast = func() { told = true }
		outcome := b.run(t)
		if s := outcome.Summary; s.Total != 100 || s.Skipped < 80 || s.Failed == 0 || !told {
			t.Errorf("summary %+v, told %v", s, told)
		}
	})
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 50)
		stop := make(chan struct{})
		b.listener.onStart = func() {
			if b.listener.started == 5 {
				close(stop)
			}
		}
		outcome := b.Run(t.Context(), stop)
		_, _, _ = b.Delivery.Close(t.Context())
		s := outcome.Summary
		if s.Total != 50 || s.Passed != b.listener.started || s.Errored != 0 || s.Skipped != 50-b.listener.started {
			t.Errorf("summary %+v with %d started", s, b.listener.started)
		}
	})
}

func TestCancelEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench(ctx, &platform{onPoll: func(int) (sdk.PollResult, error) { return running(), nil }}, 10)
		started := time.Now()
		time.AfterFunc(time.Second, cancel)
		outcome := b.Run(ctx, nil)
		_, _, _ = b.Delivery.Close(ctx)
		if took := time.Since(started); took > time.Second || outcome.Summary.Errored != 4 || outcome.Summary.Skipped != 6 {
			t.Errorf("took %s, summary %+v", took, outcome.Summary)
		}
	})
}

func TestTheSuitesTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return running(), nil }}, 1)
		b.Plan.Timeout = 3 * time.Second
		started := time.Now()
		outcome := b.run(t)
		if took := time.Since(started); took > 3*time.Second || outcome.Status != result.Errored || len(outcome.Errors) != 1 {
			t.Errorf("took %s, outcome %+v", took, outcome)
		}
		if v := b.listener.vectors[0]; v.Error.Summary != "The suite's timeout is over" {
			t.Errorf("error %+v", v.Error)
		}
	})
}

func TestBreakerErrorsNameTheFirstCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{onSubmit: func(int) (sdk.SubmitResult, error) {
			return sdk.SubmitResult{}, &sdk.Error{Kind: sdk.Unavailable, Sent: true, HTTPStatus: 500, Message: "500 from the tenant"}
		}}
		b := newBench(t.Context(), p, 40)
		outcome := b.run(t)
		if outcome.Summary.Errored != 40 || len(p.submits) > 10 {
			t.Errorf("%d submits, summary %+v", len(p.submits), outcome.Summary)
		}
		last := b.listener.vectors[39]
		if last.Error.Summary != "Circuit breaker is open" || !strings.Contains(last.Error.Detail, "500 from the tenant") {
			t.Errorf("error %+v", last.Error)
		}
	})
}

func TestThresholds(t *testing.T) {
	five, hundred, ten := 5.0, 100.0, 10.0
	synctest.Test(t, func(t *testing.T) {
		p := &platform{
			onPoll: func(n int) (sdk.PollResult, error) {
				if n == 1 {
					return failing("???"), nil
				}
				return completed(`{}`), nil
			},
			pages: map[string]sdk.MetricsPage{
				"":  {Rows: []sdk.MetricsRow{{Status: "COMPLETED", ExecutionCount: 95}}, NextPageToken: "2"},
				"2": {Rows: []sdk.MetricsRow{{Status: "FAILED", ExecutionCount: 5, ErrorCount: 5}}},
			},
		}
		b := newBench(t.Context(), p, 4)
		act := b.Plan.Vectors[0].Action
		b.Plan.Thresholds = []*plan.Threshold{
			{Name: "exactly at the bound", Metric: "error_rate", Action: act, Max: &five},
			{Name: "too few", Metric: "error_rate", Action: act, Max: new(float64), MinExecutions: 101},
			{Name: "count", Metric: "total_executions", Action: act, Min: &hundred},
			{Name: "passes", Metric: "run.pass_rate", Min: &hundred},
			{Name: "fails", Metric: "run.error_rate", Max: &ten},
			{Name: "slowest", Metric: "run.max_ms", Max: &ten},
		}
		outcome := b.run(t)
		got := map[string]string{}
		for _, th := range outcome.Thresholds {
			got[th.Name] = fmt.Sprint(th.Status.String(), *th.Value)
		}
		want := map[string]string{
			"exactly at the bound": "pass5", "too few": "pass5", "count": "pass100",
			"passes": "fail75", "fails": "fail25", "slowest": "pass7",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnalyticsThatCannotBeReadAreAnError(t *testing.T) {
	five := 5.0
	b := newBench(t.Context(), &platform{}, 1)
	b.Plan.Thresholds = []*plan.Threshold{{Name: "t", Metric: "error_rate", Action: b.Plan.Vectors[0].Action, Max: &five}}
	outcome := b.run(t)
	if th := outcome.Thresholds[0]; outcome.Status != result.Errored || th.Value != nil || !strings.Contains(th.Message, "analytics:read") {
		t.Errorf("outcome %s, threshold %+v", outcome.Status, th)
	}
}

// What a platform says of an action may quote the inputs of any vector.
func TestAnalyticsErrorsShowNoSensitiveInput(t *testing.T) {
	five := 5.0
	b := newBench(t.Context(), &platform{onMetrics: func(context.Context) error {
		return &sdk.Error{Kind: sdk.Invalid, Message: "no rows for caller C-4711-X, ann@example.com, with s3cret"}
	}}, 2)
	b.Redactor.Add("s3cret")
	b.Plan.Vectors[1].Sensitive = []string{"C-4711-X"}
	b.Plan.Thresholds = []*plan.Threshold{{Name: "t", Metric: "error_rate", Action: b.Plan.Vectors[0].Action, Max: &five}}
	got := b.run(t).Thresholds[0].Message
	if !strings.HasSuffix(got, "no rows for caller (sensitive), (email), with (sensitive)") {
		t.Errorf("message %q", got)
	}
}

func TestAnalyticsHaveTheTimeOfASession(t *testing.T) {
	five := 5.0
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{onMetrics: func(ctx context.Context) error { return invoke.Sleep(ctx, time.Hour) }}, 1)
		b.Plan.Thresholds = []*plan.Threshold{{Name: "t", Metric: "error_rate", Action: b.Plan.Vectors[0].Action, Max: &five}}
		b.Targets["cxone"].Poll.Timeout = 20 * time.Second
		started := time.Now()
		outcome := b.run(t)
		if took := time.Since(started); took < 20*time.Second || took > 21*time.Second || !strings.Contains(outcome.Thresholds[0].Message, "not read within 20s") {
			t.Errorf("%+v after %s", outcome.Thresholds[0], took)
		}
	})
}

func TestPercentile(t *testing.T) {
	sorted := make([]int64, 100)
	for i := range sorted {
		sorted[i] = int64(i + 1)
	}
	for p, want := range map[float64]float64{0.95: 95, 1: 100, 0: 1} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("p%v is %v, want %v", p*100, got, want)
		}
	}
	if got := percentile(nil, 0.95); got != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestCrashIsNamed(t *testing.T) {
	err := &stageError{stage: "submit", err: crashed{}}
	if got := explain(err); got.Summary != "Plugin crashed" {
		t.Errorf("got %+v", got)
	}
	if got := explain(errors.New("odd")); got.Summary != "The vector could not be decided" {
		t.Errorf("got %+v", got)
	}
}

type crashed struct{}

func (crashed) Error() string   { return "plugin died" }
func (crashed) Summary() string { return "Plugin crashed" }

// scripts answers hooks with what a test writes.
func scripts(b *bench, answers map[string]string) *map[string]string {
	asked := map[string]string{}
	b.Hooks = []Hook{{HookScript, "hooks.lua", func(_ context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
		asked[name] = string(document)
		if answer, ok := answers[name]; ok {
			return json.RawMessage(answer), nil
		}
		return json.RawMessage("null"), nil
	}}}
	return &asked
}

func TestBeforeVectorChangesTheInputAndSeesMasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		b := newBench(t.Context(), p, 1)
		b.Plan.Vectors[0].Action.Sensitive = []string{"pin"}
		asked := scripts(b, map[string]string{"before_vector": `{"input":{"pin":"(sensitive)","b":7,"new":[1]}}`})
		b.run(t)
		if got := string(p.submits[0].Input); got != `{"b":7,"new":[1],"pin":"1234"}` {
			t.Errorf("submitted %s", got)
		}
		if strings.Contains((*asked)["before_vector"], "1234") {
			t.Errorf("the script was shown %s", (*asked)["before_vector"])
		}
	})
}

func TestAfterVectorAddsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 1)
		asked := scripts(b, map[string]string{"after_vector": `[{"name":"fresh","pass":true},{"name":"cheap","pass":false,"message":"cost 1234"}]`})
		b.run(t)
		v := b.listener.vectors[0]
		if v.Status != result.Fail || len(v.Checks) != 3 || v.Checks[2].Message != "cost (sensitive)" {
			t.Errorf("got %s with %+v", v.Status, v.Checks)
		}
		if !strings.Contains((*asked)["after_vector"], `"status":"COMPLETED"`) {
			t.Errorf("the script was shown %s", (*asked)["after_vector"])
		}
		if b.sink.events[0].Verdict != "fail" {
			t.Errorf("the event tells %q", b.sink.events[0].Verdict)
		}
	})
}

func TestASubmissionIsRecordedBeforeItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		b := newBench(t.Context(), p, 1)
		p.onSubmit = func(int) (sdk.SubmitResult, error) {
			if len(b.sink.announced) != 1 {
				t.Error("submitted before it was recorded")
			}
			return sdk.SubmitResult{SessionID: "s-1"}, nil
		}
		b.run(t)
		before, after := b.sink.announced[0], b.sink.events[0]
		if before.SubmissionID == "" || before.SubmissionID != after.SubmissionID || before.InputHash != after.InputHash ||
			before.ID == after.ID || before.ActionID != "id-1" || before.Input != nil {
			t.Errorf("before %+v, after %+v", before, after)
		}
	})
}

// While vectors are on the platform others are announced: never more than
// Parallel are on it, and what is announced and then not submitted is said.
func TestWhatIsAnnouncedIsSubmittedOrSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		b := newBench(t.Context(), p, 50)
		var busy, most atomic.Int64
		p.onSubmit = func(n int) (sdk.SubmitResult, error) {
			most.Store(max(most.Load(), busy.Add(1)))
			return sdk.SubmitResult{SessionID: fmt.Sprint(n)}, nil
		}
		p.onPoll = func(int) (sdk.PollResult, error) {
			time.Sleep(time.Second)
			busy.Add(-1)
			return completed("{}"), nil
		}
		stop := make(chan struct{})
		time.AfterFunc(2500*time.Millisecond, func() { close(stop) })
		outcome := b.Run(t.Context(), stop)
		_, _, _ = b.Delivery.Close(t.Context())
		if most.Load() != 4 || len(p.submits) != 12 || outcome.Summary.Passed != 12 || outcome.Summary.Skipped != 38 {
			t.Errorf("%d at most, %d submits, summary %+v", most.Load(), len(p.submits), outcome.Summary)
		}
		told := map[string]sdk.Event{}
		for _, e := range b.sink.events {
			told[e.SubmissionID] = e
		}
		withdrawn := 0
		for _, e := range b.sink.announced {
			after, ok := told[e.SubmissionID]
			if !ok {
				t.Errorf("nothing is said of the announced %s", e.Vector)
			}
			if after.Verdict == "skip" {
				withdrawn++
				if after.Type != sdk.EventNotStarted || after.InputHash != e.InputHash || after.Error == nil {
					t.Errorf("withdrawn as %+v", after)
				}
			}
		}
		if withdrawn != 4 {
			t.Errorf("%d withdrawn, want those that were announced ahead, 4", withdrawn)
		}
	})
}

func TestNothingIsSubmittedThatCannotBeRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		b := newBench(t.Context(), p, 1)
		b.sink.err = &sdk.Error{Kind: sdk.Unavailable, Message: "disk full"}
		outcome := b.run(t)
		v := b.listener.vectors[0]
		if len(p.submits) != 0 || outcome.Status != result.Errored || v.Error.Summary != auditLost || !strings.Contains(v.Error.Detail, "disk full") {
			t.Errorf("%d submits, status %s, vector %+v", len(p.submits), outcome.Status, v.Error)
		}
	})
}

func TestInputIsMaskedForThoseWhoOptedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 1)
		b.Plan.Vectors[0].Action.Sensitive = []string{"pin"}
		queued := &sink{}
		_, _, _ = b.Delivery.Close(t.Context())
		b.Delivery = delivery.New(t.Context(), delivery.Options{Dir: t.TempDir(), Sinks: []delivery.Sink{{
			Name: "webhook", Traits: sdk.SinkTraits{Queued: true}, Policy: sdk.SinkPolicy{IncludeInput: true},
			Deliver: queued.deliver, Stack: invoke.New("webhook", invoke.Policy{}, 1),
		}}})
		b.run(t)
		if got := string(queued.events[0].Input); got != `{"a":2,"b":1,"pin":"(sensitive)"}` {
			t.Errorf("input %s", got)
		}
	})
}

func TestWhatFailedIsToldWithItsInputMasked(t *testing.T) {
	fails := func(int) (sdk.PollResult, error) { return failing("no"), nil }
	long := strings.Repeat("a 4111 1111 1111 1111 é", maxInput/10)
	for name, test := range map[string]struct {
		onPoll func(int) (sdk.PollResult, error)
		input  string
		want   string
		cut    bool
	}{
		"passes":     {nil, `{"a":1}`, "", false},
		"fails":      {fails, `{"b":"by ann@example.com","card":{"pin":"x"},"n":1234}`, `{"b":"by (email)","card":{"pin":"(sensitive)"},"n":"(sensitive)"}`, false},
		"errs":       {func(int) (sdk.PollResult, error) { return sdk.PollResult{}, &sdk.Error{Kind: sdk.Forbidden} }, `{"a":1}`, `{"a":1}`, false},
		"long input": {fails, `{"a":"` + long + `"}`, `{"a":"a (card) éa (card) é`, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t.Context(), &platform{onPoll: test.onPoll}, 1)
				b.Plan.Vectors[0].Action.Sensitive = []string{"card.pin"}
				b.Plan.Vectors[0].Input = json.RawMessage(test.input)
				b.run(t)
				v := b.listener.vectors[0]
				got := string(v.Input)
				if test.cut {
					var head string
					if err := json.Unmarshal(v.Input, &head); err != nil || len(head) > maxInput+len("…") || !strings.HasSuffix(head, "…") {
						t.Fatalf("%v: %d bytes: %s", err, len(head), got)
					}
					got = head[:min(len(head), len(test.want))]
				}
				if got != test.want {
					t.Errorf("input %s, want %s", got, test.want)
				}
				if encoded, err := json.Marshal(v); err != nil || strings.Contains(string(encoded), `"input":`) {
					t.Errorf("%v: the result document holds it: %s", err, encoded)
				}
				if b.sink.events[0].Input != nil {
					t.Errorf("the audit log is told it: %s", b.sink.events[0].Input)
				}
			})
		})
	}
}

func TestOnEventDropsAndRedactsForQueuedSinksOnly(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		queued int
	}{"nothing to say": {"null", 1}, "dropped": {"false", 0}, "redacted": {`{"id":"other","type":"x","vector":"hidden"}`, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t.Context(), &platform{}, 1)
				queued := &sink{}
				_, _, _ = b.Delivery.Close(t.Context())
				b.Delivery = delivery.New(t.Context(), delivery.Options{Dir: t.TempDir(), Sinks: []delivery.Sink{
					{Name: "audit", Deliver: b.sink.deliver, Stack: invoke.New("audit", invoke.Policy{}, 1)},
					{Name: "webhook", Traits: sdk.SinkTraits{Queued: true}, Deliver: queued.deliver, Stack: invoke.New("webhook", invoke.Policy{}, 1)},
				}})
				scripts(b, map[string]string{"on_event": test.answer})
				b.run(t)
				if len(b.sink.events) != 1 || b.sink.events[0].Vector != "v0" || len(queued.events) != test.queued {
					t.Fatalf("audit got %+v, webhook %+v", b.sink.events, queued.events)
				}
				if name == "redacted" {
					if e := queued.events[0]; e.Vector != "hidden" || e.ID != b.sink.events[0].ID || e.Type != sdk.EventSession {
						t.Errorf("the webhook got %+v", e)
					}
				}
			})
		})
	}
}
