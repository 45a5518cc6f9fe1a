package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/assay-cx/assay/internal/result"
)

// tapReport writes the Test Anything Protocol, version 14, as vectors end. TAP
// knows no errors: a vector that could not be decided is "not ok" and says so.
type tapReport struct {
	to    io.Writer
	count int
	err   error
}

func newTAP(to io.Writer) *tapReport {
	r := &tapReport{to: to}
	r.printf("TAP version 14\n")
	return r
}

func (r *tapReport) Started(string, string) {}

func (r *tapReport) Finished(v result.Vector) {
	r.count++
	verdict := "ok"
	if v.Status >= result.Fail {
		verdict = "not ok"
	}
	r.printf("%s %d - %s", verdict, r.count, tapText(v.Suite+"/"+v.Name))
	if v.Status == result.Skip {
		r.printf(" # SKIP not tried\n")
		return
	}
	r.printf("\n")
	if v.Status >= result.Fail {
		r.diagnose(v)
	}
}

// diagnose writes why a vector did not pass as YAML, each value as JSON: that
// is YAML too, and nothing in it can end the block.
func (r *tapReport) diagnose(v result.Vector) {
	type place struct {
		File string `json:"file"`
		Line int    `json:"line"`
	}
	r.printf("  ---\n")
	r.member("status", v.Status)
	r.member("message", v.FirstFailure())
	r.member("duration_ms", v.DurationMS)
	if v.Range.Filename != "" {
		r.member("at", place{v.Range.Filename, v.Range.Start.Line})
	}
	if v.Error != nil {
		r.member("error", v.Error)
	}
	if e := v.Execution; e != nil && e.Status != "" {
		r.member("execution", map[string]string{"status": e.Status, "session_id": e.SessionID})
	}
	if v.Classification != nil {
		r.member("classification", v.Classification)
	}
	if broken := slices.DeleteFunc(slices.Clone(v.Checks), func(c result.Check) bool { return c.Status < result.Fail }); len(broken) > 0 {
		r.member("checks", broken)
	}
	r.printf("  ...\n")
}

func (r *tapReport) member(name string, value any) {
	r.printf("  %s: %s\n", name, quoted(value))
}

// quoted is a value as JSON on one line.
func quoted(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return `"(cannot be shown)"`
	}
	var b strings.Builder
	for _, r := range string(encoded) {
		if inYAML(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// inYAML reports whether a rune of a JSON document may stand in a YAML one
// as it is (YAML 1.2, 5.1), and shows there as it stands.
func inYAML(r rune) bool {
	return !unicode.IsControl(r) && r != '\ufffe' && r != '\uffff' && !unicode.Is(unicode.Bidi_Control, r)
}

// tapText makes a text one line in which nothing reads as a directive.
func tapText(text string) string { return tapEscapes.Replace(plain(text)) }

var tapEscapes = strings.NewReplacer(`\`, `\\`, "#", `\#`)

// Close ends the document with its plan. What no test stands for is told in
// comments; what kept the run from deciding bails out, so that no reader takes
// the run for a success.
func (r *tapReport) Close(run result.Run) error {
	r.printf("1..%d\n", r.count)
	for _, t := range run.Thresholds {
		r.printf("# threshold %s %s\n", t.Status, tapText(inSuite(t.Suite, thresholdText(t))))
	}
	for _, w := range run.Warnings {
		r.printf("# warning %s\n", tapText(w.Summary+": "+w.Detail))
	}
	r.printf("# %s\n", totals(run.Summary))
	for _, e := range run.Errors {
		r.printf("Bail out! %s\n", tapText(e.Summary+": "+e.Detail))
	}
	if len(run.Errors) == 0 && run.Interrupted {
		r.printf("Bail out! interrupted\n")
	}
	return r.err
}

func (r *tapReport) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.to, format, args...)
	}
}
