package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/assay-cx/assay/internal/state"
	"github.com/assay-cx/assay/plugins/sdk"
)

// ownersFolder holds a locked file for each process that delivers.
const ownersFolder = "outbox.owners"

// database has every commit synced to disk: an event that a run has told of
// survives also the machine's end.
var database = state.Database{
	Title: "the outbox", File: "outbox.db", Tables: tables, Layout: 1,
	Pragmas: []string{"synchronous(FULL)", "wal_autocheckpoint(0)"},
	Lost:    "what it held is lost to delivery, not to the audit log",
}

// tables is the database. A letter is one event for one sink. Letters that
// were delivered are deleted: what is there is still to be done, or dead.
const tables = `
CREATE TABLE letter (
  seq      INTEGER PRIMARY KEY,
  sink     TEXT    NOT NULL,           -- the plugin block's name
  id       TEXT    NOT NULL,           -- the event's, the same at every delivery
  event    BLOB    NOT NULL,           -- sdk.Event as JSON, redacted
  state    TEXT    NOT NULL CHECK (state IN ('queued', 'dead')),
  attempts INTEGER NOT NULL,
  created  INTEGER NOT NULL,           -- ms since the epoch, as the next
  due      INTEGER NOT NULL,
  owner    TEXT,                       -- the process that has it in hand
  error    TEXT    NOT NULL DEFAULT '',
  kind     TEXT    NOT NULL DEFAULT '', -- of the error
  recorded INTEGER NOT NULL DEFAULT 0,  -- a dead letter that the required sinks hold
  UNIQUE (sink, id)
) STRICT;
CREATE INDEX letter_due ON letter (sink, due) WHERE state = 'queued' AND owner IS NULL;
CREATE INDEX letter_dead ON letter (recorded) WHERE state = 'dead';
CREATE INDEX letter_owner ON letter (owner) WHERE owner IS NOT NULL;
CREATE TABLE disabled (
  sink        TEXT PRIMARY KEY,
  fingerprint TEXT    NOT NULL,        -- of the settings under which it was disabled
  since       INTEGER NOT NULL
) STRICT;
`

// Outbox is a suite's durable queue, shared with other processes. It is safe
// for concurrent use.
type Outbox struct {
	db    *sql.DB
	side  *sql.DB  // a connection that writes nothing, for checkpoints
	root  *os.Root // the suite's folder
	dir   string
	owner string // this process's name on the letters that it has in hand
	lock  *flock.Flock
}

// letter is one event on its way to one sink.
type letter struct {
	seq      int64
	sink     string
	attempts int
	kind     string // of the last error; empty for none
	event    sdk.Event
	// unreadable says that the database does not hold an event of ours here;
	// event then has an id and nothing else.
	unreadable bool
}

// OpenOutbox opens the outbox of the suite in dir, and makes it where there is
// none. Errors say what to do.
func OpenOutbox(ctx context.Context, dir string) (*Outbox, error) {
	o := &Outbox{}
	if err := o.open(ctx, dir); err != nil {
		return nil, errors.Join(explain(err), o.Close())
	}
	return o, nil
}

// Exists reports whether the suite in dir has an outbox.
func Exists(dir string) bool { return database.Exists(dir) }

func (o *Outbox) open(ctx context.Context, dir string) (err error) {
	if o.dir, err = filepath.Abs(dir); err != nil { // as SQLite's URLs want it
		return err
	}
	if o.root, err = os.OpenRoot(o.dir); err != nil {
		return err
	}
	if err := o.root.MkdirAll(filepath.Join(state.Folder, ownersFolder), 0o700); err != nil {
		return err
	}
	if o.db, err = database.Open(ctx, o.dir); err != nil {
		return err
	}
	o.side, err = database.Open(ctx, o.dir)
	return err
}

// checkpoint moves what was committed from SQLite's log into the database,
// while others write: no commit has to wait for that.
func (o *Outbox) checkpoint(ctx context.Context) error {
	_, err := o.side.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	return explain(err)
}

