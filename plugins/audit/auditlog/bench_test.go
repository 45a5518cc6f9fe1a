package auditlog

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkAppend is how fast one record after another is committed, by so
// many writers at the same time. The figures to hold: 2,000 events/s with a
// p99 under 5 ms.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l := open(b, b.TempDir(), Options{})
			var mu sync.Mutex
			var took []time.Duration
			var running sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				running.Go(func() {
					var own []time.Duration
					for i := w; i < b.N; i += writers {
						start := time.Now()
						if err := l.Append(b.Context(), []Record{sessionRecord("s-1")}); err != nil {
							b.Error(err)
							return
						}
						own = append(own, time.Since(start))
					}
					mu.Lock()
					took = append(took, own...)
					mu.Unlock()
				})
			}
			running.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkVerify is how fast a log is verified. The figure to hold: 300,000
// lines/s.
func BenchmarkVerify(b *testing.B) {
	const lines = 200_000
	workspace := b.TempDir()
	l := open(b, workspace, Options{})
	records := make([]Record, 1000)
	for i := range records {
		records[i] = sessionRecord(fmt.Sprint("s-", i))
		records[i].InputHMAC, records[i].HMACKeyID = l.HMAC(records[i].InputHash)
	}
	for range lines / len(records) {
		if err := l.Append(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s, err := OpenSnapshot(b.Context(), filepath.Join(workspace, "audit"))
		if err != nil {
			b.Fatal(err)
		}
		report, err := s.Verify(Trust{})
		if err != nil || !report.Intact || !report.Complete {
			b.Fatalf("%+v, %v", report, err)
		}
		_ = s.Close()
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
