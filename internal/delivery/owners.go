package delivery

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/state"
)

// Who has a letter in hand is a process that holds the lock on the file of its
// name. The lock goes with the process, however that ends: no clock decides
// when a letter is free again, and a slow delivery is not made twice.

func ownerFile(owner string) string { return filepath.Join(state.Folder, ownersFolder, owner) }

// own gives this process a name, and frees what dead ones had in hand.
func (o *Outbox) own(ctx context.Context) error {
	for o.owner == "" {
		owner := uuid.NewString()
		lock := flock.New(filepath.Join(o.dir, ownerFile(owner)), flock.SetPermissions(0o600))
		locked, err := lock.TryLock()
		if err != nil {
			return explain(err)
		}
		// Somebody who tidies up may have had the file between its making and its locking.
		if _, err := o.root.Stat(ownerFile(owner)); locked && err == nil {
			o.owner, o.lock = owner, lock
			break
		}
		if err := lock.Unlock(); err != nil {
			return explain(err)
		}
	}
	return o.free(ctx)
}

// free gives back the letters of processes that are dead, and removes their
// files.
func (o *Outbox) free(ctx context.Context) error {
	owners, err := o.others(ctx)
	if err != nil {
		return explain(err)
	}
	for _, owner := range owners {
		if err := o.freeIfDead(ctx, owner); err != nil {
			return explain(err)
		}
	}
	return nil
}

// others are the owners that letters or files name, but for this process.
func (o *Outbox) others(ctx context.Context) (owners []string, err error) {
	folder, err := o.root.Open(filepath.Join(state.Folder, ownersFolder))
	if err != nil {
		return nil, err
	}
	names, err := folder.Readdirnames(-1)
	if err := errors.Join(err, folder.Close()); err != nil {
		return nil, err
	}
	rows, err := o.db.QueryContext(ctx, "SELECT DISTINCT owner FROM letter WHERE owner IS NOT NULL")
	if err != nil {
		return nil, err
	}
	err = state.Read(rows, func() error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	known := map[string]bool{o.owner: true}
	for _, name := range names {
		if _, invalid := uuid.Parse(name); invalid == nil && !known[name] { // else it is no file of ours
			known[name] = true
			owners = append(owners, name)
		}
	}
	return owners, err
}

func (o *Outbox) freeIfDead(ctx context.Context, owner string) error {
	lock := flock.New(filepath.Join(o.dir, ownerFile(owner)), flock.SetFlag(os.O_RDWR))
	locked, err := lock.TryLock()
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && !locked {
		return err // it lives
	}
	err = o.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE letter SET owner = NULL WHERE owner = ?", owner)
		return err
	})
	if !locked {
		return err
	}
	if err == nil {
		err = o.root.Remove(ownerFile(owner))
	}
	return errors.Join(err, lock.Unlock())
}
