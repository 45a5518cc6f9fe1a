package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/result"
)

// BenchmarkRecord records runs of 10,000 vectors that pass. The figure of one
// vector is all that the history costs a run, on whichever goroutine.
func BenchmarkRecord(b *testing.B) {
	dir := b.TempDir()
	vectors := make([]result.Vector, 10_000)
	for i := range vectors {
		vectors[i] = result.Vector{
			Suite: "bench", Name: fmt.Sprintf("ok[%05d]", i), Action: "bench", Status: result.Pass, DurationMS: 9,
			Execution: &result.Execution{Status: "COMPLETED", SessionID: uuid.NewString()},
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r := Record(b.Context(), dir, Run{ID: uuid.NewString(), StartedAt: time.Now()}, Kept)
		for _, v := range vectors {
			r.Finished(v)
		}
		if err := r.End(Run{Status: "pass"}); err != nil {
			b.Fatal(err)
		}
		n += len(vectors)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/vector")
}
