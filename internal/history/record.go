package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/result"
)

const (
	// queued is how many outcomes may wait for the database. With maxDocument
	// it bounds the memory.
	queued = 512
	// batch is how many outcomes one transaction holds at most.
	batch = 512
	// flushEvery is how long an outcome waits for others to share its transaction.
	flushEvery = 500 * time.Millisecond
	// patience is how long a run lets the database hold it up, in all, and
	// endPatience how long its end does: longer than the database waits for
	// other processes, so that only a disk that hangs is given up on.
	patience    = 5 * time.Second
	endPatience = 30 * time.Second
)

// Retention is what a history keeps: runs that are neither among the newest
// nor young go.
type Retention struct {
	Runs int           // the newest; the run itself counts
	Age  time.Duration // since the run's start
}

// Kept is the retention of suites: 100 runs, and none of more than 90 days ago.
var Kept = Retention{Runs: 100, Age: 90 * 24 * time.Hour}

// Recorder writes one run of a suite into its history, on a goroutine of its
// own. Its methods are for one goroutine, and none of them fails before End.
type Recorder struct {
	outcomes chan outcome
	ended    chan Run
	done     chan error
	held     time.Duration // how long the run waited for the database
	lost     int
}

// outcome is what is kept of a vector.
type outcome struct {
	Outcome
	document []byte
}

// Record starts to write a run into the history of the suite in dir. Run's
// Status, DurationMS, Summary and Detail are told to End.
func Record(ctx context.Context, dir string, run Run, keep Retention) *Recorder {
	r := &Recorder{outcomes: make(chan outcome, queued), ended: make(chan Run, 1), done: make(chan error, 1)}
	w := &writer{dir: dir, run: run, keep: keep}
	go func() { r.done <- w.write(context.WithoutCancel(ctx), r.outcomes, r.ended) }()
	return r
}

// errLost is a database that could not keep up.
var errLost = errors.New("its disk did not keep up with the run, or another process held it, so it lacks vectors of this run")

// Finished records a vector, which must be redacted. Skipped ones leave
// nothing. Where the database does not keep up it waits, but no more than 5 s
// in a whole run: what comes then is not recorded.
func (r *Recorder) Finished(v result.Vector) {
	if v.Status == result.Skip {
		return
	}
	o := outcomeOf(v)
	select {
	case r.outcomes <- o:
		return
	default:
	}
	started := time.Now()
	timer := time.NewTimer(patience - r.held)
	defer timer.Stop()
	select {
	case r.outcomes <- o:
	case <-timer.C:
		r.lost++
	}
	r.held += time.Since(started)
}

// End records what the run came to, and what the history keeps by its
// retention. Its error means that the history lacks the run or a part of it.
func (r *Recorder) End(run Run) error {
	r.ended <- run
	close(r.outcomes)
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	select {
	case err := <-r.done:
		if err == nil && r.lost > 0 {
			return database.Explain(errLost)
		}
		return err
	case <-timer.C:
		return database.Explain(errLost)
	}
}

func outcomeOf(v result.Vector) outcome {
	o := outcome{Outcome: Outcome{Name: v.Name, Action: v.Action, Tags: v.Tags, Status: v.Status, DurationMS: v.DurationMS}}
	if e := v.Execution; e != nil {
		o.Execution, o.SessionID = e.Status, e.SessionID
		if e.Error != nil {
			o.ErrorCode = e.Error.Code
		}
	}
	if c := v.Classification; c != nil {
		o.Classification, o.Category, o.Confidence = c.Class, c.Category, c.Confidence
	}
	if v.Error != nil {
		o.Error = v.Error.Summary
	}
	if !o.bad() {
		return o
	}
	for _, c := range v.Checks {
		if c.Status >= result.Fail {
			o.FailingCheck = c.Name
			break
		}
	}
	o.document = document(v)
	return o
}

// writer is the goroutine of a Recorder.
type writer struct {
	dir  string
	run  Run
	keep Retention

	db  *sql.DB
	seq int64 // the run's
}

// write takes outcomes until there are no more. After an error it only takes
// them, so that nobody waits.
func (w *writer) write(ctx context.Context, outcomes <-chan outcome, ended <-chan Run) error {
	err := w.open(ctx)
	for err == nil {
		gathered, more := gather(outcomes)
		if err = w.insert(ctx, gathered); !more {
			break
		}
	}
	for range outcomes {
	}
	if err == nil {
		err = w.end(ctx, <-ended)
	}
	if w.db != nil {
		err = errors.Join(err, database.Explain(w.db.Close()))
	}
	return err
}

