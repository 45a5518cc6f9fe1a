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

	"golang.org/x/time/rate"

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
}

func (p Policy) withDefaults() Policy {
	p.Attempts = cmp.Or(p.Attempts, 3)
	p.BaseDelay = cmp.Or(p.BaseDelay, 200*time.Millisecond)
	p.MaxDelay = cmp.Or(p.MaxDelay, 5*time.Second)
	p.Failures = cmp.Or(p.Failures, 5)
	p.OpenFor = cmp.Or(p.OpenFor, 30*time.Second)
	p.Burst = cmp.Or(p.Burst, 1)
	p.Timeout = cmp.Or(p.Timeout, time.Minute)
	return p
}

// Operation names a plugin operation and says which of its failures may be
// tried again.
type Operation struct {
	Name string
	// Replay reports whether an attempt that failed so may be repeated.
	Replay func(*sdk.Error) bool
}

// The operations. Submit is not idempotent: it is replayed only where no byte
// was sent, or the platform said that it did nothing (429, 503). Poll is not
// retried here, its loop is the retry. Sinks and hooks are asked once; what a
// queued sink does not take is tried again by the outbox, on its own schedule.
var (
	Token     = Operation{"token", transient}
	Submit    = Operation{"submit", untouched}
	Poll      = Operation{"poll", never}
	Metrics   = Operation{"metrics", transient}
	GetSchema = Operation{"get_schema", transient}
	PutSchema = Operation{"put_schema", untouched}
	Deliver   = Operation{"deliver", never}
	Call      = Operation{"call", never}
)

func never(*sdk.Error) bool { return false }

func transient(err *sdk.Error) bool {
	return errors.Is(err, sdk.RateLimited) || errors.Is(err, sdk.Unavailable) || errors.Is(err, sdk.Timeout)
}

func untouched(err *sdk.Error) bool {
	return errors.Is(err, sdk.RateLimited) || err.HTTPStatus == 503 || transient(err) && !err.Sent
}

// Stack is the resilience of one plugin: a breaker and counters for each
// operation, and a limiter and a retry budget for all of them.
type Stack struct {
	plugin  string
	policy  Policy
	limiter *rate.Limiter
	budget  *budget

	mu         sync.Mutex
	random     *rand.Rand
	operations map[string]*operation
}

// New builds the stack of the plugin of that name. The seed makes its waits
// repeatable.
func New(plugin string, policy Policy, seed uint64) *Stack {
	policy = policy.withDefaults()
	limit := rate.Inf
	if policy.PerSecond > 0 {
		limit = rate.Limit(policy.PerSecond)
	}
	return &Stack{
		plugin:     plugin,
		policy:     policy,
		limiter:    rate.NewLimiter(limit, policy.Burst),
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
// again, or has used up its attempts, the retry budget or ctx. It answers the
// last attempt's error, an *OpenError where the breaker is open, or ctx's
// cause where the caller cancelled.
func (s *Stack) Do(ctx context.Context, op Operation, attempt func(context.Context) error) error {
	ctx, span := telemetry.Operation(ctx, s.plugin, op.Name)
	err := s.do(ctx, op, attempt)
	endSpan(span, err)
	return err
}

func (s *Stack) do(ctx context.Context, op Operation, attempt func(context.Context) error) error {
	o := s.operation(op.Name)
	o.calls.Add(1)
	s.budget.earn()
	for try := 1; ; try++ {
		err := s.once(ctx, o, try, attempt)
		if err == nil || ctx.Err() != nil || try == s.policy.Attempts || !s.mayReplay(op, err) {
			return err
		}
		wait := s.backoff(try, err)
		if deadline, ok := patience(ctx); ok && time.Until(deadline) < wait {
			return fmt.Errorf("no time left to try again after the wait of %s: %w", wait.Round(time.Millisecond), err)
		}
		if !s.budget.spend() {
			return fmt.Errorf("retry budget is used up: %w", err)
		}
		o.retries.Add(1)
		if waitErr := o.wait(ctx, wait); waitErr != nil {
			return waitErr
		}
	}
}

// waitsEnd is the key of a context's value: the time after which nobody waits
// for what is done, although it is not cut off then.
type waitsEnd struct{}

// patience is until when a wait may last.
func patience(ctx context.Context) (time.Time, bool) {
	if end, ok := ctx.Value(waitsEnd{}).(time.Time); ok {
		return end, true
	}
	return ctx.Deadline()
}

func (s *Stack) mayReplay(op Operation, err error) bool {
	var typed *sdk.Error
	return errors.As(err, &typed) && op.Replay(typed)
}

// once makes one attempt behind the breaker and the limiter.
func (s *Stack) once(ctx context.Context, o *operation, try int, attempt func(context.Context) error) error {
	done, err := o.breaker.Allow()
	if err != nil {
		return &OpenError{Plugin: s.plugin, Operation: o.name, Cause: o.lastFailure()}
	}
	// Reported also when the attempt panics: a probe that never reports would
	// keep the breaker half-open for ever.
	outcome := errAbandoned
	defer func() { done(outcome) }()
	if outcome = o.limit(ctx, s.limiter); outcome != nil {
		return outcome
	}
	o.attempts.Add(1)
	attemptCtx, cancel := context.WithTimeout(ctx, s.policy.Timeout)
	defer cancel()
	attemptCtx, span := telemetry.Attempt(attemptCtx, try)
	outcome = attempt(attemptCtx)
	endSpan(span, outcome)
	if outcome != nil && ctx.Err() != nil {
		outcome = context.Cause(ctx)
	}
	o.remember(outcome)
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

func (s *Stack) operation(name string) *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.operations[name]
	if o == nil {
		o = newOperation(name, s.policy)
		s.operations[name] = o
	}
	return o
}
