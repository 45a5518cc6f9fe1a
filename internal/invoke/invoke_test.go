package invoke

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted answers one error after the other, then nil for ever.
type scripted struct {
	errs  []error
	tries int
	times []time.Time
}

func (s *scripted) attempt(context.Context) error {
	s.times = append(s.times, time.Now())
	s.tries++
	if s.tries <= len(s.errs) {
		return s.errs[s.tries-1]
	}
	return nil
}

func typed(kind sdk.ErrorKind, sent bool, status int) error {
	return &sdk.Error{Kind: kind, Message: "no", Sent: sent, HTTPStatus: status}
}

func TestSubmitIsReplayedOnlyWhereThatIsSafe(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		tries int
	}{
		"nothing was sent":        {typed(sdk.Unavailable, false, 0), 2},
		"429":                     {typed(sdk.RateLimited, true, 429), 2},
		"503":                     {typed(sdk.Unavailable, true, 503), 2},
		"reset after the request": {typed(sdk.Unavailable, true, 0), 1},
		"timeout":                 {typed(sdk.Timeout, true, 0), 1},
		"500":                     {typed(sdk.Unavailable, true, 500), 1},
		"502":                     {typed(sdk.Unavailable, true, 502), 1},
		"400":                     {typed(sdk.Invalid, true, 400), 1},
		"401":                     {typed(sdk.Unauthenticated, true, 401), 1},
		"not typed":               {errors.New("plugin gone"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{errs: []error{test.err}}
				err := New("p", Policy{}, 1).Do(t.Context(), Submit, s.attempt)
				if s.tries != test.tries {
					t.Errorf("%d tries, want %d (error %v)", s.tries, test.tries, err)
				}
				if (err == nil) != (test.tries == 2) {
					t.Errorf("error %v after %d tries", err, s.tries)
				}
			})
		})
	}
}

func TestPollIsNeverRetried(t *testing.T) {
	s := &scripted{errs: []error{typed(sdk.Unavailable, false, 503)}}
	if err := New("p", Policy{}, 1).Do(t.Context(), Poll, s.attempt); err == nil || s.tries != 1 {
		t.Errorf("error %v after %d tries, want an error after 1", err, s.tries)
	}
}

func TestAttemptsAreBoundedAndWaitsGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := typed(sdk.Unavailable, false, 0)
		s := &scripted{errs: []error{down, down, down, down, down, down}}
		stack := New("p", Policy{Attempts: 4, BaseDelay: 100 * time.Millisecond, MaxDelay: 250 * time.Millisecond, Failures: 100}, 7)
		err := stack.Do(t.Context(), Metrics, s.attempt)
		if !errors.Is(err, sdk.Unavailable) || s.tries != 4 {
			t.Fatalf("error %v after %d tries, want unavailable after 4", err, s.tries)
		}
		for i, ceiling := range []time.Duration{100, 200, 250} {
			if wait := s.times[i+1].Sub(s.times[i]); wait > ceiling*time.Millisecond {
				t.Errorf("wait %d was %s, above its ceiling of %d ms", i+1, wait, ceiling)
			}
		}
		counters := stack.Operations()[0]
		if counters.Calls != 1 || counters.Attempts != 4 || counters.Retries != 3 {
			t.Errorf("counters %+v", counters)
		}
	})
}

func TestSameSeedSameWaits(t *testing.T) {
	waits := func(seed uint64) []time.Duration {
		stack := New("p", Policy{}, seed)
		return []time.Duration{stack.backoff(1, errors.New("x")), stack.backoff(2, errors.New("x")), stack.Jitter(time.Second)}
	}
	a, b, other := waits(3), waits(3), waits(4)
	same := true
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("wait %d: %s and %s with the same seed", i, a[i], b[i])
		}
		same = same && a[i] == other[i]
	}
	if same {
		t.Error("another seed gave the same waits")
	}
}

func TestRetryAfterIsRespectedAndCapped(t *testing.T) {
	for name, test := range map[string]struct{ asked, want time.Duration }{
		"asked":  {7 * time.Second, 7 * time.Second},
		"absurd": {24 * time.Hour, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{errs: []error{&sdk.Error{Kind: sdk.RateLimited, RetryAfter: test.asked}}}
				if err := New("p", Policy{}, 1).Do(t.Context(), Submit, s.attempt); err != nil {
					t.Fatal(err)
				}
				if wait := s.times[1].Sub(s.times[0]); wait != test.want {
					t.Errorf("waited %s, want %s", wait, test.want)
				}
			})
		})
	}
}

func TestNoWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := &scripted{errs: []error{&sdk.Error{Kind: sdk.RateLimited, RetryAfter: time.Minute}}}
		started := time.Now()
		err := New("p", Policy{}, 1).Do(ctx, Submit, s.attempt)
		if !errors.Is(err, sdk.RateLimited) || time.Since(started) != 0 {
			t.Errorf("error %v after %s, want rate limited at once", err, time.Since(started))
		}
	})
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := typed(sdk.Unavailable, true, 500)
		s := &scripted{errs: []error{down, down, down, down}}
		stack := New("p", Policy{Failures: 3, OpenFor: 10 * time.Second}, 1)
		for range 3 {
			if err := stack.Do(t.Context(), Submit, s.attempt); !errors.Is(err, sdk.Unavailable) {
				t.Fatal(err)
			}
		}
		var open *OpenError
		if err := stack.Do(t.Context(), Submit, s.attempt); !errors.As(err, &open) || s.tries != 3 {
			t.Fatalf("error %v after %d tries, want the breaker open after 3", err, s.tries)
		}
		if !errors.Is(open, sdk.Unavailable) {
			t.Errorf("the open breaker hides its cause: %v", open)
		}
		if err := stack.Do(t.Context(), Poll, s.attempt); errors.As(err, &open) && open.Operation != "poll" {
			t.Error("the breaker of submit stops polls")
		}
		time.Sleep(11 * time.Second)
		if err := stack.Do(t.Context(), Submit, s.attempt); err != nil {
			t.Errorf("the probe was not let through: %v", err)
		}
		if trips := stack.Operations()[1].Trips; trips != 1 {
			t.Errorf("%d trips counted, want 1", trips)
		}
	})
}

// What opened the breaker may be tried again; the breaker itself may not, and
// a try that it refuses is none.
func TestOpenBreakerIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := typed(sdk.Unavailable, true, 503)
		stack := New("p", Policy{Failures: 3}, 1)
		fail := func(context.Context) error { return down }
		if err := stack.Do(t.Context(), Submit, fail); !errors.Is(err, down) {
			t.Fatal(err)
		}
		started := time.Now()
		for range 5 {
			var open *OpenError
			if err := stack.Do(t.Context(), Submit, fail); !errors.As(err, &open) || !errors.Is(err, down) {
				t.Errorf("error %v, want the open breaker and why", err)
			}
		}
		if waited := time.Since(started); waited != 0 {
			t.Errorf("calls waited %s for an open breaker", waited)
		}
		if got := stack.Operations()[0]; got.Calls != 6 || got.Attempts != 3 || got.Retries != 2 {
			t.Errorf("%d calls in %d attempts, %d of them retries; want 6 in 3, 2 of them retries", got.Calls, got.Attempts, got.Retries)
		}
	})
}

// A call whose second try finds the breaker open, as other calls' failures
// have opened it by then, had one attempt and no retry.
func TestBreakerThatOpensInAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Failures: 4, OpenFor: time.Hour}, 1)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				_ = stack.Do(t.Context(), Submit, func(context.Context) error { return typed(sdk.Unavailable, true, 503) })
			})
		}
		calls.Wait()
		if got := stack.Operations()[0]; got.Calls != 4 || got.Attempts != 4 || got.Retries != 0 || got.Trips != 1 {
			t.Errorf("%+v: want 4 calls in 4 attempts without a retry, and 1 trip", got)
		}
	})
}

func TestWhatThePeerSaysOnPurposeDoesNotTrip(t *testing.T) {
	for _, err := range []error{
		typed(sdk.RateLimited, true, 429), typed(sdk.Invalid, true, 400), typed(sdk.NotFound, true, 404),
		typed(sdk.Unauthenticated, true, 401), typed(sdk.Forbidden, true, 403), typed(sdk.Protocol, true, 200),
	} {
		stack := New("p", Policy{Failures: 1}, 1)
		for range 3 {
			_ = stack.Do(t.Context(), Call, func(context.Context) error { return err })
		}
		var open *OpenError
		if got := stack.Do(t.Context(), Call, func(context.Context) error { return nil }); errors.As(got, &open) {
			t.Errorf("%v opened the breaker", err)
		}
	}
}

func TestPanickingProbeDoesNotWedgeTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Failures: 1, OpenFor: time.Second, PerSecond: 1000}, 1)
		_ = stack.Do(t.Context(), Call, func(context.Context) error { return typed(sdk.Internal, true, 0) })
		time.Sleep(2 * time.Second)
		func() {
			defer func() { _ = recover() }()
			_ = stack.Do(t.Context(), Call, func(context.Context) error { panic("probe") })
		}()
		var open *OpenError
		if err := stack.Do(t.Context(), Call, func(context.Context) error { return nil }); !errors.As(err, &open) {
			t.Errorf("a probe that panicked closed the breaker: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := stack.Do(t.Context(), Call, func(context.Context) error { return nil }); err != nil {
			t.Errorf("no probe after one that panicked: %v", err)
		}
	})
}

func TestAttemptHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{Timeout: time.Second}, 1)
		started := time.Now()
		err := stack.Do(t.Context(), Call, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != time.Second {
			t.Errorf("error %v after %s, want a deadline after 1 s", err, time.Since(started))
		}
	})
}

func TestCancelIsTheCallersWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the run was stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		stack := New("p", Policy{Failures: 1}, 1)
		go func() { time.Sleep(time.Second); cancel(why) }()
		err := stack.Do(ctx, Submit, func(ctx context.Context) error { <-ctx.Done(); return typed(sdk.Timeout, true, 0) })
		if !errors.Is(err, why) {
			t.Errorf("error %v, want the cause of the cancel", err)
		}
	})
}

func TestRetryBudgetBoundsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const vectors = 1000
		stack := New("p", Policy{Failures: 1 << 30, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}, 1)
		var tries int
		started := time.Now()
		for range vectors {
			_ = stack.Do(t.Context(), Metrics, func(context.Context) error { tries++; return typed(sdk.Unavailable, false, 0) })
		}
		allowed := 1.2*vectors + 10*time.Since(started).Seconds()
		if float64(tries) > allowed {
			t.Errorf("%d tries for %d calls in %s, more than %.0f", tries, vectors, time.Since(started), allowed)
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("p", Policy{PerSecond: 10, Burst: 2}, 1)
		started := time.Now()
		for range 12 {
			if err := stack.Do(t.Context(), Poll, func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(started); took != time.Second {
			t.Errorf("12 calls at 10/s with a burst of 2 took %s, want 1 s", took)
		}
	})
}

// issuer hands out tokens that live for an hour.
type issuer struct {
	fetches atomic.Int64
	life    time.Duration
	err     error
}

func (i *issuer) fetch(context.Context, string) (sdk.Token, error) {
	n := i.fetches.Add(1)
	time.Sleep(10 * time.Millisecond)
	return sdk.Token{Value: string(rune('a' + n - 1)), ExpiresIn: i.life, RefreshBefore: time.Minute}, i.err
}

func (i *issuer) tokens() *Tokens { return NewTokens(i.fetch, func(string) {}) }

func TestTokenIsFetchedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		tokens := i.tokens()
		for range 50 {
			go func() {
				if err := tokens.Do(t.Context(), func(string) error { return nil }); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if n := i.fetches.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
	})
}

func TestTokenIsRefreshedBeforeItExpires(t *testing.T) {
	for name, test := range map[string]struct {
		life, wait time.Duration
		fetches    int64
	}{
		"long before":                  {time.Hour, 58 * time.Minute, 1},
		"within the margin":            {time.Hour, 59*time.Minute + time.Second, 2},
		"life shorter than the margin": {30 * time.Second, 16 * time.Second, 2},
		"life not told":                {0, 100 * time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{life: test.life}
				tokens := i.tokens()
				_ = tokens.Do(t.Context(), func(string) error { return nil })
				time.Sleep(test.wait)
				_ = tokens.Do(t.Context(), func(string) error { return nil })
				if n := i.fetches.Load(); n != test.fetches {
					t.Errorf("%d fetches, want %d", n, test.fetches)
				}
			})
		})
	}
}

