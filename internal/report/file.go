package report

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/google/renameio/v2"
)

// outputFile is a file that takes its name when it is complete, so that a run
// that dies leaves no half of a report where a whole one is expected.
type outputFile struct {
	*bufio.Writer
	pending *renameio.PendingFile // nil for a device or a pipe, which is written as it is
	direct  *os.File
}

func createFile(path string) (*outputFile, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("it is a folder: name a file in it")
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &outputFile{Writer: bufio.NewWriter(file), direct: file}, nil
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return nil, err
	}
	return &outputFile{Writer: bufio.NewWriter(pending), pending: pending}, nil
}

func (f *outputFile) commit() error {
	if err := f.Flush(); err != nil {
		_ = f.abandon() // the write's error says why
		return err
	}
	if f.direct != nil {
		return f.direct.Close()
	}
	return f.pending.CloseAtomicallyReplace()
}

func (f *outputFile) abandon() error {
	if f.direct != nil {
		return f.direct.Close()
	}
	return f.pending.Cleanup()
}

// spool keeps the part of a report that follows its totals until the totals
// are known, on disk so that the number of vectors does not matter.
type spool struct {
	*bufio.Writer
	file *os.File
	size int64
}

func newSpool() (*spool, error) {
	file, err := os.CreateTemp("", "assay-report-*")
	if err != nil {
		return nil, fmt.Errorf("no temporary file for the report: %w", err)
	}
	// Without a name the file goes away with the process, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("no temporary file for the report: %w", err)
	}
	s := &spool{file: file}
	s.Writer = bufio.NewWriter(&counter{file, &s.size})
	return s, nil
}

type counter struct {
	to   io.Writer
	size *int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	*c.size += int64(n)
	return n, err
}

// close lets the file go; it has been read by then.
func (s *spool) close() { _ = s.file.Close() }

// offset is where the next byte goes.
func (s *spool) offset() int64 { return s.size + int64(s.Buffered()) }

// section reads what stands between two offsets.
func (s *spool) section(from, to int64) io.Reader { return io.NewSectionReader(s.file, from, to-from) }
