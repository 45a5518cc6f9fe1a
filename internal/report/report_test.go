package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/cxone"
)

func number(f float64) *float64 { return &f }

// A run with a vector of every status, told by every format.
var (
	vectors = []result.Vector{
		{
			Suite: "inventory", Name: "happy_path", Action: "sync", Tags: []string{"smoke"}, Status: result.Pass, DurationMS: 12,
			Execution: &result.Execution{Status: "COMPLETED", SessionID: "s-1", DurationMS: 5, Polls: 1, InputHash: "ab", Output: json.RawMessage(`{"synced":true}`)},
			Checks:    []result.Check{{Name: "expect.status", Status: result.Pass, Expected: "COMPLETED", Actual: "COMPLETED"}},
		},
		{
			Suite: "inventory", Name: `throttled["W-1"]`, Action: "sync", Tags: []string{}, Status: result.Fail, DurationMS: 2345,
			Execution: &result.Execution{
				Status: "FAILED", SessionID: "s-2", DurationMS: 2150, Error: &result.ExecutionError{Code: "UPSTREAM_TIMEOUT", Message: "no answer"},
				Trace: []result.Step{{ID: "sync", Name: "sync", Timestamp: "2026-01-02T03:04:05.000Z"}, {ID: "2", Name: "fetch", Timestamp: "2026-01-02T03:04:05.150Z", Error: &result.StepError{Message: "503 <Service>\nUnavailable"}}},
			},
			Classification: &result.Classification{Class: result.ExternalDependencyOutage, Category: "outage", Confidence: 0.95, Reason: "The step saw HTTP 503.", Source: "builtin"},
			Checks: []result.Check{
				{Name: "expect.status", Status: result.Pass, Expected: "FAILED", Actual: "FAILED"},
				{Name: "expect.error_code", Status: result.Fail, Expected: "RATE_LIMIT_EXCEEDED", Actual: "UPSTREAM_TIMEOUT", Message: "expected RATE_LIMIT_EXCEEDED, got UPSTREAM_TIMEOUT"},
				{Name: "expect.output", Status: result.Fail, Expected: "output.a = 1\noutput.b = 2", Actual: "output.a = 2\noutput.b = nothing", Message: "…"},
				{Name: "has a date", Status: result.Fail, Expected: "result.output.d != null", Actual: "result.output.d is not there", Message: "the date is missing"},
			},
			Input: json.RawMessage(`{"sku":"(sensitive)","note":"\u003cb\u003e \\u003c"}`),
			Range: hcl.Range{Filename: "inventory.assay.hcl", Start: hcl.Pos{Line: 42}},
		},
		{
			Suite: "orders", Name: "lost", Action: "find", Tags: []string{}, Status: result.Errored, DurationMS: 3, Checks: []result.Check{},
			Execution: &result.Execution{},
			Error:     &result.Error{Summary: "Sign-in was refused", Detail: "submit: HTTP 401: invalid_client"},
		},
		{Suite: "orders", Name: "later", Action: "find", Tags: []string{}, Status: result.Skip, Checks: []result.Check{}},
	}
	run = result.Run{
		Version: 1, RunID: "run-1", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), DurationMS: 2400, Status: result.Errored, Seed: 42,
		Summary: result.Summary{Total: 4, Passed: 1, Failed: 1, Errored: 1, Skipped: 1},
		Thresholds: []result.Threshold{
			{Suite: "inventory", Name: "error_rate", Metric: "error_rate", Action: "sync", Value: number(5), Max: number(5), Status: result.Pass},
			{Suite: "inventory", Name: "p95", Metric: "run.p95_ms", Value: number(2345), Max: number(100), Status: result.Fail},
			{Suite: "orders", Name: "errors", Metric: "error_count", Action: "find", Max: number(1), Status: result.Errored, Message: "scope is missing"},
		},
		Sinks: []result.Sink{
			{Suite: "inventory", Plugin: "audit", Delivered: 3},
			{Suite: "inventory", Plugin: "webhook", Delivered: 1, Queued: 1, Failed: 2, LastError: "nobody listens"},
		},
		Operations: []result.Operation{
			{Suite: "inventory", Plugin: "auth", Operation: "token", Calls: 1, Attempts: 1},
			{Suite: "inventory", Plugin: "cxone", Operation: "poll", Calls: 12, Attempts: 9, Trips: 2, Restarts: 1},
			{Suite: "inventory", Plugin: "cxone", Operation: "submit", Calls: 4, Attempts: 5, Retries: 1, WaitMS: 1234},
		},
		Faults:   []result.Fault{{Suite: "inventory", Place: "sandbox.submit", Kind: "status", Seen: 40, Hits: 2}},
		Warnings: []result.Error{{Summary: "A classifier rule matched nothing", Detail: "mend it"}},
		Errors:   []result.Error{{Summary: "The suite's timeout is over", Detail: "raise it"}},
	}
)

// render tells the run to a reporter.
func render(t *testing.T, build func(io.Writer) (Reporter, error)) string {
	t.Helper()
	return renderRun(t, build, vectors, run)
}

func renderRun(t *testing.T, build func(io.Writer) (Reporter, error), vectors []result.Vector, run result.Run) string {
	t.Helper()
	var out bytes.Buffer
	r, err := build(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		r.Started(v.Suite, v.Name)
		r.Finished(v)
	}
	if err := r.Close(run); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (UPDATE=1 go test writes it anew):\n%s", name, diff)
	}
}

