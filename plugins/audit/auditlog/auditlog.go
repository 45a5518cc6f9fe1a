// Package auditlog writes a tamper-evident log, whose files package auditfile
// describes.
//
// A write goes to the journal first, in one piece with the checkpoint that
// seals it, and is synced there: with that it is committed. Then it is copied
// to its segment and its hashes to theirs, without a sync. So a crash leaves at
// most a piece of an unacknowledged write at the journal's end, and the copies
// can be made again from the journal. When the journal has grown, the copies
// are synced and it starts anew.
//
// Start reading at Log.Append, then at Log.commit. Package auditread reads and
// verifies what is written.
package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

const (
	folderMode = 0o700
	fileMode   = 0o600

	// defaultSegmentBytes is the size at which a segment is full.
	defaultSegmentBytes = 16 << 20
	// defaultJournalBytes is the size at which the journal starts anew.
	defaultJournalBytes = 4 << 20
)

// Options say where a log is and how it is kept.
type Options struct {
	Workspace     string           // absolute; nothing leads out of it
	Path          string           // of the log's folder, in Workspace
	Key           string           // the secret that signs; empty: made at first use and kept in the folder
	RetentionDays int              // written into the records that the log itself adds
	SegmentBytes  int64            // size at which the next segment begins; 0: 16 MB
	JournalBytes  int64            // size at which the journal starts anew; 0: 4 MB
	Now           func() time.Time // nil: time.Now
}

// Log is a log that is written to. It is safe for concurrent use, also by
// several processes.
type Log struct {
	options Options
	folder  *os.Root
	lock    *auditfile.Interlock
	key     *auditfile.Key

	turn    chan struct{} // held by the writer of this process whose turn it is
	mu      sync.Mutex    // guards waiting
	waiting []*write

	tip tip // where the log ends, as this process last saw it; held with turn
}

// Open makes the log's folder and key where there is none, and sees that it
// can be written to. Errors say why not and what to do about it; ErrKey and
// *AlteredError are among them.
func Open(ctx context.Context, options Options) (*Log, error) {
	if options.SegmentBytes == 0 {
		options.SegmentBytes = defaultSegmentBytes
	}
	if options.JournalBytes == 0 {
		options.JournalBytes = defaultJournalBytes
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	folder, err := openFolder(options.Workspace, options.Path)
	if err != nil {
		return nil, err
	}
	l := &Log{options: options, folder: folder, turn: make(chan struct{}, 1)}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return l, nil
}

func openFolder(workspace, path string) (folder *os.Root, err error) {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll(path, folderMode); err != nil {
		return nil, err
	}
	return root.OpenRoot(path)
}

// start takes the key and finds the log's end.
func (l *Log) start(ctx context.Context) error {
	if err := l.tryWriting(); err != nil {
		return err
	}
	l.lock = auditfile.NewInterlock(filepath.Join(l.options.Workspace, l.options.Path), os.O_RDWR)
	return l.locked(ctx, func() (err error) {
		if l.key, err = takeKey(l.folder, l.options.Key); err != nil {
			return err
		}
		return l.refresh()
	})
}

// tryWriting sees that files can be made and written in the folder.
func (l *Log) tryWriting() error {
	if err := makeLocks(l.folder); err != nil {
		return err
	}
	probe := fmt.Sprintf(".probe-%d", os.Getpid())
	if err := l.folder.WriteFile(probe, []byte("probe\n"), fileMode); err != nil {
		return errors.Join(err, auditfile.IgnoreMissing(l.folder.Remove(probe)))
	}
	return auditfile.IgnoreMissing(l.folder.Remove(probe)) // another log of this process may have been quicker
}

// makeLocks makes the lock files.
func makeLocks(folder *os.Root) error {
	for _, name := range []string{auditfile.LockName, auditfile.QueueName} {
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

// locked does something while no other process writes.
func (l *Log) locked(ctx context.Context, do func() error) error {
	if err := l.lock.Lock(ctx); err != nil {
		return err
	}
	return errors.Join(do(), l.lock.Unlock())
}

// Close gives the folder back. What was appended is on disk already.
func (l *Log) Close() error { return l.folder.Close() }

// syncFolder makes names as durable as the contents.
func syncFolder(folder *os.Root) error {
	dir, err := folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func isQuarantine(name string) bool {
	return strings.HasPrefix(name, "quarantine-") && strings.HasSuffix(name, ".txt")
}
