package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// portFile is where a server tells its base URL; empty for nowhere.
type portFile string

// clear removes what an earlier server that was killed has left: whoever waits
// for the file must not read a dead address.
func (f portFile) clear() error {
	path := string(f)
	if path == "" {
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(path)); err != nil || !folder.IsDir() {
		return usageError("--port-file %s: there is no folder %s", path, filepath.Dir(path))
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && !info.Mode().IsRegular():
		return usageError("--port-file: %s is not a regular file", path)
	case err == nil:
		err = os.Remove(path)
	}
	if err != nil {
		return usageError("--port-file: %w", err)
	}
	return nil
}

// write writes the whole file at once, so that nobody reads half of it.
func (f portFile) write(url string) (err error) {
	path := string(f)
	if path == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("--port-file %s: %w", path, err)
		}
	}()
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = fmt.Fprintln(file, url)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func (f portFile) remove() {
	if f != "" {
		_ = os.Remove(string(f))
	}
}
