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

// htmlReport writes one file that needs no network: failures as elements that
// open to all that is known, the rest as compact rows of data for the list.
type htmlReport struct {
	to              io.Writer
	page            *template.Template
	errored, failed tier
	rows            *spool // of the vectors that are neither
	words           words
	count, listed   int
	buffer          bytes.Buffer
	err             error
}

// tier is the vectors of one verdict. Each has a row; which also have an
// element is known when the room that the others take is.
type tier struct {
	elements, rows *spool
	ends           []ends // of the vectors that have both
	full           bool
}

type ends struct{ element, row int64 }

// The bounds, in bytes, keep the file under 5 MB however many vectors there
// are. What is worse gets more of the room: a failure that has none to open is
// listed still, and passing vectors give way first.
const (
	maxVectors = 4_000_000 // elements and rows
	maxRows    = 1_900_000
	maxPassing = 1_300_000 // rows, as long as vectors pass
	maxShown   = 50        // thresholds, sinks, faults, operations, each
	maxNoted   = 20        // errors and warnings of the run, each
	maxNote    = 600
	maxFirst   = 160
	maxName    = 200
	maxWord    = 120
)

func newHTML(to io.Writer) (*htmlReport, error) {
	clip := func(text string) string { return look.Clip(text, maxWord) }
	page, err := look.Templates().Funcs(template.FuncMap{"clip": clip, "took": look.Duration}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	r := &htmlReport{to: to, page: page, words: words{list: []string{}, index: map[string]int{}}}
	for _, s := range r.spools() {
		if *s, err = newSpool(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *htmlReport) spools() []**spool {
	return []**spool{&r.errored.elements, &r.errored.rows, &r.failed.elements, &r.failed.rows, &r.rows}
}

func (r *htmlReport) Started(string, string) {}

func (r *htmlReport) Finished(v result.Vector) {
	r.count++
	if r.err != nil {
		return
	}
	switch v.Status {
	case result.Errored:
		r.open(&r.errored, v)
	case result.Fail:
		r.open(&r.failed, v)
	default:
		r.list(r.rows, maxPassing, v)
	}
}

// open lists a vector, and writes it as an element that opens while there is
// any hope of room for it.
func (r *htmlReport) open(t *tier, v result.Vector) {
	if !r.list(t.rows, maxRows, v) || t.full {
		return
	}
	view := look.VectorOf(v)
	view.ID = fmt.Sprintf("v%d", r.count)
	r.buffer.Reset()
	if r.err = r.page.ExecuteTemplate(&r.buffer, "vector", view); r.err != nil {
		return
	}
	if t.full = t.elements.offset()+int64(r.buffer.Len()) > maxVectors; t.full {
		return
	}
	_, r.err = r.buffer.WriteTo(t.elements)
	t.ends = append(t.ends, ends{t.elements.offset(), t.rows.offset()})
}

// list writes a vector as a row on a line; it answers whether it did.
func (r *htmlReport) list(to *spool, limit int64, v result.Vector) bool {
	row, err := json.Marshal(r.row(v))
	if err != nil {
		r.err = err
		return false
	}
	if r.errored.rows.offset()+r.failed.rows.offset()+r.rows.offset()+int64(len(row)) >= limit {
		return false
	}
	_, r.err = to.Write(append(row, '\n'))
	r.listed++
	return r.err == nil
}

// fit answers as many elements as there is room for, the rows of the rest, and
// what both take.
func (t *tier) fit(room int64) (elements, rows io.Reader, size int64) {
	var opened ends
	all := t.rows.offset()
	for _, e := range t.ends {
		if e.element+all-e.row > room {
			break
		}
		opened = e
	}
	return t.elements.section(0, opened.element), t.rows.section(opened.row, all), opened.element + all - opened.row
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
	word := func(text string) any { return r.words.of(look.Clip(text, maxWord)) }
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
const maxWords = 300

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
	for _, s := range r.spools() {
		defer (*s).close()
		if err := (*s).Flush(); err != nil && r.err == nil {
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
	words, err := json.Marshal(r.words.list)
	if err != nil {
		return err
	}
	room := maxVectors - r.rows.offset()
	errored, erroredRows, size := r.errored.fit(room - r.failed.rows.offset())
	failed, failedRows, _ := r.failed.fit(room - size)
	body := io.MultiReader(
		errored, failed, strings.NewReader("</ul>\n<script type=\"application/x-ndjson\" id=\"rows\">"),
		bytes.NewReader(words), strings.NewReader("\n"), erroredRows, failedRows, r.rows.section(0, r.rows.offset()),
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
	for _, t := range first(worstFirst(run.Thresholds)) {
		p.Thresholds = append(p.Thresholds, thresholdRowOf(t))
	}
	run.Errors, run.Warnings = noted(run.Errors), noted(run.Warnings)
	run.Sinks, run.Operations, run.Faults = first(run.Sinks), first(run.Operations), first(run.Faults)
	p.Run = run
	return p
}

func thresholdRowOf(t result.Threshold) thresholdRow {
	row := thresholdRow{t.Status.String(), t.Suite, t.Name, t.Metric, "not known", thresholdBounds(t), look.Clip(t.Message, maxNote)}
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

// noted are as many errors or warnings as a page shows, and a word on the rest.
func noted(list []result.Error) []result.Error {
	var short []result.Error
	for _, e := range list[:min(len(list), maxNoted)] {
		short = append(short, result.Error{Summary: look.Clip(e.Summary, maxCell), Detail: look.Clip(e.Detail, maxNote)})
	}
	if left := len(list) - maxNoted; left > 0 {
		short = append(short, result.Error{Summary: fmt.Sprintf("… and %d more", left), Detail: "A report in JSON has them all."})
	}
	return short
}
