package history

import "github.com/assay-cx/assay/internal/state"

// database may lose the last commits where the machine dies, never its order:
// nobody was promised more of a history, and no vector waits for a disk.
var database = state.Database{
	Title: "the history", File: "history.db", Tables: tables, Layout: 1,
	Pragmas: []string{"synchronous(NORMAL)"},
	Lost:    "what it held of earlier runs is lost, and no verdict depends on it",
}

// tables is the database. A run is the part of a run that one suite had.
// Vectors that were skipped have no outcome.
const tables = `
CREATE TABLE run (
  seq      INTEGER PRIMARY KEY,
  id       TEXT    NOT NULL UNIQUE,
  suite    TEXT    NOT NULL,
  spec     TEXT    NOT NULL,            -- a digest of what the vectors depend on
  filters  TEXT    NOT NULL,            -- as the command line gave them; empty for none
  started  INTEGER NOT NULL,            -- ms since the epoch
  seed     INTEGER NOT NULL,            -- the bits of a uint64
  user     TEXT    NOT NULL,
  host     TEXT    NOT NULL,
  ci       TEXT    NOT NULL,
  job      TEXT    NOT NULL,
  commit_id TEXT   NOT NULL,
  status   TEXT,                        -- null until the run has ended
  ms       INTEGER NOT NULL DEFAULT 0,
  total    INTEGER NOT NULL DEFAULT 0,
  passed   INTEGER NOT NULL DEFAULT 0,
  failed   INTEGER NOT NULL DEFAULT 0,
  errored  INTEGER NOT NULL DEFAULT 0,
  skipped  INTEGER NOT NULL DEFAULT 0,
  detail   BLOB                         -- thresholds, errors and warnings as JSON
) STRICT;
CREATE TABLE outcome (
  run        INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  tags       TEXT    NOT NULL,          -- JSON, or empty for none
  status     TEXT    NOT NULL,
  ms         INTEGER NOT NULL,
  execution  TEXT    NOT NULL,          -- COMPLETED, FAILED, REJECTED or empty
  session    TEXT    NOT NULL,
  code       TEXT    NOT NULL,
  class      TEXT    NOT NULL,
  category   TEXT    NOT NULL,
  confidence REAL    NOT NULL,
  failing    TEXT    NOT NULL,          -- the first check that does not hold
  error      TEXT    NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcome_bad ON outcome (name, run) WHERE status IN ('fail', 'error');
CREATE TABLE document (
  run  INTEGER NOT NULL,
  name TEXT    NOT NULL,
  body BLOB    NOT NULL,                -- the vector's part of the result document, and its input
  PRIMARY KEY (run, name)
) STRICT;
`
