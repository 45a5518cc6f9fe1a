package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the first run of these tests started; each other is an hour
// later.
var start = time.Now().Add(-30 * 24 * time.Hour).UTC().Truncate(time.Millisecond)

// runOf records a run, the n-th, of vectors that end as their letter says:
// passed, failed, errored, skipped. spec stands for the state of the suite.
func runOf(t *testing.T, dir string, n int, spec string, keep Retention, vectors map[string]byte) {
	t.Helper()
	run := Run{ID: runID(n), Suite: "inventory", StartedAt: start.Add(time.Duration(n) * time.Hour), Spec: spec}
	r := Record(t.Context(), dir, run, keep)
	for name, letter := range vectors {
		v := vectorOf(name, letter)
		run.Summary.Add(v.Status)
		r.Finished(v)
	}
	run.Status = result.Pass.String()
	if err := r.End(run); err != nil {
		t.Fatal(err)
	}
}

func runID(n int) string { return fmt.Sprintf("run%03d-0000", n) }

func vectorOf(name string, letter byte) result.Vector {
	v := result.Vector{
		Suite: "inventory", Name: name, Action: "sync", Tags: []string{"erp"}, DurationMS: int64(len(name)),
		Execution: &result.Execution{Status: "COMPLETED", SessionID: "s-1"}, Checks: []result.Check{},
	}
	switch letter {
	case 'P':
		v.Status = result.Pass
	case 'F':
		v.Status = result.Fail
		v.Checks = append(v.Checks, result.Check{Name: "expect.status", Status: result.Pass}, result.Check{Name: "expect.output", Status: result.Fail})
	case 'E':
		v.Status, v.Error = result.Errored, &result.Error{Summary: "Sign-in was refused", Detail: "…"}
	}
	return v
}

// historyOf records runs in which each vector ends as the letters say, a letter
// a run; - is a run without it.
func historyOf(t *testing.T, vectors map[string]string) *History {
	t.Helper()
	dir := t.TempDir()
	for n := 0; ; n++ {
		ended := map[string]byte{}
		more := false
		for name, letters := range vectors {
			if n < len(letters) {
				more = true
				if letters[n] != '-' {
					ended[name] = letters[n]
				}
			}
		}
		if !more {
			return open(t, dir)
		}
		runOf(t, dir, n, "a", Kept, ended)
	}
}

