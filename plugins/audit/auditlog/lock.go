package auditlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	// lockName is the file that whoever writes, or looks where a log ends, locks.
	lockName = ".lock"
	// queueName is the file that whoever is next in turn locks.
	queueName = ".queue"
	// lockRetry is the wait between two tries for a lock. A writer holds it for
	// one write and one sync.
	lockRetry = 100 * time.Microsecond
)

// interlock keeps the processes that use a log apart. Who waits for the lock
// holds the queue meanwhile: so a process that writes all the time, and would
// get the lock again before others have noticed that it is free, has to queue
// up behind them.
type interlock struct{ queue, lock *flock.Flock }

// newInterlock uses the lock files in dir, which exist: the library, which
// knows no os.Root, opens them and creates nothing.
func newInterlock(dir string, flag int) *interlock {
	file := func(name string) *flock.Flock { return flock.New(filepath.Join(dir, name), flock.SetFlag(flag)) }
	return &interlock{queue: file(queueName), lock: file(lockName)}
}

// take waits for the lock with try, which is a method of the library's.
func (i *interlock) take(ctx context.Context, try func(lock *flock.Flock, ctx context.Context, retry time.Duration) (bool, error)) error {
	if _, err := i.queue.TryLockContext(ctx, lockRetry); err != nil {
		return err
	}
	_, err := try(i.lock, ctx, lockRetry)
	return errors.Join(err, i.queue.Unlock())
}

// close lets both files go.
func (i *interlock) close() error { return errors.Join(i.lock.Close(), i.queue.Close()) }

// makeLocks makes the lock files.
func makeLocks(folder *os.Root) error {
	for _, name := range []string{lockName, queueName} {
		file, err := folder.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}
