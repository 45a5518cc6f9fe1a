package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
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
		event := sdk.Event{ID: uuid.NewString(), Type: sdk.EventSession}
		events[i] = Outgoing{Event: event, Queued: &event}
	}
	return events
}

// record records n events, and answers the first.
func record(t *testing.T, f *Fanout, n int) sdk.Event {
	t.Helper()
	events := sessions(n)
	if err := f.Record(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return events[0].Event
}

func open(t *testing.T, sinks ...Sink) *Fanout {
	t.Helper()
	return openIn(t, t.TempDir(), sinks...)
}

func openIn(t *testing.T, dir string, sinks ...Sink) *Fanout {
	t.Helper()
	return New(t.Context(), Options{Dir: dir, Sinks: sinks})
}

func (r *receiver) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(e sdk.Event) bool { return e.ID == id })
}

// assertOnce sees that n different events came, each once.
func (r *receiver) assertOnce(t *testing.T, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, e := range r.events {
		seen[e.ID]++
	}
	if len(seen) != n || len(r.events) != n {
		t.Errorf("%d events of %d ids, want %d of each", len(r.events), len(seen), n)
	}
}

func hang(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }

func down(context.Context) error {
	return &sdk.Error{Kind: sdk.Unavailable, Message: "nobody listens"}
}

func TestEveryEventReachesEverySink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{}, &receiver{}
		f := open(t, audit(a), webhook(w))
		if f.Batch() != 4 {
			t.Errorf("batch %d, want the required sink's 4", f.Batch())
		}
		if err := f.Record(t.Context(), sessions(3)); err != nil {
			t.Fatal(err)
		}
		counts, _, err := f.Close(t.Context())
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
		f := open(t, audit(a), webhook(w))
		if err := f.Record(t.Context(), []Outgoing{{Event: sdk.Event{ID: "1"}}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Close(t.Context()); err != nil || len(a.events) != 1 || len(w.events) != 0 {
			t.Errorf("error %v, audit got %d, webhook %d", err, len(a.events), len(w.events))
		}
	})
}

func TestWhatIsNotRecordedIsNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, w := &receiver{fail: down}, &receiver{}
		f := open(t, audit(a), webhook(w))
		err := f.Record(t.Context(), sessions(2))
		if !errors.Is(err, sdk.Unavailable) || !strings.Contains(err.Error(), `plugin "audit"`) {
			t.Errorf("got %v", err)
		}
		counts, _, _ := f.Close(t.Context())
		if counts[0].Failed != 2 || counts[1].Delivered != 0 || len(w.events) != 0 {
			t.Errorf("counts %+v", counts)
		}
	})
}

func TestDeliveryIsTriedAgainUnderTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		w := &receiver{}
		w.fail = func(ctx context.Context) error {
			if tries = append(tries, time.Now()); len(tries) < 2 {
				return down(ctx)
			}
			return nil
		}
		f := open(t, webhook(w))
		event := record(t, f, 1)
		counts, _, err := f.Close(t.Context())
		if err != nil || len(tries) != 2 || counts[0].Delivered != 1 || counts[0].Queued != 0 || w.events[0].ID != event.ID {
			t.Fatalf("tries at %v, error %v, counts %+v", tries, err, counts)
		}
		if wait := tries[1].Sub(tries[0]); wait < 5*time.Second || wait > 6*time.Second+2*idle {
			t.Errorf("tried again after %s, want 5 s and some jitter", wait)
		}
	})
}

// A plugin that dies with as many letters as are delivered at once dies once:
// its breaker stays closed, and all is delivered within the run's grace.
func TestWhatACrashTookIsDeliveredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &receiver{}
		var inFlight atomic.Int64
		died := make(chan struct{})
		w.fail = func(context.Context) error {
			n := inFlight.Add(1)
			if n > atOnce {
				return nil
			}
			if n == atOnce {
				close(died)
			}
			<-died
			return &sdk.Error{Kind: sdk.Internal, Message: "the plugin crashed", Sent: true}
		}
		sink := webhook(w)
		f := open(t, sink)
		const events = 100
		record(t, f, events)
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[0].Delivered != events || counts[0].Queued != 0 {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		if o := sink.Stack.Operations()[0]; o.Trips != 0 {
			t.Errorf("the breaker opened: %+v", o)
		}
		w.assertOnce(t, events)
	})
}

