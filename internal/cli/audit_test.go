package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
)

// oldLog writes a log that a suite has kept since that many days ago, with
// five records a day.
func oldLog(t *testing.T, dir string, days int) {
	t.Helper()
	now := time.Now().UTC()
	log, err := auditlog.Open(t.Context(), auditlog.Options{
		Workspace: dir, Path: ".assay/audit", RetentionDays: 30, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for day := days; day >= 0; day-- {
		now = time.Now().UTC().AddDate(0, 0, -day).Add(time.Minute)
		for i := range 5 {
			record := auditfile.Record{AuditID: uuid.NewString(), Event: "session", SessionID: fmt.Sprintf("day-%d-%d", day, i)}
			if err := log.Append(t.Context(), []auditfile.Record{record}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// assertOutcome holds the end of a command against what is wanted of it.
func assertOutcome(t *testing.T, out outcome, code int, says ...string) {
	t.Helper()
	for _, text := range says {
		if !strings.Contains(out.stdout+out.stderr, text) {
			t.Errorf("does not say %q:\n%s%s", text, out.stdout, out.stderr)
		}
	}
	if out.code != code {
		t.Errorf("exit status %d, want %d:\n%s%s", out.code, code, out.stdout, out.stderr)
	}
}

// What was kept as long as the suite says is removed, that is recorded with who
// did it, and the rest verifies and is proved as before.
func TestAuditPrune(t *testing.T) {
	t.Parallel()
	dir := suite(t, "suite.assay.hcl", "plugin \"audit\" {\n  retention_days = 30\n}\n")
	oldLog(t, dir, 40)
	head := run(t, dir, nil, "audit", "head")
	assertOutcome(t, head, 0)
	if err := os.WriteFile(filepath.Join(dir, "noted.head"), []byte(head.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	ci := []string{"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=job-17", "GITHUB_SHA=" + strings.Repeat("ab", 20)}
	assertOutcome(t, run(t, dir, ci, "audit", "prune"), 0, "50 records removed, in 10 segments")
	assertOutcome(t, run(t, dir, nil, "audit", "verify", "--head", "noted.head"), 0,
		"206 records", "intact    yes", "complete  yes, 50 records pruned as recorded")
	assertOutcome(t, run(t, dir, nil, "audit", "export", "--event", "pruned"), 0,
		`"pruned":{"before":50}`, `"count":50`, `"ci":"github-actions"`, `"job":"job-17"`, `"command":"audit prune"`, `"piiExcluded":false`)
	proof := run(t, dir, nil, "audit", "proof", "49")
	assertOutcome(t, proof, 0)
	if strings.Contains(proof.stdout, "day-") {
		t.Errorf("the text of a pruned record: %s", proof.stdout)
	}
	assertOutcome(t, run(t, dir, nil, "audit", "prune"), 0, "0 records removed")

	// A segment that goes without a prune is missing.
	segments, err := filepath.Glob(filepath.Join(dir, ".assay/audit/audit-*.jsonl"))
	if err != nil || len(segments) < 2 {
		t.Fatal(segments, err)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	assertOutcome(t, run(t, dir, nil, "audit", "verify"), 1, "intact    yes", "complete  NO", "first bad record  50", "the records 50 to 54: missing")
	assertOutcome(t, run(t, dir, nil, "audit", "prune"), 1, "it is not pruned")
}

// A run prunes by itself what was kept as long as the suite says, unless the
// log was altered: that is told.
func TestRunPrunes(t *testing.T) {
	t.Parallel()
	tenant := newForeignTenant(t, quirks{})
	spec := fmt.Sprintf(foreignBase, "", "", 1, "20s") + `
plugin "audit" {
  retention_days = 30
}
vector "v" {
  action = action.inventory_sync
  input  = { sku = "SKU-1", warehouseId = "W-1" }
}
`
	dir := suite(t, "suite.assay.hcl", spec)
	oldLog(t, dir, 40)
	// A run does not wait for it for long: on a slow machine one may be too short.
	for range 20 {
		assertOutcome(t, run(t, dir, tenant.env(), "run"), 0)
		if strings.Contains(run(t, dir, tenant.env(), "audit", "query", "--event", "pruned").stdout, "pruned") {
			break
		}
	}
	assertOutcome(t, run(t, dir, tenant.env(), "audit", "verify"), 0, "complete  yes, 50 records pruned as recorded")
	assertOutcome(t, run(t, dir, tenant.env(), "audit", "export", "--event", "pruned"), 0, `"count":50`, `"command":"run"`, `"actor":{"user":"`)

	altered := suite(t, "suite.assay.hcl", spec)
	oldLog(t, altered, 40)
	segments, err := filepath.Glob(filepath.Join(altered, ".assay/audit/audit-*.jsonl"))
	if err != nil || len(segments) != 41 {
		t.Fatal(segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], bytes.Replace(content, []byte("day-40-3"), []byte("day-40-4"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		out := run(t, altered, tenant.env(), "run")
		assertOutcome(t, out, 0)
		if strings.Contains(out.stderr, "old records were not removed from the audit log") {
			assertOutcome(t, out, 0, "see what assay audit verify says")
			break
		}
	}
	if kept, err := filepath.Glob(filepath.Join(altered, ".assay/audit/audit-*.jsonl")); err != nil || len(kept) != 41 {
		t.Errorf("%d segments are left of 41", len(kept))
	}
}

// On a full disk, here a limit on the size of files, a run says so and could
// not decide; what was recorded before stands.
func TestAuditNoSpace(t *testing.T) {
	t.Parallel()
	tenant := newForeignTenant(t, quirks{})
	spec := fmt.Sprintf(foreignBase, "", "", 1, "20s") + `
plugin "audit" {}
vector "v" {
  for_each = toset([for n in range(40) : tostring(n)])
  action   = action.inventory_sync
  input    = { sku = "SKU-1", warehouseId = each.key }
}
`
	dir := suite(t, "suite.assay.hcl", spec)
	command := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -f 20; exec assay run`) // of 512 or 1024 bytes
	command.Dir, command.Env = dir, environment(dir, shortTemp(t), tenant.env()...)
	text, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	out := outcome{code: command.ProcessState.ExitCode(), stdout: string(text)}
	assertOutcome(t, out, 3, "file too large; raise the limit on the size of files")
	assertOutcome(t, run(t, dir, tenant.env(), "audit", "verify"), 0, "complete  yes")
	assertOutcome(t, run(t, dir, tenant.env(), "run"), 0)
	assertOutcome(t, run(t, dir, tenant.env(), "audit", "verify"), 0, "complete  yes")
}

// As a user who may not write to the suite, one is told so, and nothing is
// tried; with best effort everything is.
func TestAuditReadOnly(t *testing.T) {
	t.Parallel()
	tenant := newForeignTenant(t, quirks{})
	spec := fmt.Sprintf(foreignBase, "", "", 1, "20s") + `
variable "mode" {
  type = string
}
plugin "audit" {
  mode = var.mode
}
vector "v" {
  action = action.inventory_sync
  input  = { sku = "SKU-1", warehouseId = "W-1" }
}
`
	dir := shortTemp(t)
	if err := os.WriteFile(filepath.Join(dir, "suite.assay.hcl"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	closeTo(t, dir)
	for mode, want := range map[string]struct {
		code int
		says string
	}{
		"strict":      {3, "the audit log .assay/audit cannot be written: permission denied; let the user who runs assay write there"},
		"best_effort": {0, "Audit record could not be written"},
	} {
		out := asReader(t, dir, tenant.env(), "run", "--var", "mode="+mode)
		assertOutcome(t, out, want.code, want.says)
	}
}

// closeTo lets nobody write to a suite and its state folder.
func closeTo(t *testing.T, dir string) {
	t.Helper()
	state := filepath.Join(dir, ".assay")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		filepath.Join(state, ".gitignore"): 0o444, filepath.Join(dir, "suite.assay.hcl"): 0o444, state: 0o555, dir: 0o555,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = errors.Join(os.Chmod(dir, 0o700), os.Chmod(state, 0o700)) })
}

// asReader runs assay as a user who may read a suite that is closed.
func asReader(t *testing.T, dir string, env []string, args ...string) outcome {
	t.Helper()
	temp := shortTemp(t)
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(binDir, "assay"), args...)
	command.Dir, command.Env = dir, environment(dir, temp, env...)
	if os.Geteuid() == 0 {
		// The binary may stand where others cannot go: it is handed over open.
		binary, err := os.Open(command.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer binary.Close()
		command.Path, command.ExtraFiles = "/proc/self/fd/3", []*os.File{binary}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	text, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{code: command.ProcessState.ExitCode(), stdout: string(text)}
}
