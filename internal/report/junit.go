package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/internal/result"
)

// junitReport writes JUnit XML as CI systems read it: a testsuite a suite,
// failure and error kept apart.
type junitReport struct {
	to     io.Writer
	cases  *spool
	suites []*junitSuite
	err    error
}

type junitSuite struct {
	name     string // of the suite
	folder   string // where it is; suites of two folders may have one name
	shown    string // the name that no other suite of the report has
	from, to int64  // its test cases in the spool
	summary  result.Summary
	ms       int64
}

func newJUnit(to io.Writer) (*junitReport, error) {
	cases, err := newSpool()
	if err != nil {
		return nil, err
	}
	return &junitReport{to: to, cases: cases}, nil
}

type junitCase struct {
	XMLName    xml.Name         `xml:"testcase"`
	Name       string           `xml:"name,attr"`
	Class      string           `xml:"classname,attr"`
	Time       string           `xml:"time,attr"`
	File       string           `xml:"file,attr,omitempty"`
	Line       int              `xml:"line,attr,omitempty"`
	Properties *junitProperties `xml:"properties"`
	Failure    *junitMessage    `xml:"failure"`
	Error      *junitMessage    `xml:"error"`
	Skipped    *junitMessage    `xml:"skipped"`
}

type junitProperties struct {
	XMLName xml.Name        `xml:"properties"`
	List    []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitMessage struct {
	Message string `xml:"message,attr,omitempty"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (r *junitReport) Started(string, string) {}

func (r *junitReport) Finished(v result.Vector) {
	if r.err != nil {
		return
	}
	suite := r.suite(v.Suite, v.Range)
	suite.summary.Add(v.Status)
	suite.ms += v.DurationMS
	r.write(junitCaseOf(v, suite.shown))
	suite.to = r.cases.offset()
}

// suite is where a vector or a threshold belongs; the vectors of suites come
// one suite after another.
func (r *junitReport) suite(name string, at hcl.Range) *junitSuite {
	folder, shown := "", name
	if at.Filename != "" {
		folder = filepath.Dir(at.Filename)
	}
	for _, suite := range r.suites {
		if suite.name != name {
			continue
		}
		if suite.folder == folder || folder == "" {
			return suite
		}
		shown = name + " (" + filepath.ToSlash(folder) + ")"
	}
	suite := &junitSuite{name: name, folder: folder, shown: shown, from: r.cases.offset(), to: r.cases.offset()}
	r.suites = append(r.suites, suite)
	return suite
}

func (r *junitReport) write(c junitCase) {
	encoded, err := xml.MarshalIndent(c, "    ", "  ")
	if err == nil {
		_, err = fmt.Fprintf(r.cases, "%s\n", encoded)
	}
	r.err = err
}

func junitCaseOf(v result.Vector, suite string) junitCase {
	c := junitCase{Name: v.Name, Class: suite + "." + v.Action, Time: seconds(v.DurationMS), File: v.Range.Filename, Line: v.Range.Start.Line}
	if e := v.Execution; e != nil {
		c.property("execution.status", e.Status)
		c.property("session_id", e.SessionID)
		if e.Error != nil {
			c.property("error_code", e.Error.Code)
		}
	}
	if cl := v.Classification; cl != nil {
		c.property("classification", cl.Class)
		c.property("category", cl.Category)
		c.property("confidence", fmt.Sprintf("%.2f", cl.Confidence))
	}
	switch v.Status {
	case result.Fail:
		c.Failure = &junitMessage{Message: v.FirstFailure(), Type: "check", Text: strings.Join(failureLines(v), "\n")}
	case result.Errored:
		c.Error = &junitMessage{Message: v.FirstFailure(), Type: "error", Text: strings.Join(failureLines(v), "\n")}
	case result.Skip:
		c.Skipped = &junitMessage{Message: "not tried"}
	}
	return c
}

func (c *junitCase) property(name, value string) {
	if value == "" {
		return
	}
	if c.Properties == nil {
		c.Properties = &junitProperties{}
	}
	c.Properties.List = append(c.Properties.List, junitProperty{name, value})
}

func seconds(ms int64) string { return fmt.Sprintf("%.3f", float64(ms)/1000) }

func (r *junitReport) Close(run result.Run) error {
	defer r.cases.close()
	for _, t := range run.Thresholds {
		r.suite(t.Suite, t.Range) // may have no vectors
	}
	if r.err != nil {
		return r.err
	}
	if err := r.cases.Flush(); err != nil {
		return err
	}
	var total result.Summary
	for _, s := range r.suites {
		total.Total += s.summary.Total
		total.Failed += s.summary.Failed
		total.Errored += s.summary.Errored
		total.Skipped += s.summary.Skipped
	}
	if _, err := fmt.Fprintf(r.to, "%s<testsuites name=\"assay\" %s time=%q>\n", xml.Header, counts(total), seconds(run.DurationMS)); err != nil {
		return err
	}
	for _, s := range r.suites {
		if err := r.writeSuite(s, run); err != nil {
			return err
		}
	}
	if err := r.writeErrors(run); err != nil {
		return err
	}
	_, err := io.WriteString(r.to, "</testsuites>\n")
	return err
}

func (r *junitReport) writeSuite(s *junitSuite, run result.Run) error {
	var name strings.Builder
	if err := xml.EscapeText(&name, []byte(s.shown)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(r.to, "  <testsuite name=\"%s\" %s time=%q timestamp=%q>\n",
		name.String(), counts(s.summary), seconds(s.ms), run.StartedAt.Format("2006-01-02T15:04:05")); err != nil {
		return err
	}
	if err := r.writeThresholds(s, run); err != nil {
		return err
	}
	if _, err := io.Copy(r.to, r.cases.section(s.from, s.to)); err != nil {
		return err
	}
	_, err := io.WriteString(r.to, "  </testsuite>\n")
	return err
}

// writeErrors tells what kept the run from deciding, in a suite of its own
// without tests.
func (r *junitReport) writeErrors(run result.Run) error {
	if len(run.Errors) == 0 {
		return nil
	}
	var texts []string
	for _, e := range run.Errors {
		texts = append(texts, e.Summary+": "+e.Detail)
	}
	encoded, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"system-err"`
		Text    string   `xml:",chardata"`
	}{Text: strings.Join(texts, "\n")})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.to, "  <testsuite name=\"(run)\" %s time=%q timestamp=%q>\n    %s\n  </testsuite>\n",
		counts(result.Summary{}), seconds(run.DurationMS), run.StartedAt.Format("2006-01-02T15:04:05"), encoded)
	return err
}

// writeThresholds tells a suite's thresholds as properties, so that the
// counts of tests are those of vectors, as in every other format.
func (r *junitReport) writeThresholds(s *junitSuite, run result.Run) error {
	var properties junitProperties
	for _, t := range run.Thresholds {
		if r.suite(t.Suite, t.Range) == s {
			properties.List = append(properties.List, junitProperty{"threshold." + t.Name, t.Status.String() + ": " + thresholdText(t)})
		}
	}
	if len(properties.List) == 0 {
		return nil
	}
	encoded, err := xml.MarshalIndent(properties, "    ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.to, "%s\n", encoded)
	return err
}

func counts(s result.Summary) string {
	return fmt.Sprintf("tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\"", s.Total, s.Failed, s.Errored, s.Skipped)
}
