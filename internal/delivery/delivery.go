// Package delivery takes a run's events to its sinks: to required ones before
// a verdict counts, to queued ones by way of an outbox on disk, behind the
// verdict's back.
//
// Start reading at Fanout, then at Outbox for what is kept and at courier for
// how it leaves.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Sink is one sink plugin of a run.
type Sink struct {
	Name   string
	Traits sdk.SinkTraits
	Policy sdk.SinkPolicy // of a queued sink
	// BestEffort makes the failures of a required sink warnings.
	BestEffort bool
	Deliver    func(ctx context.Context, events []sdk.Event) error
	Stack      *invoke.Stack
	// Retry is the block's own: for a queued sink it changes the schedule.
	Retry invoke.Policy
	// Fingerprint changes with the settings: a sink that was disabled is tried
	// again under others.
	Fingerprint string
}

// Options are what a Fanout is made of.
type Options struct {
	Dir   string // the suite's folder
	Sinks []Sink
	// Mask redacts the texts of errors; nil for none to be masked.
	Mask func(string) string
}

const (
	// Grace is how long a run waits for queued deliveries at its end.
	Grace = 10 * time.Second
	// batch is how many events a required sink gets at a time, at most.
	batch = 64
	// settleBatch is how many outcomes one transaction settles, at most.
	settleBatch = 500
	// linger is how long an outcome waits for others to be settled with, until
	// Close. What is not settled when the process is killed is delivered again.
	linger = 100 * time.Millisecond
)

// Fanout delivers events to all sinks of a run. Its methods but Close are safe
// for concurrent use.
type Fanout struct {
	required  []Sink
	announced []Sink // those of them that must hold what is about to be submitted
	couriers  []*courier

	announcements chan announcement
	opened        chan struct{} // closed when outbox or openErr is there
	outbox        *Outbox
	openErr       error
	done          chan outcome
	stopFeeding   context.CancelFunc
	stopWorking   context.CancelCauseFunc
	closing       chan struct{} // closed when the run waits for what is left
	drained       bool
	feeders       sync.WaitGroup
	background    sync.WaitGroup

	mu       sync.Mutex
	counts   map[string]*result.Sink
	order    []string
	warnings []result.Error
	lost     error // the last fault that may have cost a record or a delivery
}

// New starts delivering. The outbox is opened in the background, and only
// where there is a queued sink. ctx ends every delivery under way.
func New(ctx context.Context, options Options) *Fanout {
	f := &Fanout{
		counts: map[string]*result.Sink{}, announcements: make(chan announcement),
		opened: make(chan struct{}), closing: make(chan struct{}), done: make(chan outcome, settleBatch),
	}
	mask := options.Mask
	if mask == nil {
		mask = func(text string) string { return text }
	}
	for _, sink := range options.Sinks {
		f.counts[sink.Name] = &result.Sink{Plugin: sink.Name}
		f.order = append(f.order, sink.Name)
		if sink.Traits.Queued {
			f.couriers = append(f.couriers, newCourier(sink, mask, f.done))
			continue
		}
		f.required = append(f.required, sink)
		if !sink.BestEffort {
			f.announced = append(f.announced, sink)
		}
	}
	ctx, f.stopWorking = context.WithCancelCause(ctx)
	feedCtx, stop := context.WithCancel(ctx)
	f.stopFeeding = stop
	f.background.Go(func() { f.announce(context.WithoutCancel(ctx)) })
	f.feeders.Go(func() { f.open(feedCtx, options.Dir) })
	f.background.Go(func() { f.settle(context.WithoutCancel(ctx)) })
	for _, c := range f.couriers {
		c.start(ctx)
	}
	return f
}

// open opens the outbox and has what is in it delivered.
func (f *Fanout) open(ctx context.Context, dir string) {
	defer close(f.opened)
	if len(f.couriers) == 0 {
		return
	}
	if f.openErr = f.prepare(context.WithoutCancel(ctx), dir); f.openErr != nil {
		return
	}
	for _, c := range f.couriers {
		f.feeders.Go(func() { f.lose(c.feed(ctx)) })
	}
	f.feeders.Go(func() { f.lose(f.tidy(ctx)) })
}

