package delivery

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/state"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Whatever a letter's row holds, it can be told of, is tried at times that the
// schedule has, and is either an event or a letter that dies.
func FuzzLetter(f *testing.F) {
	event, err := json.Marshal(sdk.Event{ID: uuid.NewString(), Type: sdk.EventSession, Masked: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("6b3f0f4e-5a0a-4a5e-9c0b-0a6d2d1d4c11", event, int64(1), int64(1_700_000_000_000), "timeout")
	f.Add("", []byte(`{"type":"session"`), int64(-1), int64(-1<<62), "")
	f.Add("x", []byte(`[]`), int64(1<<62), int64(1<<62), "\x00\x1b[31m")
	f.Add("x", []byte(`{"id":7}`), int64(0), int64(0), "")
	f.Add("x", []byte(`{"time":"+010000-01-01T00:00:00Z"}`), int64(0), int64(0), "")
	f.Fuzz(func(t *testing.T, id string, event []byte, attempts, ms int64, kind string) {
		l := &letter{sink: "webhook", attempts: int(attempts), kind: kind}
		l.read(id, event)
		if l.event.ID != id {
			t.Errorf("id %q, want the row's %q", l.event.ID, id)
		}
		if _, err := json.Marshal(l.notice()); err != nil {
			t.Errorf("the notice of its death: %v", err)
		}
		if _, err := json.Marshal(l.event); err != nil {
			t.Errorf("the event: %v", err)
		}
		c := newCourier(Sink{Name: "webhook"}, strings.TrimSpace, nil)
		if out := c.judge(l, errors.New("unreachable")); out.fate != postponed && out.fate != died {
			t.Errorf("fate %d", out.fate)
		}
		if _, err := json.Marshal(timeOf(ms)); err != nil {
			t.Error(err)
		}
	})
}

// A letter whose event cannot be read dies, is told and recorded; those behind
// it are delivered.
func TestUnreadableLetters(t *testing.T) {
	dir := t.TempDir()
	o := box(t, dir)
	letters := put(t, o, 3)
	if _, err := o.db.ExecContext(t.Context(), "UPDATE letter SET event = ?, attempts = -7 WHERE id = ?", []byte(`{"id":`), letters[0].event.ID); err != nil {
		t.Fatal(err)
	}
	recorded, delivered := &receiver{}, &receiver{}
	f := openIn(t, dir, audit(recorded), webhook(delivered))
	f.Drain(t.Context())
	sinks, _, err := f.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters[1:] {
		if !delivered.has(l.event.ID) {
			t.Errorf("%s was not delivered", l.event.ID)
		}
	}
	if s := sinks[1]; s.Delivered != 2 || s.Failed != 1 || !strings.Contains(s.LastError, "can be read") {
		t.Errorf("told %+v", s)
	}
	if n := recorded.types()[sdk.EventDeliveryGivenUp]; n != 1 {
		t.Errorf("%d notices, want 1", n)
	}
	told := 0
	err = o.Letters(t.Context(), Filter{}, func(l Letter) error {
		told++
		if l.State != Dead || l.ID != letters[0].event.ID || string(l.Event) != "null" || !strings.Contains(l.Error, "can be read") {
			t.Errorf("left %+v", l)
		}
		_, err := json.Marshal(l)
		return err
	})
	if err != nil || told != 1 {
		t.Errorf("%d letters, %v", told, err)
	}
}

// FuzzDatabase changes bytes of a database: it is either read, or said to be
// damaged, with what to do about it.
func FuzzDatabase(f *testing.F) {
	dir := f.TempDir()
	original := filled(f, dir)
	f.Add(uint32(0), []byte("garbage"))
	f.Add(uint32(100), bytes.Repeat([]byte{0xff}, 64))
	f.Add(uint32(4096), bytes.Repeat([]byte{0x00}, 4096))
	f.Add(uint32(len(original)), []byte{})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		content := bytes.Clone(original)
		from := min(int(at), len(content))
		copy(content[from:], change)
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, state.Folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, state.Folder, database.File), content, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := OpenOutbox(t.Context(), dir)
		if err == nil {
			err = useAll(t.Context(), o)
			_ = o.Close()
		}
		var told *OutboxError
		if err != nil && (!errors.As(err, &told) || !strings.Contains(err.Error(), "; ") && !strings.Contains(err.Error(), "newer assay")) {
			t.Errorf("%v (%T) does not say what to do", err, err)
		}
	})
}

// filled is the file of an outbox with letters.
func filled(f *testing.F, dir string) []byte {
	f.Helper()
	o, err := OpenOutbox(f.Context(), dir)
	if err != nil {
		f.Fatal(err)
	}
	for range 40 {
		l := &letter{sink: "webhook", event: sdk.Event{ID: uuid.NewString(), Suite: strings.Repeat("s", 300)}}
		if err := o.put(f.Context(), []*letter{l}, []bool{false}); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := o.db.ExecContext(f.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		f.Fatal(err)
	}
	if err := o.Close(); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, state.Folder, database.File))
	if err != nil {
		f.Fatal(err)
	}
	return content
}

// useAll reads and changes what an outbox holds.
func useAll(ctx context.Context, o *Outbox) error {
	if err := o.own(ctx); err != nil {
		return err
	}
	if err := o.Letters(ctx, Filter{}, func(Letter) error { return nil }); err != nil {
		return err
	}
	if _, err := o.claim(ctx, "webhook", 100); err != nil {
		return err
	}
	if _, err := o.Requeue(ctx, Filter{}); err != nil {
		return err
	}
	return o.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM letter")
		return err
	})
}