func open(t *testing.T, dir string) *History {
	t.Helper()
	h, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func names[T any](t *testing.T, name func(T) string) func([]T, error) []string {
	t.Helper()
	return func(all []T, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		told := []string{}
		for _, one := range all {
			told = append(told, name(one))
		}
		return told
	}
}

func TestTrends(t *testing.T) {
	h := historyOf(t, map[string]string{
		"steady":   "PPPPPP",
		"flaky":    "PFPPEP",
		"broken":   "PPPFFF",
		"mended":   "FFFPPP",
		"fresh":    "PPPPPF",
		"relapsed": "PFPPPF",
		"absent":   "PF-P--",
		"skipped":  "PFSSSS",
		"arrived":  "-----F",
	})
	flakies := names(t, func(f Flaky) string { return fmt.Sprint(f.Name, f.Bad, "/", f.Runs, " ", f.Changes, f.Status) })
	got := flakies(h.Flaky(t.Context(), 20))
	slices.Sort(got)
	want := []string{"absent1/3 2 pass", "flaky2/6 4 pass", "relapsed2/6 3 fail"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flaky:\n%s", diff)
	}
	if first, err := h.Flaky(t.Context(), 20); err != nil || first[0].Name != "flaky" || !first[0].Since.Equal(start.Add(time.Hour)) {
		t.Errorf("the flakiest is %+v, %v", first, err)
	}
	if got := flakies(h.Flaky(t.Context(), 2)); len(got) != 0 {
		t.Errorf("in two runs these went back and forth: %v", got)
	}

	brokens := names(t, func(b Broken) string { return fmt.Sprint(b.Name, b.Runs, " ", b.SinceRun) })
	for since, want := range map[string][]string{
		"broken":      {"skipped1 run001-0000", "broken3 run003-0000", "arrived1 run005-0000", "fresh1 run005-0000", "relapsed1 run005-0000"},
		"":            {"arrived1 run005-0000", "fresh1 run005-0000", "relapsed1 run005-0000"},
		"run001":      {"broken3 run003-0000", "arrived1 run005-0000", "fresh1 run005-0000"},
		"run002-0000": {"broken3 run003-0000", "arrived1 run005-0000", "fresh1 run005-0000", "relapsed1 run005-0000"},
	} {
		var all []Broken
		var err error
		if since == "broken" {
			all, err = h.Broken(t.Context())
		} else {
			all, err = h.New(t.Context(), since)
		}
		if diff := cmp.Diff(want, brokens(all, err)); diff != "" {
			t.Errorf("since %q:\n%s", since, diff)
		}
	}
	failing, err := h.Failing(t.Context())
	if want := map[string]bool{"broken": true, "fresh": true, "relapsed": true, "skipped": true, "arrived": true}; err != nil || !cmp.Equal(want, failing) {
		t.Errorf("failing are %v, %v", failing, err)
	}
	slow := names(t, func(s Slow) string { return fmt.Sprint(s.Name, s.Runs, s.MaxMS) })
	if diff := cmp.Diff([]string{"relapsed6 8"}, slow(h.Slowest(t.Context(), 20, 1))); diff != "" {
		t.Errorf("slowest:\n%s", diff)
	}
}

// Whoever changed the suite in between does not have a flaky vector.
func TestAChangedSuiteIsNotFlaky(t *testing.T) {
	dir := t.TempDir()
	for n, ended := range "FPFPP" {
		runOf(t, dir, n, []string{"a", "a", "b", "b", "a"}[n], Kept, map[string]byte{"v": byte(ended)})
	}
	if all, err := open(t, dir).Flaky(t.Context(), 20); err != nil || len(all) != 0 {
		t.Errorf("got %+v, %v", all, err)
	}
	runOf(t, dir, 5, "a", Kept, map[string]byte{"v": 'F'})
	if all, err := open(t, dir).Flaky(t.Context(), 20); err != nil || len(all) != 1 || all[0].Runs != 4 || all[0].Changes != 2 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestWhatIsKeptOfAVector(t *testing.T) {
	dir := t.TempDir()
	failed := vectorOf("failed", 'F')
	failed.Execution.Status, failed.Execution.Error = "FAILED", &result.ExecutionError{Code: "UPSTREAM_TIMEOUT", Message: "late"}
	failed.Classification = &result.Classification{Class: result.ExternalDependencyOutage, Category: "timeout", Confidence: 0.9}
	run := Run{ID: runID(0), Suite: "inventory", StartedAt: start, Seed: 1<<64 - 1, Spec: "a", Filters: "--tag x", Actor: Actor{User: "ann", Commit: "c0ffee"}}
	r := Record(t.Context(), dir, run, Kept)
	r.Finished(failed)
	r.Finished(vectorOf("passed", 'P'))
	r.Finished(vectorOf("errored", 'E'))
	run.Status, run.DurationMS, run.Summary = "error", 42, result.Summary{Total: 3, Passed: 1, Failed: 1, Errored: 1}
	run.Thresholds = []result.Threshold{{Name: "error_rate", Status: result.Warn}}
	if err := r.End(run); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	if runs, err := h.Runs(t.Context(), 10); err != nil || !cmp.Equal([]Run{run}, runs) {
		t.Errorf("%v, %s", err, cmp.Diff([]Run{run}, runs))
	}
	vectors, err := h.Vectors(t.Context(), run.ID)
	if err != nil || len(vectors) != 3 || vectors[0].Name != "errored" || vectors[2].Name != "passed" {
		t.Fatalf("got %+v, %v", vectors, err)
	}
	want := Outcome{
		RunID: run.ID, Suite: "inventory", StartedAt: start, Name: "failed", Action: "sync", Tags: []string{"erp"}, Status: result.Fail, DurationMS: 6,
		Execution: "FAILED", SessionID: "s-1", ErrorCode: "UPSTREAM_TIMEOUT", Classification: result.ExternalDependencyOutage,
		Category: "timeout", Confidence: 0.9, FailingCheck: "expect.output", seq: 1, spec: "a",
	}
	if diff := cmp.Diff(want, vectors[1], cmp.AllowUnexported(Outcome{})); diff != "" {
		t.Error(diff)
	}
	if vectors[0].Error != "Sign-in was refused" {
		t.Errorf("error %q", vectors[0].Error)
	}
	kept, err := h.Document(t.Context(), run.ID, "failed")
	whole, _ := json.Marshal(failed)
	if err != nil || string(kept) != string(whole) {
		t.Errorf("kept %s, %v", kept, err)
	}
	if kept, err := h.Document(t.Context(), run.ID, "passed"); kept != nil || err != nil {
		t.Errorf("of a vector that passed: %s, %v", kept, err)
	}
	if near, err := h.Names(t.Context(), "ass", 3); err != nil || !cmp.Equal([]string{"passed"}, near) {
		t.Errorf("names %v, %v", near, err)
	}
}

func TestRunsAreFoundByTheBeginningOfTheirID(t *testing.T) {
	h := historyOf(t, map[string]string{"v": "PPP"})
	for id, want := range map[string]string{"run001": runID(1), "run001-0000": runID(1), "run00": "several", "other": "no such run", "": "no such run", "%": "no such run"} {
		run, err := h.Run(t.Context(), id)
		if got := run.ID + fmt.Sprint(err); !strings.Contains(got, want) || (err != nil) != errors.Is(err, ErrNoRun) {
			t.Errorf("%q: %+v, %v", id, run, err)
		}
	}
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	for n := range 5 {
		runOf(t, dir, n, "a", Retention{Runs: 3, Age: 365 * 24 * time.Hour}, map[string]byte{"v": 'F'})
	}
	h := open(t, dir)
	count := func(table string) (n int) {
		if err := h.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, table := range []string{"run", "outcome", "document"} {
		if n := count(table); n != 3 {
			t.Errorf("%d of %s are kept, want 3", n, table)
		}
	}
	runOf(t, dir, 5, "a", Retention{Runs: 100, Age: time.Hour}, map[string]byte{"v": 'F'})
	if runs, err := h.Runs(t.Context(), 10); err != nil || len(runs) != 1 || runs[0].ID != runID(5) {
		t.Errorf("the run itself stays, however old: %+v, %v", runs, err)
	}
}

// A run that was killed has no end, and its vectors until then.
func TestARunWithoutAnEnd(t *testing.T) {
	dir := t.TempDir()
	w := &writer{dir: dir, run: Run{ID: runID(0), StartedAt: start}}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.insert(t.Context(), []outcome{outcomeOf(vectorOf("v", 'F'))}), w.db.Close()); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	if runs, err := h.Runs(t.Context(), 1); err != nil || runs[0].Status != Unfinished {
		t.Errorf("got %+v, %v", runs, err)
	}
	if failing, err := h.Failing(t.Context()); err != nil || !failing["v"] {
		t.Errorf("got %v, %v", failing, err)
	}
}

func TestRunsAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	before, err := h.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const runs, vectors = 3, batch + 100
	var all sync.WaitGroup
	for n := range runs {
		all.Go(func() {
			ended := map[string]byte{}
			for i := range vectors {
				ended[fmt.Sprintf("v[%d]", i)] = 'P'
				if i%20 == 0 {
					ended[fmt.Sprintf("v[%d]", i)] = 'F'
				}
			}
			runOf(t, dir, n, "a", Kept, ended)
		})
	}
	all.Wait()
	told, err := h.Runs(t.Context(), 10)
	if err != nil || len(told) != runs {
		t.Fatalf("%d runs, %v", len(told), err)
	}
	for _, r := range told {
		if outcomes, err := h.Vectors(t.Context(), r.ID); err != nil || len(outcomes) != vectors || r.Summary.Total != vectors {
			t.Errorf("run %s has %d vectors, %v", r.ID, len(outcomes), err)
		}
	}
	if after, err := h.Version(t.Context()); err != nil || after == before {
		t.Errorf("the version is %d before and %d after, %v", before, after, err)
	}
	if again, err := h.Version(t.Context()); err != nil || again == before {
		t.Errorf("the version went back to %d, %v", again, err)
	}
}

// What a slow database made a run skip is told, also where it came round.
func TestASlowDatabase(t *testing.T) {
	r := &Recorder{outcomes: make(chan outcome, queued), ended: make(chan Run, 1), done: make(chan error, 1), lost: 1}
	r.done <- nil
	if err := r.End(Run{}); err == nil || !strings.Contains(err.Error(), "lacks vectors") {
		t.Errorf("got %v", err)
	}
}

// A database that takes nothing holds a run up for some seconds, once.
func TestAStuckDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Recorder{outcomes: make(chan outcome, queued), ended: make(chan Run, 1), done: make(chan error)}
		started := time.Now()
		for range 3 * queued {
			r.Finished(vectorOf("v", 'F'))
		}
		if took := time.Since(started); took > patience {
			t.Errorf("it held the run for %s", took)
		}
		err := r.End(Run{})
		if took := time.Since(started); took > patience+endPatience || err == nil || !strings.Contains(err.Error(), "lacks vectors") {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestFilesThatAreNoHistory(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"garbage":    {func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("garbage", 100)), 0o600) }, "it is damaged: move it away with history.db-wal"},
		"a folder":   {func(path string) error { return os.Mkdir(path, 0o700) }, "the history .assay/history.db"},
		"a link out": {func(path string) error { return os.Symlink("/etc/passwd", path) }, "no link lead out"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, state.Folder, database.File)
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), test.make(path)); err != nil {
				t.Fatal(err)
			}
			r := Record(t.Context(), dir, Run{ID: "r"}, Kept)
			for range 3 * queued {
				r.Finished(vectorOf("v", 'F'))
			}
			if err := r.End(Run{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	w := &writer{dir: dir, run: Run{ID: "r"}}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	v := vectorOf("v", 'F')
	v.Execution.Output = json.RawMessage(`"` + strings.Repeat("x", maxDocument/2) + `"`)
	err := w.insert(t.Context(), []outcome{outcomeOf(v), outcomeOf(v)})
	if err == nil || !strings.Contains(err.Error(), "free space on its disk") {
		t.Errorf("got %v", err)
	}
	_ = w.db.Close()
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	runOf(t, dir, 0, "a", Kept, map[string]byte{"v": 'P'})
	if info, err := os.Stat(filepath.Join(dir, state.Folder, database.File)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestInputsAreKeptOfWhatDidNotPass(t *testing.T) {
	v := vectorOf("v", 'F')
	v.Input = json.RawMessage(`{"a":"(sensitive)"}`)
	got, err := Decode(document(v))
	if err != nil || string(got.Input) != string(v.Input) || got.Name != "v" || got.Status != result.Fail {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestLargeDocumentsLoseWhatIsLeastMissed(t *testing.T) {
	long := strings.Repeat("x", maxDocument)
	step := result.Step{ID: "s", Error: &result.StepError{Message: "refused", Stack: "at f"}}
	for name, test := range map[string]struct {
		spoil      func(*result.Vector)
		has, lacks []string
	}{
		"small":      {func(*result.Vector) {}, []string{"expect.output", `"out"`, "at g", "at f"}, nil},
		"output":     {func(v *result.Vector) { v.Execution.Output, _ = json.Marshal(long) }, []string{"at g", "at f"}, []string{long}},
		"stack":      {func(v *result.Vector) { v.Execution.Error.Stack = long }, []string{"expect.output", "refused"}, []string{`"out"`, long}},
		"step stack": {func(v *result.Vector) { v.Execution.Trace[1].Error.Stack = long }, []string{"refused"}, []string{`"out"`, long}},
		"trace":      {func(v *result.Vector) { v.Execution.Trace[0].Name = long }, []string{"refused"}, []string{"expect.output", long}},
	} {
		t.Run(name, func(t *testing.T) {
			v := vectorOf("v", 'F')
			v.Execution.Output = json.RawMessage(`"out"`)
			v.Execution.Error = &result.ExecutionError{Code: "C", Message: "m", Stack: "at g"}
			failing := *step.Error
			v.Execution.Trace = []result.Step{{ID: "first"}, {ID: "s", Error: &failing}}
			test.spoil(&v)
			whole, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			kept := string(document(v))
			if len(kept) > maxDocument || !json.Valid([]byte(kept)) {
				t.Errorf("%d bytes are kept", len(kept))
			}
			for _, text := range test.has {
				if !strings.Contains(kept, text) {
					t.Errorf("it lacks %q", text)
				}
			}
			for _, text := range test.lacks {
				if strings.Contains(kept, text) {
					t.Errorf("it holds %.20q", text)
				}
			}
			if after, _ := json.Marshal(v); string(after) != string(whole) {
				t.Error("the vector that others see was changed")
			}
		})
	}
	v := vectorOf(long, 'F')
	if kept := document(v); kept != nil {
		t.Errorf("%d bytes are kept of what cannot be made smaller", len(kept))
	}
}

func TestTallies(t *testing.T) {
	h := historyOf(t, map[string]string{"a": "PPF", "b": "PFE", "c": "-PP"})
	tallies, err := h.Tallies(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Tally{
		{RunID: runID(2), Action: "sync", Passed: 1, Failed: 1, Errored: 1},
		{RunID: runID(1), Action: "sync", Passed: 2, Failed: 1},
	}
	if diff := cmp.Diff(want, tallies); diff != "" {
		t.Error(diff)
	}
}

func TestAHistoryThatWasReplaced(t *testing.T) {
	dir := t.TempDir()
	runOf(t, dir, 0, "", Kept, map[string]byte{"a": 'P'})
	h := open(t, dir)
	if !h.Current() {
		t.Error("it is the one that was opened")
	}
	if err := os.RemoveAll(filepath.Join(dir, state.Folder)); err != nil {
		t.Fatal(err)
	}
	if h.Current() {
		t.Error("it is gone")
	}
	runOf(t, dir, 1, "", Kept, map[string]byte{"a": 'P'})
	if h.Current() {
		t.Error("it is another one")
	}
}
