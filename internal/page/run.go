package page

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/result"
)

const (
	pageSize = 50  // vectors on a page of a run
	maxRuns  = 100 // on the page of all runs; the history keeps no more
	maxNoted = 20  // errors and warnings of a run, each
)

// runRow is a run in a list.
type runRow struct {
	history.Run
	tally
	By string
}

// runRows are runs with what came of their vectors, from the digest's tallies
// where a run has not told its end.
func runRows(runs []history.Run, d *digest) []runRow {
	var rows []runRow
	for _, r := range runs {
		rows = append(rows, runRow{Run: r, tally: tallyOf(r, d), By: clip(by(r.Actor))})
	}
	return rows
}

func tallyOf(r history.Run, d *digest) (t tally) {
	if r.Status != history.Unfinished {
		return tally{r.Summary.Passed, r.Summary.Failed, r.Summary.Errored}
	}
	for _, some := range d.tallies {
		if some.RunID == r.ID {
			t.Passed, t.Failed, t.Errored = t.Passed+some.Passed, t.Failed+some.Failed, t.Errored+some.Errored
		}
	}
	return t
}

func by(a history.Actor) string {
	if a.CI != "" {
		return a.CI
	}
	return a.User
}

func barsOfRuns(rows []runRow) *bars {
	var tallies []tally
	for _, r := range rows {
		tallies = append(tallies, r.tally)
	}
	return barsOf(tallies)
}

// runsPage is all runs.
type runsPage struct {
	frame
	Runs []runRow
	Bars *bars
}

func (p *Page) runs(w http.ResponseWriter, r *http.Request) {
	view := runsPage{frame: p.frame(r.Context(), "runs", "Runs · "+p.Suite)}
	h, err := p.archive.open(r.Context())
	if h != nil && err == nil {
		var runs []history.Run
		var d *digest
		runs, err = h.Runs(r.Context(), maxRuns)
		if err == nil {
			d, err = p.archive.digest(r.Context())
		}
		if err == nil && d != nil {
			view.Runs = runRows(runs, d)
			view.Bars = barsOfRuns(view.Runs)
		}
	}
	if err != nil {
		p.failed(w, r, err)
		return
	}
	p.render(w, http.StatusOK, view)
}

// runPage is one run and a page of its vectors.
type runPage struct {
	frame
	Run        runRow
	Took       bool
	Thresholds []thresholdRow
	Errors     []result.Error
	Warnings   []result.Error
	Filters    []filter
	Status, Q  string // what is filtered by
	Found      int
	Vectors    []failure
	From, To   int // of Found, counted from 1
	Prev, Next string
}

// filter is a verdict to filter by.
type filter struct {
	Status, Label, Link string
	Count               int
	Current             bool
}

func (p *Page) run(w http.ResponseWriter, r *http.Request) {
	h, err := p.archive.open(r.Context())
	if h == nil && err == nil {
		err = history.ErrNoRun
	}
	if err != nil {
		p.failed(w, r, err)
		return
	}
	run, err := h.Run(r.Context(), r.PathValue("id"))
	if err != nil {
		p.failed(w, r, err)
		return
	}
	outcomes, err := h.Vectors(r.Context(), run.ID)
	if err != nil {
		p.failed(w, r, err)
		return
	}
	d, err := p.archive.digest(r.Context())
	if err != nil || d == nil {
		p.failed(w, r, err)
		return
	}
	view := runPage{frame: p.frame(r.Context(), "run", run.Status+" · run "+shortID(run.ID)+" · "+p.Suite), Run: runRow{Run: run, By: clip(by(run.Actor))}}
	view.Took = run.Status != history.Unfinished
	for _, t := range run.Thresholds {
		view.Thresholds = append(view.Thresholds, thresholdRowOf(t, ""))
	}
	view.Errors, view.Warnings = noted(run.Errors), noted(run.Warnings)
	query := r.URL.Query()
	view.filter(outcomes, query)
	found := view.find(outcomes)
	page, _ := strconv.Atoi(query.Get("page"))
	page = max(1, min(page, (len(found)+pageSize-1)/pageSize))
	from := min((page-1)*pageSize, len(found))
	to := min(from+pageSize, len(found))
	view.Found, view.From, view.To = len(found), from+1, to
	if page > 1 {
		view.Prev = view.link(view.Status, page-1)
	}
	if to < len(found) {
		view.Next = view.link(view.Status, page+1)
	}
	for _, o := range found[from:to] {
		view.Vectors = append(view.Vectors, p.failure(r.Context(), d, o))
	}
	p.render(w, http.StatusOK, view)
}

// filter reads what to filter by, and counts the run's vectors.
func (v *runPage) filter(outcomes []history.Outcome, query url.Values) {
	counts := map[string]int{}
	for _, o := range outcomes {
		counts[statusOf(o)]++
	}
	v.Run.tally = tally{counts["pass"], counts["fail"], counts["error"]}
	v.Q, v.Status = clip(strings.TrimSpace(query.Get("q"))), query.Get("status")
	v.Filters = []filter{
		{"", "All", "", len(outcomes), false},
		{"error", "Errored", "", counts["error"], false},
		{"fail", "Failed", "", counts["fail"], false},
		{"pass", "Passed", "", counts["pass"], false},
	}
	if !slices.ContainsFunc(v.Filters, func(f filter) bool { return f.Status == v.Status }) {
		v.Status = ""
	}
	for i, f := range v.Filters {
		v.Filters[i].Link, v.Filters[i].Current = v.link(f.Status, 1), f.Status == v.Status
	}
}

func (v *runPage) find(outcomes []history.Outcome) (found []history.Outcome) {
	words := strings.Fields(strings.ToLower(v.Q))
	for _, o := range outcomes {
		if v.Status != "" && v.Status != statusOf(o) {
			continue
		}
		text := strings.ToLower(strings.Join(append(o.Tags, o.Name, o.Action, o.Execution, o.ErrorCode, o.Classification, o.Category, o.FailingCheck, o.Error), "\n"))
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			found = append(found, o)
		}
	}
	return found
}

func (v *runPage) link(status string, page int) string {
	query := url.Values{}
	if status != "" {
		query.Set("status", status)
	}
	if v.Q != "" {
		query.Set("q", v.Q)
	}
	if page > 1 {
		query.Set("page", strconv.Itoa(page))
	}
	if len(query) == 0 {
		return runLink(v.Run.ID)
	}
	return runLink(v.Run.ID) + "?" + query.Encode()
}

// statusOf is an outcome's verdict; a warning has passed.
func statusOf(o history.Outcome) string {
	if o.Status == result.Warn {
		return "pass"
	}
	return o.Status.String()
}

func noted(errors []result.Error) (short []result.Error) {
	for _, e := range errors[:min(len(errors), maxNoted)] {
		short = append(short, result.Error{Summary: clip(e.Summary), Detail: clip(e.Detail)})
	}
	return short
}
