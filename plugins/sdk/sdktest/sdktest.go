// Package sdktest is the conformance checks that every plugin should pass, in
// whatever language it is written: run them in a plugin's own tests, on its
// program or on its Go value. `assay plugin test` runs them on any program.
//
// Start reading at Run, then at Subject and Samples. checks.go lists what is
// checked and what each check asks of a plugin's author; process.go is the
// whole handshake, without any library for it.
package sdktest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Subject is a plugin under test. Either Command or New is set.
type Subject struct {
	// Command is the plugin's program and its arguments.
	Command []string
	// New makes a fresh plugin, for the checks that need no process.
	New func() sdk.Plugin
	// Samples say how to drive the plugin. Checks that need more than they
	// hold are skipped.
	Samples Samples
	// Environ is the environment of which a process gets what the host would
	// give it; nil for this process's own.
	Environ []string
}

// Run runs each check as a subtest. What fails says what the plugin must do.
func Run(t *testing.T, s Subject) {
	t.Helper()
	trial := newTrial(s)
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			switch r := trial.run(t.Context(), c); r.Status {
			case Failed:
				t.Errorf("%s\na plugin must: %s", r.Seen, r.Must)
			case Undecided:
				t.Fatalf("cannot tell: %s", r.Seen)
			case Skipped:
				t.Skip(r.Seen)
			case Passed:
				t.Log(r.Seen)
			}
		})
	}
}

// Build builds the program of a Go package, such as ".", for Subject.Command.
func Build(t *testing.T, dir string) []string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "plugin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, output)
	}
	return []string{program}
}
