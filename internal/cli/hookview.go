package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/lua/hooktest"
)

// undecidedTest heads reports of a test that came to no end.
const undecidedTest = "The test could not be decided"

var testStatuses = map[hooktest.Outcome]result.Status{
	hooktest.Passed: result.Pass, hooktest.Failed: result.Fail, hooktest.Undecided: result.Errored,
}

var testWords = map[hooktest.Outcome]string{
	hooktest.Passed: "pass ", hooktest.Failed: "FAIL ", hooktest.Undecided: "ERROR",
}

// testView prints tests: a line each as they end, then what did not pass.
type testView struct {
	to       io.Writer
	suite    string
	summary  result.Summary
	failures strings.Builder
}

func (v *testView) tell(test result.Vector, r hooktest.Result) {
	if test.Suite != v.suite {
		v.suite = test.Suite
		fmt.Fprintln(v.to, test.Suite)
	}
	v.summary.Add(test.Status)
	fmt.Fprintf(v.to, "  %s  %s\n", testWords[r.Outcome], visible(test.Name))
	if r.Outcome == hooktest.Passed {
		return
	}
	at := fmt.Sprintf("%s:%d", test.Range.Filename, test.Range.Start.Line)
	fmt.Fprintf(&v.failures, "\n  %s  %s/%s  (%s)\n", testWords[r.Outcome], test.Suite, visible(test.Name), at)
	for line := range strings.Lines(r.Message) {
		fmt.Fprintf(&v.failures, "    %s\n", visible(strings.TrimSuffix(line, "\n")))
	}
	for _, log := range r.Logs {
		fmt.Fprintf(&v.failures, "    log %s %s:%d: %s\n", log.Level, log.File, log.Line, log.Message)
	}
}

// visible makes control characters visible: names are the authors' own.
func visible(text string) string {
	quoted := fmt.Sprintf("%q", text)
	return strings.ReplaceAll(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), `\\`, `\`)
}

func (v *testView) close(run result.Run) {
	if v.failures.Len() > 0 {
		fmt.Fprintf(v.to, "\nFailures\n%s", v.failures.String())
	}
	counts := []string{fmt.Sprintf("%d passed", run.Summary.Passed)}
	if run.Summary.Failed > 0 {
		counts = append(counts, fmt.Sprintf("%d failed", run.Summary.Failed))
	}
	if run.Summary.Errored > 0 {
		counts = append(counts, fmt.Sprintf("%d not decided", run.Summary.Errored))
	}
	noun := "tests"
	if run.Summary.Total == 1 {
		noun = "test"
	}
	fmt.Fprintf(v.to, "\n%d %s: %s in %.1fs\n", run.Summary.Total, noun, strings.Join(counts, ", "), float64(run.DurationMS)/1000)
}

func (v *testView) exitStatus() error {
	switch {
	case v.summary.Errored > 0:
		return &exitError{code: exitUndecided}
	case v.summary.Failed > 0:
		return &exitError{code: exitFail}
	}
	return nil
}