func (f *Fanout) prepare(ctx context.Context, dir string) (err error) {
	if f.outbox, err = OpenOutbox(ctx, dir); err != nil {
		return err
	}
	if err := f.outbox.own(ctx); err != nil {
		return err
	}
	for _, c := range f.couriers {
		disabled, err := f.outbox.isDisabled(ctx, c.sink.Name, c.sink.Fingerprint)
		if err != nil {
			return err
		}
		c.outbox = f.outbox
		c.disabled.Store(disabled)
	}
	return nil
}

// tidy has the letters of processes that die meanwhile delivered, and dead
// letters of earlier runs recorded.
func (f *Fanout) tidy(ctx context.Context) error {
	ticker := time.NewTicker(idle)
	defer ticker.Stop()
	for {
		if err := f.recordDead(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f.outbox.checkpoint(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if err := f.outbox.free(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// lose remembers a fault, unless it is the end of the run.
func (f *Fanout) lose(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = err
}

// Batch is how many events Record should be given at a time: what the
// narrowest required sink takes at once.
func (f *Fanout) Batch() int { return narrowest(f.required) }

func narrowest(sinks []Sink) int {
	n := batch
	for _, sink := range sinks {
		n = min(n, max(1, sink.Traits.Batch))
	}
	return n
}

// Outgoing is an event on its way out.
type Outgoing struct {
	Event sdk.Event
	// Queued is what queued sinks get of it; nil: nothing. Its input goes to
	// those alone that opted in.
	Queued *sdk.Event
}

// Record delivers events to the required sinks, then commits them to the
// outbox for the others. An error means that a required sink or the outbox
// does not hold all of them.
func (f *Fanout) Record(ctx context.Context, events []Outgoing) error {
	required := make([]sdk.Event, len(events))
	for i := range events {
		required[i] = events[i].Event
	}
	if err := f.record(ctx, f.required, required, true); err != nil {
		return err
	}
	return f.enqueue(ctx, events)
}

// Note delivers events that are about no single execution to the required
// sinks: they are in nobody's counts.
func (f *Fanout) Note(ctx context.Context, events ...sdk.Event) error {
	return f.record(ctx, f.required, events, false)
}

// WantsInput reports whether a queued sink was opted in to getting inputs.
func (f *Fanout) WantsInput() bool {
	return slices.ContainsFunc(f.couriers, func(c *courier) bool { return c.sink.Policy.IncludeInput })
}

// consignment is letters to be put together, and what is to be done with them
// then.
type consignment struct {
	letters  []*letter
	mine     []bool // this process keeps it in hand
	couriers []*courier
}

func (f *Fanout) enqueue(ctx context.Context, events []Outgoing) error {
	var all consignment
	for _, event := range events {
		for _, c := range f.couriers {
			if event.Queued != nil && c.wants(event.Queued) {
				l, mine := c.letter(*event.Queued)
				all.letters, all.mine, all.couriers = append(all.letters, l), append(all.mine, mine), append(all.couriers, c)
			}
		}
	}
	if len(all.letters) == 0 {
		return nil
	}
	<-f.opened
	err := f.openErr
	if err == nil {
		err = f.outbox.put(ctx, all.letters, all.mine)
	}
	all.dispatch(err == nil)
	return err
}

// dispatch hands over the letters that were put, or gives up their room.
func (all *consignment) dispatch(put bool) {
	for i, c := range all.couriers {
		switch {
		case !all.mine[i]:
			c.stir()
		case put:
			c.letters <- all.letters[i]
		default:
			c.held.Add(-1)
		}
	}
}

// record delivers events to required sinks, in portions that all of them take.
func (f *Fanout) record(ctx context.Context, sinks []Sink, events []sdk.Event, count bool) error {
	for portion := range slices.Chunk(events, narrowest(sinks)) {
		for _, sink := range sinks {
			err := sink.Stack.Do(ctx, invoke.Deliver, func(ctx context.Context) error { return sink.Deliver(ctx, portion) })
			if err != nil || count {
				f.count(sink.Name, len(portion), err)
			}
			switch {
			case err == nil:
			case sink.BestEffort && isOpen(err): // what opened the breaker is told
			case sink.BestEffort:
				f.warn("Audit record could not be written", fmt.Sprintf("plugin %q: %v. The run goes on, because its mode says so.", sink.Name, err))
			default:
				return fmt.Errorf("plugin %q: %w", sink.Name, err)
			}
		}
	}
	return nil
}

func isOpen(err error) bool {
	var open *invoke.OpenError
	return errors.As(err, &open)
}

func (f *Fanout) warn(summary, detail string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	warning := result.Error{Summary: summary, Detail: detail}
	if !slices.Contains(f.warnings, warning) {
		f.warnings = append(f.warnings, warning)
	}
}

func (f *Fanout) count(sink string, events int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.counts[sink].Failed += events
		f.counts[sink].LastError = err.Error()
		return
	}
	f.counts[sink].Delivered += events
}

// settle commits the outcomes of deliveries, many at a time.
func (f *Fanout) settle(ctx context.Context) {
	for first := range f.done {
		outcomes := f.more(append(make([]outcome, 0, settleBatch), first))
		if err := f.outbox.settle(ctx, outcomes); err != nil {
			f.lose(err)
		}
		dead := 0
		for _, out := range outcomes {
			f.tally(out)
			out.courier.held.Add(-1)
			out.courier.stir()
			if out.fate == died {
				dead++
			}
		}
		if dead > 0 {
			f.lose(f.recordDead(ctx))
		}
	}
}

// more waits a moment for outcomes to settle together. At the end of a run it
// takes those that are there.
func (f *Fanout) more(outcomes []outcome) []outcome {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for len(outcomes) < settleBatch {
		select {
		case out, ok := <-f.done:
			if !ok {
				return outcomes
			}
			outcomes = append(outcomes, out)
		case <-timer.C:
			return outcomes
		case <-f.closing:
			if len(f.done) == 0 {
				return outcomes
			}
		}
	}
	return outcomes
}

func (f *Fanout) tally(out outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := f.counts[out.sink]
	switch out.fate {
	case delivered:
		counts.Delivered++
	case died:
		counts.Failed++
	}
	if out.err != "" {
		counts.LastError = out.err
	}
}

// recordDead has dead letters recorded by the required sinks.
func (f *Fanout) recordDead(ctx context.Context) error {
	for {
		letters, err := f.outbox.unrecorded(ctx, batch)
		if err != nil || len(letters) == 0 {
			return err
		}
		notices := make([]sdk.Event, len(letters))
		for i, l := range letters {
			notices[i] = l.notice()
		}
		if err := f.record(ctx, f.required, notices, false); err != nil {
			return fmt.Errorf("deliveries that were given up could not be recorded: %w", err)
		}
		if err := f.outbox.recorded(ctx, letters); err != nil {
			return err
		}
	}
}

// notice tells the required sinks that a letter is dead. Its id is the same
// each time, so that one which is recorded twice can be told.
func (l *letter) notice() sdk.Event {
	notice := l.event
	notice.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("assay:given-up:"+l.sink+":"+l.event.ID)).String()
	notice.Type = sdk.EventDeliveryGivenUp
	notice.Time = time.Now().UTC()
	notice.Classification, notice.Correlation, notice.Input = nil, nil, nil
	notice.Plugin = l.sink
	notice.Count = int64(l.attempts)
	notice.Error = &sdk.EventError{Kind: l.kind, Message: fmt.Sprintf("not delivered to plugin %q in %d attempts", l.sink, l.attempts)}
	return notice
}
