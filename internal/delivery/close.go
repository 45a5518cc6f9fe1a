package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assay-cx/assay/internal/result"
)

var errGraceOver = fmt.Errorf("not delivered within %s of the run's end", Grace)

// checkEvery is how often Close looks whether deliveries are done.
const checkEvery = 5 * time.Millisecond

// Close waits for queued deliveries, at most for Grace, until ctx ends, or
// until nothing can happen within that time. What is left stays in the outbox.
// It answers what each sink got, and what to warn of. The error says that the
// outbox failed, or that a required sink could not record a delivery that was
// given up.
func (f *Fanout) Close(ctx context.Context) ([]result.Sink, []result.Error, error) {
	if !f.drained {
		close(f.closing)
		deadline := time.Now().Add(Grace)
		f.lose(f.wait(ctx, deadline, func() time.Time { return deadline }))
	}
	<-f.opened
	ctx = context.WithoutCancel(ctx)
	f.stopFeeding()
	f.feeders.Wait()
	f.stopWorking(errGraceOver)
	for _, c := range f.couriers {
		close(c.letters)
		c.workers.Wait()
	}
	close(f.done)
	close(f.announcements)
	f.background.Wait()
	err := errors.Join(f.openErr, f.lost)
	if f.outbox != nil {
		err = errors.Join(err, f.outbox.release(ctx), f.countQueued(ctx), f.outbox.Close())
	}
	sinks := make([]result.Sink, len(f.order))
	for i, name := range f.order {
		sinks[i] = *f.counts[name]
	}
	return sinks, f.warnings, err
}

// Drain waits until everything that is due has been tried, or ctx ends. What
// is to be tried again later it does not wait for, nor does Close then.
func (f *Fanout) Drain(ctx context.Context) {
	f.drained = true
	close(f.closing)
	f.lose(f.wait(ctx, time.Now().Add(forever), time.Now))
}

// forever is longer than anybody waits.
const forever = 1000 * time.Hour

// wait waits until no courier can do anything before the horizon, or until
// the deadline.
func (f *Fanout) wait(ctx context.Context, deadline time.Time, horizon func() time.Time) error {
	<-f.opened
	if f.outbox == nil || f.openErr != nil {
		return nil
	}
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for time.Now().Before(deadline) {
		busy, err := f.isBusy(context.WithoutCancel(ctx), horizon())
		if err != nil || !busy {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	return nil
}

func (f *Fanout) isBusy(ctx context.Context, horizon time.Time) (bool, error) {
	for _, c := range f.couriers {
		if idle, err := c.isIdle(ctx, horizon); err != nil || !idle {
			return true, err
		}
	}
	return false, nil
}

// countQueued counts what is left for a later run.
func (f *Fanout) countQueued(ctx context.Context) error {
	for _, c := range f.couriers {
		n, err := f.outbox.pending(ctx, c.sink.Name)
		if err != nil {
			return err
		}
		f.counts[c.sink.Name].Queued = n
	}
	return nil
}
