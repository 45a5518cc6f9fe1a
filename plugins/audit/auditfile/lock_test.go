package auditfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is longer than any lock of these tests is held.
const patience = 20 * time.Second

// lockFolder is a folder with the files that are locked.
func lockFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{auditfile.LockName, auditfile.QueueName} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func take(t *testing.T, l *auditfile.Interlock) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Lock(ctx); err != nil {
		t.Fatal(err)
	}
}

func release(t *testing.T, l *auditfile.Interlock) {
	t.Helper()
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// Who gives up waiting keeps nobody else waiting, neither at once nor when the
// lock falls to him later.
func TestWhoGivesUpHoldsNothing(t *testing.T) {
	t.Parallel()
	dir := lockFolder(t)
	holder, quitter, next := auditfile.NewInterlock(dir, os.O_RDWR), auditfile.NewInterlock(dir, os.O_RDWR), auditfile.NewInterlock(dir, os.O_RDWR)
	take(t, holder)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if err := quitter.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		cancel()
	}
	release(t, quitter) // has nothing
	waiting := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		waiting <- next.Lock(ctx)
	}()
	select {
	case err := <-waiting:
		t.Fatalf("two have the lock: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	release(t, holder)
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	release(t, next)
	take(t, holder)
	release(t, holder)
}

// Readers share the lock, and keep writers out.
func TestReadersShare(t *testing.T) {
	t.Parallel()
	dir := lockFolder(t)
	one, two, writer := auditfile.NewInterlock(dir, os.O_RDONLY), auditfile.NewInterlock(dir, os.O_RDONLY), auditfile.NewInterlock(dir, os.O_RDWR)
	for _, reader := range []*auditfile.Interlock{one, two} {
		if err := reader.RLock(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := writer.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a writer beside readers: %v", err)
	}
	release(t, one)
	release(t, two)
	take(t, writer)
	release(t, writer)
}
