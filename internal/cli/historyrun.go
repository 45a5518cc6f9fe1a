package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/report"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
)

// recorded is a listener beside which the suite's history listens.
type recorded struct {
	runner.Listener
	recorder *history.Recorder
}

func (r recorded) Finished(v result.Vector) {
	r.Listener.Finished(v)
	r.recorder.Finished(v)
}

// runRecorded runs a suite and keeps what came of it in the suite's history.
// Where that fails it is a warning: no verdict depends on it.
func (e *execution) runRecorded(ctx context.Context, stop <-chan struct{}, s *suite, around surroundings) account {
	run := history.Run{
		ID: around.runID, Suite: s.plan.Suite, StartedAt: time.Now().UTC(), Seed: around.seed,
		Spec: s.digest(), Filters: e.filters(),
	}
	if a := around.actor; a != nil {
		run.Actor = history.Actor{User: a.User, Host: a.Host, CI: a.CI, Job: a.Job, Commit: a.Commit}
	}
	recorder := history.Record(ctx, s.plan.Dir, run, history.Kept)
	around.listener = recorded{around.listener, recorder}
	came := s.run(ctx, stop, around)
	status := came.Status
	if len(came.Errors) > 0 {
		status = result.Errored
	}
	run.Status, run.Summary = status.String(), came.Summary
	run.DurationMS = time.Since(run.StartedAt).Milliseconds()
	run.Detail = history.Detail{Thresholds: came.Thresholds, Errors: came.Errors, Warnings: came.Warnings}
	if err := recorder.End(run); err != nil {
		came.Warnings = append(came.Warnings, result.Error{
			Summary: "The history lacks this run, or a part of it",
			Detail:  around.redactor.With(nil).Text(fmt.Sprintf("suite %s: %v", s.plan.Suite, err)),
		})
	}
	return came
}

// filters are the flags that leave vectors out, as the user wrote them.
func (o *runOptions) filters() string {
	var flags []string
	for _, tag := range o.tags {
		flags = append(flags, "--tag "+tag)
	}
	if o.only != "" {
		flags = append(flags, "--run "+o.only)
	}
	if o.failed {
		flags = append(flags, "--failed")
	}
	return strings.Join(flags, " ")
}

// digest tells what the suite's vectors depend on from another state of it:
// its spec files and scripts, and the values of variables that are no secrets.
func (s *suite) digest() string {
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.spec.Files)) {
		part(digest, filepath.Base(name), s.spec.Files[name].Bytes)
	}
	for _, script := range []string{s.plan.ClassifyScript, s.plan.HooksScript} {
		if text, err := readIn(s.plan.Dir, script); err == nil {
			part(digest, script, text)
		}
	}
	if variables, ok := s.plan.Scope.Variables["var"]; ok && variables.Type().IsObjectType() {
		values := variables.AsValueMap()
		for _, name := range slices.Sorted(maps.Keys(values)) {
			part(digest, "var."+name, plainValue(values[name]))
		}
	}
	return hex.EncodeToString(digest.Sum(nil))
}

func part(digest hash.Hash, name string, text []byte) {
	fmt.Fprintf(digest, "%q %d\n", name, len(text))
	digest.Write(text)
}

// plainValue is a value as JSON; nothing for a secret or an unknown.
func plainValue(value cty.Value) []byte {
	if value.ContainsMarked() || !value.IsWhollyKnown() {
		return nil
	}
	encoded, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		return nil
	}
	return encoded
}

// readIn reads a file of a folder's tree.
func readIn(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	text, err := root.ReadFile(name)
	_ = root.Close() // only read
	return text, err
}

// failedLast are the vectors that did not pass the last time that they were
// tried. None is an error: it must not look like a pass.
func failedLast(ctx context.Context, suites []*suite) (map[*plan.Vector]bool, error) {
	failed := map[*plan.Vector]bool{}
	for _, s := range suites {
		failing, err := failingIn(ctx, s.plan.Dir)
		if err != nil {
			return nil, &exitError{exitUndecided, err}
		}
		for _, v := range s.plan.Vectors {
			if failing[v.Name] {
				failed[v] = true
			}
		}
	}
	if len(failed) == 0 {
		return nil, usageError("--failed: every vector passed the last time it was tried, or the history holds none: there is nothing to try again; run without --failed")
	}
	return failed, nil
}

// failingIn are the names of the vectors that did not pass last, by the
// history of the suite in dir.
func failingIn(ctx context.Context, dir string) (map[string]bool, error) {
	if !history.Exists(dir) {
		return nil, nil
	}
	h, err := history.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	failing, err := h.Failing(ctx)
	_ = h.Close() // only read
	return failing, err
}

// place is a vector and the file that declares it: suites may share a name.
type place struct{ file, vector string }

// knownFailures are the vectors that did not pass the last time. Of a history
// that cannot be read nothing is known; the run's end warns of it.
func knownFailures(ctx context.Context, suites []*suite) map[place]bool {
	known := map[place]bool{}
	for _, s := range suites {
		failing, err := failingIn(ctx, s.plan.Dir)
		if err != nil {
			continue
		}
		for _, v := range s.plan.Vectors {
			if failing[v.Name] {
				known[place{v.Range.Filename, v.Name}] = true
			}
		}
	}
	return known
}

// newFailures is a report that hears only of failures that are not known.
type newFailures struct {
	report.Reporter
	known map[place]bool
}

func (n newFailures) Finished(v result.Vector) {
	if v.Status < result.Fail || !n.known[place{v.Range.Filename, v.Name}] {
		n.Reporter.Finished(v)
	}
}
