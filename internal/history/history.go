// Package history keeps what came of a suite's vectors, run by run, in the
// suite's state folder: for people who ask since when a vector is broken, for
// runs of what failed last, and for the monitor. No verdict depends on it.
//
// Start reading at Record for the writing side, at History for the reading
// one, and at tables.go for what is kept.
package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/state"
)

// Run is the part of a run that one suite had.
type Run struct {
	ID        string    `json:"run_id"`
	Suite     string    `json:"suite"`
	StartedAt time.Time `json:"started_at"`
	// Status is pass, fail, error, warn or skip; unfinished where the run is
	// still going on, or was killed.
	Status     string         `json:"status"`
	DurationMS int64          `json:"duration_ms"`
	Seed       uint64         `json:"seed"`
	Summary    result.Summary `json:"summary"`
	// Spec is a digest of the specs, scripts and variables: where it is the
	// same, what changed was not the suite.
	Spec string `json:"spec"`
	// Filters are the flags that left vectors out; empty for none.
	Filters string `json:"filters,omitempty"`
	Actor   Actor  `json:"actor"`
	Detail
}

// Unfinished is the status of a run that has not told its end.
const Unfinished = "unfinished"

// Actor is who ran it, as far as the environment told.
type Actor struct {
	User   string `json:"user,omitempty"`
	Host   string `json:"host,omitempty"`
	CI     string `json:"ci,omitempty"`
	Job    string `json:"job,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// Detail is what a run came to beside its vectors.
type Detail struct {
	Thresholds []result.Threshold `json:"thresholds,omitempty"`
	Errors     []result.Error     `json:"errors,omitempty"`
	Warnings   []result.Error     `json:"warnings,omitempty"`
}

// Outcome is what came of one vector in one run.
type Outcome struct {
	RunID          string        `json:"run_id"`
	Suite          string        `json:"suite"`
	StartedAt      time.Time     `json:"started_at"` // of the run
	Name           string        `json:"name"`
	Action         string        `json:"action"`
	Tags           []string      `json:"tags,omitempty"`
	Status         result.Status `json:"status"`
	DurationMS     int64         `json:"duration_ms"`
	Execution      string        `json:"execution_status,omitempty"` // COMPLETED, FAILED, REJECTED; empty where not known
	SessionID      string        `json:"session_id,omitempty"`
	ErrorCode      string        `json:"error_code,omitempty"`
	Classification string        `json:"classification,omitempty"`
	Category       string        `json:"category,omitempty"`
	Confidence     float64       `json:"confidence,omitempty"` // 0…1
	// FailingCheck is the first check that does not hold.
	FailingCheck string `json:"failing_check,omitempty"`
	Error        string `json:"error,omitempty"` // its summary

	seq  int64  // the run's place in time
	spec string // the run's
}

// bad reports whether the vector did not pass.
func (o *Outcome) bad() bool { return o.Status >= result.Fail }

// ErrNoRun is a run that the history does not hold.
var ErrNoRun = errors.New("no such run in the history")

// History reads a suite's history, while others may write. It is safe for
// concurrent use and must be closed. Its errors say what to do.
type History struct {
	db   *sql.DB
	dir  string
	file fs.FileInfo // the one that was opened
}

// Exists reports whether the suite in dir has a history.
func Exists(dir string) bool { return database.Exists(dir) }

// Open opens the history of the suite in dir, and makes it where there is none.
func Open(ctx context.Context, dir string) (*History, error) {
	db, err := database.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	file, err := database.Stat(dir)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &History{db: db, dir: dir, file: file}, nil
}

// Current reports whether the suite's history is still the one that was
// opened: somebody may have removed it, or put another in its place.
func (h *History) Current() bool {
	file, err := database.Stat(h.dir)
	return err == nil && os.SameFile(h.file, file)
}

// Close lets the history go.
func (h *History) Close() error { return h.db.Close() }

// Version is a number that differs from the one before where somebody else
// wrote in between. Asking costs next to nothing.
func (h *History) Version(ctx context.Context) (version int64, err error) {
	err = h.db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version)
	return version, database.Explain(err)
}

// query reads rows.
func (h *History) query(ctx context.Context, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := h.db.QueryContext(ctx, query, args...)
	if err != nil {
		return database.Explain(err)
	}
	return database.Explain(state.Read(rows, func() error { return row(rows) }))
}

const runColumns = `seq, id, suite, spec, filters, started, seed, user, host, ci, job, commit_id,
	coalesce(status, '` + Unfinished + `'), ms, total, passed, failed, errored, skipped, detail`

func scanRun(rows *sql.Rows) (run Run, seq int64, err error) {
	var started, seed int64
	var detail []byte
	s, a := &run.Summary, &run.Actor
	err = rows.Scan(&seq, &run.ID, &run.Suite, &run.Spec, &run.Filters, &started, &seed, &a.User, &a.Host, &a.CI, &a.Job, &a.Commit,
		&run.Status, &run.DurationMS, &s.Total, &s.Passed, &s.Failed, &s.Errored, &s.Skipped, &detail)
	if err != nil {
		return run, 0, err
	}
	run.StartedAt, run.Seed = time.UnixMilli(started).UTC(), uint64(seed) //nolint:gosec // its bits were stored
	if detail != nil {
		err = json.Unmarshal(detail, &run.Detail)
	}
	return run, seq, err
}

// Runs are the latest runs, the newest first.
func (h *History) Runs(ctx context.Context, limit int) ([]Run, error) {
	var runs []Run
	err := h.query(ctx, "SELECT "+runColumns+" FROM run ORDER BY seq DESC LIMIT ?", []any{limit}, func(rows *sql.Rows) error {
		run, _, err := scanRun(rows)
		runs = append(runs, run)
		return err
	})
	return runs, err
}

// Run is the run of an id, or of the beginning of one. Its error is ErrNoRun
// where none is meant, or several are.
func (h *History) Run(ctx context.Context, id string) (Run, error) {
	run, _, err := h.find(ctx, id)
	return run, err
}

func (h *History) find(ctx context.Context, id string) (found Run, seq int64, err error) {
	n := 0
	err = h.query(ctx, "SELECT "+runColumns+" FROM run WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", []any{id}, func(rows *sql.Rows) (err error) {
		n++
		found, seq, err = scanRun(rows)
		return err
	})
	switch {
	case err != nil:
		return found, 0, err
	case n == 0 || id == "":
		return found, 0, fmt.Errorf("%w: %s", ErrNoRun, id)
	case n > 1:
		return found, 0, fmt.Errorf("%w: several begin with %s, so write more of it", ErrNoRun, id)
	}
	return found, seq, nil
}

const outcomeColumns = `r.seq, r.id, r.suite, r.started, r.spec, o.name, o.action, o.tags, o.status, o.ms, o.execution, o.session, o.code,
	o.class, o.category, o.confidence, o.failing, o.error`

func scanOutcome(rows *sql.Rows) (o Outcome, err error) {
	var started int64
	var status, tags string
	err = rows.Scan(&o.seq, &o.RunID, &o.Suite, &started, &o.spec, &o.Name, &o.Action, &tags, &status, &o.DurationMS, &o.Execution, &o.SessionID,
		&o.ErrorCode, &o.Classification, &o.Category, &o.Confidence, &o.FailingCheck, &o.Error)
	if err != nil {
		return o, err
	}
	o.StartedAt = time.UnixMilli(started).UTC()
	if o.Status, err = statusOf(status); err != nil || tags == "" {
		return o, err
	}
	return o, json.Unmarshal([]byte(tags), &o.Tags)
}

func statusOf(word string) (status result.Status, err error) {
	return status, status.UnmarshalJSON([]byte(`"` + word + `"`))
}

func (h *History) outcomes(ctx context.Context, query string, args ...any) (all []Outcome, err error) {
	err = h.query(ctx, "SELECT "+outcomeColumns+" "+query, args, func(rows *sql.Rows) error {
		o, err := scanOutcome(rows)
		all = append(all, o)
		return err
	})
	return all, err
}

// Vectors are the vectors of a run, those that did not pass first.
func (h *History) Vectors(ctx context.Context, runID string) ([]Outcome, error) {
	return h.outcomes(ctx, `FROM run AS r JOIN outcome AS o ON o.run = r.seq WHERE r.id = ?
		ORDER BY CASE o.status WHEN 'error' THEN 0 WHEN 'fail' THEN 1 ELSE 2 END, o.name`, runID)
}

// Vector is what came of a vector in the latest runs that tried it, the newest
// first.
func (h *History) Vector(ctx context.Context, name string, limit int) ([]Outcome, error) {
	return h.outcomes(ctx, `FROM run AS r CROSS JOIN outcome AS o ON o.run = r.seq AND o.name = ?
		ORDER BY r.seq DESC LIMIT ?`, name, limit)
}

// Document is a vector's part of a run's result document with its input,
// redacted as that is; nil where the vector passed. Of a large one, parts are
// left out. Decode reads it.
func (h *History) Document(ctx context.Context, runID, name string) (json.RawMessage, error) {
	var body []byte
	err := h.db.QueryRowContext(ctx, "SELECT body FROM document WHERE run = (SELECT seq FROM run WHERE id = ?) AND name = ?", runID, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return body, database.Explain(err)
}

// like makes a pattern of LIKE that finds a text anywhere.
func like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// Names are the vectors of the latest runs whose names hold a text, for people
// who do not remember the whole of it.
func (h *History) Names(ctx context.Context, text string, limit int) (names []string, err error) {
	err = h.query(ctx, `SELECT DISTINCT name FROM outcome WHERE run IN (SELECT seq FROM run ORDER BY seq DESC LIMIT ?)
		AND name LIKE ? ESCAPE '\' ORDER BY name LIMIT ?`, []any{Window, like(text), limit}, func(rows *sql.Rows) error {
		name := ""
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}
