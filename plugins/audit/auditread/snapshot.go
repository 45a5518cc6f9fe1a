// Package auditread reads an audit log, whose files package auditfile
// describes, without writing to it: it finds records, verifies that they are
// what package auditlog wrote, and proves single ones.
//
// Start reading at Snapshot, then at Snapshot.Verify and Snapshot.Prove.
package auditread

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// ErrNoLog says that a folder holds no audit log.
var ErrNoLog = errors.New("there is no audit log")

// Snapshot is a log as it stood at one moment, to be read. What is appended
// later is not in it.
type Snapshot struct {
	Checkpoint auditfile.Checkpoint // the last one; checked only by Verify and Proof
	Verifier   string               // the log's own verifier key; empty where its file is missing

	folder   *os.Root
	segments []segmentFile
	strays   []string // files that look like segments and are none
	journal  []byte
	frames   []auditfile.Frame
	leftOver int64    // bytes after the last frame in the journal
	hashes   *os.File // nil: there is none
	hashSize int64
	// unapplied are the journal's frames that a crash kept from being copied;
	// their lines count as if they stood in their segments.
	unapplied []auditfile.Frame
}

type segmentFile struct {
	name    string
	first   int64 // number of its first record
	day     string
	file    *os.File // nil: it stands in the journal only
	size    int64    // how much of the file counts
	overlay []byte   // what follows it
}

