package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// refresh finds the log's end, where another process may have moved it, and
// completes what a crash left half done. What cannot come of a crash is an
// *auditfile.AlteredError.
func (l *Log) refresh() error {
	err := l.findTip()
	if err != nil {
		l.tip.seal = nil // read everything the next time
	}
	return err
}

func (l *Log) findTip() error {
	var moved auditfile.Checkpoint
	frames, err := l.readJournal()
	switch {
	case err != nil:
		return err
	case len(frames) > 0:
		if moved, err = l.moveTip(frames); err != nil {
			return err
		}
	case l.tip.seal == nil && l.tip.origin != "":
		return auditfile.Altered("the file %s holds no checkpoint any more", auditfile.JournalName)
	case l.tip.seal == nil:
		return l.checkNew()
	}
	return l.checkTail(moved)
}

// readJournal reads the frames that this process has not seen, all of them
// where the journal is another than it has seen.
func (l *Log) readJournal() ([]auditfile.Frame, error) {
	file, err := l.folder.Open(auditfile.JournalName)
	if errors.Is(err, fs.ErrNotExist) {
		l.tip.seal = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	seal := make([]byte, len(l.tip.seal))
	if _, err := file.ReadAt(seal, l.tip.end-int64(len(seal))); err != nil || !bytes.Equal(seal, l.tip.seal) {
		l.tip.seal = nil
	}
	from := int64(0)
	if l.tip.seal != nil {
		from = l.tip.end
	}
	data, err := io.ReadAll(io.NewSectionReader(file, from, 1<<62))
	if err != nil {
		return nil, err
	}
	frames, length := auditfile.ParseFrames(data, from)
	l.tip.leftOver = data[length:]
	return frames, nil
}

// moveTip makes the last of the frames the log's end, and answers its checkpoint.
func (l *Log) moveTip(frames []auditfile.Frame) (auditfile.Checkpoint, error) {
	if frames[0].Start == 0 {
		l.tip.base = frames[0].Segment
	}
	last := &frames[len(frames)-1]
	checkpoint, err := auditfile.OpenCheckpoint(last.Checkpoint, l.key.Public)
	if err != nil {
		return checkpoint, auditfile.Altered("the last checkpoint is %v", err)
	}
	if checkpoint.Size < l.tip.tree.Size || l.tip.origin != "" && checkpoint.Origin != l.tip.origin {
		return checkpoint, auditfile.Altered("it held %d records and now holds %d: it was rolled back, or is another one", l.tip.tree.Size, checkpoint.Size)
	}
	leftOver := l.tip.leftOver
	l.tip.adopt(last)
	l.tip.leftOver = leftOver
	l.tip.origin = checkpoint.Origin
	l.tip.tree = auditfile.Tree{Size: checkpoint.Size}
	return checkpoint, nil
}

// checkNew sees that a log without a journal has nothing else either.
func (l *Log) checkNew() error {
	segments, err := listSegments(l.folder)
	if err != nil {
		return err
	}
	size, err := l.sizeOf(auditfile.HashesName)
	if err == nil && (len(segments) > 0 || size > 0) {
		return auditfile.Altered("there are records, but the file %s holds no checkpoint for them", auditfile.JournalName)
	}
	return err
}

// sizeOf is a file's size, -1 where there is none.
func (l *Log) sizeOf(name string) (int64, error) {
	info, err := l.folder.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file", name)
	}
	return info.Size(), nil
}

// checkTail sees that segments and hashes hold what the journal says, and
// copies it to them where they hold less. moved is the last checkpoint where
// the log's end was moved to it; its Note is empty where it was not.
func (l *Log) checkTail(moved auditfile.Checkpoint) error {
	inSegment, err := l.sizeOf(l.tip.segment)
	if err != nil {
		return err
	}
	inHashes, err := l.sizeOf(auditfile.HashesName)
	if err != nil {
		return err
	}
	size := l.tip.tree.Size
	if inHashes > auditfile.HashBytes(size) {
		return auditfile.Altered("the file %s has hashes of more than the %d records that the last checkpoint seals: the %s was rolled back", auditfile.HashesName, size, auditfile.JournalName)
	}
	if inSegment < l.tip.segmentEnd || inHashes < auditfile.HashBytes(size) {
		return l.replay()
	}
	if moved.Note == "" {
		return nil
	}
	l.tip.tree, err = l.frontierAt(size)
	if err != nil {
		return err
	}
	if moved.Root != l.tip.tree.Root() {
		return auditfile.Altered("the hashes in the file %s do not give the root that was signed", auditfile.HashesName)
	}
	return nil
}

// frontierAt reads the tree's right edge at a size.
func (l *Log) frontierAt(size int64) (auditfile.Tree, error) {
	if size == 0 {
		return auditfile.Tree{}, nil
	}
	file, err := l.folder.Open(auditfile.HashesName)
	if err != nil {
		return auditfile.Tree{}, err
	}
	defer func() { _ = file.Close() }()
	tree, err := auditfile.ReadTree(size, file)
	if errors.Is(err, io.EOF) {
		return auditfile.Tree{}, auditfile.Altered("the file %s is cut short", auditfile.HashesName)
	}
	return tree, err
}

