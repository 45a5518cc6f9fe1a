package page

import (
	"math"
	"net/http"
	"slices"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look"
)

// milliseconds is a span for people.
func milliseconds(ms float64) string { return look.Duration(int64(math.Round(ms))) }

// actionPage is one action: its figures over time, and its vectors in runs.
type actionPage struct {
	frame
	Action   actionRow
	ID       string
	Codes    []codeRow
	Bars     *bars
	Runs     []actionRun
	Failures []failure
	More     int
}

// actionRun is what came of an action's vectors in one run.
type actionRun struct {
	history.Run
	tally
}

func (p *Page) action(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	i := slices.IndexFunc(p.Actions, func(a health.Action) bool { return a.Is(name) })
	if i < 0 {
		p.trouble(w, r, http.StatusNotFound, "There is no such action", "The suite has no action of this name or id that runs on a platform. The first page has all of them.")
		return
	}
	a := p.Actions[i]
	view := actionPage{frame: p.frame(r.Context(), "action", ""), ID: a.ID}
	view.Action = p.actionRows(r.Context(), p.Actions[i:i+1])[0]
	view.Title = view.Action.Status + " · " + a.Name + " · " + p.Suite
	for _, c := range view.Action.doc.TopErrorCodes {
		view.Codes = append(view.Codes, codeRowOf(a.Name, c))
	}
	d, err := p.archive.digest(r.Context())
	if err != nil {
		p.failed(w, r, err)
		return
	}
	if d != nil {
		view.runs(d)
		for _, b := range d.broken {
			if b.Action != a.Name {
				continue
			}
			if len(view.Failures) == maxFailures {
				view.More++
				continue
			}
			view.Failures = append(view.Failures, p.failure(r.Context(), d, b.Outcome))
		}
	}
	p.render(w, http.StatusOK, view)
}

func (v *actionPage) runs(d *digest) {
	var tallies []tally
	for _, t := range d.tallies {
		if t.Action != v.Action.Name {
			continue
		}
		i := slices.IndexFunc(d.runs, func(r history.Run) bool { return r.ID == t.RunID })
		if i < 0 {
			continue // it came in between
		}
		tallies = append(tallies, tally{t.Passed, t.Failed, t.Errored})
		v.Runs = append(v.Runs, actionRun{d.runs[i], tallies[len(tallies)-1]})
	}
	v.Bars = barsOf(tallies)
}
