package delivery

import (
	"context"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// announcement is an event that somebody waits to be recorded.
type announcement struct {
	event sdk.Event
	done  chan<- error
}

// Announce has the required sinks that want it hold what is about to happen,
// and returns when they do. Those who call at the same time share a batch.
func (f *Fanout) Announce(ctx context.Context, event sdk.Event) error {
	if len(f.announced) == 0 {
		return nil
	}
	done := make(chan error, 1)
	select {
	case f.announcements <- announcement{event, done}:
		return <-done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *Fanout) announce(ctx context.Context) {
	size := narrowest(f.announced)
	for first := range f.announcements {
		waiting := Gather(first, f.announcements, size)
		events := make([]sdk.Event, len(waiting))
		for i, a := range waiting {
			events[i] = a.event
		}
		err := f.record(ctx, f.announced, events, false)
		for _, a := range waiting {
			a.done <- err
		}
	}
}

// moment is how long a batch stays open for more: each commit costs the same
// whatever it holds, and a vector takes longer than this anyway.
const moment = time.Millisecond

// Gather makes a batch of first and what follows it within a moment, up to a
// size or the channel's end.
func Gather[T any](first T, more <-chan T, size int) []T {
	batch := append(make([]T, 0, size), first)
	over := time.NewTimer(moment)
	defer over.Stop()
	for len(batch) < size {
		select {
		case next, ok := <-more:
			if !ok {
				return batch
			}
			batch = append(batch, next)
		case <-over.C:
			return batch
		}
	}
	return batch
}
