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

// A target that is killed in mid-run costs the vectors that were with it their
// verdict, says how it ended, and starts no second session. Those that come
// after have another process.
func TestKillTarget(t *testing.T) {
	t.Parallel()
	run, f, g, dir := debugged(t, trial{vectors: 6, args: []string{"--parallel", "1"}})
	pid := run.pluginPID("cxone")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin ends", func() bool { return !isAlive(pid) })
	g.open()
	out := run.end()
	if out.code != 3 {
		t.Errorf("exit status %d, want 3\n%s%s", out.code, out.stdout, out.stderr)
	}
	for _, want := range []string{"A plugin crashed", `plugin "cxone" crashed (signal: killed)`, "plugin started again 1 time"} {
		if !strings.Contains(out.stdout, want) {
			t.Errorf("the output does not say %q:\n%s", want, out.stdout)
		}
	}
	if !strings.Contains(out.stderr, `msg="plugin started again" plugin=cxone`) {
		t.Errorf("the log does not tell of the restart:\n%s", out.stderr)
	}
	for sku, n := range f.started() {
		if n > 1 {
			t.Errorf("%d sessions for %s", n, sku)
		}
	}
	d := readDocument(t, dir)
	if d.Status != "error" || d.Summary.Errored != 1 || d.Summary.Passed != 5 {
		t.Errorf("status %s, %+v", d.Status, d.Summary)
	}
	if d.operation("cxone", "submit").Restarts != 1 {
		t.Errorf("operations %+v, want a restart for the next submit", d.Operations)
	}
}

// An audit plugin that is killed between two records is started again, goes on
// with its log, and nothing counts that it does not hold.
func TestKillAudit(t *testing.T) {
	t.Parallel()
	run, _, g, dir := debugged(t, trial{vectors: 4, args: []string{"--parallel", "2"}})
	pid := run.pluginPID("audit")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin ends", func() bool { return !isAlive(pid) })
	g.open()
	out := run.end()
	d := readDocument(t, dir)
	if out.code != 0 || d.Summary.Passed != 4 || d.operation("audit", "deliver").Restarts != 1 {
		t.Errorf("exit status %d, %+v\n%s%s", out.code, d.Operations, out.stdout, out.stderr)
	}
	if audit := fmt.Sprint(everything(t, dir)); strings.Count(audit, `"event":"session"`) != 4 {
		t.Errorf("the log does not hold each session once: %s", audit)
	}
	if verified := verifyAudit(t, dir); verified.code != 0 {
		t.Errorf("audit verify: exit status %d\n%s%s", verified.code, verified.stdout, verified.stderr)
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

func verifyAudit(t *testing.T, dir string) outcome {
	t.Helper()
	f := newForeignTenant(t, quirks{})
	return run(t, dir, f.env(), "audit", "verify", ".")
}

// A host that is killed leaves no plugin behind, and no socket or folder of one.
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
	for _, left := range files(t, run.temp) {
		if !strings.HasPrefix(left, ".result.json") { // the report that was being written
			t.Errorf("left behind: %s", left)
		}
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
