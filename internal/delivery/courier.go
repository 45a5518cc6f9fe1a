package delivery

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// inHand bounds the letters of one sink that a process holds in memory.
	// More wait in the database.
	inHand = 1000
	// atOnce is how many letters are delivered to one queued sink at the same
	// time, where its batches are smaller.
	atOnce = 8
	// claimBatch is how many letters are read at a time.
	claimBatch = 200
	// idle is how often an idle courier looks for what other processes left.
	idle = time.Second
	// pause is how long a sink whose breaker is open is left alone, where its
	// block does not say.
	pause = 30 * time.Second
	// rest is how long a sink is left alone whose plugin failed, or died: the
	// host starts it again. It is short, so that a run's Grace suffices.
	rest = time.Second
)

// errDisabled is why letters to a sink that answered 410 die unsent.
var errDisabled = &sdk.Error{
	Kind: sdk.Invalid, HTTPStatus: http.StatusGone,
	Message: "the receiver wants no more events (410); change its settings, or use assay outbox redeliver",
}

// errUnreadable is why letters die that hold no event.
var errUnreadable = &sdk.Error{
	Kind:    sdk.Invalid,
	Message: "the outbox does not hold an event here that can be read, so nothing was sent: it was damaged, or written by another program",
}

// courier takes the letters of one sink to it.
type courier struct {
	sink     Sink
	schedule schedule
	mask     func(string) string
	outbox   *Outbox
	done     chan<- outcome

	letters  chan *letter // in hand, waiting for a worker
	held     atomic.Int64 // letters in hand, also those with a worker
	wake     chan struct{}
	until    atomic.Int64 // paused until then, in ns since the epoch
	disabled atomic.Bool
	workers  sync.WaitGroup
}

func newCourier(sink Sink, mask func(string) string, done chan<- outcome) *courier {
	return &courier{
		sink: sink, schedule: scheduleOf(sink.Retry), mask: mask, done: done,
		letters: make(chan *letter, inHand), wake: make(chan struct{}, 1),
	}
}

// wants reports whether the sink is to get an event.
func (c *courier) wants(event *sdk.Event) bool {
	p := c.sink.Policy
	return (len(p.Types) == 0 || slices.Contains(p.Types, event.Type)) &&
		(len(p.Verdicts) == 0 || slices.Contains(p.Verdicts, event.Verdict))
}

// letter is an event for this sink, and whether this process keeps it in hand.
func (c *courier) letter(event sdk.Event) (l *letter, mine bool) {
	if !c.sink.Policy.IncludeInput {
		event.Input = nil
	}
	return &letter{sink: c.sink.Name, event: event}, !c.isPaused() && c.reserve(1) == 1
}

func (c *courier) isPaused() bool { return time.Now().UnixNano() < c.until.Load() }

// reserve makes room for up to n letters in hand, and answers for how many.
func (c *courier) reserve(n int64) int64 {
	free := inHand - (c.held.Add(n) - n)
	if granted := max(0, min(n, free)); granted < n {
		c.held.Add(granted - n)
		return granted
	}
	return n
}

// feed brings letters from the database that are due: those that did not fit
// in hand, those of earlier runs, those to be tried again.
func (c *courier) feed(ctx context.Context) error {
	for ctx.Err() == nil {
		wait, err := c.claim(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.wake:
		}
		timer.Stop()
	}
	return nil
}

