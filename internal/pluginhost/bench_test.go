package pluginhost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
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

// BenchmarkStack holds one operation through the whole stack, from the retry
// down to the wire, against the same call by the generated client on the bare
// connection: the processor time of host and plugin together, turn by turn.
func BenchmarkStack(b *testing.B) {
	process, client := supervised(b, sdk.Config{})
	pid := call[int](b, client, "pid")
	bare := pluginv1.NewHookClient(process.Bare())
	stack := invoke.New("helper", invoke.Policy{}, 1)
	const turn = 2000
	var spentBare, spent time.Duration
	for b.Loop() {
		started := cpuTime(b, pid)
		for range turn {
			if _, err := bare.Call(b.Context(), &pluginv1.CallRequest{Name: "echo", Document: document}); err != nil {
				b.Fatal(err)
			}
		}
		between := cpuTime(b, pid)
		for range turn {
			err := stack.Do(b.Context(), invoke.Call, func(ctx context.Context) error {
				_, err := client.Call(ctx, "echo", document)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		spentBare += between - started
		spent += cpuTime(b, pid) - between
	}
	b.ReportMetric(float64(spentBare.Microseconds())/float64(turn*b.N), "bare-cpu-µs")
	b.ReportMetric(float64(spent.Microseconds())/float64(turn*b.N), "stack-cpu-µs")
	b.ReportMetric(float64(spent)/float64(spentBare), "ratio")
}

// cpuTime is what this process and another have used.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	// In ns: schedstat is finer than the ticks of stat, but a thread's.
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		b.Skip("needs /proc/PID/task/*/schedstat")
	}
	total := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, task := range tasks {
		var ns int64
		if text, err := os.ReadFile(task); err == nil {
			_, _ = fmt.Sscan(string(text), &ns)
		}
		total += time.Duration(ns)
	}
	return total
}
