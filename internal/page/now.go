package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/result"
)

const (
	patience    = 2 * time.Second // that a page waits for figures that have never been read
	maxCodes    = 10
	maxFailures = 20 // that open on the first page
	maxFlaky    = 20
	maxRecent   = 10 // runs on the first page
)

// unknown is the status of what nobody has told of.
const unknown = "unknown"

// nowPage is the first page: how things are.
type nowPage struct {
	frame
	Status     string
	News       string // in a sentence, read out where it changes
	Actions    []actionRow
	Embedded   []string // platforms that are the embedded tenant
	Codes      []codeRow
	Failures   []failure
	More       int // that do not pass and are not among Failures
	Flaky      []flakyRow
	Runs       []runRow
	Bars       *bars
	NoHistory  bool
	HistoryErr string
}

// actionRow is an action and its figures.
type actionRow struct {
	Name, Status               string
	Known                      bool // figures have been read
	Rate, Executions, Average  string
	Embedded                   string // the platform, where it is the embedded tenant
	Problem, Reason, Remedy    string // why the figures are old, or none
	Stale                      bool
	At                         time.Time
	Thresholds                 []thresholdRow
	Held                       int // thresholds that hold
	RateChart, ExecutionsChart *chart
	doc                        health.Document
}

type thresholdRow struct {
	Status, Name, Metric, Window, Value, Bounds, Message string
}

type codeRow struct {
	Action string
	health.CodeDocument
	Average, P95 string
}

type flakyRow struct {
	history.Flaky
	Percent int
}

func (p *Page) now(w http.ResponseWriter, r *http.Request) {
	view := nowPage{frame: p.frame(r.Context(), "now", p.Suite)}
	view.Actions = p.actionRows(r.Context(), p.Actions)
	view.Embedded = p.Embedded
	worst := result.Skip // nothing is known
	for _, a := range view.Actions {
		if a.doc.TotalExecutions > 0 || a.Problem != "" {
			worst = max(worst, a.doc.Status)
		}
		for _, c := range a.doc.TopErrorCodes {
			view.Codes = append(view.Codes, codeRowOf(a.Name, c))
		}
	}
	slices.SortStableFunc(view.Codes, func(x, y codeRow) int { return cmp.Compare(y.ErrorCount, x.ErrorCount) })
	view.Codes = view.Codes[:min(len(view.Codes), maxCodes)]
	d, err := p.archive.digest(r.Context())
	switch {
	case err != nil:
		view.HistoryErr = err.Error()
	case d == nil || len(d.runs) == 0:
		view.NoHistory = true
	default:
		worst = max(worst, p.past(r.Context(), &view, d))
	}
	if view.Status = worst.String(); worst == result.Skip {
		view.Status = unknown
	}
	view.Title = view.Status + " · " + p.Suite
	p.render(w, http.StatusOK, view)
}

// past shows what the history tells, and answers the worst of it.
func (p *Page) past(ctx context.Context, view *nowPage, d *digest) result.Status {
	worst := result.Pass
	for i, b := range d.broken {
		worst = max(worst, b.Status)
		if i < maxFailures {
			view.Failures = append(view.Failures, p.failure(ctx, d, b.Outcome))
		}
	}
	view.More = len(d.broken) - len(view.Failures)
	for _, f := range d.flaky[:min(len(d.flaky), maxFlaky)] {
		view.Flaky = append(view.Flaky, flakyRow{f, int(100*f.Rate + .5)})
	}
	rows := runRows(d.runs, d)
	view.Runs, view.Bars = rows[:min(len(rows), maxRecent)], barsOfRuns(rows)
	view.News = news(rows[0], len(d.broken))
	return worst
}

// news tells of the latest run.
func news(r runRow, broken int) string {
	text := fmt.Sprintf("Run %s goes on.", shortID(r.ID)) // without counts: they would be read out each second
	if r.Status != history.Unfinished {
		text = fmt.Sprintf("Latest run %s: %s, %d of %d vectors passed.", shortID(r.ID), r.Status, r.Passed, r.Total())
	}
	if broken > 0 {
		text += fmt.Sprintf(" %d did not pass when last tried.", broken)
	}
	return text
}

