package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/assay-cx/assay/internal/result"
)

// ctrfReport writes the Common Test Report Format, version 1.0.0. Its status
// for a vector that could not be decided is "other", with "error" as the raw
// status, so that failures stay failures.
type ctrfReport struct {
	to     io.Writer
	tests  *spool
	count  int
	suites map[string]bool
	err    error
}

func newCTRF(to io.Writer) (*ctrfReport, error) {
	tests, err := newSpool()
	if err != nil {
		return nil, err
	}
	return &ctrfReport{to: to, tests: tests, suites: map[string]bool{}}, nil
}

type ctrfTest struct {
	Name      string     `json:"name"`
	Status    string     `json:"status"`
	RawStatus string     `json:"rawStatus"`
	Duration  int64      `json:"duration"`
	Suite     []string   `json:"suite"`
	Message   string     `json:"message,omitempty"`
	Trace     string     `json:"trace,omitempty"`
	FilePath  string     `json:"filePath,omitempty"`
	Line      int        `json:"line,omitempty"`
	Tags      []string   `json:"tags,omitempty"`
	Extra     *ctrfExtra `json:"extra,omitempty"`
}

type ctrfExtra struct {
	Action         string                 `json:"action,omitempty"`
	Execution      string                 `json:"execution_status,omitempty"`
	SessionID      string                 `json:"session_id,omitempty"`
	ErrorCode      string                 `json:"error_code,omitempty"`
	Classification *result.Classification `json:"classification,omitempty"`
	Checks         []result.Check         `json:"checks,omitempty"`
}

type ctrfSummary struct {
	Tests    int   `json:"tests"`
	Passed   int   `json:"passed"`
	Failed   int   `json:"failed"`
	Skipped  int   `json:"skipped"`
	Pending  int   `json:"pending"`
	Other    int   `json:"other"`
	Suites   int   `json:"suites"`
	Start    int64 `json:"start"` // ms since 1970
	Stop     int64 `json:"stop"`
	Duration int64 `json:"duration"`
}

var ctrfStatus = map[result.Status]string{
	result.Skip: "skipped", result.Pass: "passed", result.Warn: "passed", result.Fail: "failed", result.Errored: "other",
}

func (r *ctrfReport) Started(string, string) {}

func (r *ctrfReport) Finished(v result.Vector) {
	if r.err != nil {
		return
	}
	encoded, err := json.Marshal(ctrfTestOf(v))
	if err != nil {
		r.err = fmt.Errorf("vector %s: %w", v.Name, err)
		return
	}
	if r.count++; r.count > 1 {
		encoded = append([]byte(",\n"), encoded...)
	}
	r.suites[v.Suite] = true
	_, r.err = r.tests.Write(encoded)
}

func ctrfTestOf(v result.Vector) ctrfTest {
	t := ctrfTest{
		Name: v.Name, Status: ctrfStatus[v.Status], RawStatus: v.Status.String(), Duration: v.DurationMS, Suite: []string{v.Suite},
		FilePath: v.Range.Filename, Line: v.Range.Start.Line, Tags: v.Tags,
		Extra: &ctrfExtra{Action: v.Action, Classification: v.Classification},
	}
	if v.Status >= result.Fail {
		t.Message, t.Trace, t.Extra.Checks = v.FirstFailure(), strings.Join(failureLines(v), "\n"), v.Checks
	}
	if e := v.Execution; e != nil {
		t.Extra.Execution, t.Extra.SessionID = e.Status, e.SessionID
		if e.Error != nil {
			t.Extra.ErrorCode = e.Error.Code
		}
	}
	return t
}

func (r *ctrfReport) Close(run result.Run) error {
	defer r.tests.close()
	if r.err != nil {
		return r.err
	}
	if err := r.tests.Flush(); err != nil {
		return err
	}
	s, start := run.Summary, max(0, run.StartedAt.UnixMilli())
	summary := ctrfSummary{
		Tests: s.Total, Passed: s.Passed, Failed: s.Failed, Skipped: s.Skipped, Other: s.Errored,
		Suites: len(r.suites), Start: start, Stop: start + run.DurationMS, Duration: run.DurationMS,
	}
	if _, err := fmt.Fprintf(r.to, `{"reportFormat":"CTRF","specVersion":"1.0.0","generatedBy":"assay",%s"results":{"tool":{"name":"assay"},"summary":%s,"tests":[`+"\n",
		runIDMember(run), quoted(summary)); err != nil {
		return err
	}
	if _, err := io.Copy(r.to, r.tests.section(0, r.tests.offset())); err != nil {
		return err
	}
	extra := struct {
		Status      result.Status      `json:"status"`
		Seed        uint64             `json:"seed"`
		Interrupted bool               `json:"interrupted"`
		Thresholds  []result.Threshold `json:"thresholds"`
		Errors      []result.Error     `json:"errors,omitempty"`
		Warnings    []result.Error     `json:"warnings,omitempty"`
	}{run.Status, run.Seed, run.Interrupted, run.Thresholds, run.Errors, run.Warnings}
	_, err := fmt.Fprintf(r.to, "\n"+`],"environment":{"healthy":%t},"extra":%s}}`+"\n", run.Status < result.Fail && !run.Interrupted, quoted(extra))
	return err
}

func runIDMember(run result.Run) string {
	if run.RunID == "" {
		return ""
	}
	return fmt.Sprintf(`"runId":%s,`, quoted(run.RunID))
}
