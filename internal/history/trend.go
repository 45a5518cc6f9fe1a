package history

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// Window is how many of the latest runs are looked at where nobody says.
const Window = 20

// Flaky is a vector that went back and forth although nobody changed the suite.
type Flaky struct {
	Outcome // the latest
	// Runs are those looked at that tried the vector, with the specs, scripts
	// and variables of the latest.
	Runs    int     `json:"runs"`
	Bad     int     `json:"not_passed"` // of Runs
	Rate    float64 `json:"rate"`       // Bad of Runs, 0…1
	Changes int     `json:"changes"`    // from passed to not passed or back
	// Since is when the first run that did not pass started.
	Since time.Time `json:"since"`
}

// Broken is a vector that did not pass the last time it was tried.
type Broken struct {
	Outcome // the latest
	// Runs have not passed in a row.
	Runs int `json:"runs"`
	// Since and SinceRun are the first of them.
	Since    time.Time `json:"since"`
	SinceRun string    `json:"since_run"`
}

// Slow is how long a vector took.
type Slow struct {
	Suite     string  `json:"suite"`
	Name      string  `json:"name"`
	Runs      int     `json:"runs"`
	AverageMS float64 `json:"average_ms"`
	MaxMS     int64   `json:"max_ms"`
}

// Flaky are the vectors that both passed and did not pass, and changed more
// than once, in the latest runs, as many as runs says, that had the suite as
// it is now. Most changes come first.
func (h *History) Flaky(ctx context.Context, runs int) ([]Flaky, error) {
	from, err := h.nth(ctx, runs)
	if err != nil {
		return nil, err
	}
	var all []Flaky
	err = h.timelines(ctx, selection{from: from}, func(newestFirst []Outcome) {
		if f, ok := flaky(newestFirst); ok {
			all = append(all, f)
		}
	})
	slices.SortStableFunc(all, func(a, b Flaky) int { return b.Changes - a.Changes })
	return all, err
}

// flaky judges a vector's outcomes. Those of another state of the suite are
// passed over: runs against two tenants may take turns.
func flaky(newestFirst []Outcome) (f Flaky, ok bool) {
	f.Outcome = newestFirst[0]
	later := f.Outcome
	for _, o := range newestFirst {
		if o.spec != f.spec {
			continue
		}
		f.Runs++
		if o.bad() {
			f.Bad++
			f.Since = o.StartedAt
		}
		if o.bad() != later.bad() {
			f.Changes++
		}
		later = o
	}
	f.Rate = float64(f.Bad) / float64(f.Runs)
	return f, f.Changes > 1
}

// Broken are the vectors that did not pass the last time they were tried,
// those of longest ago first.
func (h *History) Broken(ctx context.Context) ([]Broken, error) { return h.brokenAfter(ctx, 0) }

// New are the vectors that do not pass now and did as of a run, or were not
// there. The run is named as for Run; empty is the one before the last.
func (h *History) New(ctx context.Context, since string) ([]Broken, error) {
	var seq int64
	var err error
	if since == "" {
		seq, err = h.nth(ctx, 2)
	} else {
		_, seq, err = h.find(ctx, since)
	}
	if err != nil {
		return nil, err
	}
	return h.brokenAfter(ctx, seq)
}

// brokenAfter are the broken vectors that were not as of a run; 0 for all.
func (h *History) brokenAfter(ctx context.Context, seq int64) (all []Broken, err error) {
	err = h.timelines(ctx, selection{broken: true}, func(newestFirst []Outcome) {
		if !badAsOf(newestFirst, seq) {
			all = append(all, broken(newestFirst))
		}
	})
	slices.SortStableFunc(all, func(a, b Broken) int { return a.Since.Compare(b.Since) })
	return all, err
}

func badAsOf(newestFirst []Outcome, seq int64) bool {
	i := slices.IndexFunc(newestFirst, func(o Outcome) bool { return o.seq <= seq })
	return i >= 0 && newestFirst[i].bad()
}

// broken tells since when a vector that does not pass did not.
func broken(newestFirst []Outcome) Broken {
	b := Broken{Outcome: newestFirst[0]}
	for _, o := range newestFirst {
		if !o.bad() {
			break
		}
		b.Runs++
		b.Since, b.SinceRun = o.StartedAt, o.RunID
	}
	return b
}

