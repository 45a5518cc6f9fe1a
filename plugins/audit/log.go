package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// lockName is the file that writers of all processes lock.
	lockName = ".lock"
	// lockRetry is the wait between two tries for the lock. A writer holds it
	// for one write and one sync.
	lockRetry = time.Millisecond

	folderMode = 0o700
	fileMode   = 0o600
)

// log is a folder of files of lines. Everything in it is reached through
// os.Root, so that no path and no link leads out of the suite's tree.
type log struct {
	path   string // as the spec writes it
	folder *os.Root

	mu   sync.Mutex // writers of this process, before they compete with others
	lock *flock.Flock
}

// openLog makes the folder at path under workspace and tries to write there.
func openLog(workspace, path string) (*log, error) {
	folder, err := openFolder(workspace, path)
	if err != nil {
		return nil, err
	}
	if err := tryWriting(folder); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	// The lock file exists by now and is no link out of the tree: the library,
	// which knows no os.Root, opens it and creates nothing.
	lock := flock.New(filepath.Join(workspace, path, lockName), flock.SetFlag(os.O_RDWR))
	return &log{path: path, folder: folder, lock: lock}, nil
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

// tryWriting sees that files can be made and written in the folder.
func tryWriting(folder *os.Root) error {
	lock, err := folder.OpenFile(lockName, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	if err := lock.Close(); err != nil {
		return err
	}
	probe := fmt.Sprintf(".probe-%d", os.Getpid())
	if err := folder.WriteFile(probe, []byte("probe\n"), fileMode); err != nil {
		return errors.Join(err, ignoreMissing(folder.Remove(probe)))
	}
	return folder.Remove(probe)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// append writes lines, each with its newline, to the end of a file and syncs
// it. After an error nothing of them is left in the file.
func (l *log) append(ctx context.Context, name string, lines []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.lock.TryLockContext(ctx, lockRetry); err != nil {
		return l.failure(name, err)
	}
	err := l.write(name, lines)
	if err = errors.Join(err, l.lock.Unlock()); err != nil {
		return l.failure(name, err)
	}
	return nil
}

// write appends and syncs under the lock.
func (l *log) write(name string, lines []byte) (err error) {
	file, err := l.folder.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, torn, err := end(file)
	if err != nil {
		return err
	}
	if torn {
		lines = append([]byte("\n"), lines...)
	}
	if _, err = file.Write(lines); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Truncate(size))
	}
	if size == 0 {
		return l.syncFolder()
	}
	return nil
}

// end is the file's size, and whether its last line was torn by a crash: it
// lacks its newline, and what is appended must not be glued to it.
func end(file *os.File) (size int64, torn bool, err error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return 0, false, err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, info.Size()-1); err != nil {
		return 0, false, err
	}
	return info.Size(), !bytes.Equal(last, []byte("\n")), nil
}

// syncFolder makes a new file's name as durable as its contents.
func (l *log) syncFolder() error {
	folder, err := l.folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// failure says which file, why, and what to do.
func (l *log) failure(name string, err error) error {
	kind := sdk.Unavailable
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = sdk.Timeout
	case errors.Is(err, context.Canceled):
		kind = sdk.Canceled
	}
	return &sdk.Error{
		Kind:    kind,
		Message: fmt.Sprintf("the audit log %s cannot be written: %s", filepath.Join(l.path, name), reason(err)),
		Cause:   err,
	}
}

// reason is why a file cannot be written and what to do about it.
func reason(err error) string {
	why := err.Error()
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		why = pathError.Err.Error()
	}
	return why + "; " + remedy(err)
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space on its disk"
	case errors.Is(err, syscall.EFBIG):
		return "raise the limit on the size of files, or move the file away"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "let the user who runs assay write there, or set path to another folder of the suite"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return "a file stands where the folder should be: move it away, or set path to another folder of the suite"
	case errors.Is(err, context.DeadlineExceeded):
		return "another process holds its lock"
	}
	return "path must be a folder in the suite's tree that can be written to"
}