// A plugin that dies again and again opens its breaker all the same.
func TestAPluginThatKeepsDyingOpensTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &receiver{fail: func(context.Context) error {
			return &sdk.Error{Kind: sdk.Internal, Message: "the plugin crashed", Sent: true}
		}}
		sink := webhook(w)
		f := open(t, sink)
		const events = 100
		record(t, f, events)
		counts, _, err := f.Close(t.Context())
		if o := sink.Stack.Operations()[0]; err != nil || o.Trips != 1 || counts[0].Queued != events {
			t.Errorf("error %v, counts %+v, operations %+v", err, counts, o)
		}
	})
}

func TestWhatADeadReceiverDoesNotTakeIsDeliveredByTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, w := &receiver{}, &receiver{fail: down}
		f := openIn(t, dir, audit(a), webhook(w))
		const events = 300
		for range events {
			record(t, f, 1)
		}
		started := time.Now()
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[1].Queued != events || counts[1].Failed != 0 || !strings.Contains(counts[1].LastError, "nobody listens") {
			t.Fatalf("error %v, counts %+v", err, counts)
		}
		if took := time.Since(started); took > Grace {
			t.Errorf("the run's end took %s", took)
		}
		if got := a.types(); got[sdk.EventSession] != events || got[sdk.EventDeliveryGivenUp] != 0 {
			t.Errorf("audit got %v", got)
		}
		time.Sleep(6 * time.Minute) // the third attempts of those that had two
		w.fail = nil
		counts, _, err = openIn(t, dir, audit(a), webhook(w)).Close(t.Context())
		if err != nil || counts[1].Delivered != events || counts[1].Queued != 0 {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		w.assertOnce(t, events)
	})
}

func TestAHangingReceiverHoldsTheRunForTheGraceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, webhook(&receiver{fail: hang}))
		record(t, f, 20)
		started := time.Now()
		counts, _, err := f.Close(t.Context())
		if took := time.Since(started); took < Grace || took > Grace+time.Second || err != nil || counts[0].Queued != 20 {
			t.Errorf("took %s, error %v, counts %+v", took, err, counts)
		}
	})
}

func TestMemoryIsBoundedAndRecordingNeverWaitsForAReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, webhook(&receiver{fail: hang}))
		started := time.Now()
		record(t, f, inHand+500)
		if took := time.Since(started); took != 0 {
			t.Errorf("recording waited %s for a slow receiver", took)
		}
		if held := f.couriers[0].held.Load(); held > inHand {
			t.Errorf("%d letters in memory, want at most %d", held, inHand)
		}
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[0].Queued != inHand+500 {
			t.Errorf("error %v, counts %+v", err, counts)
		}
	})
}

func TestMoreThanFitsInMemoryIsDelivered(t *testing.T) {
	w := &receiver{fail: func(context.Context) error { return nil }}
	f := open(t, webhook(w))
	for range 5 {
		record(t, f, inHand)
	}
	counts, _, err := f.Close(t.Context())
	if err != nil || counts[0].Delivered != 5*inHand || counts[0].Queued != 0 {
		t.Errorf("error %v, counts %+v", err, counts)
	}
	w.assertOnce(t, 5*inHand)
}

func TestADeadLetterIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &receiver{}
		once := webhook(&receiver{fail: down})
		once.Retry.Attempts = 1
		f := open(t, audit(a), once)
		record(t, f, 3)
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[1].Failed != 3 || counts[1].Queued != 0 {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		if got := a.types()[sdk.EventDeliveryGivenUp]; got != 3 {
			t.Errorf("%d given up recorded, want 3", got)
		}
		last := a.events[len(a.events)-1]
		if last.Error.Kind != "unavailable" || last.Plugin != "webhook" || last.Count != 1 {
			t.Errorf("recorded %+v, %+v", last, last.Error)
		}
	})
}

