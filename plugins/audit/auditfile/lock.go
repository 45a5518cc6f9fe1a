package auditfile

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	// LockName is the file that whoever writes, or looks where a log ends, locks.
	LockName = ".lock"
	// QueueName is the file that whoever is next in turn locks.
	QueueName = ".queue"
)

// Interlock keeps the processes that use a log apart. Who waits for the lock
// holds the queue meanwhile: so a process that writes all the time, and would
// get the lock again before others have noticed that it is free, has to queue
// up behind them. It is not safe for concurrent use.
type Interlock struct {
	dir  string
	flag int
	held *flock.Flock // nil: nothing
}

// NewInterlock uses the lock files in dir, which exist: the library, which
// knows no os.Root, opens them with flag and creates nothing.
func NewInterlock(dir string, flag int) *Interlock { return &Interlock{dir: dir, flag: flag} }

// Lock waits for the lock, and has it alone.
func (i *Interlock) Lock(ctx context.Context) error {
	return i.take(ctx, (*flock.Flock).TryLock, (*flock.Flock).Lock)
}

// RLock waits for the lock, and shares it with others that only read.
func (i *Interlock) RLock(ctx context.Context) error {
	return i.take(ctx, (*flock.Flock).TryRLock, (*flock.Flock).RLock)
}

// Unlock gives the lock to others.
func (i *Interlock) Unlock() error {
	if i.held == nil {
		return nil
	}
	defer func() { i.held = nil }()
	return i.held.Close()
}

func (i *Interlock) take(ctx context.Context, try func(*flock.Flock) (bool, error), wait func(*flock.Flock) error) error {
	queue, err := i.await(ctx, QueueName, (*flock.Flock).TryLock, (*flock.Flock).Lock)
	if err != nil {
		return err
	}
	lock, err := i.await(ctx, LockName, try, wait)
	if err != nil {
		return errors.Join(err, queue.Close())
	}
	i.held = lock
	return queue.Close()
}

// await locks a file. The system wakes who waits for a file at once; to look
// again and again takes a millisecond each time. It cannot be told to stop
// waiting: what comes too late is let go.
func (i *Interlock) await(ctx context.Context, name string, try func(*flock.Flock) (bool, error), wait func(*flock.Flock) error) (*flock.Flock, error) {
	file := flock.New(filepath.Join(i.dir, name), flock.SetFlag(i.flag))
	if locked, err := try(file); locked || err != nil {
		return file, err
	}
	done := make(chan error)
	go func() {
		err := wait(file)
		select {
		case done <- err:
		case <-ctx.Done():
			_ = file.Close()
		}
	}()
	select {
	case err := <-done:
		return file, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
