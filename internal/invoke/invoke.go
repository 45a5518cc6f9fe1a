// Package invoke puts time around plugin operations: it retries, breaks
// circuits, limits rates and bounds attempts, for every plugin alike. A plugin
// makes one attempt and reports; what that means is decided here.
//
// Start reading at Stack.Do: retry(breaker(limit(timeout(attempt)))).
package invoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/telemetry"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Policy is how one plugin's operations are treated. The zero value of a
// field means its default.
type Policy struct {
	Attempts  int           // tries of one call; default 3
	BaseDelay time.Duration // upper bound of the first wait; default 200 ms
	MaxDelay  time.Duration // upper bound of any later wait; default 5 s
	Failures  int           // consecutive failures that open a breaker; default 5
	OpenFor   time.Duration // until an open breaker lets a probe through; default 30 s
	PerSecond float64       // attempts a second; default unlimited
	Burst     int           // attempts at once under PerSecond; default 1
	Timeout   time.Duration // of one attempt; default 60 s, above every plugin's own
	Total     time.Duration // of one call with its tries and waits; default 10 min
}

func (p Policy) withDefaults() Policy {
	p.Attempts = cmp.Or(p.Attempts, 3)
	p.BaseDelay = cmp.Or(p.BaseDelay, 200*time.Millisecond)
	p.MaxDelay = cmp.Or(p.MaxDelay, 5*time.Second)
	p.Failures = cmp.Or(p.Failures, 5)
	p.OpenFor = cmp.Or(p.OpenFor, 30*time.Second)
	p.Burst = cmp.Or(p.Burst, 1)
	p.Timeout = cmp.Or(p.Timeout, time.Minute)
	p.Total = cmp.Or(p.Total, 10*time.Minute)
	return p
}

// Operation names a plugin operation and says which of its failures may be
// tried again.
type Operation struct {
	Name string
	// Replay reports whether an attempt that failed so may be repeated; nil
	// where none may.
	Replay func(*sdk.Error) bool
	// OwnPace says that the caller heeds a 429 itself: it slows nothing else
	// down.
	OwnPace bool
}

// The operations. Submit is not idempotent: it is replayed only where no byte
// was sent, or the platform said that it did nothing (429, 503). What only asks
// is replayed also where the plugin itself failed, as after a crash. Poll is
// not retried here, its loop is the retry. Sinks and hooks are asked once; what
// a queued sink does not take is tried again by the outbox, on its own schedule.
var (
	Token     = Operation{Name: "token", Replay: passing}
	Submit    = Operation{Name: "submit", Replay: untouched}
	Poll      = Operation{Name: "poll"}
	Metrics   = Operation{Name: "metrics", Replay: passing}
	GetSchema = Operation{Name: "get_schema", Replay: passing}
	PutSchema = Operation{Name: "put_schema", Replay: untouched}
	Deliver   = Operation{Name: "deliver", OwnPace: true}
	Call      = Operation{Name: "call"}
)

func passing(err *sdk.Error) bool { return transient(err) || errors.Is(err, sdk.Internal) }

func transient(err *sdk.Error) bool {
	return errors.Is(err, sdk.RateLimited) || errors.Is(err, sdk.Unavailable) || errors.Is(err, sdk.Timeout)
}

func untouched(err *sdk.Error) bool {
	return errors.Is(err, sdk.RateLimited) || err.HTTPStatus == 503 || transient(err) && !err.Sent
}

// Stack is the resilience of one plugin: a breaker and counters for each
// operation, and a pace and a retry budget for all of them.
type Stack struct {
	plugin string
	policy Policy
	pace   *pace
	budget *budget

	mu         sync.Mutex
	random     *rand.Rand
	operations map[string]*operation
}