// A loss that could not be recorded is an error, and is recorded by a later run.
func TestALossThatCannotBeRecordedIsAnErrorAndMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := &receiver{}
		once := webhook(&receiver{fail: down})
		once.Retry.Attempts = 1
		f := openIn(t, dir, audit(a), once)
		a.fail = func(ctx context.Context) error {
			if len(a.events) > 0 {
				return down(ctx)
			}
			return nil
		}
		record(t, f, 1)
		if _, _, err := f.Close(t.Context()); !errors.Is(err, sdk.Unavailable) {
			t.Fatalf("got %v", err)
		}
		a.fail = nil
		if _, _, err := openIn(t, dir, audit(a), once).Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := a.types()[sdk.EventDeliveryGivenUp]; got != 1 {
			t.Errorf("%d given up recorded, want 1", got)
		}
	})
}

// A receiver that answers 410 gets nothing more, in this run or another, until
// its settings change.
func TestGoneDisables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, tries := &receiver{}, atomic.Int32{}
		gone := webhook(&receiver{fail: func(context.Context) error {
			tries.Add(1)
			return &sdk.Error{Kind: sdk.Invalid, HTTPStatus: 410, Message: "no more events"}
		}})
		f := openIn(t, dir, audit(a), gone)
		record(t, f, 1)
		synctest.Wait()
		time.Sleep(time.Second)
		record(t, f, 30)
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[1].Failed != 31 || tries.Load() != 1 {
			t.Errorf("%d tries, error %v, counts %+v", tries.Load(), err, counts)
		}
		f = openIn(t, dir, audit(a), gone)
		record(t, f, 1)
		counts, _, err = f.Close(t.Context())
		if err != nil || counts[1].Failed != 1 || tries.Load() != 1 || a.types()[sdk.EventDeliveryGivenUp] != 32 {
			t.Errorf("%d tries, error %v, counts %+v, audit %v", tries.Load(), err, counts, a.types())
		}
		gone.Fingerprint, gone.Deliver = "other", (&receiver{}).deliver
		f = openIn(t, dir, audit(a), gone)
		record(t, f, 1)
		if counts, _, err = f.Close(t.Context()); err != nil || counts[1].Delivered != 1 {
			t.Errorf("under other settings: error %v, counts %+v", err, counts)
		}
	})
}

// Of a batch only those are delivered again that were not taken, and a sink
// that takes some does not trip its breaker.
func TestABatchIsTakenInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 400
		refusals := map[string]int{}
		taken := &receiver{}
		w := webhook(nil)
		w.Traits.Batch = 8
		w.Retry.BaseDelay = time.Second
		var batches, largest int
		var mu sync.Mutex
		w.Deliver = func(ctx context.Context, events []sdk.Event) error {
			mu.Lock()
			defer mu.Unlock()
			batches, largest = batches+1, max(largest, len(events))
			errs := make([]error, len(events))
			for i, e := range events {
				if i == 0 && refusals[e.ID] == 0 {
					refusals[e.ID]++
					errs[i] = &sdk.Error{Kind: sdk.Unavailable, HTTPStatus: 500, Message: "not this one"}
					continue
				}
				_ = taken.deliver(ctx, events[i:i+1])
			}
			return sdk.Partial(errs)
		}
		f := open(t, w)
		record(t, f, n)
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[0].Delivered != n {
			t.Errorf("error %v, counts %+v", err, counts)
		}
		taken.assertOnce(t, n)
		if largest != 8 || len(refusals) == 0 || batches > n/2 {
			t.Errorf("%d batches of up to %d, %d refusals", batches, largest, len(refusals))
		}
		if trips := w.Stack.Operations()[0].Trips; trips != 0 {
			t.Errorf("the breaker opened %d times", trips)
		}
	})
}

// What a receiver asks for holds for all that waits for it.
func TestRetryAfterHoldsForTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := atomic.Int32{}
		w := webhook(&receiver{fail: func(context.Context) error {
			tries.Add(1)
			return &sdk.Error{Kind: sdk.RateLimited, HTTPStatus: 429, RetryAfter: time.Hour, Message: "slow down"}
		}})
		f := open(t, w)
		record(t, f, 500)
		started := time.Now()
		counts, _, err := f.Close(t.Context())
		if err != nil || counts[0].Queued != 500 || tries.Load() > atOnce {
			t.Errorf("%d tries, error %v, counts %+v", tries.Load(), err, counts)
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("waited %s for what cannot be within the grace", took)
		}
	})
}

