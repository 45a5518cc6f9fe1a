package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// pluginReport is what `assay plugin test --json` prints, by the names that
// its users read.
type pluginReport struct {
	Version int
	Status  string
	Summary struct{ Passed, Failed, Skipped, Errored int }
	Checks  []struct{ Check, Status, Must, Seen string }
}

// conformance runs `assay plugin test --json` on a program. It starts the
// program some twenty times, which may take an interpreter its time.
func conformance(t *testing.T, samples string, program ...string) (pluginReport, outcome) {
	t.Helper()
	path, err := filepath.Abs(samples)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	var stdout, stderr strings.Builder
	temp := shortTemp(t)
	command := exec.CommandContext(ctx, filepath.Join(binDir, "assay"), append([]string{"plugin", "test", "--json", "--config", path}, program...)...)
	command.Env, command.Stdout, command.Stderr = environment(t.TempDir(), temp), &stdout, &stderr
	_ = command.Run() // the exit status tells
	out := outcome{code: command.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	var report pluginReport
	if err := json.Unmarshal([]byte(out.stdout), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, out.stdout, out.stderr)
	}
	if left := files(t, temp); len(left) > 0 {
		t.Errorf("temporary files are left behind: %v", left)
	}
	return report, out
}

// assertConforms holds that no check failed, and that those named, and those
// of other kinds, are all that were skipped.
func assertConforms(t *testing.T, report pluginReport, out outcome, skipped ...string) {
	t.Helper()
	for _, c := range report.Checks {
		ofAnotherKind := strings.HasPrefix(c.Seen, "it is no ")
		if c.Status != "pass" && (c.Status != "skip" || !ofAnotherKind && !slices.Contains(skipped, c.Check)) {
			t.Errorf("%s %s: %s", c.Status, c.Check, c.Seen)
		}
		if c.Must == "" {
			t.Errorf("%s does not say what an author must do", c.Check)
		}
	}
	if out.code != 0 || report.Status != "pass" || len(report.Checks) != 26 || out.stderr != "" {
		t.Errorf("exit status %d, status %s, %d checks\n%s", out.code, report.Status, len(report.Checks), out.stderr)
	}
}

// TestBuiltinPluginsConform: what is asked of others holds for ours.
func TestBuiltinPluginsConform(t *testing.T) {
	t.Parallel()
	for name, skipped := range map[string][]string{
		"auth":    {"panics", "large-documents"},
		"cxone":   {"panics", "secrets"},
		"genesys": {"panics", "secrets"},
		"webhook": {"panics"},
		"audit":   {"panics", "one-attempt", "deadline", "cancel", "independence"}, // it has no peer
		"lua":     {"panics", "one-attempt", "secrets"},                            // nor has it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assay := filepath.Join(binDir, "assay")
			report, out := conformance(t, "testdata/plugintest/"+name+".json", assay, "plugin", "serve", name)
			assertConforms(t, report, out, skipped...)
		})
	}
}

// TestPluginTestInterrupted: an interrupt ends the checks and the plugin.
func TestPluginTestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	program := filepath.Join(dir, "hangs")
	script := "#!/bin/sh\ntest \"$1\" = describe || exec sleep 60\necho $$ >" + started + "\nexec sleep 60\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, nil, "plugin", "test", program)
	eventually(t, "the plugin starts", func() bool { _, err := os.Stat(started); return err == nil })
	r.signal(syscall.SIGINT)
	out := r.end()
	if out.code != 130 || out.stderr != "Error: interrupted\n" {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
}
