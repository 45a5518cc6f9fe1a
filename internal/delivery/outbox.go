package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// stateFolder holds the outbox, below the suite's folder.
	stateFolder = ".assay"
	// fileName is the database; SQLite keeps its log beside it.
	fileName = "outbox.db"
	// ownersFolder holds a locked file for each process that delivers.
	ownersFolder = "outbox.owners"
	// busyTimeout is how long a write waits for those of other processes.
	busyTimeout = 10 * time.Second
	// layout is the version of the tables, kept as SQLite's user_version.
	layout = 1
)

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
PRAGMA user_version = 1;
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
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, stateFolder, fileName))
	return err == nil
}

func (o *Outbox) open(ctx context.Context, dir string) (err error) {
	if o.dir, err = filepath.Abs(dir); err != nil { // as SQLite's URLs want it
		return err
	}
	if o.root, err = os.OpenRoot(o.dir); err != nil {
		return err
	}
	if err := o.root.MkdirAll(filepath.Join(stateFolder, ownersFolder), 0o700); err != nil {
		return err
	}
	// SQLite knows no os.Root: the file is made here, where no link leads out
	// of the suite's tree, and for its owner's eyes only.
	file, err := o.root.OpenFile(filepath.Join(stateFolder, fileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if o.db, err = sql.Open("sqlite", o.dsn()); err != nil {
		return err
	}
	if o.side, err = sql.Open("sqlite", o.dsn()); err != nil {
		return err
	}
	o.db.SetMaxOpenConns(1) // writers of this process queue up here, not in SQLite's busy loop
	o.side.SetMaxOpenConns(1)
	return o.migrate(ctx)
}

// dsn has every commit synced to disk: an event that a run has told of
// survives also the machine's end. Transactions take the write lock at once,
// so that none fails half-way because another process wrote.
func (o *Outbox) dsn() string {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)",
	}}
	path := url.URL{Scheme: "file", Path: filepath.Join(o.dir, stateFolder, fileName), RawQuery: query.Encode()}
	return path.String()
}

var errNewer = errors.New("it was written by a newer assay: use that one")

func (o *Outbox) migrate(ctx context.Context) error {
	var version int
	if err := o.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > layout {
		return errNewer
	}
	if version == layout {
		return nil
	}
	return o.write(ctx, func(tx *sql.Tx) error {
		// Another process may have been faster.
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version == layout {
			return err
		}
		_, err := tx.ExecContext(ctx, tables)
		return err
	})
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
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	if err := change(tx); err != nil {
		return errors.Join(explain(err), ignoreDone(tx.Rollback()))
	}
	return explain(tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
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
		RETURNING seq, sink, attempts, kind, event`, sink, time.Now().UnixMilli(), n)
}

// unrecorded takes up to n dead letters in hand that the required sinks do not
// hold yet.
func (o *Outbox) unrecorded(ctx context.Context, n int) ([]*letter, error) {
	return o.take(ctx, `UPDATE letter SET owner = ? WHERE seq IN (
		SELECT seq FROM letter WHERE state = 'dead' AND recorded = 0 AND owner IS NULL ORDER BY seq LIMIT ?)
		RETURNING seq, sink, attempts, kind, event`, n)
}

// take runs an UPDATE … RETURNING whose first argument is the owner.
func (o *Outbox) take(ctx context.Context, update string, args ...any) (letters []*letter, err error) {
	var events [][]byte
	err = o.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, update, append([]any{o.owner}, args...)...)
		if err != nil {
			return err
		}
		return read(rows, func() error {
			l, event := &letter{}, []byte(nil)
			letters = append(letters, l)
			err := rows.Scan(&l.seq, &l.sink, &l.attempts, &l.kind, &event)
			events = append(events, event)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	for i, event := range events {
		if err := json.Unmarshal(event, &letters[i].event); err != nil {
			return nil, explain(fmt.Errorf("letter %d: %w", letters[i].seq, err))
		}
	}
	return letters, nil
}

// read calls row for each row, and closes them.
func read(rows *sql.Rows, row func() error) error {
	for rows.Next() {
		if err := row(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
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
type OutboxError struct {
	remedy string
	err    error
}

func (e *OutboxError) Error() string {
	text := fmt.Sprintf("the outbox %s/%s: %v", stateFolder, fileName, e.err)
	if e.remedy != "" {
		text += "; " + e.remedy
	}
	return text
}

// Unwrap gives the cause.
func (e *OutboxError) Unwrap() error { return e.err }

// explain says of an error of the database what to do about it.
func explain(err error) error {
	var known *OutboxError
	var failure *sqlite.Error
	var path *fs.PathError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &failure):
		return &OutboxError{remedy(failure.Code() & 0xff), err}
	case errors.As(err, &path):
		return &OutboxError{"let the user who runs assay write there, and no link lead out of the suite", path.Err}
	}
	return &OutboxError{"", err}
}

func remedy(code int) string {
	switch code {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return "another process keeps it locked: end that one, or try again"
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR:
		return "free space on its disk, and see that files there may grow"
	case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
		return "it is damaged: move it away with outbox.db-wal and outbox.db-shm beside it, and a new one is made; what it held is lost to delivery, not to the audit log"
	case sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_PERM:
		return "let the user who runs assay write there"
	}
	return "see that its folder can be written to"
}