func TestEventFilter(t *testing.T) {
	w := &receiver{}
	sink := webhook(w)
	sink.Policy = sdk.SinkPolicy{Types: []sdk.EventType{sdk.EventSession}, Verdicts: []string{"fail", "error"}}
	f := open(t, sink)
	var events []Outgoing
	for i, e := range []sdk.Event{
		{Type: sdk.EventSession, Verdict: "pass"},
		{Type: sdk.EventSession, Verdict: "fail"},
		{Type: sdk.EventNotStarted, Verdict: "error"},
		{Type: sdk.EventSession, Verdict: "error"},
	} {
		e.ID = fmt.Sprint(i)
		events = append(events, Outgoing{Event: e, Queued: &e})
	}
	if err := f.Record(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Close(t.Context()); err != nil || len(w.events) != 2 {
		t.Errorf("error %v, got %+v", err, w.events)
	}
}

func TestInputGoesToThoseWhoOptedInOnly(t *testing.T) {
	a, w, optedIn := &receiver{}, &receiver{}, &receiver{}
	second := webhook(optedIn)
	second.Name, second.Policy.IncludeInput = "second", true
	f := open(t, audit(a), webhook(w), second)
	event := sdk.Event{ID: "1", Type: sdk.EventSession}
	queued := event
	queued.Input = json.RawMessage(`{"sku":"A"}`)
	if err := f.Record(t.Context(), []Outgoing{{Event: event, Queued: &queued}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Close(t.Context()); err != nil || a.events[0].Input != nil || w.events[0].Input != nil || optedIn.events[0].Input == nil {
		t.Errorf("error %v, audit %s, webhook %s, opted in %s", err, a.events[0].Input, w.events[0].Input, optedIn.events[0].Input)
	}
}

func TestNoQueuedSinkNoOutbox(t *testing.T) {
	dir := t.TempDir()
	f := openIn(t, dir, audit(&receiver{}))
	record(t, f, 3)
	if _, _, err := f.Close(t.Context()); err != nil || Exists(dir) {
		t.Errorf("error %v, outbox exists: %v", err, Exists(dir))
	}
}

func TestAnnouncementsShareABatchAndAreThereWhenTheyReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		a := &receiver{fail: func(context.Context) error {
			calls.Add(1)
			time.Sleep(time.Millisecond)
			return nil
		}}
		sink := audit(a)
		sink.Traits.Batch = 64
		f := open(t, sink)
		var wait sync.WaitGroup
		for i := range 64 {
			wait.Go(func() {
				id := fmt.Sprint(i)
				if err := f.Announce(t.Context(), sdk.Event{ID: id, Type: sdk.EventSubmitting}); err != nil {
					t.Error(err)
				}
				if !a.has(id) {
					t.Errorf("%s returned before it was recorded", id)
				}
			})
		}
		wait.Wait()
		counts, _, err := f.Close(t.Context())
		if err != nil || calls.Load() > 4 || counts[0].Delivered != 0 {
			t.Errorf("%d calls, error %v, counts %+v", calls.Load(), err, counts)
		}
	})
}

func TestBestEffortIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := audit(&receiver{fail: down})
		sink.BestEffort = true
		w := &receiver{}
		f := open(t, sink, webhook(w))
		record(t, f, 100) // enough to open its breaker, which is no other trouble
		counts, warnings, err := f.Close(t.Context())
		if err != nil || len(warnings) != 1 || counts[0].Failed != 100 || len(w.events) != 100 {
			t.Errorf("error %v, warnings %v, counts %+v", err, warnings, counts)
		}
	})
}

func TestCancelKeepsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := New(ctx, Options{Dir: t.TempDir(), Sinks: []Sink{webhook(&receiver{fail: hang})}})
		record(t, f, 20)
		started := time.Now()
		cancel()
		counts, _, err := f.Close(ctx)
		if took := time.Since(started); err != nil || counts[0].Queued != 20 || took > time.Second {
			t.Errorf("took %s, error %v, counts %+v", took, err, counts)
		}
	})
}
