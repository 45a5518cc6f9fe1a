package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// Fresh is how long an answer of the platform is reused.
	Fresh = time.Minute
	// failureHold is how long a platform that failed is left alone.
	failureHold = 15 * time.Second
	// maxSamples is how many answers are kept for a line over time: a day's.
	maxSamples = 24 * 60
	// patience is how long someone waits for a new answer who could have an old one.
	patience = 2 * time.Second
)

// Question is what a platform is asked.
type Question struct {
	Platform string // the target plugin's name
	ActionID string
	Window   string // ISO 8601 duration that ends now
}

// DeniedError is of a platform that refused the token.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }

// Unwrap gives the platform's error.
func (e *DeniedError) Unwrap() error { return e.Err }

// LimitedError is of a platform that limits the rate of queries.
type LimitedError struct {
	Until time.Time // zero where it did not say
	Err   error
}

func (e *LimitedError) Error() string { return e.Err.Error() }

// Unwrap gives the platform's error.
func (e *LimitedError) Unwrap() error { return e.Err }

// Detail says of a query why it failed, in the contract's words.
func Detail(err error) string {
	var denied *DeniedError
	if errors.As(err, &denied) {
		return "Invalid OAuth token or missing analytics:read scope"
	}
	return "Failed to fetch action metrics: " + err.Error()
}

// Reason is what the platform itself said, where Detail does not.
func Reason(err error) string {
	var denied *DeniedError
	if errors.As(err, &denied) {
		return err.Error()
	}
	return ""
}

// Reading is what is known of the answer to a question.
type Reading struct {
	Health Health
	At     time.Time // when the platform answered; zero where it never did
	Err    error     // why the last query failed; nil where it did not
}

// Age is how old the answer is; 0 where there is none.
func (r Reading) Age() time.Duration {
	if r.At.IsZero() {
		return 0
	}
	return time.Since(r.At)
}

// Stale reports whether the answer is older than it should be.
func (r Reading) Stale() bool { return r.Age() >= Fresh }

// Cache keeps the answers of platforms. However many ask, a platform gets one
// query of a question at a time, and none while its last answer is fresh. A
// failure does not take an old answer away. It is safe for concurrent use.
type Cache struct {
	lifetime context.Context // of queries, which outlive whoever asked first
	query    func(ctx context.Context, q Question) (Health, error)

	mu      sync.Mutex
	entries map[Question]*entry
	resume  map[string]time.Time // when a platform that limits the rate may be asked again
	queries sync.WaitGroup
}

// entry is what the cache knows of a question.
type entry struct {
	reading Reading
	next    time.Time     // not asked before
	flight  chan struct{} // closed when the query under way ends; nil for none
	began   time.Time     // of the flight
	counts  Counts
	samples []Sample
}

// Sample is what the platform once answered.
type Sample struct {
	At         time.Time
	Executions int64
	ErrorRate  float64 // percent
}

// Counts count the queries of a question by how they ended.
type Counts struct{ OK, Failed, Denied, Limited int64 }

// NewCache makes a cache over query. Queries end with ctx.
func NewCache(ctx context.Context, query func(ctx context.Context, q Question) (Health, error)) *Cache {
	return &Cache{lifetime: ctx, query: query, entries: map[Question]*entry{}, resume: map[string]time.Time{}}
}

// Get answers a question: from memory while that is fresh, else from the
// platform, else from memory again. The error is the platform's, or ctx's
// where it ends before anything is known.
func (c *Cache) Get(ctx context.Context, q Question) (Reading, error) {
	c.mu.Lock()
	e := c.ask(q)
	reading, flight, began := e.reading, e.flight, e.began
	c.mu.Unlock()
	if flight == nil {
		return reading, known(reading)
	}
	var enough <-chan time.Time
	if !reading.At.IsZero() {
		timer := time.NewTimer(patience - time.Since(began))
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-flight:
		reading = c.Peek(q)
	case <-enough:
	case <-ctx.Done():
		if reading.At.IsZero() {
			return reading, fmt.Errorf("the platform has not answered yet: %w", context.Cause(ctx))
		}
	}
	return reading, known(reading)
}

// Readings answers what an action's figures are over windows. Those of which
// nothing is known have no time, and an error.
func (c *Cache) Readings(ctx context.Context, a Action, windows []string) map[string]Reading {
	var mu sync.Mutex
	var all sync.WaitGroup
	readings := map[string]Reading{}
	for _, window := range windows {
		all.Go(func() {
			reading, err := c.Get(ctx, a.Question(window))
			if reading.Err == nil {
				reading.Err = err
			}
			mu.Lock()
			defer mu.Unlock()
			readings[window] = reading
		})
	}
	all.Wait()
	return readings
}

func known(r Reading) error {
	if r.At.IsZero() {
		return r.Err
	}
	return nil
}

// Peek answers what is known, and asks nobody.
func (c *Cache) Peek(q Question) Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[q]; e != nil {
		return e.reading
	}
	return Reading{}
}

// Counts answers how often the platform was asked.
func (c *Cache) Counts(q Question) Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[q]; e != nil {
		return e.counts
	}
	return Counts{}
}

// Samples answers what the platform told since the cache was made, the oldest
// first; of long ago no more than a day's.
func (c *Cache) Samples(q Question) []Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[q]; e != nil {
		return slices.Clone(e.samples)
	}
	return nil
}

// Wait waits for the queries under way. Nothing may be asked any more.
func (c *Cache) Wait() { c.queries.Wait() }

// ask starts a query where one is due. c.mu is held.
func (c *Cache) ask(q Question) *entry {
	e := c.entries[q]
	if e == nil {
		e = &entry{}
		c.entries[q] = e
	}
	now := time.Now()
	if e.flight != nil || now.Before(e.next) {
		return e
	}
	if resume := c.resume[q.Platform]; now.Before(resume) {
		if e.reading.Err == nil {
			e.reading.Err = &LimitedError{resume, fmt.Errorf("plugin.%s limits the rate of queries until %s", q.Platform, resume.UTC().Format(time.RFC3339))}
		}
		return e
	}
	e.flight, e.began = make(chan struct{}), now
	c.queries.Go(func() {
		answer, err := c.query(c.lifetime, q)
		c.settle(q, e, answer, err)
	})
	return e
}

// settle ends a query.
func (c *Cache) settle(q Question, e *entry, answer Health, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var limited *LimitedError
	var denied *DeniedError
	switch {
	case err == nil:
		e.counts.OK++
		e.reading = Reading{Health: answer, At: now}
		e.next = now.Add(Fresh)
		if len(e.samples) == maxSamples {
			e.samples = slices.Delete(e.samples, 0, 1)
		}
		e.samples = append(e.samples, Sample{now, answer.Executions, answer.ErrorRate()})
	case errors.As(err, &limited):
		e.counts.Limited++
		e.next = now.Add(Fresh)
		if limited.Until.After(e.next) {
			e.next = limited.Until
		}
		c.resume[q.Platform] = e.next // the limit is the platform's, not the action's
	case errors.As(err, &denied):
		e.counts.Denied++
		e.next = now.Add(Fresh)
	default:
		e.counts.Failed++
		e.next = now.Add(failureHold)
	}
	e.reading.Err = err
	close(e.flight)
	e.flight = nil
}
