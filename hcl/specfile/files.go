package specfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReadFile reads a file of the suite; name is relative to the suite's folder.
// A name or a link that leads out of the folder, anything that is not a
// regular file, and a file above MaxFileSize are refused. The error names the
// path and why, and wraps fs.ErrNotExist where there is no such file.
func (s *Suite) ReadFile(name string) ([]byte, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the suite's folder: %w", bare(err))
	}
	defer func() { _ = root.Close() }()
	data, err := readFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", name, err)
	}
	return data, nil
}

func readFile(root *os.Root, name string) ([]byte, error) {
	if !filepath.IsLocal(name) {
		return nil, errors.New("the path leads out of the suite's folder; use a path relative to it")
	}
	// O_NONBLOCK: opening a FIFO would otherwise wait for somebody to write.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is %s, not a regular file", kindOf(info.Mode()))
	}
	return readBounded(file)
}

// readBounded reads all of r unless that is more than MaxFileSize.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("it is larger than %d MB", MaxFileSize>>20)
	}
	return data, nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

// bare takes the operation and path off a file system's error: callers name
// the path themselves, as the user wrote it.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