// Failing are the names of the vectors that did not pass the last time they
// were tried.
func (h *History) Failing(ctx context.Context) (map[string]bool, error) {
	failing := map[string]bool{}
	err := h.timelines(ctx, selection{broken: true}, func(newestFirst []Outcome) { failing[newestFirst[0].Name] = true })
	return failing, err
}

// Slowest are the vectors that took longest on average in the latest runs, as
// many as runs says.
func (h *History) Slowest(ctx context.Context, runs, limit int) (all []Slow, err error) {
	from, err := h.nth(ctx, runs)
	if err != nil {
		return nil, err
	}
	err = h.query(ctx, `SELECT (SELECT suite FROM run ORDER BY seq DESC LIMIT 1), name, count(*), avg(ms), max(ms) FROM outcome WHERE run >= ?
		GROUP BY name ORDER BY avg(ms) DESC, name LIMIT ?`, []any{from, limit}, func(rows *sql.Rows) error {
		s := Slow{}
		err := rows.Scan(&s.Suite, &s.Name, &s.Runs, &s.AverageMS, &s.MaxMS)
		all = append(all, s)
		return err
	})
	return all, err
}

// Tally counts what came of one action's vectors in one run.
type Tally struct {
	RunID   string
	Action  string
	Passed  int
	Failed  int
	Errored int
}

// Tallies count what came of the vectors in the latest runs, as many as runs
// says, the newest first. Those of a run that goes on count so far.
func (h *History) Tallies(ctx context.Context, runs int) (all []Tally, err error) {
	err = h.query(ctx, `SELECT r.id, o.action, sum(o.status NOT IN ('fail', 'error')), sum(o.status = 'fail'), sum(o.status = 'error')
		FROM (SELECT seq, id FROM run ORDER BY seq DESC LIMIT ?) AS r CROSS JOIN outcome AS o ON o.run = r.seq
		GROUP BY r.seq, o.action ORDER BY r.seq DESC, o.action`, []any{runs}, func(rows *sql.Rows) error {
		t := Tally{}
		err := rows.Scan(&t.RunID, &t.Action, &t.Passed, &t.Failed, &t.Errored)
		all = append(all, t)
		return err
	})
	return all, err
}

// nth is the place of the n-th newest run; 0 where there are fewer.
func (h *History) nth(ctx context.Context, n int) (seq int64, err error) {
	err = h.query(ctx, "SELECT seq FROM run ORDER BY seq DESC LIMIT 1 OFFSET ?", []any{n - 1}, func(rows *sql.Rows) error {
		return rows.Scan(&seq)
	})
	return seq, err
}

// selection selects outcomes of vectors that did not pass in some run.
type selection struct {
	from   int64 // the first run to look at
	broken bool  // only vectors that did not pass last
}

// timelines tells visit of the outcomes of each of the vectors selected. They
// cost by how many these are: of those that always pass, nothing is read.
func (h *History) timelines(ctx context.Context, s selection, visit func(newestFirst []Outcome)) error {
	var line []Outcome
	tell := func() {
		if len(line) > 0 {
			visit(line)
		}
		line = line[:0]
	}
	// What came after a vector's last failure is a pass.
	err := h.query(ctx, "SELECT "+outcomeColumns+` FROM
		(SELECT name FROM
			(SELECT name, max(run) AS last FROM outcome WHERE status IN ('fail', 'error') AND run >= ?1 GROUP BY name) AS f
			WHERE NOT ?2 OR NOT EXISTS
			(SELECT 1 FROM run AS later CROSS JOIN outcome AS p ON p.run = later.seq AND p.name = f.name WHERE later.seq > f.last)) AS bad
		CROSS JOIN run AS r CROSS JOIN outcome AS o ON o.run = r.seq AND o.name = bad.name
		WHERE r.seq >= ?1 ORDER BY bad.name, r.seq DESC`, []any{s.from, s.broken}, func(rows *sql.Rows) error {
		o, err := scanOutcome(rows)
		if err != nil {
			return err
		}
		if len(line) > 0 && line[0].Name != o.Name {
			tell()
		}
		line = append(line, o)
		return nil
	})
	if err == nil {
		tell()
	}
	return err
}
