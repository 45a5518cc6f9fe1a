package pluginsource

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// hashPrefix names the algorithm of a hash.
const hashPrefix = "sha256:"

// maxProgram bounds the size of a program, in bytes.
const maxProgram = 1 << 30

// Program is a plugin's program and what its bytes must be.
type Program struct {
	Path string // absolute
	Hash string // such as "sha256:9f86…": lower-case hex of the whole file
	// Dev says that no lock file vouches for it.
	Dev bool

	// advice is what to do where the bytes are not those that are locked, a
	// sentence without full stop; empty where they were taken in this process.
	advice string
}

// Open opens the program and checks it: a regular file that may be executed,
// that not everyone may write to or replace, with the bytes that its hash
// stands for. Execute the open file, not the path: another file may stand
// there by then.
func (p Program) Open() (*os.File, error) {
	file, hash, err := open(p.Path)
	if err != nil {
		return nil, err
	}
	if hash == p.Hash {
		return file, nil
	}
	_ = file.Close()
	if p.advice == "" {
		return nil, fmt.Errorf("%s was changed while assay ran: start again", p.Path)
	}
	return nil, fmt.Errorf("%s is not what was locked: it has %s, not %s. %s", p.Path, hash, p.Hash, p.advice)
}

// measured takes a program's bytes as they are.
func measured(p Program) (Program, error) {
	file, hash, err := open(p.Path)
	if err != nil {
		return Program{}, err
	}
	p.Hash = hash
	return p, file.Close()
}

// open is an opened, checked program and the hash of its bytes.
func open(path string) (*os.File, string, error) {
	// O_NONBLOCK: opening a FIFO would otherwise wait for somebody to write.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", fmt.Errorf("the plugin's program %s cannot be opened: %w", path, bare(err))
	}
	hash, err := check(file)
	if err != nil {
		_ = file.Close()
		return nil, "", err
	}
	return file, hash, nil
}

func check(file *os.File) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	switch {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file, so it cannot be a plugin's program", file.Name())
	case info.Mode()&0o111 == 0:
		return "", fmt.Errorf("%s cannot be executed. Let it, with: chmod +x %s", file.Name(), file.Name())
	case info.Mode()&0o002 != 0:
		return "", fmt.Errorf("everyone may write to %s, so it may be anyone's program. Take that away with: chmod o-w %s", file.Name(), file.Name())
	case info.Size() > maxProgram:
		return "", fmt.Errorf("%s has more than %d MB: that is no plugin", file.Name(), maxProgram>>20)
	}
	if err := checkFolders(file.Name()); err != nil {
		return "", err
	}
	return hashOf(file)
}

// checkFolders refuses paths on which everyone may put another file: both the
// path as it is spelled and the one that its links lead to.
func checkFolders(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("the plugin's program %s cannot be opened: %w", path, bare(err))
	}
	for _, spelled := range []string{path, real} {
		folder := filepath.Dir(spelled)
		for child := spelled; folder != child; child, folder = folder, filepath.Dir(folder) {
			info, err := os.Stat(folder)
			if err != nil {
				return err
			}
			// In a folder such as /tmp nobody replaces what others own; but a
			// plugin that stands right there may be anyone's.
			sticky := info.Mode()&fs.ModeSticky != 0 && child != spelled
			if info.Mode()&0o002 != 0 && !sticky {
				return fmt.Errorf("everyone may write to the folder %s, so %s may be anyone's program. Take that away with: chmod o-w %s; or keep the plugin elsewhere", folder, path, folder)
			}
		}
	}
	return nil
}

// hashOf is the hash of a file's bytes from where it stands.
func hashOf(r io.Reader) (string, error) {
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(r, maxProgram+1))
	if err != nil {
		return "", fmt.Errorf("read the plugin's program: %w", err)
	}
	if n > maxProgram {
		return "", errors.New("the plugin's program grew while it was read")
	}
	return hashPrefix + hex.EncodeToString(digest.Sum(nil)), nil
}
