package delivery

import (
	"context"

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
		waiting := append(make([]announcement, 0, size), first)
		for len(waiting) < size {
			more, ok := f.another()
			if !ok {
				break
			}
			waiting = append(waiting, more)
		}
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

// another is one more announcement if one is there already.
func (f *Fanout) another() (announcement, bool) {
	select {
	case a, ok := <-f.announcements:
		return a, ok
	default:
		return announcement{}, false
	}
}