// New builds the stack of the plugin of that name. The seed makes its waits
// repeatable.
func New(plugin string, policy Policy, seed uint64) *Stack {
	policy = policy.withDefaults()
	return &Stack{
		plugin:     plugin,
		policy:     policy,
		pace:       newPace(policy),
		budget:     newBudget(),
		random:     rand.New(rand.NewPCG(seed, hash(plugin))), //nolint:gosec // jitter, not a secret
		operations: map[string]*operation{},
	}
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// Do calls one operation of the plugin until it succeeds, may not be tried
// again, or has used up its attempts, the retry budget, its time or ctx. It
// answers the last attempt's error, an *OpenError where the breaker is open, or
// ctx's cause where the caller cancelled.
func (s *Stack) Do(ctx context.Context, op Operation, attempt func(context.Context) error) error {
	ctx, span := telemetry.Operation(ctx, s.plugin, op.Name)
	err := s.do(ctx, op, attempt)
	endSpan(span, err)
	return err
}

func (s *Stack) do(ctx context.Context, op Operation, attempt func(context.Context) error) error {
	o := s.operation(op)
	o.calls.Add(1)
	if op.Replay != nil {
		s.budget.earn()
	}
	limits := s.limits(ctx)
	for try := 1; ; try++ {
		err := s.once(ctx, o, limits, try, attempt)
		if err == nil || ctx.Err() != nil || try == s.policy.Attempts || !mayReplay(op, err) {
			return err
		}
		wait, err := s.wait(try, limits.waits, err)
		if err != nil {
			return err
		}
		if err := o.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// wait is how long to wait after the given try, or why there is to be no other.
// Who was told to slow down waits for the budget, too.
func (s *Stack) wait(try int, end time.Time, failure error) (time.Duration, error) {
	wait := s.backoff(try, failure)
	if time.Until(end) < wait {
		return 0, fmt.Errorf("no time left to try again after the wait of %s: %w", wait.Round(time.Millisecond), failure)
	}
	if !errors.Is(failure, sdk.RateLimited) {
		if !s.budget.spend() {
			return 0, fmt.Errorf("retry budget is used up: %w", failure)
		}
		return wait, nil
	}
	turn, ok := s.budget.await(end)
	if !ok {
		return 0, fmt.Errorf("retry budget is used up, and no time left to wait for more of it: %w", failure)
	}
	return max(wait, turn), nil
}

// waitsEnd is the key of a context's value: the time after which nobody waits
// for what is done, although it is not cut off then.
type waitsEnd struct{}

// WithPatience bounds the waits of calls: none lasts beyond end. An attempt
// that is under way then is not cut off.
func WithPatience(ctx context.Context, end time.Time) context.Context {
	return context.WithValue(ctx, waitsEnd{}, end)
}

// limits are the ends of one call's time.
type limits struct {
	waits time.Time // no wait lasts beyond it
	tries time.Time // no try does
}

func (s *Stack) limits(ctx context.Context) limits {
	end := time.Now().Add(s.policy.Total)
	l := limits{waits: end, tries: end}
	if bound, ok := ctx.Value(waitsEnd{}).(time.Time); ok {
		l.waits = earlier(l.waits, bound)
	}
	if bound, ok := ctx.Deadline(); ok {
		l.waits = earlier(l.waits, bound)
	}
	return l
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// mayReplay is false of an open breaker, whatever opened it: who needs it is
// told so at once.
func mayReplay(op Operation, err error) bool {
	var open *OpenError
	if errors.As(err, &open) {
		return false
	}
	var typed *sdk.Error
	return op.Replay != nil && errors.As(err, &typed) && op.Replay(typed)
}

// once makes one attempt behind the breaker and at the pace.
func (s *Stack) once(ctx context.Context, o *operation, limits limits, try int, attempt func(context.Context) error) error {
	done, err := o.breaker.Allow()
	if err != nil {
		return &OpenError{Plugin: s.plugin, Operation: o.Name, Cause: o.firstFailure()}
	}
	// Reported also when the attempt panics: a probe that never reports would
	// keep the breaker half-open for ever.
	outcome := errAbandoned
	defer func() {
		o.remember(outcome)
		done(outcome)
	}()
	if s.pace.holds() {
		if err := s.pace.wait(limits.waits, func(d time.Duration) error { return o.sleep(ctx, d) }); err != nil {
			outcome = err
			return err
		}
	}
	s.pace.sent.Add(1)
	o.attempts.Add(1)
	if try > 1 {
		o.retries.Add(1)
	}
	began := time.Now()
	attemptCtx, cancel := context.WithDeadline(ctx, earlier(began.Add(s.policy.Timeout), limits.tries))
	defer cancel()
	attemptCtx, span := telemetry.Attempt(attemptCtx, try)
	outcome = attempt(attemptCtx)
	endSpan(span, outcome)
	if outcome != nil && ctx.Err() != nil {
		outcome = context.Cause(ctx)
	}
	var typed *sdk.Error
	if outcome != nil && !o.OwnPace && errors.Is(outcome, sdk.RateLimited) && errors.As(outcome, &typed) {
		asked := typed.RetryAfter
		if began.Add(asked).After(limits.waits) {
			asked = 0 // a time that not even this caller waits for is no measure for others
		}
		s.pace.hear(asked, began)
	}
	return outcome
}

// maxRetryAfter caps what a peer may ask for: some answer a day.
const maxRetryAfter = 5 * time.Minute

// backoff is how long to wait after the given try: what the peer asked for,
// else a full-jitter exponential.
func (s *Stack) backoff(try int, err error) time.Duration {
	var typed *sdk.Error
	if errors.As(err, &typed) && typed.RetryAfter > 0 {
		return min(typed.RetryAfter, maxRetryAfter)
	}
	ceiling := s.policy.MaxDelay
	if shift := try - 1; shift < 32 {
		ceiling = min(ceiling, s.policy.BaseDelay<<shift)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.random.Int64N(int64(ceiling) + 1))
}

// Jitter draws a wait between half of d and d, so that polls of many sessions
// spread out and still progress.
func (s *Stack) Jitter(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d/2 + time.Duration(s.random.Int64N(int64(d)/2+1))
}

// Operations are the counters of the operations called so far, by name.
func (s *Stack) Operations() []result.Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	counters := make([]result.Operation, 0, len(s.operations))
	for _, o := range s.operations {
		counters = append(counters, o.counters(s.plugin))
	}
	slices.SortFunc(counters, func(a, b result.Operation) int { return strings.Compare(a.Operation, b.Operation) })
	return counters
}

func (s *Stack) operation(op Operation) *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.operations[op.Name]
	if o == nil {
		o = newOperation(op, s.policy)
		s.operations[op.Name] = o
	}
	return o
}
