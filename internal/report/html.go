package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
)

//go:embed page.tmpl
var pageTemplate string

// htmlReport writes one file that needs no network: the failures as elements
// that open to all that is known, the rest as compact data for the list.
type htmlReport struct {
	to              io.Writer
	page            *template.Template
	errored, failed *spool // elements
	rows            *spool // of the other vectors
	words           words
	count, listed   int
	buffer          bytes.Buffer
	err             error
}

// The bounds, in bytes, keep the file under 5 MB however many vectors there
// are. What is worse gets more of the room: a failure that has none to open is
// listed still, and passing vectors give way first.
const (
	maxFailed  = 1_700_000 // opened failures
	maxOpened  = 2_300_000 // with the errors
	maxPassing = 1_600_000
	maxRows    = 2_300_000 // with failures and errors that do not open
	maxShown   = 100       // thresholds, sinks, warnings and the like, each
	maxFirst   = 160
	maxName    = 200
)

func newHTML(to io.Writer) (*htmlReport, error) {
	page, err := look.Templates().Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	r := &htmlReport{to: to, page: page, words: words{index: map[string]int{}}}
	for _, s := range []**spool{&r.errored, &r.failed, &r.rows} {
		if *s, err = newSpool(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *htmlReport) Started(string, string) {}

func (r *htmlReport) Finished(v result.Vector) {
	r.count++
	if r.err != nil {
		return
	}
	opened := r.errored.offset() + r.failed.offset()
	switch {
	case v.Status == result.Errored && opened < maxOpened:
		r.open(r.errored, v)
	case v.Status == result.Fail && opened < maxFailed:
		r.open(r.failed, v)
	default:
		r.list(v)
	}
}

// open writes a vector as an element that opens.
func (r *htmlReport) open(to *spool, v result.Vector) {
	view := look.VectorOf(v)
	view.ID = fmt.Sprintf("v%d", r.count)
	r.err = r.page.ExecuteTemplate(to, "vector", view)
	r.listed++
}

// list writes a vector as a row of data.
func (r *htmlReport) list(v result.Vector) {
	limit := int64(maxPassing)
	if v.Status >= result.Fail {
		limit = maxRows
	}
	row, err := json.Marshal(r.row(v))
	if err != nil {
		r.err = err
		return
	}
	if r.rows.offset()+int64(len(row)) > limit {
		return
	}
	if r.rows.offset() > 0 {
		row = append([]byte(",\n"), row...)
	}
	_, r.err = r.rows.Write(row)
	r.listed++
}

// row is a vector as list.js takes it; what is empty at the end is left out.
func (r *htmlReport) row(v result.Vector) []any {
	class, took := "", ""
	if c := v.Classification; c != nil {
		class = c.Class + "/" + c.Category
	}
	if v.Status != result.Skip {
		took = look.Duration(v.DurationMS)
	}
	word := func(text string) any { return r.words.of(look.Clip(text, maxName)) }
	row := []any{
		word(v.Status.String()), word(v.Suite), look.Clip(v.Name, maxName), word(v.Action), took,
		word(look.Ended(v)), word(class), word(strings.Join(v.Tags, " ")),
	}
	if first := v.FirstFailure(); first != "" {
		return append(row, look.Clip(first, maxFirst))
	}
	return row
}

// words numbers texts that come again and again.
type words struct {
	list  []string
	index map[string]int
}

// maxWords bounds them: a platform may say something new each time.
const maxWords = 500

// of is a text's number, or the text itself where there is no more room.
func (w *words) of(text string) any {
	if text == "" {
		return ""
	}
	if n, known := w.index[text]; known {
		return n
	}
	if len(w.list) == maxWords {
		return text
	}
	w.index[text] = len(w.list)
	w.list = append(w.list, text)
	return len(w.list) - 1
}

// page is what the template shows of a run.
type page struct {
	Policy, Verdict, Totals    string
	Style                      template.CSS
	Script                     template.JS
	Run                        result.Run
	Started, StartedText, Took string
	Share                      []share
	Filters                    []filter
	Thresholds                 []thresholdRow
	Omitted                    string // vectors that are not listed
}

// share is a verdict's part of the vectors, in percent.
type share struct {
	Status   string
	X, Width float64
}

type filter struct {
	Status, Label string
	Count         int
}

type thresholdRow struct{ Status, Suite, Name, Metric, Value, Bounds, Message string }

func (r *htmlReport) Close(run result.Run) error {
	defer r.errored.close()
	defer r.failed.close()
	defer r.rows.close()
	for _, s := range []*spool{r.errored, r.failed, r.rows} {
		if err := s.Flush(); err != nil && r.err == nil {
			r.err = err
		}
	}
	if r.err != nil {
		return r.err
	}
	p := pageOf(run)
	if left := r.count - r.listed; left > 0 {
		p.Omitted = plural(left, "more vector")
	}
	if err := r.page.ExecuteTemplate(r.to, "head", p); err != nil {
		return err
	}
	words, err := json.Marshal(append([]string{}, r.words.list...))
	if err != nil {
		return err
	}
	body := io.MultiReader(
		r.errored.section(0, r.errored.offset()), r.failed.section(0, r.failed.offset()),
		strings.NewReader("</ul>\n<script type=\"application/json\" id=\"rows\">{\"words\":"+string(words)+",\"rows\":[\n"),
		r.rows.section(0, r.rows.offset()), strings.NewReader("\n]}"),
	)
	if _, err := io.Copy(r.to, body); err != nil {
		return err
	}
	return r.page.ExecuteTemplate(r.to, "foot", p)
}

func pageOf(run result.Run) page {
	p := page{
		Policy: look.Policy(), Style: look.Style(), Script: look.Script(),
		Verdict: verdict(run), Totals: totals(run.Summary), Took: look.Duration(run.DurationMS),
		Started: run.StartedAt.Format(time.RFC3339), StartedText: run.StartedAt.Format("2 January 2006, 15:04:05 MST"),
	}
	s := run.Summary
	p.Filters = []filter{{"error", "Errored", s.Errored}, {"fail", "Failed", s.Failed}, {"skip", "Skipped", s.Skipped}, {"pass", "Passed", s.Passed}}
	x := 0.0
	for _, f := range p.Filters {
		width := 100 * float64(f.Count) / float64(max(1, s.Total))
		p.Share = append(p.Share, share{f.Status, x, width})
		x += width
	}
	for _, t := range first(run.Thresholds) {
		p.Thresholds = append(p.Thresholds, thresholdRowOf(t))
	}
	run.Errors, run.Warnings, run.Sinks = clipped(run.Errors), clipped(run.Warnings), first(run.Sinks)
	run.Operations, run.Faults = first(run.Operations), first(run.Faults)
	p.Run = run
	return p
}

func thresholdRowOf(t result.Threshold) thresholdRow {
	row := thresholdRow{t.Status.String(), t.Suite, t.Name, t.Metric, "not known", thresholdBounds(t), look.Clip(t.Message, maxToldVector)}
	if t.Action != "" {
		row.Metric += " of " + t.Action
	}
	if t.Value != nil {
		row.Value = float(*t.Value)
	}
	return row
}

// first are as many of a list as a page shows.
func first[T any](list []T) []T { return list[:min(len(list), maxShown)] }

func clipped(list []result.Error) []result.Error {
	var short []result.Error
	for _, e := range first(list) {
		short = append(short, result.Error{Summary: look.Clip(e.Summary, maxCell), Detail: look.Clip(e.Detail, maxToldVector)})
	}
	return short
}