// gather waits for outcomes, and then for others to go with them. more is
// false where none will come.
func gather(outcomes <-chan outcome) (gathered []outcome, more bool) {
	first, more := <-outcomes
	if !more {
		return nil, false
	}
	gathered = append(make([]outcome, 0, batch), first)
	timer := time.NewTimer(flushEvery)
	defer timer.Stop()
	for len(gathered) < batch {
		select {
		case o, more := <-outcomes:
			if !more {
				return gathered, false
			}
			gathered = append(gathered, o)
		case <-timer.C:
			return gathered, true
		}
	}
	return gathered, true
}

func (w *writer) open(ctx context.Context) (err error) {
	if w.db, err = database.Open(ctx, w.dir); err != nil {
		return err
	}
	run, a := w.run, w.run.Actor
	return database.Write(ctx, w.db, func(tx *sql.Tx) error {
		inserted, err := tx.ExecContext(ctx, `INSERT INTO run (id, suite, spec, filters, started, seed, user, host, ci, job, commit_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			run.ID, run.Suite, run.Spec, run.Filters, run.StartedAt.UnixMilli(), int64(run.Seed), a.User, a.Host, a.CI, a.Job, a.Commit) //nolint:gosec // its bits
		if err != nil {
			return err
		}
		w.seq, err = inserted.LastInsertId()
		return err
	})
}

// rowsATime is how many outcomes one statement inserts: the way to the
// database costs more than a row.
const rowsATime = 32

func (w *writer) insert(ctx context.Context, outcomes []outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	return database.Write(ctx, w.db, func(tx *sql.Tx) error {
		if err := w.insertDocuments(ctx, tx, outcomes); err != nil {
			return err
		}
		whole := len(outcomes) / rowsATime * rowsATime
		if err := w.insertRows(ctx, tx, outcomes[:whole], rowsATime); err != nil {
			return err
		}
		return w.insertRows(ctx, tx, outcomes[whole:], 1)
	})
}

// insertRows inserts outcomes, so many with each statement.
func (w *writer) insertRows(ctx context.Context, tx *sql.Tx, outcomes []outcome, aTime int) error {
	prepared, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO outcome
		(run, name, action, tags, status, ms, execution, session, code, class, category, confidence, failing, error)
		VALUES `+strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), ", aTime-1)+"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	for rows := range slices.Chunk(outcomes, aTime) {
		args := make([]any, 0, 14*aTime)
		for _, o := range rows {
			tags, err := tagsText(o.Tags)
			if err != nil {
				return errors.Join(err, prepared.Close())
			}
			args = append(args, w.seq, o.Name, o.Action, tags, o.Status.String(), o.DurationMS, o.Execution, o.SessionID,
				o.ErrorCode, o.Classification, o.Category, o.Confidence, o.FailingCheck, o.Error)
		}
		if _, err := prepared.ExecContext(ctx, args...); err != nil {
			return errors.Join(err, prepared.Close())
		}
	}
	return prepared.Close()
}

func tagsText(tags []string) (string, error) {
	if len(tags) == 0 {
		return "", nil
	}
	encoded, err := json.Marshal(tags)
	return string(encoded), err
}

func (w *writer) insertDocuments(ctx context.Context, tx *sql.Tx, outcomes []outcome) error {
	prepared, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO document (run, name, body) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.document == nil {
			continue
		}
		if _, err := prepared.ExecContext(ctx, w.seq, o.Name, o.document); err != nil {
			return errors.Join(err, prepared.Close())
		}
	}
	return prepared.Close()
}

// end records the run's end, and lets go what the retention does not keep.
func (w *writer) end(ctx context.Context, run Run) error {
	detail, err := json.Marshal(run.Detail)
	if err != nil {
		return err
	}
	s := run.Summary
	err = database.Write(ctx, w.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE run SET status = ?, ms = ?, total = ?, passed = ?, failed = ?, errored = ?, skipped = ?, detail = ? WHERE seq = ?`,
			run.Status, run.DurationMS, s.Total, s.Passed, s.Failed, s.Errored, s.Skipped, detail, w.seq)
		return err
	})
	if err != nil {
		return err
	}
	return w.prune(ctx)
}

// prune removes runs, each in a transaction of its own, so that those of other
// processes come in between.
func (w *writer) prune(ctx context.Context) error {
	oldest := time.Now().Add(-w.keep.Age).UnixMilli()
	for {
		var seq int64
		err := w.db.QueryRowContext(ctx, `SELECT seq FROM run WHERE seq <> ?1
			AND (started < ?2 OR seq NOT IN (SELECT seq FROM run ORDER BY seq DESC LIMIT ?3)) ORDER BY seq LIMIT 1`,
			w.seq, oldest, w.keep.Runs).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return database.Explain(err)
		}
		err = database.Write(ctx, w.db, func(tx *sql.Tx) error {
			for _, remove := range []string{
				"DELETE FROM outcome WHERE run = ?", "DELETE FROM document WHERE run = ?", "DELETE FROM run WHERE seq = ?",
			} {
				if _, err := tx.ExecContext(ctx, remove, seq); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
