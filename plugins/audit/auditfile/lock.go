package auditfile

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	// LockName is the file that whoever writes, or looks where a log ends, locks.
	LockName = ".lock"
	// QueueName is the file that whoever is next in turn locks.
	QueueName = ".queue"
	// lockRetry is the wait between two tries for a lock. A writer holds it for
	// one write and one sync.
	lockRetry = 100 * time.Microsecond
)

// Interlock keeps the processes that use a log apart. Who waits for the lock
// holds the queue meanwhile: so a process that writes all the time, and would
// get the lock again before others have noticed that it is free, has to queue
// up behind them.
type Interlock struct{ queue, lock *flock.Flock }

// NewInterlock uses the lock files in dir, which exist: the library, which
// knows no os.Root, opens them and creates nothing.
func NewInterlock(dir string, flag int) *Interlock {
	file := func(name string) *flock.Flock { return flock.New(filepath.Join(dir, name), flock.SetFlag(flag)) }
	return &Interlock{queue: file(QueueName), lock: file(LockName)}
}

// Lock waits for the lock, and has it alone.
func (i *Interlock) Lock(ctx context.Context) error {
	return i.take(ctx, i.lock.TryLockContext)
}

// RLock waits for the lock, and shares it with others that only read.
func (i *Interlock) RLock(ctx context.Context) error {
	return i.take(ctx, i.lock.TryRLockContext)
}

func (i *Interlock) take(ctx context.Context, try func(ctx context.Context, retry time.Duration) (bool, error)) error {
	if _, err := i.queue.TryLockContext(ctx, lockRetry); err != nil {
		return err
	}
	_, err := try(ctx, lockRetry)
	return errors.Join(err, i.queue.Unlock())
}

// Unlock gives the lock to others.
func (i *Interlock) Unlock() error { return i.lock.Unlock() }

// Close lets both files go.
func (i *Interlock) Close() error { return errors.Join(i.lock.Close(), i.queue.Close()) }