// actionRows are actions as they are now, the worst first.
func (p *Page) actionRows(ctx context.Context, actions []health.Action) []actionRow {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var rows []actionRow
	for i, readings := range p.readings(ctx, actions) {
		rows = append(rows, p.actionRow(actions[i], readings))
	}
	slices.SortStableFunc(rows, func(x, y actionRow) int { return cmp.Compare(y.doc.Status, x.doc.Status) })
	return rows
}

func (p *Page) actionRow(a health.Action, readings map[string]health.Reading) actionRow {
	current := readings[health.DefaultWindow]
	row := actionRow{Name: a.Name, doc: a.Document(readings)}
	row.Known, row.At, row.Stale = !current.At.IsZero(), current.At, row.doc.Stale
	row.Status = row.doc.Status.String()
	if slices.Contains(p.Embedded, a.Platform) {
		row.Embedded = a.Platform
	}
	if current.Err != nil {
		row.Problem, row.Reason, row.Remedy = health.Detail(current.Err), health.Reason(current.Err), remedy(a, current.Err)
	}
	if !row.Known {
		row.doc.TopErrorCodes = nil
		if errors.Is(current.Err, context.DeadlineExceeded) || errors.Is(current.Err, context.Canceled) {
			row.Status, row.Problem, row.Reason, row.Remedy = unknown, "", "", ""
		}
		return row
	}
	row.Rate, row.Executions = figure(row.doc.ErrorRate)+" %", count(row.doc.TotalExecutions)
	if row.doc.TotalExecutions > 0 {
		row.Average = milliseconds(row.doc.AverageDurationMS)
	}
	for _, t := range row.doc.Thresholds {
		if t.Status == result.Pass {
			row.Held++
		}
		row.Thresholds = append(row.Thresholds, thresholdRowOf(t.Threshold, t.Window))
	}
	samples := p.Health.Samples(a.Question(health.DefaultWindow))
	row.RateChart = chartOf(samples, func(s health.Sample) float64 { return s.ErrorRate }, limitOf(a))
	row.ExecutionsChart = chartOf(samples, func(s health.Sample) float64 { return float64(s.Executions) }, nil)
	return row
}

// remedy is what to do about figures that could not be read.
func remedy(a health.Action, err error) string {
	var denied *health.DeniedError
	var limited *health.LimitedError
	switch {
	case errors.As(err, &denied):
		return "Give the client of plugin." + a.Platform + " the scope that reads analytics, or start the monitor with the credentials of one that has it."
	case errors.As(err, &limited):
		return "The platform is left alone for as long as it asks for, and then asked again."
	}
	return "The platform is asked again within a minute, for as long as this page is open."
}

// limitOf is the strictest bound on the error rate that the chart shows.
func limitOf(a health.Action) (limit *float64) {
	for _, b := range a.Bounds {
		if t := b.Threshold; t.Metric == "error_rate" && t.Max != nil && b.Window == health.DefaultWindow && (limit == nil || *t.Max < *limit) {
			limit = t.Max
		}
	}
	return limit
}

func thresholdRowOf(t result.Threshold, window string) thresholdRow {
	row := thresholdRow{
		Status: t.Status.String(), Name: clip(t.Name), Metric: clip(t.Metric), Window: clip(window), Value: "not known", Message: clip(t.Message),
	}
	if t.Value != nil {
		row.Value = figure(*t.Value)
	}
	for _, bound := range []struct {
		word  string
		value *float64
	}{{"min", t.Min}, {"max", t.Max}, {"warn", t.Warn}} {
		if bound.value == nil {
			continue
		}
		if row.Bounds != "" {
			row.Bounds += ", "
		}
		row.Bounds += bound.word + " " + figure(*bound.value)
	}
	return row
}

func codeRowOf(action string, c health.CodeDocument) codeRow {
	row := codeRow{Action: action, CodeDocument: c, Average: milliseconds(c.AverageDuration)}
	row.ErrorCode = clip(c.ErrorCode)
	if c.P95Duration != nil {
		row.P95 = milliseconds(*c.P95Duration)
	}
	return row
}