// Where a token that was just fetched anew is refused as well, the next calls
// do not fetch one more each; after a while that is tried again, and calls that
// are not refused go on with what there is.
func TestTokensThatAreOfNoUseAreNotFetchedForEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		tokens := i.tokens()
		refuse := func(string) error { return &sdk.Error{Kind: sdk.Unauthenticated} }
		for range 20 {
			err := tokens.Do(t.Context(), refuse)
			if !errors.Is(err, sdk.Unauthenticated) || !strings.Contains(err.Error(), "was refused as well") {
				t.Fatal(err)
			}
		}
		if err := tokens.Do(t.Context(), func(string) error { return nil }); err != nil {
			t.Error(err)
		}
		if n := i.fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
		time.Sleep(fresh)
		_ = tokens.Do(t.Context(), refuse)
		if n := i.fetches.Load(); n != 3 {
			t.Errorf("%d fetches, want another after a while", n)
		}
	})
}

func TestRevokedTokenIsReplacedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		tokens := i.tokens()
		var calls atomic.Int64
		call := func(token string) error {
			calls.Add(1)
			time.Sleep(time.Millisecond)
			if token == "a" {
				return typed(sdk.Unauthenticated, true, 401)
			}
			return nil
		}
		for range 20 {
			go func() {
				if err := tokens.Do(t.Context(), call); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if i.fetches.Load() != 2 || calls.Load() != 40 {
			t.Errorf("%d fetches and %d calls, want 2 and 40", i.fetches.Load(), calls.Load())
		}
	})
}

// A platform may take back one token after the other: each that it knew once is
// replaced, however soon.
func TestTokensThatAreRevokedAgainAndAgainAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: time.Hour}
		tokens := i.tokens()
		uses := map[string]int{}
		for range 9 {
			err := tokens.Do(t.Context(), func(token string) error {
				if uses[token]++; uses[token] > 3 {
					return typed(sdk.Unauthenticated, true, 401)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := i.fetches.Load(); n != 3 {
			t.Errorf("%d fetches for nine calls of three a token", n)
		}
	})
}

func TestFreshTokenRefusedIsSaid(t *testing.T) {
	i := &issuer{life: time.Hour}
	calls := 0
	err := i.tokens().Do(t.Context(), func(string) error { calls++; return typed(sdk.Unauthenticated, true, 401) })
	if !errors.Is(err, sdk.Unauthenticated) || calls != 2 {
		t.Errorf("error %v after %d calls, want unauthenticated after 2", err, calls)
	}
}

func TestRefusedSignInIsNotTriedAgainForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{err: typed(sdk.Unauthenticated, true, 401)}
		tokens := i.tokens()
		for range 5 {
			if err := tokens.Do(t.Context(), func(string) error { return nil }); !errors.Is(err, sdk.Unauthenticated) {
				t.Fatal(err)
			}
			time.Sleep(refusalHold / 5)
		}
		if n := i.fetches.Load(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
		i.err, i.life = nil, time.Hour
		for range 2 {
			if err := tokens.Do(t.Context(), func(string) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if n := i.fetches.Load(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
	})
}

// The token endpoint may ask to wait longer than a caller has.
func TestTokenFetchKeepsTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stack := New("auth", Policy{}, 1)
		tokens := NewTokens(func(ctx context.Context, _ string) (sdk.Token, error) {
			return sdk.Token{}, stack.Do(ctx, Token, func(context.Context) error {
				return &sdk.Error{Kind: sdk.RateLimited, RetryAfter: 24 * time.Hour}
			})
		}, func(string) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		started := time.Now()
		err := tokens.Do(ctx, func(string) error { return nil })
		if !errors.Is(err, sdk.RateLimited) || time.Since(started) != 0 {
			t.Errorf("error %v after %s, want rate limited at once", err, time.Since(started))
		}
	})
}

// A fetch goes on for those who still wait where the time of whoever came
// first is over.
func TestTokenFetchOutlivesWhoCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		tokens := NewTokens(func(ctx context.Context, _ string) (sdk.Token, error) {
			fetches++
			return sdk.Token{Value: "a"}, Sleep(ctx, time.Minute)
		}, func(string) {})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ended := make(chan error)
		go func() { ended <- tokens.Do(short, func(string) error { return nil }) }()
		synctest.Wait()
		go func() { ended <- tokens.Do(t.Context(), func(string) error { return nil }) }()
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever came first: %v", err)
		}
		if err := <-ended; err != nil || fetches != 1 {
			t.Errorf("whoever still waits: %v after %d fetches", err, fetches)
		}
	})
}

func BenchmarkDo(b *testing.B) {
	stack := New("p", Policy{}, 1)
	call := func(context.Context) error { return nil }
	for b.Loop() {
		if err := stack.Do(b.Context(), Poll, call); err != nil {
			b.Fatal(err)
		}
	}
}
