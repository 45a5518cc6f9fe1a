package delivery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/state"
	"github.com/assay-cx/assay/plugins/sdk"
)

// box is an outbox of a folder's, owned by this test.
func box(t *testing.T, dir string) *Outbox {
	t.Helper()
	o, err := OpenOutbox(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := o.own(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

// put puts n letters for the sink "webhook", which nobody has in hand.
func put(t *testing.T, o *Outbox, n int) []*letter {
	t.Helper()
	letters := make([]*letter, n)
	for i := range letters {
		letters[i] = &letter{sink: "webhook", event: sdk.Event{ID: uuid.NewString(), Vector: fmt.Sprint(i)}}
	}
	if err := o.put(t.Context(), letters, make([]bool, n)); err != nil {
		t.Fatal(err)
	}
	return letters
}

func TestNoTwoHaveALetterInHand(t *testing.T) {
	dir := t.TempDir()
	a, b := box(t, dir), box(t, dir)
	put(t, a, 30)
	seen := map[int64]int{}
	for _, o := range []*Outbox{a, b, a, b} {
		letters, err := o.claim(t.Context(), "webhook", 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			seen[l.seq]++
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d letters were claimed, want 30", len(seen))
	}
	for seq, n := range seen {
		if n != 1 {
			t.Errorf("letter %d was claimed %d times", seq, n)
		}
	}
}

// A process keeps what it has in hand for as long as it lives, and no longer.
func TestTheDeadsLettersAreFree(t *testing.T) {
	dir := t.TempDir()
	living := box(t, dir)
	put(t, living, 2)
	dying, err := OpenOutbox(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := dying.own(t.Context()); err != nil {
		t.Fatal(err)
	}
	if letters, err := dying.claim(t.Context(), "webhook", 2); err != nil || len(letters) != 2 {
		t.Fatalf("claimed %d, %v", len(letters), err)
	}
	count := func() int {
		t.Helper()
		if err := living.free(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := living.pending(t.Context(), "webhook")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d letters of a living process were freed", n)
	}
	// Its end, as the kernel makes it: files closed, nothing else done.
	if err := errors.Join(dying.lock.Unlock(), dying.side.Close(), dying.db.Close(), dying.root.Close()); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Errorf("%d letters of a dead process were freed, want 2", n)
	}
	if files, err := os.ReadDir(filepath.Join(dir, state.Folder, ownersFolder)); err != nil || len(files) != 1 {
		t.Errorf("owners' files %v, %v", files, err)
	}
}

func TestFaultsOfTheFileAreTold(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, o *Outbox)
		want  string
	}{
		"full disk": {func(t *testing.T, o *Outbox) {
			t.Helper()
			limit(t, o, "PRAGMA max_page_count = 1")
		}, "free space on its disk"},
		"locked": {func(t *testing.T, o *Outbox) {
			t.Helper()
			limit(t, o, "PRAGMA busy_timeout = 20")
			other, err := database.Open(t.Context(), o.dir)
			if err != nil {
				t.Fatal(err)
			}
			tx, err := other.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = errors.Join(tx.Rollback(), other.Close()) })
		}, "another process keeps it locked"},
	} {
		t.Run(name, func(t *testing.T) {
			o := box(t, t.TempDir())
			test.spoil(t, o)
			letters := []*letter{{sink: "webhook", event: sdk.Event{ID: "1", Vector: strings.Repeat("x", 100_000)}}}
			err := o.put(t.Context(), letters, []bool{false})
			var fault *OutboxError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func limit(t *testing.T, o *Outbox, pragma string) {
	t.Helper()
	if _, err := o.db.ExecContext(t.Context(), pragma); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatAreNoOutbox(t *testing.T) {
	for name, test := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"garbage":    {func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("garbage", 100)), 0o600) }, "it is damaged"},
		"a folder":   {func(path string) error { return os.Mkdir(path, 0o700) }, "the outbox"},
		"a link out": {func(path string) error { return os.Symlink("/etc/passwd", path) }, "no link lead out"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, state.Folder), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := test.make(filepath.Join(dir, state.Folder, database.File)); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenOutbox(t.Context(), dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestANewersOutboxIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	limit(t, box(t, dir), "PRAGMA user_version = 99")
	if _, err := OpenOutbox(t.Context(), dir); !errors.Is(err, state.ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	put(t, box(t, dir), 1)
	for _, name := range []string{database.File, database.File + "-wal"} {
		info, err := os.Stat(filepath.Join(dir, state.Folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// The broken outbox is an error of each record and of the end, and the run
// does not hang.
func TestABrokenOutboxFailsTheRecord(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, state.Folder), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &receiver{}
	f := openIn(t, dir, audit(a), webhook(&receiver{}))
	err := f.Record(t.Context(), sessions(1))
	var fault *OutboxError
	if !errors.As(err, &fault) {
		t.Errorf("got %v", err)
	}
	if _, _, err := f.Close(t.Context()); !errors.As(err, &fault) || len(a.events) != 1 {
		t.Errorf("at the end: %v, audit got %d", err, len(a.events))
	}
}

// What could not be put is not waited for.
func TestAFullDiskDoesNotHoldTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, webhook(&receiver{}))
		<-f.opened
		limit(t, f.outbox, "PRAGMA max_page_count = 1")
		events := sessions(3)
		for i := range events {
			events[i].Queued.Vector = strings.Repeat("x", 100_000)
		}
		var fault *OutboxError
		if err := f.Record(t.Context(), events); !errors.As(err, &fault) {
			t.Errorf("got %v", err)
		}
		started := time.Now()
		if _, _, err := f.Close(t.Context()); err != nil || time.Since(started) > time.Second {
			t.Errorf("closed after %s, %v", time.Since(started), err)
		}
	})
}

func TestFilters(t *testing.T) {
	o := box(t, t.TempDir())
	letters := put(t, o, 5)
	ids := func(f Filter) (found []string) {
		t.Helper()
		err := o.Letters(t.Context(), f, func(l Letter) error {
			found = append(found, l.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got := ids(Filter{IDs: []string{letters[3].event.ID}}); !slices.Equal(got, []string{letters[3].event.ID}) {
		t.Errorf("by id: %v", got)
	}
	for name, f := range map[string]Filter{
		"plugin": {Plugin: "other"}, "state": {State: Dead}, "age": {Before: time.Now().Add(-time.Hour)}, "id": {IDs: []string{"x"}},
	} {
		if got := ids(f); len(got) != 0 {
			t.Errorf("by %s: %v", name, got)
		}
	}
	if n, err := o.Purge(t.Context(), Filter{IDs: []string{letters[0].event.ID}}); err != nil || n != 1 || len(ids(Filter{})) != 4 {
		t.Errorf("purged %d, %v", n, err)
	}
}

func TestSchedule(t *testing.T) {
	within := func(attempts int, s schedule, least time.Duration) {
		t.Helper()
		wait, ok := s.wait(attempts, 0)
		if !ok || wait < least || wait > least+least/5 {
			t.Errorf("after %d attempts: %s, %v; want %s and at most a fifth more", attempts, wait, ok, least)
		}
	}
	for i, least := range []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	} {
		within(i+1, schedule{}, least)
	}
	if _, ok := (schedule{}).wait(10, 0); ok {
		t.Error("an eleventh attempt")
	}
	within(11, scheduleOf(invoke.Policy{Attempts: 12}), 24*time.Hour)
	within(3, scheduleOf(invoke.Policy{BaseDelay: time.Second}), 4*time.Second)
	within(9, scheduleOf(invoke.Policy{BaseDelay: time.Second, MaxDelay: 3 * time.Second}), 3*time.Second)
	if wait, _ := (schedule{}).wait(1, time.Hour); wait != time.Hour {
		t.Errorf("Retry-After of an hour: %s", wait)
	}
	if wait, _ := (schedule{}).wait(1, 1000*time.Hour); wait != maxRetryAfter {
		t.Errorf("an absurd Retry-After: %s", wait)
	}
}
