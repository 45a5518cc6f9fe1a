package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver keeps what it gets, or fails.
type receiver struct {
	mu     sync.Mutex
	events []sdk.Event
	fail   func(ctx context.Context) error
}

func (r *receiver) deliver(ctx context.Context, events []sdk.Event) error {
	if r.fail != nil {
		if err := r.fail(ctx); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	return nil
}

func (r *receiver) types() map[sdk.EventType]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[sdk.EventType]int{}
	for _, e := range r.events {
		counts[e.Type]++
	}
	return counts
}

func audit(r *receiver) Sink {
	return Sink{Name: "audit", Traits: sdk.SinkTraits{Required: true, Batch: 4}, Deliver: r.deliver, Stack: invoke.New("audit", invoke.Policy{}, 1)}
}

func webhook(r *receiver) Sink {
	return Sink{Name: "webhook", Traits: sdk.SinkTraits{Queued: true}, Deliver: r.deliver, Stack: invoke.New("webhook", invoke.Policy{}, 1)}
}

func sessions(n int) []Outgoing {
	events := make([]Outgoing, n)
	for i := range events {
		event := sdk.Event{ID: fmt.Sprint(i), Type: sdk.EventSession}
		events[i] = Outgoing{Event: event, Queued: &event}
	}
	return events
}

func down(context.Context) error {
	return &sdk.Error{Kind: sdk.Unavailable, Message: "nobody listens"}
}

func TestEveryEventReachesEverySink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{}, &receiver{}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		if f.Batch() != 4 {
			t.Errorf("batch %d, want the required sink's 4", f.Batch())
		}
		if err := f.Record(t.Context(), sessions(3)); err != nil {
			t.Fatal(err)
		}
		counts, err := f.Close(t.Context())
		if err != nil || counts[0].Delivered != 3 || counts[1].Delivered != 3 || counts[0].Plugin != "audit" {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		if len(a.events) != 3 || len(w.events) != 3 {
			t.Errorf("audit got %d, webhook %d", len(a.events), len(w.events))
		}
	})
}

func TestADroppedEventIsRecordedAndNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{}, &receiver{}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		if err := f.Record(t.Context(), []Outgoing{{Event: sdk.Event{ID: "1"}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Close(t.Context()); err != nil || len(a.events) != 1 || len(w.events) != 0 {
			t.Errorf("error %v, audit got %d, webhook %d", err, len(a.events), len(w.events))
		}
	})
}

func TestWhatIsNotRecordedIsNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{fail: down}, &receiver{}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		err := f.Record(t.Context(), sessions(2))
		if !errors.Is(err, sdk.Unavailable) || !strings.Contains(err.Error(), `plugin "audit"`) {
			t.Errorf("got %v", err)
		}
		counts, _ := f.Close(t.Context())
		if counts[0].Failed != 2 || counts[1].Delivered != 0 || len(w.events) != 0 {
			t.Errorf("counts %+v", counts)
		}
	})
}

func TestDeliveryIsTriedAgainUnderTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		w := &receiver{}
		w.fail = func(context.Context) error {
			if tries++; tries < 3 {
				return down(nil)
			}
			return nil
		}
		f := New(t.Context(), []Sink{webhook(w)})
		if err := f.Record(t.Context(), sessions(1)); err != nil {
			t.Fatal(err)
		}
		counts, err := f.Close(t.Context())
		if err != nil || tries != 3 || counts[0].Delivered != 1 || w.events[0].ID != "0" {
			t.Errorf("%d tries, error %v, counts %+v", tries, err, counts)
		}
	})
}

func TestADeadReceiverIsGivenUpAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{}, &receiver{fail: down}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		const events = 300
		for range events {
			if err := f.Record(t.Context(), sessions(1)); err != nil {
				t.Fatal(err)
			}
		}
		counts, err := f.Close(t.Context())
		if err != nil || counts[1].Failed != events || !strings.Contains(counts[1].LastError, "nobody listens") {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		if got := a.types(); got[sdk.EventSession] != events || got[sdk.EventDeliveryGivenUp] != events {
			t.Errorf("audit got %v", got)
		}
	})
}

func TestAHangingReceiverHoldsTheRunForTheGraceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &receiver{}
		w := &receiver{fail: func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		if err := f.Record(t.Context(), sessions(20)); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		counts, err := f.Close(t.Context())
		if took := time.Since(started); took != Grace || err != nil || counts[1].Failed != 20 {
			t.Errorf("took %s, error %v, counts %+v", took, err, counts)
		}
		if got := a.types()[sdk.EventDeliveryGivenUp]; got != 20 {
			t.Errorf("%d given up recorded, want 20", got)
		}
	})
}

func TestTheQueueIsBoundedAndNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &receiver{}
		w := &receiver{fail: func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }}
		f := New(t.Context(), []Sink{audit(a), webhook(w)})
		started := time.Now()
		if err := f.Record(t.Context(), sessions(queueLength+500)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != 0 {
			t.Errorf("recording waited %s for a slow receiver", took)
		}
		counts, err := f.Close(t.Context())
		if err != nil || counts[1].Failed != queueLength+500 {
			t.Errorf("error %v, counts %+v", err, counts)
		}
	})
}

func TestALossThatCannotBeRecordedIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &receiver{}
		f := New(t.Context(), []Sink{audit(a), webhook(&receiver{fail: down})})
		if err := f.Record(t.Context(), sessions(1)); err != nil {
			t.Fatal(err)
		}
		a.fail = down
		if _, err := f.Close(t.Context()); !errors.Is(err, sdk.Unavailable) {
			t.Errorf("got %v", err)
		}
	})
}
