package pluginhost_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/pluginhost"
)

// BenchmarkLaunch starts and stops four plugins at the same time.
func BenchmarkLaunch(b *testing.B) {
	var starting, stopping time.Duration
	for b.Loop() {
		host := newHost(b)
		began := time.Now()
		processes := make([]*pluginhost.Process, 4)
		for i := range processes {
			processes[i] = host.Launch("helper", "builtin/helper")
		}
		for _, p := range processes {
			if _, err := p.Client(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		starting += time.Since(began)
		began = time.Now()
		if err := host.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		stopping += time.Since(began)
	}
	b.ReportMetric(float64(starting.Microseconds())/1000/float64(b.N), "ms/start")
	b.ReportMetric(float64(stopping.Microseconds())/1000/float64(b.N), "ms/stop")
}

// document has about the size of a session of three steps.
var document = json.RawMessage(`{"a":"` + strings.Repeat("x", 1<<10) + `"}`)

// BenchmarkCall is one operation over the wire, alone and with 32 in flight.
func BenchmarkCall(b *testing.B) {
	client := launch(b, newHost(b))
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Call(b.Context(), "echo", document); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("32 in flight", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := client.Call(b.Context(), "echo", document); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
