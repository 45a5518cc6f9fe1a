package pluginsource

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Cache keeps downloaded programs, and what programs say of themselves, under
// their hashes. Any number of processes may use it at the same time: a file
// appears whole or not at all.
type Cache struct {
	Dir string // need not exist; empty where there is nowhere to keep anything
}

// MaxDescription bounds what a program may say of itself, in bytes.
const MaxDescription = 1 << 20

func (c Cache) program(hash string) string { return c.path("programs", hash) }

func (c Cache) path(kind, hash string) string {
	return filepath.Join(c.Dir, kind, strings.TrimPrefix(hash, hashPrefix))
}

// holds reports whether the cache has a program whole and unharmed.
func (c Cache) holds(hash string) bool {
	if c.Dir == "" {
		return false
	}
	file, err := Program{Path: c.program(hash), Hash: hash}.Open()
	if err != nil {
		return false
	}
	return file.Close() == nil
}

// ErrNotKept says that a download has no place in the cache.
var ErrNotKept = errors.New("the plugin cannot be kept in the cache")

func notKept(err error) error { return fmt.Errorf("%w: %w", ErrNotKept, err) }

// put keeps a program. content must end in an error where its bytes are not
// those that the hash stands for.
func (c Cache) put(hash string, content io.Reader) (err error) {
	if c.Dir == "" {
		return notKept(errors.New("there is nowhere to do so: set HOME or XDG_CACHE_HOME"))
	}
	path := c.program(hash)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return notKept(err)
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o500))
	if err != nil {
		return notKept(err)
	}
	defer func() { _ = pending.Cleanup() }()
	var registry *RegistryError
	if _, err := io.Copy(pending, content); errors.As(err, &registry) {
		return err
	} else if err != nil {
		return notKept(err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return notKept(err)
	}
	return nil
}

// Description is what the program with that hash said of itself before, or nil.
func (c Cache) Description(hash string) []byte {
	if c.Dir == "" {
		return nil
	}
	info, err := os.Stat(c.path("descriptions", hash))
	if err != nil || info.Size() > MaxDescription {
		return nil
	}
	text, err := os.ReadFile(c.path("descriptions", hash))
	if err != nil {
		return nil
	}
	return text
}

// KeepDescription keeps what a program says of itself. An error loses time
// only: the program is asked again.
func (c Cache) KeepDescription(hash string, text []byte) error {
	if c.Dir == "" {
		return nil
	}
	path := c.path("descriptions", hash)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(path, text, 0o600)
}
