package delivery

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

// BenchmarkRecord commits events to the outbox while 8 workers deliver them.
// p99-ms is of one call with a batch; in other processes' company with the
// name of /others, each of which does the same.
func BenchmarkRecord(b *testing.B) {
	for name, size := range map[string]int{"1": 1, "64": 64} {
		b.Run(name, func(b *testing.B) { benchRecord(b, b.TempDir(), size) })
	}
}

func benchRecord(b *testing.B, dir string, size int) {
	b.Helper()
	sink := Sink{
		Name: "webhook", Traits: sdk.SinkTraits{Queued: true}, Stack: invoke.New("webhook", invoke.Policy{}, 1),
		Deliver: func(context.Context, []sdk.Event) error { return nil },
	}
	f := New(b.Context(), Options{Dir: dir, Sinks: []Sink{sink}})
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
	if err != nil || counts[0].Queued != 0 {
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