// Close gives back the letters that this process has in hand.
func (o *Outbox) Close() error {
	var errs []error
	for _, db := range []*sql.DB{o.side, o.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if o.lock != nil {
		errs = append(errs, o.lock.Unlock(), o.root.Remove(ownerFile(o.owner)))
	}
	if o.root != nil {
		errs = append(errs, o.root.Close())
	}
	return errors.Join(errs...)
}

// write runs a transaction.
func (o *Outbox) write(ctx context.Context, change func(tx *sql.Tx) error) error {
	return explain(database.Write(ctx, o.db, change))
}

// put commits letters. mine says of each whether this process keeps it in
// hand; its seq is filled in.
func (o *Outbox) put(ctx context.Context, letters []*letter, mine []bool) error {
	now := time.Now().UnixMilli()
	events := make([][]byte, len(letters))
	for i, l := range letters {
		var err error
		if events[i], err = json.Marshal(l.event); err != nil {
			return err
		}
	}
	return o.write(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO letter (sink, id, event, state, attempts, created, due, owner)
			VALUES (?, ?, ?, 'queued', 0, ?, ?, ?)`)
		if err != nil {
			return err
		}
		for i, l := range letters {
			owner := sql.NullString{String: o.owner, Valid: mine[i]}
			inserted, err := insert.ExecContext(ctx, l.sink, l.event.ID, events[i], now, now, owner)
			if err == nil {
				l.seq, err = inserted.LastInsertId()
			}
			if err != nil {
				return errors.Join(err, insert.Close())
			}
		}
		return insert.Close()
	})
}

// claim takes up to n letters of a sink in hand that are due and nobody's.
func (o *Outbox) claim(ctx context.Context, sink string, n int) ([]*letter, error) {
	return o.take(ctx, `UPDATE letter SET owner = ? WHERE seq IN (
		SELECT seq FROM letter WHERE state = 'queued' AND owner IS NULL AND sink = ? AND due <= ? ORDER BY due, seq LIMIT ?)
		RETURNING seq, sink, id, attempts, kind, event`, sink, time.Now().UnixMilli(), n)
}

// unrecorded takes up to n dead letters in hand that the required sinks do not
// hold yet.
func (o *Outbox) unrecorded(ctx context.Context, n int) ([]*letter, error) {
	return o.take(ctx, `UPDATE letter SET owner = ? WHERE seq IN (
		SELECT seq FROM letter WHERE state = 'dead' AND recorded = 0 AND owner IS NULL ORDER BY seq LIMIT ?)
		RETURNING seq, sink, id, attempts, kind, event`, n)
}

// take runs an UPDATE … RETURNING whose first argument is the owner.
func (o *Outbox) take(ctx context.Context, update string, args ...any) (letters []*letter, err error) {
	err = o.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, update, append([]any{o.owner}, args...)...)
		if err != nil {
			return err
		}
		return state.Read(rows, func() error {
			l, id, event := &letter{}, "", []byte(nil)
			letters = append(letters, l)
			err := rows.Scan(&l.seq, &l.sink, &id, &l.attempts, &l.kind, &event)
			l.read(id, event)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return letters, nil
}

// read takes what the database holds of a letter's event. What is not of our
// making does not keep other letters from being delivered.
func (l *letter) read(id string, event []byte) {
	l.attempts = max(0, min(l.attempts, math.MaxInt32))
	if json.Unmarshal(event, &l.event) != nil {
		l.event, l.unreadable = sdk.Event{}, true
	}
	l.event.ID = id
}

// recorded notes that the required sinks hold dead letters.
func (o *Outbox) recorded(ctx context.Context, letters []*letter) error {
	return o.write(ctx, func(tx *sql.Tx) error {
		for _, l := range letters {
			if _, err := tx.ExecContext(ctx, "UPDATE letter SET recorded = 1, owner = NULL WHERE seq = ?", l.seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// release gives back what this process has in hand.
func (o *Outbox) release(ctx context.Context) error {
	if o.owner == "" {
		return nil
	}
	return o.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE letter SET owner = NULL WHERE owner = ?", o.owner)
		return err
	})
}

// next is when the first letter of a sink that is nobody's is due; ok is false
// where there is none.
func (o *Outbox) next(ctx context.Context, sink string) (due time.Time, ok bool, err error) {
	var ms int64
	err = o.db.QueryRowContext(ctx, `SELECT due FROM letter
		WHERE state = 'queued' AND owner IS NULL AND sink = ? ORDER BY due LIMIT 1`, sink).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return time.UnixMilli(ms), err == nil, explain(err)
}

// pending is how many letters of a sink are queued and nobody's.
func (o *Outbox) pending(ctx context.Context, sink string) (n int, err error) {
	err = o.db.QueryRowContext(ctx, "SELECT count(*) FROM letter WHERE state = 'queued' AND owner IS NULL AND sink = ?", sink).Scan(&n)
	return n, explain(err)
}

// isDisabled reports whether a sink refused all further events under the
// settings that it has now. Others make it try again.
func (o *Outbox) isDisabled(ctx context.Context, sink, fingerprint string) (disabled bool, err error) {
	err = o.db.QueryRowContext(ctx, "SELECT fingerprint = ? FROM disabled WHERE sink = ?", fingerprint, sink).Scan(&disabled)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return disabled, explain(err)
}

// OutboxError is a fault of the outbox itself: its file, its disk, its lock.
type OutboxError struct{ err error }

func (e *OutboxError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *OutboxError) Unwrap() error { return e.err }

// explain says of an error of the outbox what to do about it.
func explain(err error) error {
	var known *OutboxError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &OutboxError{database.Explain(err)}
}
