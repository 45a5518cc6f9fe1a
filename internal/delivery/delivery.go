// Package delivery takes a run's events to its sinks: to required ones before
// a verdict counts, to queued ones behind its back and within a bounded grace.
//
// Start reading at Fanout.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Sink is one sink plugin of a run.
type Sink struct {
	Name    string
	Traits  sdk.SinkTraits
	Deliver func(ctx context.Context, events []sdk.Event) error
	Stack   *invoke.Stack
}

const (
	// queueLength bounds the events that wait for one sink, in memory.
	queueLength = 10000
	// workers deliver to one queued sink at the same time.
	workers = 8
	// Grace is how long a run waits for queued deliveries at its end.
	Grace = 10 * time.Second
	// givenUpBatch is how many lost deliveries are recorded at a time.
	givenUpBatch = 64
)

// Fanout delivers events to all sinks of a run. Its methods but Close are safe
// for concurrent use.
type Fanout struct {
	required []Sink
	queues   []*queue

	mu      sync.Mutex
	counts  map[string]*result.Sink
	order   []string
	givenUp []sdk.Event
	lost    error // the last lost delivery that could not be recorded
}

// New starts delivering. ctx ends every delivery under way.
func New(ctx context.Context, sinks []Sink) *Fanout {
	f := &Fanout{counts: map[string]*result.Sink{}}
	for _, sink := range sinks {
		f.counts[sink.Name] = &result.Sink{Plugin: sink.Name}
		f.order = append(f.order, sink.Name)
		if !sink.Traits.Queued {
			f.required = append(f.required, sink)
			continue
		}
		f.queues = append(f.queues, f.open(ctx, sink))
	}
	return f
}

// queue holds the events that one sink has yet to get.
type queue struct {
	sink    Sink
	waiting chan sdk.Event
	cancel  context.CancelCauseFunc
	workers sync.WaitGroup
}

func (f *Fanout) open(ctx context.Context, sink Sink) *queue {
	ctx, cancel := context.WithCancelCause(ctx)
	q := &queue{sink: sink, waiting: make(chan sdk.Event, queueLength), cancel: cancel}
	for range workers {
		q.workers.Go(func() {
			for event := range q.waiting {
				f.deliver(ctx, sink, event)
			}
		})
	}
	return q
}

// Batch is how many events Record should be given at a time: what the
// narrowest required sink takes at once.
func (f *Fanout) Batch() int {
	batch := 64
	for _, sink := range f.required {
		batch = min(batch, max(1, sink.Traits.Batch))
	}
	return batch
}

// Outgoing is an event on its way out.
type Outgoing struct {
	Event sdk.Event
	// Queued is what queued sinks get of it; nil: nothing.
	Queued *sdk.Event
}

// Record delivers events to the required sinks, then queues them for the
// others. An error means that a required sink does not hold all of them; then
// nothing was queued.
func (f *Fanout) Record(ctx context.Context, events []Outgoing) error {
	required := make([]sdk.Event, len(events))
	for i := range events {
		required[i] = events[i].Event
	}
	if err := f.record(ctx, required); err != nil {
		return err
	}
	for _, q := range f.queues {
		for _, event := range events {
			if event.Queued != nil {
				f.enqueue(ctx, q, *event.Queued)
			}
		}
	}
	return nil
}

func (f *Fanout) enqueue(ctx context.Context, q *queue, event sdk.Event) {
	select {
	case q.waiting <- event:
	default: // the run does not wait for a slow receiver
		f.lose(ctx, q.sink, event, fmt.Errorf("more than %d events were waiting", queueLength))
	}
}

func (f *Fanout) record(ctx context.Context, events []sdk.Event) error {
	for _, sink := range f.required {
		err := sink.Stack.Do(ctx, invoke.Record, func(ctx context.Context) error { return sink.Deliver(ctx, events) })
		f.count(sink.Name, len(events), err)
		if err != nil {
			return fmt.Errorf("plugin %q: %w", sink.Name, err)
		}
	}
	return nil
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

func (f *Fanout) deliver(ctx context.Context, sink Sink, event sdk.Event) {
	if ctx.Err() != nil {
		f.lose(context.WithoutCancel(ctx), sink, event, context.Cause(ctx))
		return
	}
	err := sink.Stack.Do(ctx, invoke.Deliver, func(ctx context.Context) error {
		return sink.Deliver(ctx, []sdk.Event{event})
	})
	if err != nil {
		f.lose(context.WithoutCancel(ctx), sink, event, err)
		return
	}
	f.count(sink.Name, 1, nil)
}

// lose gives a delivery up, and has that recorded.
func (f *Fanout) lose(ctx context.Context, sink Sink, event sdk.Event, why error) {
	f.count(sink.Name, 1, why)
	notice := event
	notice.ID = uuid.NewString()
	notice.Type = sdk.EventDeliveryGivenUp
	notice.Time = time.Now().UTC()
	notice.Classification, notice.Correlation = nil, nil
	notice.Error = &sdk.EventError{Kind: errorKind(why), Message: fmt.Sprintf("not delivered to plugin %q", sink.Name)}
	f.mu.Lock()
	f.givenUp = append(f.givenUp, notice)
	full := len(f.givenUp) >= givenUpBatch
	f.mu.Unlock()
	if full {
		f.flush(ctx)
	}
}

func errorKind(err error) string {
	var typed *sdk.Error
	if errors.As(err, &typed) {
		return string(typed.Kind)
	}
	return string(sdk.Timeout)
}

// flush records the deliveries that were given up.
func (f *Fanout) flush(ctx context.Context) {
	f.mu.Lock()
	notices := f.givenUp
	f.givenUp = nil
	f.mu.Unlock()
	for len(notices) > 0 {
		n := min(len(notices), f.Batch())
		if err := f.record(ctx, notices[:n]); err != nil {
			f.mu.Lock()
			f.lost = err
			f.mu.Unlock()
		}
		notices = notices[n:]
	}
}

var errGraceOver = fmt.Errorf("not delivered within %s of the run's end", Grace)

// Close waits for queued deliveries, at most for Grace or until ctx ends, and
// answers what each sink got. The error says that a required sink could not
// record a delivery that was given up.
func (f *Fanout) Close(ctx context.Context) ([]result.Sink, error) {
	graceCtx, cancel := context.WithTimeoutCause(ctx, Grace, errGraceOver)
	defer cancel()
	var wait sync.WaitGroup
	for _, q := range f.queues {
		close(q.waiting)
		wait.Go(func() {
			release := context.AfterFunc(graceCtx, func() { q.cancel(context.Cause(graceCtx)) })
			q.workers.Wait()
			release()
			q.cancel(nil)
		})
	}
	wait.Wait()
	f.flush(context.WithoutCancel(ctx))
	sinks := make([]result.Sink, len(f.order))
	for i, name := range f.order {
		sinks[i] = *f.counts[name]
	}
	return sinks, f.lost
}