// replay copies the journal's frames to their segments and hashes again.
func (l *Log) replay() error {
	data, err := l.folder.ReadFile(auditfile.JournalName)
	if err != nil {
		return err
	}
	frames, length := auditfile.ParseFrames(data, 0)
	if len(frames) == 0 {
		return auditfile.Altered("the file %s holds no checkpoint", auditfile.JournalName)
	}
	first, err := auditfile.OpenCheckpoint(frames[0].Checkpoint, l.key.Public)
	if err != nil {
		return auditfile.Altered("a checkpoint in the file %s is %v", auditfile.JournalName, err)
	}
	tree, err := l.frontierAt(first.Size - frames[0].Records)
	if err != nil {
		return err
	}
	restored := auditfile.Restored{From: tree.Size}
	for i := range frames {
		if err := l.replayFrame(&frames[i], &tree, &restored); err != nil {
			return err
		}
	}
	l.tip.adopt(&frames[len(frames)-1])
	l.tip.base, l.tip.tree, l.tip.leftOver = frames[0].Segment, tree, data[length:]
	if restored.Count > 0 {
		l.tip.restored = &restored
	}
	return nil
}

// replayFrame checks a frame against its checkpoint before it copies anything.
func (l *Log) replayFrame(f *auditfile.Frame, tree *auditfile.Tree, restored *auditfile.Restored) error {
	checkpoint, err := auditfile.OpenCheckpoint(f.Checkpoint, l.key.Public)
	if err != nil {
		return auditfile.Altered("a checkpoint in the file %s is %v", auditfile.JournalName, err)
	}
	before := tree.Size
	var stored []tlog.Hash
	for line := range bytes.Lines(f.Lines) {
		stored = tree.Push(tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n"))), stored)
	}
	if checkpoint.Size != tree.Size || checkpoint.Root != tree.Root() {
		return auditfile.Altered("the records %d to %d in the file %s are not those that were signed", before, tree.Size-1, auditfile.JournalName)
	}
	missing, err := l.missing(f)
	if err != nil {
		return err
	}
	if missing {
		if restored.Count == 0 {
			restored.From = before
		}
		restored.Count = tree.Size - restored.From
		if err := l.writeAt(f.Segment, f.Lines, f.Offset); err != nil {
			return err
		}
	}
	return l.writeAt(auditfile.HashesName, auditfile.EncodeHashes(stored), auditfile.HashBytes(before))
}

// missing reports whether a segment lacks a frame's lines or the end of them.
func (l *Log) missing(f *auditfile.Frame) (bool, error) {
	content, err := l.readFrom(f.Segment, f.Offset, int64(len(f.Lines)))
	if err != nil {
		return false, err
	}
	if !bytes.HasPrefix(f.Lines, content) {
		return false, auditfile.Altered("%s holds other records than those that were signed", f.Segment)
	}
	return len(content) < len(f.Lines), nil
}

// readFrom reads at most length bytes of a file that has at least offset.
func (l *Log) readFrom(name string, offset, length int64) ([]byte, error) {
	file, err := l.folder.Open(name)
	if errors.Is(err, fs.ErrNotExist) && offset == 0 {
		return nil, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, auditfile.Altered("%s is missing", name)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < offset {
		return nil, auditfile.Altered("%s is cut short", name)
	}
	return io.ReadAll(io.NewSectionReader(file, offset, length))
}

// setAside puts what follows offset in a segment into quarantine, and answers
// how many bytes that were. They are cut off with the next write.
func (l *Log) setAside(name string, offset int64, own *[]auditfile.Record) (int64, error) {
	size, err := l.sizeOf(name)
	if err != nil || size <= offset {
		return 0, err
	}
	surplus, err := l.readFrom(name, offset, size-offset)
	if err != nil {
		return 0, err
	}
	line, _, whole := bytes.Cut(surplus, []byte("\n"))
	var record auditfile.Record
	if whole && json.Unmarshal(line, &record) == nil && record.Seq == l.tip.tree.Size && record.AuditID != "" {
		return 0, auditfile.Altered("%s has records after those that the last checkpoint seals: the %s was rolled back", name, auditfile.JournalName)
	}
	return int64(len(surplus)), l.quarantine(name, surplus, own)
}

// quarantine puts bytes that no writer committed into a file of their own, and
// adds what is to be recorded of it.
func (l *Log) quarantine(from string, content []byte, own *[]auditfile.Record) error {
	if len(content) == 0 {
		return nil
	}
	sum := sha256.Sum256(content)
	name := "quarantine-" + hex.EncodeToString(sum[:8]) + ".txt"
	if err := writeNew(l.folder, name, string(content)); err != nil {
		return err
	}
	record := l.ownRecord(auditfile.EventQuarantined)
	record.Quarantined = &auditfile.Quarantined{From: from, File: name, Bytes: int64(len(content))}
	*own = append(*own, record)
	return nil
}