// OpenSnapshot reads the log in the folder dir, without writing to it. It
// answers ErrNoLog where there is none.
func OpenSnapshot(ctx context.Context, dir string) (*Snapshot, error) {
	folder, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoLog, dir)
	}
	if err != nil {
		return nil, err
	}
	s := &Snapshot{folder: folder}
	release, err := lockToRead(ctx, folder, dir)
	if err == nil {
		err = errors.Join(s.read(dir), release())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// lockToRead keeps writers out while a snapshot is taken. A log whose lock
// cannot be had for lack of rights, such as one on a read-only disk, is read
// all the same.
func lockToRead(ctx context.Context, folder *os.Root, dir string) (release func() error, err error) {
	for _, name := range []string{auditfile.QueueName, auditfile.LockName} {
		if info, err := folder.Lstat(name); err != nil || !info.Mode().IsRegular() {
			return func() error { return nil }, auditfile.IgnoreMissing(err)
		}
	}
	lock := auditfile.NewInterlock(dir, os.O_RDONLY)
	err = lock.RLock(ctx)
	if errors.Is(err, fs.ErrPermission) {
		return lock.Unlock, nil
	}
	return lock.Unlock, err
}

// Close lets the files go.
func (s *Snapshot) Close() error {
	err := s.folder.Close()
	if s.hashes != nil {
		err = errors.Join(err, s.hashes.Close())
	}
	for _, segment := range s.segments {
		if segment.file != nil {
			err = errors.Join(err, segment.file.Close())
		}
	}
	return err
}

func (s *Snapshot) read(dir string) error {
	if err := s.openFiles(); err != nil {
		return err
	}
	var err error
	if s.journal, err = s.folder.ReadFile(auditfile.JournalName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(s.segments) == 0 && len(s.journal) == 0 && s.hashes == nil && len(s.strays) == 0 {
		return fmt.Errorf("%w in %s", ErrNoLog, dir)
	}
	if s.Verifier, err = auditfile.ReadLine(s.folder, auditfile.PublicName); auditfile.IgnoreMissing(err) != nil {
		return err
	}
	frames, length := auditfile.ParseFrames(s.journal, 0)
	s.frames, s.leftOver = frames, int64(len(s.journal))-length
	s.findUnapplied()
	return nil
}

func (s *Snapshot) openFiles() error {
	entries, err := fs.ReadDir(s.folder.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		first, day, ok := auditfile.ParseSegmentName(name)
		if !ok && filepath.Ext(name) == ".jsonl" {
			s.strays = append(s.strays, name)
		}
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		file, size, err := s.open(name)
		if err != nil {
			return err
		}
		s.segments = append(s.segments, segmentFile{name: name, first: first, day: day, file: file, size: size})
	}
	s.hashes, s.hashSize, err = s.open(auditfile.HashesName)
	return auditfile.IgnoreMissing(err)
}

func (s *Snapshot) open(name string) (*os.File, int64, error) {
	file, err := s.folder.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// findUnapplied finds the frames whose hashes were not stored, which writers do
// last, and lays their lines over the segments.
func (s *Snapshot) findUnapplied() {
	for i := range s.frames {
		s.Checkpoint = auditfile.UncheckedCheckpoint(s.frames[i].Checkpoint)
		if s.unapplied == nil && s.frames[i].Records > 0 && auditfile.HashBytes(s.Checkpoint.Size) > s.hashSize {
			s.unapplied = s.frames[i:]
		}
	}
	for _, f := range s.unapplied {
		at := slices.IndexFunc(s.segments, func(known segmentFile) bool { return known.name == f.Segment })
		if at < 0 {
			first, day, _ := auditfile.ParseSegmentName(f.Segment)
			at = len(s.segments)
			s.segments = append(s.segments, segmentFile{name: f.Segment, first: first, day: day})
		}
		if s.segments[at].overlay == nil {
			s.segments[at].size = f.Offset
		}
		s.segments[at].overlay = append(s.segments[at].overlay, f.Lines...)
	}
	slices.SortFunc(s.segments, func(a, b segmentFile) int { return cmp.Compare(a.first, b.first) })
}

// appliedSize is how many records' hashes are stored.
func (s *Snapshot) appliedSize() int64 {
	size := s.Checkpoint.Size
	for _, f := range s.unapplied {
		size -= f.Records
	}
	return size
}

// line is one line of a segment.
type line struct {
	segment *segmentFile
	number  int   // in its file, from 1 on
	seq     int64 // the record's number, by where it stands
	end     int64 // the byte after it
	text    []byte
	torn    bool // it lacks its newline, or is longer than any record
}

// lines reads a segment. A line's text is only good until the next.
func (f *segmentFile) lines(yield func(line, error) bool) {
	parts := []io.Reader{bytes.NewReader(f.overlay)}
	if f.file != nil {
		parts = slices.Insert(parts, 0, io.Reader(io.NewSectionReader(f.file, 0, f.size)))
	}
	reader := bufio.NewReaderSize(io.MultiReader(parts...), auditfile.LongestLine)
	l := line{segment: f, seq: f.first - 1}
	for {
		text, err := reader.ReadSlice('\n')
		l.number++
		l.seq++
		l.end += int64(len(text))
		l.text, l.torn = bytes.TrimSuffix(text, []byte("\n")), err != nil
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return
		case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
			yield(l, nil)
			return
		case err != nil:
			yield(l, err)
			return
		}
		if !yield(l, nil) {
			return
		}
	}
}

// Records reads the records that the last checkpoint covers, in order, with
// the lines they stand on. It does not verify them.
func (s *Snapshot) Records() iter.Seq2[auditfile.Record, error] {
	return func(yield func(auditfile.Record, error) bool) {
		for i := range s.segments {
			for l, err := range s.segments[i].lines {
				if err == nil && (l.torn || l.seq >= s.Checkpoint.Size) {
					break
				}
				var r auditfile.Record
				if err == nil {
					err = json.Unmarshal(l.text, &r)
				}
				if err != nil {
					err = fmt.Errorf("%s, line %d: %w", l.segment.name, l.number, err)
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// storedHashes reads stored hashes, those that a crash kept from being stored
// too.
func (s *Snapshot) storedHashes() (*overlaid, error) {
	applied := s.appliedSize()
	if s.hashes == nil && applied > 0 {
		return nil, auditfile.Altered("the file %s is missing", auditfile.HashesName)
	}
	all := &overlaid{over: auditfile.HashBytes(applied)}
	if s.hashes != nil {
		all.file = s.hashes
	}
	tree, err := auditfile.ReadTree(applied, all)
	if err != nil {
		return nil, auditfile.Altered("the file %s is cut short", auditfile.HashesName)
	}
	var stored []tlog.Hash
	for _, f := range s.unapplied {
		for text := range bytes.Lines(f.Lines) {
			stored = tree.Push(tlog.RecordHash(bytes.TrimSuffix(text, []byte("\n"))), stored)
		}
	}
	all.extra = auditfile.EncodeHashes(stored)
	return all, nil
}

// overlaid is a file with other content from an offset on.
type overlaid struct {
	file  io.ReaderAt
	over  int64
	extra []byte
}

func (o *overlaid) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= o.over {
		return bytes.NewReader(o.extra).ReadAt(p, offset-o.over)
	}
	return o.file.ReadAt(p, offset)
}
