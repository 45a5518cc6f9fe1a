package invoke

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// errAbandoned is what the breaker hears of an attempt that never came back.
var errAbandoned = errors.New("attempt abandoned")

// OpenError says that a breaker is open: the operation was not attempted.
type OpenError struct {
	Plugin    string
	Operation string
	Cause     error // the first of the failures that opened it
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("circuit breaker of %s %s is open after repeated failures: %v", e.Plugin, e.Operation, e.Cause)
}

// Unwrap gives the first of the failures that opened the breaker.
func (e *OpenError) Unwrap() error { return e.Cause }

// operation is the breaker and the counters of one operation of one plugin.
type operation struct {
	Operation
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	failure atomic.Pointer[error] // the first since the last success that counted against the breaker
	cause   atomic.Pointer[error] // the first of those that opened it

	calls, attempts, retries, trips, waited atomic.Int64
}

func newOperation(op Operation, policy Policy) *operation {
	o := &operation{Operation: op}
	o.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         op.Name,
		MaxRequests:  1,
		Timeout:      policy.OpenFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= policy.Failures },
		IsSuccessful: func(err error) bool { return !trips(err) },
		IsExcluded:   excluded,
		// Only takes note: calling the breaker in here deadlocks it.
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				o.trips.Add(1)
			}
			if from == gobreaker.StateClosed {
				o.cause.Store(o.failure.Load())
			}
		},
	})
	return o
}

// trips reports whether an error counts against the breaker: transport
// errors, timeouts, 5xx and dead plugins do, what the peer said on purpose
// does not.
func trips(err error) bool {
	if err == nil {
		return false
	}
	var typed *sdk.Error
	if !errors.As(err, &typed) {
		return true
	}
	switch typed.Kind {
	case sdk.Unavailable, sdk.Timeout, sdk.Internal:
		return true
	default:
		return false
	}
}

// excluded reports whether an error says nothing about the peer's health: a
// 429 is the limiter's matter, a cancel the caller's.
func excluded(err error) bool {
	var uncounted *uncountedError
	if errors.As(err, &uncounted) {
		return true
	}
	return errors.Is(err, sdk.RateLimited) || errors.Is(err, context.Canceled) || errors.Is(err, errNoTime)
}

// Uncounted keeps an attempt's failure from the breaker: it has heard of it by
// another attempt that failed for the same reason.
func Uncounted(err error) error { return &uncountedError{err} }

type uncountedError struct{ error }

func (e *uncountedError) Unwrap() error { return e.error }

func (o *operation) remember(err error) {
	switch {
	case err == nil:
		if o.failure.Load() != nil {
			o.failure.Store(nil)
		}
	case trips(err) && !excluded(err):
		o.failure.CompareAndSwap(nil, &err)
	}
}

// firstFailure is why the breaker is open.
func (o *operation) firstFailure() error {
	if err := o.cause.Load(); err != nil {
		return *err
	}
	return errAbandoned
}

func (o *operation) sleep(ctx context.Context, d time.Duration) error {
	started := time.Now()
	defer func() { o.waited.Add(int64(time.Since(started))) }()
	return Sleep(ctx, d)
}

// Sleep waits for d, or until ctx ends and then answers its cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (o *operation) counters(plugin string) result.Operation {
	return result.Operation{
		Plugin:    plugin,
		Operation: o.Name,
		Calls:     o.calls.Load(),
		Attempts:  o.attempts.Load(),
		Retries:   o.retries.Load(),
		Trips:     o.trips.Load(),
		WaitMS:    time.Duration(o.waited.Load()).Milliseconds(),
	}
}
