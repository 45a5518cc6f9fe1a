package delivery

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// fate is what becomes of a letter after an attempt.
type fate int

const (
	released  fate = iota // not attempted: as it was, and nobody's
	delivered             // gone
	postponed             // to be tried again when it is due
	died                  // a dead letter
)

// outcome is a letter that left this process's hand.
type outcome struct {
	*letter
	courier *courier
	fate    fate
	due     time.Time // of a postponed one
	err     string    // redacted; empty for none
	// gone says that the receiver wants no more events at all.
	gone bool
}

// judge says what becomes of a letter whose attempt failed.
func (c *courier) judge(l *letter, err error) outcome {
	o := outcome{letter: l, courier: c, fate: died, err: c.mask(err.Error())}
	l.attempts++
	l.kind = errorKind(err)
	var typed *sdk.Error
	if errors.As(err, &typed) && typed.HTTPStatus == http.StatusGone {
		o.gone = true
		return o
	}
	var retryAfter time.Duration
	if typed != nil {
		retryAfter = typed.RetryAfter
	}
	if wait, ok := c.schedule.wait(l.attempts, retryAfter); ok {
		o.fate, o.due = postponed, time.Now().Add(wait)
	}
	return o
}

func errorKind(err error) string {
	var typed *sdk.Error
	if errors.As(err, &typed) {
		return string(typed.Kind)
	}
	return string(sdk.Internal)
}

// settle commits what became of letters.
func (o *Outbox) settle(ctx context.Context, outcomes []outcome) error {
	var gone, free []int64
	disabled := map[*courier]bool{}
	for _, out := range outcomes {
		switch out.fate {
		case delivered:
			gone = append(gone, out.seq)
		case released:
			free = append(free, out.seq)
		}
		if out.gone {
			disabled[out.courier] = true
		}
	}
	return o.write(ctx, func(tx *sql.Tx) error {
		if err := each(ctx, tx, "DELETE FROM letter WHERE seq IN (SELECT value FROM json_each(?))", gone); err != nil {
			return err
		}
		if err := each(ctx, tx, "UPDATE letter SET owner = NULL WHERE seq IN (SELECT value FROM json_each(?))", free); err != nil {
			return err
		}
		if err := fail(ctx, tx, outcomes); err != nil {
			return err
		}
		for c := range disabled {
			if err := disable(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// each runs a statement on a list of letters.
func each(ctx context.Context, tx *sql.Tx, statement string, seqs []int64) error {
	if len(seqs) == 0 {
		return nil
	}
	list, err := json.Marshal(seqs)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, statement, string(list))
	return err
}

func fail(ctx context.Context, tx *sql.Tx, outcomes []outcome) error {
	for _, out := range outcomes {
		state := "queued"
		switch out.fate {
		case postponed:
		case died:
			state = "dead"
		default:
			continue
		}
		_, err := tx.ExecContext(ctx, "UPDATE letter SET state = ?, attempts = ?, due = ?, error = ?, kind = ?, owner = NULL WHERE seq = ?",
			state, out.attempts, max(0, out.due.UnixMilli()), out.err, out.kind, out.seq)
		if err != nil {
			return err
		}
	}
	return nil
}

// disable notes that a sink takes nothing any more, and lets what waits for it
// die.
func disable(ctx context.Context, tx *sql.Tx, c *courier) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO disabled (sink, fingerprint, since) VALUES (?, ?, ?)",
		c.sink.Name, c.sink.Fingerprint, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE letter SET state = 'dead', error = ?, kind = ? WHERE sink = ? AND state = 'queued' AND owner IS NULL",
		errDisabled.Message, string(errDisabled.Kind), c.sink.Name)
	return err
}
