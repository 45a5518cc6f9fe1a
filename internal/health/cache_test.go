package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var question = Question{Platform: "cxone", ActionID: "a", Window: DefaultWindow}

// platform answers queries as a test says, and counts them.
type platform struct {
	queries atomic.Int64
	mu      sync.Mutex
	err     error
	takes   time.Duration
}

func (p *platform) set(err error, takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.takes = err, takes
}

func (p *platform) query(ctx context.Context, _ Question) (Health, error) {
	n := p.queries.Add(1)
	p.mu.Lock()
	err, takes := p.err, p.takes
	p.mu.Unlock()
	select {
	case <-time.After(takes):
		return Health{Executions: n}, err
	case <-ctx.Done():
		return Health{}, context.Cause(ctx)
	}
}

// expect asks, and holds what comes against what should.
func expect(t *testing.T, c *Cache, executions int64, stale bool, wantErr error) Reading {
	t.Helper()
	reading, err := c.Get(t.Context(), question)
	if !errors.Is(err, wantErr) {
		t.Errorf("error %v, want %v", err, wantErr)
	}
	if reading.Health.Executions != executions || reading.Stale() != stale {
		t.Errorf("answer %d, stale %v; want %d, %v", reading.Health.Executions, reading.Stale(), executions, stale)
	}
	return reading
}

func TestAnswersAreReusedForAMinute(t *testing.T) {
	if Fresh < 60*time.Second {
		t.Errorf("they are reused for %s", Fresh)
	}
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		c := NewCache(t.Context(), p.query)
		expect(t, c, 1, false, nil)
		time.Sleep(Fresh - time.Nanosecond)
		if reading := expect(t, c, 1, false, nil); reading.Age() != Fresh-time.Nanosecond {
			t.Errorf("age %s", reading.Age())
		}
		time.Sleep(time.Nanosecond)
		expect(t, c, 2, false, nil)
	})
}

func TestOneQueryHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{takes: time.Second}
		c := NewCache(t.Context(), p.query)
		for minute := range int64(3) {
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() { expect(t, c, minute+1, false, nil) })
			}
			all.Wait()
			time.Sleep(Fresh)
		}
		if n := p.queries.Load(); n != 3 {
			t.Errorf("%d queries in three minutes", n)
		}
		if counts := c.Counts(question); counts.OK != 3 {
			t.Errorf("counted %+v", counts)
		}
	})
}

func TestStaleWhileTheQueryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		p := &platform{err: down}
		c := NewCache(t.Context(), p.query)
		expect(t, c, 0, false, down)
		expect(t, c, 0, false, down)
		if p.queries.Load() != 1 {
			t.Error("a platform that failed was asked again at once")
		}
		p.set(nil, 0)
		time.Sleep(failureHold)
		expect(t, c, 2, false, nil)
		p.set(down, 0)
		time.Sleep(Fresh)
		if reading := expect(t, c, 2, true, nil); !errors.Is(reading.Err, down) || reading.Age() != Fresh {
			t.Errorf("%v at the age of %s", reading.Err, reading.Age())
		}
		expect(t, c, 2, true, nil)
		if p.queries.Load() != 3 {
			t.Errorf("%d queries", p.queries.Load())
		}
		p.set(nil, 0)
		time.Sleep(failureHold)
		if reading := expect(t, c, 4, false, nil); reading.Err != nil {
			t.Errorf("the failure is still told: %v", reading.Err)
		}
	})
}

// Who could have an old answer does not wait long for a new one, and not at
// all where others have waited that long.
func TestASlowPlatformHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		c := NewCache(t.Context(), p.query)
		expect(t, c, 1, false, nil)
		p.set(nil, 10*time.Second)
		time.Sleep(Fresh)
		for _, want := range []time.Duration{patience, 0} {
			asked := time.Now()
			expect(t, c, 1, true, nil)
			if waited := time.Since(asked); waited != want {
				t.Errorf("waited %s, want %s", waited, want)
			}
		}
		time.Sleep(10 * time.Second)
		expect(t, c, 2, false, nil)
	})
}

func TestWhoAskedFirstMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{takes: 10 * time.Second}
		c := NewCache(t.Context(), p.query)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Get(ctx, question); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		expect(t, c, 1, false, nil)
	})
}

func TestRetryAfterIsRespectedForAllActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{err: fmt.Errorf("query: %w", &LimitedError{Until: time.Now().Add(10 * time.Minute), Err: errors.New("429")})}
		c := NewCache(t.Context(), p.query)
		var limited *LimitedError
		if _, err := c.Get(t.Context(), question); !errors.As(err, &limited) {
			t.Errorf("got %v", err)
		}
		p.set(nil, 0)
		time.Sleep(10*time.Minute - time.Second)
		other := question
		other.ActionID = "b"
		for _, q := range []Question{question, other} {
			if _, err := c.Get(t.Context(), q); !errors.As(err, &limited) || !limited.Until.Equal(time.Now().Add(time.Second)) {
				t.Errorf("%s: %v", q.ActionID, err)
			}
		}
		elsewhere := question
		elsewhere.Platform = "other"
		if _, err := c.Get(t.Context(), elsewhere); err != nil {
			t.Errorf("another platform: %v", err)
		}
		if n := p.queries.Load(); n != 2 {
			t.Errorf("%d queries", n)
		}
		time.Sleep(time.Second)
		for _, q := range []Question{question, other} {
			if reading, err := c.Get(t.Context(), q); err != nil || reading.Err != nil {
				t.Errorf("%s: %v, %v", q.ActionID, err, reading.Err)
			}
		}
	})
}

// A platform that limits the rate and does not say for how long, or that
// refuses, is left alone for as long as an answer is fresh.
func TestRefusalsHoldForAMinute(t *testing.T) {
	for name, err := range map[string]error{"limited": &LimitedError{Err: errors.New("429")}, "denied": fmt.Errorf("query: %w", &DeniedError{errors.New("403")})} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{err: err}
				c := NewCache(t.Context(), p.query)
				expect(t, c, 0, false, err)
				time.Sleep(Fresh - time.Second)
				expect(t, c, 0, false, err)
				if p.queries.Load() != 1 {
					t.Error("asked again within the minute")
				}
				p.set(nil, 0)
				time.Sleep(time.Second)
				expect(t, c, 2, false, nil)
			})
		})
	}
}

func TestQueriesEndWithTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &platform{takes: time.Hour}
		c := NewCache(ctx, p.query)
		go func() { _, _ = c.Get(ctx, question) }()
		synctest.Wait()
		cancelled := time.Now()
		cancel()
		c.Wait()
		if time.Since(cancelled) > 0 {
			t.Error("a query went on")
		}
	})
}

func TestSamplesOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		c := NewCache(t.Context(), p.query)
		if c.Samples(question) != nil {
			t.Error("samples of nothing")
		}
		for range maxSamples + 5 {
			expect(t, c, p.queries.Load()+1, false, nil)
			time.Sleep(Fresh)
		}
		samples := c.Samples(question)
		if len(samples) != maxSamples || samples[0].Executions != 6 || samples[maxSamples-1].At.Sub(samples[0].At) != (maxSamples-1)*Fresh {
			t.Errorf("%d samples from %+v", len(samples), samples[0])
		}
		p.set(errors.New("HTTP 500"), 0)
		expect(t, c, maxSamples+5, true, nil)
		if len(c.Samples(question)) != maxSamples {
			t.Error("a failure is no sample")
		}
	})
}
