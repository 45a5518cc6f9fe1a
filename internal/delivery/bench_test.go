package delivery

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

// BenchmarkRecord commits events to the outbox while 8 workers deliver them:
// one at a time, in batches, and in batches beside three others that do the
// same to the same file at some 2,000 events/s each. p99-ms is of one call.
func BenchmarkRecord(b *testing.B) {
	b.Run("1", func(b *testing.B) { benchRecord(b, b.TempDir(), 1) })
	b.Run("64", func(b *testing.B) { benchRecord(b, b.TempDir(), 64) })
	b.Run("64 beside others", func(b *testing.B) {
		dir := b.TempDir()
		stop := make(chan struct{})
		var others sync.WaitGroup
		for range 3 {
			others.Go(func() { keepRecording(b, dir, stop) })
		}
		benchRecord(b, dir, 64)
		close(stop)
		others.Wait()
	})
}

func keepRecording(b *testing.B, dir string, stop <-chan struct{}) {
	b.Helper()
	f := New(b.Context(), Options{Dir: dir, Sinks: []Sink{instantSink()}})
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			if _, _, err := f.Close(b.Context()); err != nil {
				b.Error(err)
			}
			return
		case <-ticker.C:
			if err := f.Record(b.Context(), benchEvents(10)); err != nil {
				b.Error(err)
			}
		}
	}
}

func instantSink() Sink {
	return Sink{
		Name: "webhook", Traits: sdk.SinkTraits{Queued: true}, Stack: invoke.New("webhook", invoke.Policy{}, 1),
		Deliver: func(context.Context, []sdk.Event) error { return nil },
	}
}

func benchRecord(b *testing.B, dir string, size int) {
	b.Helper()
	f := New(b.Context(), Options{Dir: dir, Sinks: []Sink{instantSink()}})
	<-f.opened
	var took []time.Duration
	for b.Loop() {
		events := benchEvents(size)
		started := time.Now()
		if err := f.Record(b.Context(), events); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(started))
	}
	counts, _, err := f.Close(b.Context())
	if err != nil || counts[0].Delivered == 0 {
		b.Fatalf("error %v, counts %+v", err, counts)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(size*len(took))/b.Elapsed().Seconds(), "events/s")
}

func benchEvents(n int) []Outgoing {
	events := make([]Outgoing, n)
	for i := range events {
		event := sdk.Event{
			ID: uuid.NewString(), Type: sdk.EventSession, Time: time.Now(), RunID: uuid.NewString(), Suite: "suite", Vector: "vector",
			ActionID: uuid.NewString(), SessionID: uuid.NewString(), InputHash: strings.Repeat("0f", 32), Verdict: "pass", Status: sdk.StatusCompleted,
		}
		events[i] = Outgoing{Event: event, Queued: &event}
	}
	return events
}