// claim takes what is due and fits in hand, and answers when to look again.
func (c *courier) claim(ctx context.Context) (wait time.Duration, err error) {
	due, ok, err := c.outbox.next(ctx, c.sink.Name)
	if err != nil || !ok {
		return idle, err
	}
	due = later(due, time.Unix(0, c.until.Load()))
	if wait := time.Until(due); wait > 0 {
		return min(wait, idle), nil
	}
	room := c.reserve(claimBatch)
	if room == 0 {
		return idle, nil // woken when there is room
	}
	letters, err := c.outbox.claim(ctx, c.sink.Name, int(room))
	c.held.Add(int64(len(letters)) - room)
	for _, l := range letters {
		if l.unreadable {
			l.kind = string(errUnreadable.Kind)
			c.done <- outcome{letter: l, courier: c, fate: died, err: errUnreadable.Error()}
			continue
		}
		c.letters <- l
	}
	return 0, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// start has workers deliver, two at least: while one's batch fills the other's
// is on its way.
func (c *courier) start(ctx context.Context) {
	size := max(1, c.sink.Traits.Batch)
	for range max(2, atOnce/size) {
		c.workers.Go(func() {
			for first := range c.letters {
				c.attempt(ctx, c.together(first, size))
			}
		})
	}
}

// together is first and those that wait with it.
func (c *courier) together(first *letter, size int) []*letter {
	batch := append(make([]*letter, 0, size), first)
	for len(batch) < size {
		select {
		case l, open := <-c.letters:
			if !open {
				return batch
			}
			batch = append(batch, l)
		default:
			return batch
		}
	}
	return batch
}

// attempt makes one delivery of a batch, unless the sink is to be left alone,
// and says what becomes of each letter.
func (c *courier) attempt(ctx context.Context, batch []*letter) {
	if c.disabled.Load() || ctx.Err() != nil || c.isPaused() {
		for _, l := range batch {
			c.done <- c.spared(l)
		}
		return
	}
	errs := c.deliver(ctx, batch)
	for i, l := range batch {
		c.done <- c.outcome(ctx, l, errs[i])
	}
}

// spared is what becomes of a letter that is not attempted.
func (c *courier) spared(l *letter) outcome {
	if c.disabled.Load() {
		return c.judge(l, errDisabled)
	}
	return outcome{letter: l, courier: c}
}

// deliver hands a batch to the sink and answers for each of its letters. A
// sink that takes some of them is alive: its breaker hears of no failure.
func (c *courier) deliver(ctx context.Context, batch []*letter) []error {
	events := make([]sdk.Event, len(batch))
	for i, l := range batch {
		events[i] = l.event
	}
	var partial *sdk.PartialError
	err := c.sink.Stack.Do(ctx, invoke.Deliver, func(ctx context.Context) error {
		err := c.sink.Deliver(ctx, events)
		if errors.As(err, &partial) && slices.Contains(partial.Errs, nil) {
			return nil
		}
		if isPluginsOwn(err) && !c.leaveAlone(rest) {
			return invoke.Uncounted(err) // died with others, which the breaker has heard of
		}
		return err
	})
	if partial != nil {
		return partial.Errs
	}
	return slices.Repeat([]error{err}, len(batch))
}

// isPluginsOwn reports whether the plugin itself failed, or died: its receiver
// has nothing to do with it.
func isPluginsOwn(err error) bool {
	var typed *sdk.Error
	return err != nil && (!errors.As(err, &typed) || typed.Kind == sdk.Internal)
}

// outcome is what becomes of a letter after an attempt.
func (c *courier) outcome(ctx context.Context, l *letter, err error) outcome {
	switch {
	case err == nil:
		return outcome{letter: l, courier: c, fate: delivered}
	case isOpen(err):
		c.leaveAlone(cmp.Or(c.sink.Retry.OpenFor, pause))
		return outcome{letter: l, courier: c, err: c.mask(err.Error())}
	case ctx.Err() != nil:
		return outcome{letter: l, courier: c}
	}
	out := c.judge(l, err)
	if out.gone {
		c.disabled.Store(true)
	}
	var typed *sdk.Error
	switch {
	case isPluginsOwn(err):
		c.leaveAlone(rest) // the letters behind are not to suffer
	case errors.As(err, &typed) && typed.RetryAfter > 0:
		c.leaveAlone(min(typed.RetryAfter, maxRetryAfter))
	}
	return out
}

// leaveAlone pauses the sink as a whole: what a receiver asks for, an open
// breaker or a dead plugin, holds for all letters. first says that it was not
// paused already.
func (c *courier) leaveAlone(d time.Duration) (first bool) {
	now := time.Now()
	for {
		until := c.until.Load()
		if c.until.CompareAndSwap(until, max(until, now.Add(d).UnixNano())) {
			return until <= now.UnixNano()
		}
	}
}

// stir wakes feed.
func (c *courier) stir() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// isIdle reports whether nothing of this sink can happen before the deadline.
func (c *courier) isIdle(ctx context.Context, deadline time.Time) (bool, error) {
	if c.held.Load() > 0 {
		return false, nil
	}
	due, ok, err := c.outbox.next(ctx, c.sink.Name)
	if c.held.Load() > 0 {
		return false, err // feed took it in hand between the two looks
	}
	return !ok || later(due, time.Unix(0, c.until.Load())).After(deadline), err
}
