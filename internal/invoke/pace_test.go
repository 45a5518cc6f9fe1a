package invoke

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// quota is a peer that takes so many requests a second and answers 429 to the
// rest.
type quota struct {
	perSecond  int
	retryAfter time.Duration

	mu       sync.Mutex
	second   int64
	taken    int
	refused  int
	requests []time.Time
}

func (q *quota) attempt(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.requests = append(q.requests, now)
	if now.Unix() != q.second {
		q.second, q.taken = now.Unix(), 0
	}
	if q.taken++; q.taken <= q.perSecond {
		return nil
	}
	q.refused++
	return &sdk.Error{Kind: sdk.RateLimited, HTTPStatus: 429, Sent: true, RetryAfter: q.retryAfter}
}

// A peer with a quota is not asked in vain for long, and nobody gives up.
func TestPaceFollowsAQuota(t *testing.T) {
	for name, after := range map[string]time.Duration{"silent": 0, "Retry-After": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &quota{perSecond: 20, retryAfter: after}
				stack := New("p", Policy{Attempts: 5}, 1)
				const calls, callers = 600, 16
				var left, failed atomic.Int64
				left.Store(calls)
				var callersDone sync.WaitGroup
				for range callers {
					callersDone.Go(func() {
						for left.Add(-1) >= 0 {
							if err := stack.Do(t.Context(), Submit, q.attempt); err != nil {
								failed.Add(1)
							}
						}
					})
				}
				started := time.Now()
				callersDone.Wait()
				took := time.Since(started)
				if failed.Load() > 0 || q.refused > calls/10 {
					t.Errorf("%d calls failed, %d of %d requests were refused", failed.Load(), q.refused, len(q.requests))
				}
				if best := calls / q.perSecond * int(time.Second); took > 2*time.Duration(best) {
					t.Errorf("took %s, where %s is the best", took, time.Duration(best))
				}
			})
		})
	}
}

// What one caller is told holds for all, whatever their operation, but not for
// who keeps a pace of its own.
func TestRetryAfterPausesEveryCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Attempts: 1}, 1)
		fine := func(context.Context) error { return nil }
		limited := func(context.Context) error {
			return &sdk.Error{Kind: sdk.RateLimited, RetryAfter: 3 * time.Second}
		}
		started := time.Now()
		if err := stack.Do(t.Context(), Deliver, limited); !errors.Is(err, sdk.RateLimited) {
			t.Fatal(err)
		}
		if err := stack.Do(t.Context(), Submit, fine); err != nil || time.Since(started) != 0 {
			t.Errorf("a sink's 429: %v after %s", err, time.Since(started))
		}
		_ = stack.Do(t.Context(), Submit, limited)
		if err := stack.Do(t.Context(), Poll, fine); err != nil || time.Since(started) != 3*time.Second {
			t.Errorf("a poll: %v after %s, want after 3 s", err, time.Since(started))
		}
		_ = stack.Do(t.Context(), Submit, limited)
		again := time.Now()
		err := stack.Do(WithPatience(t.Context(), again.Add(time.Second)), Poll, fine)
		var typed *sdk.Error
		if !errors.As(err, &typed) || typed.Kind != sdk.RateLimited || typed.RetryAfter != 3*time.Second || time.Since(again) != 0 {
			t.Errorf("a poll with a second of patience: %#v after %s", err, time.Since(again))
		}
		if waited := stack.Operations()[1].WaitMS; waited != 3000 {
			t.Errorf("%d ms of waits are counted, want 3000", waited)
		}
	})
}

func TestPaceRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(Policy{PerSecond: 100}.withDefaults())
		time.Sleep(time.Second)
		p.sent.Add(80)
		p.hear(0, time.Now())
		at := func(want float64) {
			t.Helper()
			p.recover(time.Now())
			if got := float64(p.limiter.Limit()); got != want {
				t.Errorf("the rate is %v, want %v", got, want)
			}
		}
		p.hear(0, time.Now()) // of the same second
		at(40)
		time.Sleep(window + recovery)
		at(80)
		time.Sleep(time.Minute)
		at(100)
		if p.slow.Load() {
			t.Error("it has not recovered")
		}
	})
}

func TestPaceIsNeverHalvedToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(Policy{}.withDefaults())
		for range 20 {
			time.Sleep(window)
			p.sent.Add(1)
			p.hear(0, time.Now())
		}
		if p.limiter.Limit() != slowest {
			t.Errorf("the rate is %v, want %v", p.limiter.Limit(), slowest)
		}
		time.Sleep(10 * time.Second)
		if wait, err := p.reserve(time.Now()); wait != 0 || err != nil || p.slow.Load() {
			t.Errorf("after ten seconds: %v, %v", wait, err)
		}
	})
}

// A crashed submit may have been sent: it is not repeated. What only asks is.
func TestWhatOnlyAsksIsReplayedAfterACrash(t *testing.T) {
	for op, tries := range map[*Operation]int{&Submit: 1, &PutSchema: 1, &Poll: 1, &Deliver: 1, &Call: 1, &Token: 2, &Metrics: 2, &GetSchema: 2} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{errs: []error{typed(sdk.Internal, true, 0)}}
			if err := New("p", Policy{}, 1).Do(t.Context(), *op, s.attempt); s.tries != tries || (err == nil) != (tries == 2) {
				t.Errorf("%s: %d tries, error %v", op.Name, s.tries, err)
			}
		})
	}
}

// Those who find a breaker open learn what came first, however it went on.
func TestOpenBreakerTellsTheFirstCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Failures: 2, OpenFor: time.Second}, 1)
		fail := func(message string) error {
			return stack.Do(t.Context(), Call, func(context.Context) error {
				if message == "" {
					return nil
				}
				return &sdk.Error{Kind: sdk.Internal, Message: message}
			})
		}
		_ = fail("long past")
		_ = fail("")
		_ = fail("the first")
		_ = fail("the second")
		time.Sleep(2 * time.Second)
		_ = fail("the probe")
		var open *OpenError
		if err := fail("none"); !errors.As(err, &open) || open.Cause.Error() != "the first" {
			t.Errorf("got %v", err)
		}
		if trips := stack.Operations()[0].Trips; trips != 2 {
			t.Errorf("%d trips, want 2", trips)
		}
	})
}

func TestACallHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Attempts: 10, Timeout: 2 * time.Second, Total: 5 * time.Second, BaseDelay: time.Millisecond}, 1)
		started := time.Now()
		tries := 0
		err := stack.Do(t.Context(), Metrics, func(ctx context.Context) error {
			tries++
			<-ctx.Done()
			return typed(sdk.Timeout, true, 0)
		})
		if !errors.Is(err, sdk.Timeout) || tries != 3 || time.Since(started).Round(time.Second) != 5*time.Second {
			t.Errorf("%v after %d tries and %s", err, tries, time.Since(started))
		}
	})
}

// Patience bounds waits; what is under way is not cut off.
func TestPatienceCutsNothingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := New("p", Policy{}, 1).Do(WithPatience(t.Context(), time.Now().Add(time.Second)), Poll, func(ctx context.Context) error {
			return Sleep(ctx, 3*time.Second)
		})
		if err != nil {
			t.Error(err)
		}
	})
}
