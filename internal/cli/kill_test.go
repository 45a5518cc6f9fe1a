package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sinks are a webhook and an audit log beside the foreign suite's plugins.
const webhookTo = `
plugin "webhook" {
  url         = %q
  allow_cidrs = ["127.0.0.0/8"]
}
`

// debugged is a run under way whose plugins can be found, with one vector in
// flight that waits for the gate.
func debugged(t *testing.T, r trial) (*running, *foreignTenant, *gate, string) {
	t.Helper()
	g := newGate()
	r.quirks = quirks{instead: map[string]answerer{opPoll: g.hold}}
	r.pollTimeout = "50s"
	r.args = append(r.args, "--log-level", "debug", "--report", "json=result.json")
	f := newForeignTenant(t, r.quirks)
	run, dir := r.start(t, f)
	g.await(t)
	return run, f, g, dir
}

// A target, an auth or an audit plugin that is killed in mid-run makes the run
// undecided, says which it was and how it ended, and starts no second session.
func TestKillPlugin(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"cxone", "audit"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			run, f, g, dir := debugged(t, trial{vectors: 4, args: []string{"--parallel", "2"}})
			pid := run.pluginPID(plugin)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the plugin ends", func() bool { return !isAlive(pid) })
			g.open()
			out := run.end()
			if out.code != 3 {
				t.Errorf("exit status %d, want 3\n%s%s", out.code, out.stdout, out.stderr)
			}
			for _, want := range []string{fmt.Sprintf("plugin %q", plugin), "killed"} {
				if !strings.Contains(out.stdout, want) {
					t.Errorf("the output does not say %q:\n%s", want, out.stdout)
				}
			}
			for sku, n := range f.started() {
				if n > 1 {
					t.Errorf("%d sessions for %s", n, sku)
				}
			}
			d := readDocument(t, dir)
			if d.Status != "error" || d.Summary.Failed != 0 {
				t.Errorf("status %s, %+v: what cannot be told is no failure", d.Status, d.Summary)
			}
		})
	}
}

// An auth plugin that dies is not needed while its token serves.
func TestKillAuth(t *testing.T) {
	t.Parallel()
	run, f, g, _ := debugged(t, trial{vectors: 4, args: []string{"--parallel", "2"}})
	if err := syscall.Kill(run.pluginPID("auth"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	g.open()
	if out := run.end(); out.code != 0 || f.requests()[opToken] != 1 {
		t.Errorf("exit status %d, requests %v\n%s%s", out.code, f.requests(), out.stdout, out.stderr)
	}
}

// A webhook plugin that dies changes no verdict, and the run reports what it
// could not deliver.
func TestKillWebhook(t *testing.T) {
	t.Parallel()
	receiver := newDashboard(t, nil)
	run, _, g, dir := debugged(t, trial{vectors: 4, args: []string{"--parallel", "2"}, more: fmt.Sprintf(webhookTo, receiver.URL)})
	pid := run.pluginPID("webhook")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin ends", func() bool { return !isAlive(pid) })
	g.open()
	out := run.end()
	d := readDocument(t, dir)
	if out.code != 0 || d.Summary.Passed != 4 {
		t.Errorf("exit status %d, %+v\n%s%s", out.code, d.Summary, out.stdout, out.stderr)
	}
	for _, s := range d.Sinks {
		if s.Plugin == "webhook" && (s.Delivered+s.Queued+s.Failed != 4 || s.Delivered == 0 && s.LastError == "") {
			t.Errorf("sink %+v, want every event accounted for", s)
		}
	}
}

// A host that is killed leaves no process behind.
func TestKillHost(t *testing.T) {
	t.Parallel()
	receiver := newDashboard(t, nil)
	run, _, _, _ := debugged(t, trial{vectors: 2, more: fmt.Sprintf(webhookTo, receiver.URL)})
	var pids []int
	for _, plugin := range []string{"auth", "cxone", "audit", "webhook"} {
		pids = append(pids, run.pluginPID(plugin))
	}
	run.signal(syscall.SIGKILL)
	<-run.done
	for _, pid := range pids {
		eventually(t, "the plugins end with their host", func() bool { return !isAlive(pid) })
	}
}

// An audit log that cannot grow any more, as on a full disk, makes the run
// undecided and is said plainly; nothing goes on without a record.
func TestAuditDiskFull(t *testing.T) {
	t.Parallel()
	run, f, g, dir := debugged(t, trial{vectors: 20, args: []string{"--parallel", "1"}})
	limit := unix.Rlimit{Cur: 10, Max: 10} // bytes a file
	if err := unix.Prlimit(run.pluginPID("audit"), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	g.open()
	out := run.end()
	if out.code != 3 {
		t.Errorf("exit status %d, want 3\n%s%s", out.code, out.stdout, out.stderr)
	}
	for _, want := range []string{"Audit record could not be written", `plugin "audit"`, "file too large"} {
		if !strings.Contains(out.stdout, want) {
			t.Errorf("the output does not say %q:\n%s", want, out.stdout)
		}
	}
	d := readDocument(t, dir)
	if d.Summary.Passed != 0 || d.Summary.Skipped == 0 || f.requests()[opSubmit] == 20 {
		t.Errorf("%+v with %v: vectors count, or are tried, without a record", d.Summary, f.requests())
	}
	logs, err := filepath.Glob(filepath.Join(dir, ".assay/audit/*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if text := string(content); err != nil || strings.Contains(text, `"event":"session"`) || text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%s holds %q (%v), want no session and nothing half-written", log, content, err)
		}
	}
}

// A folder for the audit log that goes away in mid-run is no less an error.
func TestAuditFolderGone(t *testing.T) {
	t.Parallel()
	run, _, g, dir := debugged(t, trial{vectors: 2, args: []string{"--parallel", "1"}})
	if err := os.RemoveAll(filepath.Join(dir, ".assay")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".assay"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.open()
	if out := run.end(); out.code != 3 || !strings.Contains(out.stdout, "Audit record could not be written") {
		t.Errorf("exit status %d, want 3\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// A run that is killed leaves a history that reads and goes on.
func TestKilledRunInTheHistory(t *testing.T) {
	t.Parallel()
	r, f, g, dir := debugged(t, trial{vectors: 2, args: []string{"--parallel", "2"}})
	eventually(t, "the run stands in the history", func() bool {
		return strings.Contains(run(t, dir, nil, "history", ".").stdout, "  unfinished  ")
	})
	r.signal(syscall.SIGKILL)
	<-r.done
	g.open()
	if out := run(t, dir, f.env(), "run", "."); out.code != 0 || strings.Contains(out.stdout, "history") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	out := run(t, dir, nil, "history", ".")
	if out.code != 0 || strings.Count(out.stdout, "  unfinished  ") != 1 || strings.Count(out.stdout, "  pass  ") != 1 {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
}
