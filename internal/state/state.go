// Package state opens the SQLite databases that a suite keeps in its state
// folder, .assay, and says of their errors what to do.
//
// Start reading at Database.Open.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// Folder holds a suite's state, below the suite's folder.
const Folder = ".assay"

// busyTimeout is how long a write waits for those of other processes.
const busyTimeout = 10 * time.Second

// Database is one file of the state folder.
type Database struct {
	Title  string // such as "the outbox", for errors
	File   string // its name; SQLite keeps its log beside it
	Tables string // the statements that make it
	Layout int    // the version of the tables, kept as SQLite's user_version
	// Pragmas are for each connection, such as synchronous(FULL).
	Pragmas []string
	// Lost says what goes with a file that is damaged.
	Lost string
}

// Exists reports whether the suite in dir has the database. One that may not
// be looked at does: Open says why.
func (d Database) Exists(dir string) bool {
	_, err := d.Stat(dir)
	return !errors.Is(err, fs.ErrNotExist)
}

// Stat tells which file the database of the suite in dir is.
func (d Database) Stat(dir string) (fs.FileInfo, error) {
	return os.Stat(filepath.Join(dir, Folder, d.File))
}

// Open opens the database of the suite in dir, with one connection, and makes
// it where there is none. Its errors are *Error.
func (d Database) Open(ctx context.Context, dir string) (*sql.DB, error) {
	db, err := d.open(ctx, dir)
	if err != nil {
		return nil, d.Explain(err)
	}
	return db, nil
}

func (d Database) open(ctx context.Context, dir string) (*sql.DB, error) {
	dir, err := filepath.Abs(dir) // as SQLite's URLs want it
	if err != nil {
		return nil, err
	}
	if err := d.touch(dir); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", d.dsn(dir))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // writers of this process queue up here, not in SQLite's busy loop
	if err := d.migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// touch makes the file. SQLite knows no os.Root: it is made here, where no
// link leads out of the suite's tree, and for its owner's eyes only.
func (d Database) touch(dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(Folder, 0o700); err != nil {
		return err
	}
	file, err := root.OpenFile(filepath.Join(Folder, d.File), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// dsn has transactions take the write lock at once, so that none fails
// half-way because another process wrote.
func (d Database) dsn(dir string) string {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)",
	}, d.Pragmas...)}
	path := url.URL{Scheme: "file", Path: filepath.Join(dir, Folder, d.File), RawQuery: query.Encode()}
	return path.String()
}

// ErrNewer is a database that a later version of assay made.
var ErrNewer = errors.New("it was written by a newer assay: use that one")

func (d Database) migrate(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > d.Layout {
		return ErrNewer
	}
	if version == d.Layout {
		return nil
	}
	return d.Write(ctx, db, func(tx *sql.Tx) error {
		// Another process may have been faster.
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version == d.Layout {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("%s\nPRAGMA user_version = %d;", d.Tables, d.Layout))
		return err
	})
}

// Write runs a transaction. Its errors are *Error.
func (d Database) Write(ctx context.Context, db *sql.DB, change func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return d.Explain(err)
	}
	if err := change(tx); err != nil {
		return errors.Join(d.Explain(err), ignoreDone(tx.Rollback()))
	}
	return d.Explain(tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Read calls row for each row, and closes them.
func Read(rows *sql.Rows, row func() error) error {
	for rows.Next() {
		if err := row(); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Error is a fault of a database itself: its file, its disk, its lock.
type Error struct {
	database Database
	remedy   string
	err      error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s/%s: %v", e.database.Title, Folder, e.database.File, e.err)
	if e.remedy != "" {
		text += "; " + e.remedy
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.err }

// Explain says of an error of the database what to do about it.
func (d Database) Explain(err error) error {
	var known *Error
	var failure *sqlite.Error
	var path *fs.PathError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &failure):
		return &Error{d, d.remedy(failure.Code() & 0xff), err}
	case errors.As(err, &path):
		return &Error{d, "let the user who runs assay write there, and no link lead out of the suite", path.Err}
	}
	return &Error{d, "", err}
}

func (d Database) remedy(code int) string {
	switch code {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return "another process keeps it locked: end that one, or try again"
	case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR:
		return "free space on its disk, and see that files there may grow"
	case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
		return fmt.Sprintf("it is damaged: move it away with %[1]s-wal and %[1]s-shm beside it, and a new one is made; %[2]s", d.File, d.Lost)
	case sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_PERM:
		return "let the user who runs assay write there"
	}
	return "see that its folder can be written to"
}
