package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
)

// githubReport writes the workflow commands of GitHub Actions, which show what
// is wrong at the line of the spec that states it.
type githubReport struct {
	to io.Writer
	// The first of each kind, to be told worst first.
	errored, failed []annotation
	err             error
}

// maxAnnotations is how many annotations of a level GitHub shows for a step.
const maxAnnotations = 10

// maxAnnotation is the length of an annotation's text in bytes; GitHub cuts
// longer ones.
const maxAnnotation = 4000

type annotation struct {
	level string // error, warning or notice
	title string
	text  string
	at    hcl.Range
}

func newGitHub(to io.Writer) *githubReport { return &githubReport{to: to} }

func (r *githubReport) Started(string, string) {}

func (r *githubReport) Finished(v result.Vector) {
	kept := &r.failed
	switch v.Status {
	case result.Errored:
		kept = &r.errored
	case result.Fail:
	default:
		return
	}
	if len(*kept) < maxAnnotations {
		*kept = append(*kept, annotation{"error", v.Status.String() + " " + v.Suite + "/" + v.Name, strings.Join(failureLines(v), "\n"), statedAt(v)})
	}
}

// statedAt is where the spec states what did not hold.
func statedAt(v result.Vector) hcl.Range {
	for _, c := range v.Checks {
		if v.Error == nil && c.Status >= result.Fail && c.Range.Filename != "" {
			return c.Range
		}
	}
	return v.Range
}

func (r *githubReport) Close(run result.Run) error {
	var errs, warnings []annotation
	for _, e := range run.Errors {
		errs = append(errs, annotation{level: "error", title: e.Summary, text: e.Detail})
	}
	errs = append(errs, r.errored...)
	for _, t := range run.Thresholds {
		a := annotation{"error", t.Status.String() + " threshold " + inSuite(t.Suite, t.Name), thresholdText(t), t.Range}
		switch t.Status {
		case result.Fail, result.Errored:
			errs = append(errs, a)
		case result.Warn:
			a.level = "warning"
			warnings = append(warnings, a)
		}
	}
	errs = append(errs, r.failed...)
	for _, w := range run.Warnings {
		warnings = append(warnings, annotation{level: "warning", title: w.Summary, text: w.Detail})
	}
	for _, list := range [][]annotation{errs, warnings} {
		for _, a := range list[:min(len(list), maxAnnotations)] {
			r.write(a)
		}
	}
	// A notice is of a level of its own: it shows however many errors there are.
	r.write(annotation{level: "notice", title: "assay: " + verdict(run), text: totals(run.Summary) + thresholdTotals(run.Thresholds)})
	return r.err
}

func (r *githubReport) write(a annotation) {
	if r.err != nil {
		return
	}
	var properties []string
	if a.at.Filename != "" {
		properties = append(properties, "file="+commandProperty(look.Clip(printable(a.at.Filename), 1000)), fmt.Sprintf("line=%d", max(1, a.at.Start.Line)))
	}
	properties = append(properties, "title="+commandProperty(look.Clip(plain(a.title), 200)))
	_, r.err = fmt.Fprintf(r.to, "::%s %s::%s\n", a.level, strings.Join(properties, ","), commandData(look.Clip(printable(a.text), maxAnnotation)))
}

var (
	commandEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func commandData(text string) string     { return commandEscapes.Replace(text) }
func commandProperty(text string) string { return propertyEscapes.Replace(text) }
