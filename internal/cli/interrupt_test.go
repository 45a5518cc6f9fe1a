package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gate holds requests until it opens, and says when the first one came.
type gate struct {
	arrived, opened      chan struct{}
	arriveOnce, openOnce sync.Once
}

func newGate() *gate { return &gate{arrived: make(chan struct{}), opened: make(chan struct{})} }

func (g *gate) open() { g.openOnce.Do(func() { close(g.opened) }) }

// hold is an answerer that lets a request on once the gate is open.
func (g *gate) hold(_ int, _ http.ResponseWriter, r *http.Request) bool {
	g.arriveOnce.Do(func() { close(g.arrived) })
	select {
	case <-g.opened:
		return false
	case <-r.Context().Done():
		return true
	}
}

// await waits until a request is held.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.arrived:
	case <-time.After(patience / 2):
		t.Fatal("the request did not come")
	}
}

// slow is a run whose second vector, of
// four, one at a time, waits in its poll until the gate opens.
func slow(g *gate) trial {
	return trial{
		quirks: quirks{instead: map[string]answerer{opPoll: from(2, g.hold)}},
		// No limit but the tests' own ends the wait.
		pollTimeout: "50s", vectors: 4,
		args: []string{"--parallel", "1", "--report", "json=result.json"},
	}
}

func (r trial) start(t *testing.T, f *foreignTenant) (*running, string) {
	t.Helper()
	dir := suite(t, "foreign.assay.hcl", strings.Replace(r.spec(), `poll_timeout   = "2s"`, `poll_timeout   = "50s"`, 1))
	return start(t, dir, f.env(), append([]string{"run", "."}, r.args...)...), dir
}

// The first Ctrl-C finishes what is in flight, skips the rest, reports and
// exits with 130. SIGTERM is no different.
func TestInterruptOnce(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			g := newGate()
			r := slow(g)
			f := newForeignTenant(t, r.quirks)
			run, dir := r.start(t, f)
			g.await(t)
			run.signal(signal)
			run.stderr.await(t, "Stopping: what is in flight is finished first")
			g.open()
			out := run.end()
			if out.code != 130 {
				t.Errorf("exit status %d, want 130\n%s%s", out.code, out.stdout, out.stderr)
			}
			d := readDocument(t, dir)
			if !d.Interrupted || d.Summary.Total != 4 || d.Summary.Passed != 2 || d.Summary.Skipped != 2 {
				t.Errorf("%+v, want 2 passed and 2 skipped", d.Summary)
			}
			if got := f.requests()[opSubmit]; got != 2 {
				t.Errorf("%d submits, want 2", got)
			}
			if !strings.Contains(out.stdout, "interrupted") {
				t.Errorf("the totals do not say that the run was interrupted:\n%s", out.stdout)
			}
			if audit := fmt.Sprint(everything(t, dir)); strings.Count(audit, `"event":"session"`) != 2 {
				t.Errorf("audit of an interrupted run: %s", audit)
			}
		})
	}
}

// The second Ctrl-C cancels what is in flight at once, and still reports.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	g := newGate()
	r := slow(g)
	f := newForeignTenant(t, r.quirks)
	run, dir := r.start(t, f)
	g.await(t)
	run.signal(syscall.SIGINT)
	run.stderr.await(t, "Stopping:")
	cancelled := time.Now()
	run.signal(syscall.SIGINT)
	out := run.end()
	if took := time.Since(cancelled); out.code != 130 || took > 10*time.Second {
		t.Errorf("exit status %d after %s, want 130 at once\n%s%s", out.code, took, out.stdout, out.stderr)
	}
	d := readDocument(t, dir)
	if s := d.Summary; !d.Interrupted || s.Total != 4 || s.Passed != 1 || s.Errored != 1 || s.Skipped != 2 {
		t.Errorf("%+v, want 1 passed, 1 errored and 2 skipped\n%s", s, out.stdout)
	}
	if !strings.Contains(out.stdout, "The run was cancelled") {
		t.Errorf("the vector does not say that it was cancelled:\n%s", out.stdout)
	}
	// What was cancelled stands in the audit log, as a session whose end nobody knows.
	audit := fmt.Sprint(everything(t, dir))
	if strings.Count(audit, `"event":"session"`) != 1 || strings.Count(audit, `"event":"not_finished"`) != 1 {
		t.Errorf("audit of a cancelled run: %s", audit)
	}
}

// A signal before the first vector ends the run as well, and leaves nothing
// behind of what was started for it.
func TestInterruptPreparation(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{})
	many := `{ for pair in setproduct(range(100), range(100)) : "${pair[0]}-${pair[1]}" => pair }`
	dir := suite(t, "foreign.assay.hcl", strings.Replace(trial{}.spec(), "toset([for n in range(1) : \"SKU-${n}\"])", many, 1))
	run := start(t, dir, f.env(), "run", ".")
	// Plugins are launched while the vectors are planned.
	eventually(t, "the plugins are launched", func() bool { return len(files(t, run.temp)) > 0 })
	run.signal(syscall.SIGINT)
	if out := run.end(); out.code != 130 {
		t.Errorf("exit status %d, want 130\n%s%s", out.code, out.stdout, out.stderr)
	}
	if left := files(t, run.temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A sign-in that hangs is cancelled as well.
func TestInterruptSignIn(t *testing.T) {
	t.Parallel()
	g := newGate()
	r := trial{quirks: quirks{instead: map[string]answerer{opToken: g.hold}}, vectors: 2}
	f := newForeignTenant(t, r.quirks)
	run, _ := r.start(t, f)
	g.await(t)
	run.signal(syscall.SIGINT)
	run.stderr.await(t, "Stopping:")
	run.signal(syscall.SIGINT)
	if out := run.end(); out.code != 130 {
		t.Errorf("exit status %d, want 130\n%s%s", out.code, out.stdout, out.stderr)
	}
}
