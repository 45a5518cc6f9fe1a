package page

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"time"

	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
)

// maxTimeline is how many outcomes of a vector show.
const maxTimeline = 40

// failure is a vector in one run: in a list, or by itself.
type failure struct {
	look.Vector
	Full   string // its name, uncut
	RunID  string
	Opens  bool // it did not pass, so that there is more to show than a line
	Cut    bool // its result was too large for the history
	Broken *history.Broken
	Flaky  *history.Flaky
	At     time.Time
}

// failure is an outcome with all that is known of it.
func (p *Page) failure(ctx context.Context, d *digest, o history.Outcome) failure {
	f := failure{Full: o.Name, RunID: o.RunID, At: o.StartedAt}
	v := vectorOf(o)
	if o.Status >= result.Fail {
		f.Opens = true
		if whole, ok := p.document(ctx, o); ok {
			v = whole
		} else {
			f.Cut = true
		}
	}
	f.Vector = look.VectorOf(v)
	f.ID = idOf(o.Name)
	if i := slices.IndexFunc(d.broken, func(b history.Broken) bool { return b.Name == o.Name }); i >= 0 {
		f.Broken = &d.broken[i]
	}
	if i := slices.IndexFunc(d.flaky, func(b history.Flaky) bool { return b.Name == o.Name }); i >= 0 {
		f.Flaky = &d.flaky[i]
	}
	return f
}

// document reads a vector's part of a result document, if there is one.
func (p *Page) document(ctx context.Context, o history.Outcome) (v result.Vector, ok bool) {
	h, err := p.archive.open(ctx)
	if h == nil || err != nil {
		return v, false
	}
	body, err := h.Document(ctx, o.RunID, o.Name)
	if err != nil || body == nil {
		return v, false
	}
	v, err = history.Decode(body)
	return v, err == nil
}

// vectorOf is as much of a vector as its outcome tells.
func vectorOf(o history.Outcome) result.Vector {
	v := result.Vector{Suite: o.Suite, Name: o.Name, Action: o.Action, Tags: o.Tags, Status: o.Status, DurationMS: o.DurationMS}
	if o.Execution != "" || o.SessionID != "" {
		v.Execution = &result.Execution{Status: o.Execution, SessionID: o.SessionID}
		if o.ErrorCode != "" {
			v.Execution.Error = &result.ExecutionError{Code: o.ErrorCode}
		}
	}
	if o.Classification != "" {
		v.Classification = &result.Classification{Class: o.Classification, Category: o.Category, Confidence: o.Confidence}
	}
	if o.Error != "" {
		v.Error = &result.Error{Summary: o.Error}
	}
	return v
}

// idOf makes an element's id of a name.
func idOf(name string) string {
	digest := fnv.New64a()
	fmt.Fprint(digest, name)
	return fmt.Sprintf("v-%x", digest.Sum64())
}

// vectorPage is one vector over time, and what came of it in one run.
type vectorPage struct {
	frame
	Name     string
	Chosen   failure
	Latest   bool // the run chosen is the latest that tried it
	Timeline []moment
	Passing  *time.Time // since when it passes in a row; nil where it does not
	Times    int        // that it passed in a row
	Whole    bool       // the timeline reaches back to the first run kept
}

// moment is one outcome on the timeline.
type moment struct {
	history.Outcome
	Ended, Reason string
	Current       bool
}

func (p *Page) vector(w http.ResponseWriter, r *http.Request) {
	name, run := r.URL.Query().Get("name"), r.URL.Query().Get("run")
	h, err := p.archive.open(r.Context())
	var d *digest
	var outcomes []history.Outcome
	if err == nil && h != nil {
		if d, err = p.archive.digest(r.Context()); err == nil {
			outcomes, err = h.Vector(r.Context(), name, maxRuns)
		}
	}
	if err != nil {
		p.failed(w, r, err)
		return
	}
	chosen := 0
	if run != "" {
		chosen = slices.IndexFunc(outcomes, func(o history.Outcome) bool { return o.RunID == run })
	}
	if chosen < 0 || len(outcomes) == 0 || d == nil {
		p.trouble(w, r, http.StatusNotFound, "The history does not hold that", "No run that is kept tried a vector of this name. The names are on the pages of the runs.")
		return
	}
	view := vectorPage{
		frame: p.frame(r.Context(), "vector", outcomes[chosen].Status.String()+" · "+clip(name)+" · "+p.Suite), Name: clip(name),
		Chosen: p.failure(r.Context(), d, outcomes[chosen]), Latest: chosen == 0, Whole: len(outcomes) <= maxTimeline,
	}
	for _, o := range outcomes {
		if o.Status >= result.Fail {
			break
		}
		view.Passing = &o.StartedAt
		view.Times++
	}
	for i, o := range outcomes[:min(len(outcomes), maxTimeline)] {
		v := vectorOf(o)
		view.Timeline = append(view.Timeline, moment{Outcome: o, Ended: clip(look.Ended(v)), Reason: reasonOf(o), Current: i == chosen})
	}
	p.render(w, http.StatusOK, view)
}
