package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"time"

	"github.com/assay-cx/assay/internal/state"
)

// The states of a letter.
const (
	Queued = "queued"
	Dead   = "dead"
)

// Letter is one event for one sink, as people see it.
type Letter struct {
	ID       string          `json:"id"` // of the event
	Plugin   string          `json:"plugin"`
	State    string          `json:"state"`
	Attempts int             `json:"attempts"`
	Created  time.Time       `json:"created"`
	Due      *time.Time      `json:"due,omitempty"` // of a queued one: the next attempt
	InHand   bool            `json:"in_hand"`       // a process is delivering it
	Error    string          `json:"error,omitempty"`
	Event    json.RawMessage `json:"event"` // sdk.Event, redacted
}

// Filter selects letters. The zero value of a field selects all.
type Filter struct {
	IDs    []string
	Plugin string
	State  string
	Before time.Time // created before
}

// selected is a filter as SQL; its four arguments follow from args.
const selected = ` (?1 = '[]' OR id IN (SELECT value FROM json_each(?1))) AND (?2 = '' OR sink = ?2)
	AND (?3 = '' OR state = ?3) AND created < ?4`

func (f Filter) args() ([]any, error) {
	ids, err := json.Marshal(append([]string{}, f.IDs...))
	before := int64(math.MaxInt64)
	if !f.Before.IsZero() {
		before = f.Before.UnixMilli()
	}
	return []any{string(ids), f.Plugin, f.State, before}, err
}

// Letters calls each for the letters that the filter selects, oldest first,
// until it answers an error.
func (o *Outbox) Letters(ctx context.Context, f Filter, each func(Letter) error) error {
	args, err := f.args()
	if err != nil {
		return err
	}
	rows, err := o.db.QueryContext(ctx, `SELECT id, sink, state, attempts, created, due, owner IS NOT NULL, error, event
		FROM letter WHERE`+selected+` ORDER BY seq`, args...)
	if err != nil {
		return explain(err)
	}
	return explain(state.Read(rows, func() error {
		l, err := scan(rows)
		if err != nil {
			return err
		}
		return each(l)
	}))
}

func scan(rows *sql.Rows) (l Letter, err error) {
	var created, due int64
	var event []byte
	err = rows.Scan(&l.ID, &l.Plugin, &l.State, &l.Attempts, &created, &due, &l.InHand, &l.Error, &event)
	l.Created, l.Event = timeOf(created), event
	if !json.Valid(event) {
		l.Event = json.RawMessage("null")
	}
	if next := timeOf(due); l.State == Queued {
		l.Due = &next
	}
	return l, err
}

// timeOf is a time of the database's, within the years that JSON can tell.
func timeOf(ms int64) time.Time {
	last := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	return time.UnixMilli(max(0, min(ms, last.UnixMilli()))).UTC()
}

// Hurry makes the selected letters that are queued due now.
func (o *Outbox) Hurry(ctx context.Context, f Filter) error {
	_, err := o.change(ctx, f, "UPDATE letter SET due = ?5 WHERE state = 'queued' AND owner IS NULL AND"+selected, time.Now().UnixMilli())
	return err
}

// Requeue makes the selected letters as new, dead ones too, enables their
// sinks again, and answers how many they are.
func (o *Outbox) Requeue(ctx context.Context, f Filter) (n int64, err error) {
	if _, err = o.change(ctx, f, "DELETE FROM disabled WHERE sink IN (SELECT sink FROM letter WHERE"+selected+")"); err != nil {
		return 0, err
	}
	return o.change(ctx, f, `UPDATE letter SET state = 'queued', attempts = 0, due = ?5, recorded = 0, error = '', kind = ''
		WHERE owner IS NULL AND`+selected, time.Now().UnixMilli())
}

// purgeable are letters that nobody has in hand, and that the required sinks
// hold where they are dead.
const purgeable = " owner IS NULL AND (state = 'queued' OR recorded = 1) AND"

// Purgeable counts the selected letters that Purge would remove.
func (o *Outbox) Purgeable(ctx context.Context, f Filter) (n int64, err error) {
	args, err := f.args()
	if err != nil {
		return 0, err
	}
	err = o.db.QueryRowContext(ctx, "SELECT count(*) FROM letter WHERE"+purgeable+selected, args...).Scan(&n)
	return n, explain(err)
}

// Purge removes the selected letters for good, and answers how many.
func (o *Outbox) Purge(ctx context.Context, f Filter) (n int64, err error) {
	return o.change(ctx, f, "DELETE FROM letter WHERE"+purgeable+selected)
}

// change runs a statement on the selected letters; more are its arguments
// from the fifth on.
func (o *Outbox) change(ctx context.Context, f Filter, statement string, more ...any) (n int64, err error) {
	args, err := f.args()
	if err != nil {
		return 0, err
	}
	err = o.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, statement, append(args, more...)...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}
