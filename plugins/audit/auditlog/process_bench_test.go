//go:build unix

package auditlog_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// BenchmarkProcesses is how fast several processes commit to the same log, one
// record after another each.
func BenchmarkProcesses(b *testing.B) {
	for _, processes := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("processes=%d", processes), func(b *testing.B) {
			workspace := b.TempDir()
			writers := make([]*benchWriter, processes)
			for i := range writers {
				writers[i] = startBenchWriter(b, workspace, 1+b.N/processes)
			}
			b.ResetTimer()
			var mu sync.Mutex
			var took []time.Duration
			var running sync.WaitGroup
			for _, w := range writers {
				running.Go(func() {
					own := w.run(b)
					mu.Lock()
					took = append(took, own...)
					mu.Unlock()
				})
			}
			running.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// benchWriter is another process that waits for a line before it writes.
type benchWriter struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startBenchWriter(b *testing.B, workspace string, records int) *benchWriter {
	b.Helper()
	command := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBenchWriter$")
	command.Env = append(os.Environ(), roleVariable+"="+strconv.Itoa(records), dirVariable+"="+workspace)
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	w := &benchWriter{command, in, bufio.NewReader(out)}
	if line, err := w.out.ReadString('\n'); line != "ready\n" {
		b.Fatal(line, err)
	}
	return w
}

// run has it write, and answers how long each commit took.
func (w *benchWriter) run(b *testing.B) (took []time.Duration) {
	b.Helper()
	if _, err := io.WriteString(w.in, "go\n"); err != nil {
		b.Error(err)
	}
	for {
		line, err := w.out.ReadString('\n')
		if n, wrong := strconv.ParseInt(strings.TrimSpace(line), 10, 64); wrong == nil {
			took = append(took, time.Duration(n))
		}
		if err != nil {
			break
		}
	}
	if err := w.command.Wait(); err != nil {
		b.Error(err)
	}
	return took
}

// TestBenchWriter is the other process of BenchmarkProcesses, and tests nothing
// by itself.
func TestBenchWriter(t *testing.T) {
	records, err := strconv.Atoi(os.Getenv(roleVariable))
	if err != nil {
		return
	}
	l := audittest.Open(t, os.Getenv(dirVariable), auditlog.Options{})
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for range records {
		start := time.Now()
		if err := l.Append(t.Context(), []auditfile.Record{audittest.Session("s-1")}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&told, int64(time.Since(start)))
	}
	fmt.Print(told.String())
}