func console(options ConsoleOptions) func(io.Writer) (Reporter, error) {
	return func(w io.Writer) (Reporter, error) { return NewConsole(w, options), nil }
}

func TestGoldens(t *testing.T) {
	golden(t, "console.txt", render(t, console(ConsoleOptions{})))
	golden(t, "console-color.txt", render(t, console(ConsoleOptions{Color: true})))
	for format, name := range map[string]string{
		"ctrf": "ctrf.json", "github": "github.txt", "json": "report.json",
		"junit": "junit.xml", "markdown": "report.md", "tap": "report.tap",
	} {
		golden(t, name, render(t, Formats[format]))
	}
	// The look has its own files, and the policy their hashes: the golden is
	// the page without them.
	page := strings.NewReplacer(string(look.Style()), "…", string(look.Script()), "…").Replace(render(t, Formats["html"]))
	page = regexp.MustCompile(`content="default-src[^"]*"`).ReplaceAllString(page, `content="…"`)
	golden(t, "report.html", page)
}

func TestJSONIsTheResultDocument(t *testing.T) {
	var got struct {
		result.Run
		Vectors []result.Vector
	}
	if err := json.Unmarshal([]byte(render(t, Formats["json"])), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, got.Run); diff != "" {
		t.Error(diff)
	}
	if len(got.Vectors) != len(vectors) || got.Vectors[1].Name != vectors[1].Name || got.Vectors[2].Status != result.Errored {
		t.Errorf("vectors %+v", got.Vectors)
	}
}

func TestAnEmptyRunIsADocumentToo(t *testing.T) {
	for format := range Formats {
		var out bytes.Buffer
		r, err := Formats[format](&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(result.Run{}); err != nil {
			t.Fatal(err)
		}
		if format == "json" && !json.Valid(out.Bytes()) {
			t.Errorf("not JSON: %s", out.String())
		}
	}
}

func TestManyFailuresAreListedUpToABound(t *testing.T) {
	var out bytes.Buffer
	c := NewConsole(&out, ConsoleOptions{})
	for n := range maxListed + 5 {
		c.Finished(result.Vector{Suite: "s", Name: fmt.Sprint("v", n), Status: result.Fail})
	}
	if err := c.Close(result.Run{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "… and 5 more") {
		t.Error("what is left out is not said")
	}
}

func TestAFileAppearsWhenItIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result.json")
	if err := os.WriteFile(path, []byte("the last run's"), 0o640); err != nil {
		t.Fatal(err)
	}
	r, err := Open("json", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Finished(vectors[0])
	if got, _ := os.ReadFile(path); string(got) != "the last run's" {
		t.Errorf("before the end the file holds %q", got)
	}
	if err := r.Close(run); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !json.Valid(got) {
		t.Errorf("error %v, file %s", err, got)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestReportsThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ format, path, want string }{
		"no such folder": {"json", filepath.Join(dir, "no", "x.json"), "cannot be written"},
		"a folder":       {"json", dir, "it is a folder"},
	} {
		if _, err := Open(test.format, test.path, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// full is a disk without space.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAFullDiskIsSaid(t *testing.T) {
	for _, build := range append(slices.Collect(maps.Values(Formats)), console(ConsoleOptions{})) {
		r, err := build(full{})
		if err != nil {
			t.Fatal(err)
		}
		r.Finished(vectors[1])
		if err := r.Close(run); !errors.Is(err, errFull) {
			t.Errorf("%T: %v", r, err)
		}
	}
}

func TestLiveLeavesTheSameLines(t *testing.T) {
	live := render(t, console(ConsoleOptions{Live: true, Total: len(vectors)}))
	plain := render(t, console(ConsoleOptions{}))
	for line := range strings.Lines(plain) {
		if !strings.Contains(live, strings.TrimSpace(line)) {
			t.Errorf("the live console lacks %q", line)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	r, err := newJSON(io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r.Finished(vectors[1])
	}
}

func TestFixturesAreSessionsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "failures")
	r, err := NewFixtures(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		r.Finished(v)
	}
	if err := r.Close(run); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "inventory.throttled_W-1_.json" {
		t.Fatalf("saved %v (%v)", entries, err)
	}
	document, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	var labelled struct {
		ID      string
		Session json.RawMessage
	}
	if err := json.Unmarshal(document, &labelled); err != nil {
		t.Fatal(err)
	}
	session, err := cxone.ParseSession(labelled.Session)
	if err != nil || labelled.ID != `inventory/throttled["W-1"]` {
		t.Fatalf("id %q: %v", labelled.ID, err)
	}
	e := session.Execution
	if e == nil || e.Status != "FAILED" || e.Error.Code != "UPSTREAM_TIMEOUT" || len(e.Trace) != 2 || e.Trace[1].Error.Message != "503 <Service>\nUnavailable" {
		t.Errorf("read back as %+v", e)
	}
}

func TestFixturesThatCannotBeSaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFixtures(filepath.Join(file, "sub")); err == nil {
		t.Error("a folder below a file was made")
	}
	dir := t.TempDir()
	r, err := NewFixtures(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.Finished(vectors[1])
	if err := r.Close(run); err == nil {
		t.Error("a failure that was not saved is not said")
	}
}
