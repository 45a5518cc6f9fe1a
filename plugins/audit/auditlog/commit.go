package auditlog

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// tip is where the log ends.
type tip struct {
	origin     string
	tree       auditfile.Tree
	segment    string // the last one; empty in a new log
	segmentEnd int64
	checkpoint string

	seal     []byte // the end of the journal's last frame, with the checkpoint; nil: the journal is to be read anew
	end      int64  // of that frame, and of the journal
	base     string // the segment of the journal's first frame
	leftOver []byte // what follows the end in the journal

	restored *auditfile.Restored // what was copied out of the journal again and is not recorded yet
}

// sealBytes is how much of a frame tells it from all others: its checkpoint is
// in there.
const sealBytes = 512

// pending is a write on its way: what it changes, and the tip after it.
type pending struct {
	frame  auditfile.Frame
	hashes []byte
	next   tip
}

// commit writes records, under the lock. After an error none of them stands in
// the log.
func (l *Log) commit(records []auditfile.Record) error {
	if err := l.refresh(); err != nil {
		return err
	}
	p, err := l.prepare(records)
	if err != nil {
		return err
	}
	if err := l.writeJournal(p); err != nil {
		return errors.Join(err, l.undo(p))
	}
	if err := l.apply(&p.frame, p.hashes, l.tip.tree.Size); err != nil {
		return errors.Join(err, l.undo(p))
	}
	l.tip = p.next
	if l.tip.end >= l.options.JournalBytes {
		// The records are committed. A journal that cannot start anew grows, and
		// the next write tries again.
		_ = l.renewJournal()
	}
	return nil
}

// prepare encodes records, and before them what the log has to say of itself.
func (l *Log) prepare(records []auditfile.Record) (*pending, error) {
	now := l.options.Now().UTC()
	segment, offset, own, err := l.place(now)
	if err != nil {
		return nil, err
	}
	next := l.tip
	next.tree = l.tip.tree.Clone()
	next.leftOver, next.restored = nil, nil
	if next.origin == "" {
		next.origin = auditfile.NewOrigin()
	}
	var lines []byte
	var stored []tlog.Hash
	loggedAt := now.Format(time.RFC3339Nano)
	all := append(own, records...)
	for _, record := range all {
		record.Seq, record.LoggedAt = next.tree.Size, loggedAt
		line, err := json.Marshal(record)
		if err != nil {
			return nil, err
		}
		stored = next.tree.Push(tlog.RecordHash(line), stored)
		lines = append(append(lines, line...), '\n')
	}
	checkpoint, err := l.key.Sign(next.origin, &next.tree, now)
	if err != nil {
		return nil, err
	}
	p := &pending{frame: auditfile.NewFrame(segment, offset, lines, int64(len(all)), checkpoint.Note), hashes: auditfile.EncodeHashes(stored)}
	p.frame.Start = l.tip.end
	next.adopt(&p.frame)
	p.next = next
	return p, nil
}

// adopt makes a frame the last one.
func (t *tip) adopt(f *auditfile.Frame) {
	t.segment, t.segmentEnd = f.Segment, f.SegmentEnd()
	t.checkpoint = f.Checkpoint
	t.seal, t.end = f.Text[max(0, len(f.Text)-sealBytes):], f.End()
	if f.Start == 0 {
		t.base = f.Segment
	}
}

// ownRecord is a record that the log itself adds.
func (l *Log) ownRecord(event string) auditfile.Record {
	return auditfile.Record{
		AuditID: uuid.NewString(), Event: event,
		ComplianceFlags: auditfile.ComplianceFlags{DataMasked: true, PIIExcluded: true, RetentionDays: l.options.RetentionDays},
	}
}

// place says where the next records go, and what has to be recorded with them
// because it was found there.
func (l *Log) place(now time.Time) (segment string, offset int64, own []auditfile.Record, err error) {
	segment, offset = l.tip.segment, l.tip.segmentEnd
	if l.tip.restored != nil {
		record := l.ownRecord(auditfile.EventRestored)
		record.Restored = l.tip.restored
		own = append(own, record)
	}
	if err := l.quarantine(auditfile.JournalName, l.tip.leftOver, &own); err != nil {
		return "", 0, nil, err
	}
	found := int64(0)
	if segment != "" {
		if found, err = l.setAside(segment, offset, &own); err != nil {
			return "", 0, nil, err
		}
	}
	if found == 0 && l.isFull(now) {
		segment, offset = auditfile.SegmentName(l.tip.tree.Size, now), 0
		_, err = l.setAside(segment, offset, &own)
	}
	return segment, offset, own, err
}

func (l *Log) isFull(now time.Time) bool {
	if l.tip.segment == "" || l.tip.segmentEnd >= l.options.SegmentBytes {
		return true
	}
	_, day, _ := auditfile.ParseSegmentName(l.tip.segment)
	return now.Format("20060102") > day || isAhead(day, now)
}

// isAhead reports whether a segment's day was told by a clock that was wrong:
// it is more than a day from now.
func isAhead(day string, now time.Time) bool { return day > now.AddDate(0, 0, 1).Format("20060102") }

// writeJournal commits: with the journal's sync the records are in the log.
func (l *Log) writeJournal(p *pending) (err error) {
	flags := os.O_RDWR
	if p.frame.Start == 0 {
		flags |= os.O_CREATE
	}
	file, err := l.folder.OpenFile(auditfile.JournalName, flags, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := cut(file, p.frame.Start); err != nil {
		return err
	}
	if _, err := file.WriteAt(p.frame.Text, p.frame.Start); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if p.frame.Start == 0 {
		return syncFolder(l.folder)
	}
	return nil
}

// cut makes a file that is longer than size as long as it.
func cut(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil || info.Size() <= size {
		return err
	}
	return file.Truncate(size)
}

// apply copies a frame to its segment, then its hashes to theirs. size is the
// log's before the frame.
func (l *Log) apply(f *auditfile.Frame, hashes []byte, size int64) error {
	return errors.Join(l.writeAt(f.Segment, f.Lines, f.Offset), l.writeAt(auditfile.HashesName, hashes, auditfile.HashBytes(size)))
}

// writeAt makes content the end of a file, from offset on.
func (l *Log) writeAt(name string, content []byte, offset int64) (err error) {
	if len(content) == 0 {
		return nil
	}
	flags := os.O_RDWR
	if offset == 0 {
		flags |= os.O_CREATE
	}
	file, err := l.folder.OpenFile(name, flags, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := cut(file, offset); err != nil {
		return err
	}
	_, err = file.WriteAt(content, offset)
	return err
}

// undo takes a write back that failed on the way. The journal comes last:
// while it holds the write, what is left of it can be completed.
func (l *Log) undo(p *pending) error {
	offset := p.frame.Offset
	err := errors.Join(
		l.cutBack(auditfile.HashesName, auditfile.HashBytes(l.tip.tree.Size)),
		l.cutBack(p.frame.Segment, offset),
		l.cutBack(auditfile.JournalName, l.tip.end),
	)
	if offset == 0 {
		err = errors.Join(err, auditfile.IgnoreMissing(l.folder.Remove(p.frame.Segment)))
	}
	return err
}

func (l *Log) cutBack(name string, size int64) (err error) {
	file, err := l.folder.OpenFile(name, os.O_RDWR, fileMode)
	if err != nil {
		return auditfile.IgnoreMissing(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return errors.Join(cut(file, size), file.Sync())
}

// renewJournal syncs what the journal vouches for, and starts it anew with the
// last checkpoint.
func (l *Log) renewJournal() error {
	segments, err := listSegments(l.folder)
	if err != nil {
		return err
	}
	names := []string{auditfile.HashesName}
	for _, s := range segments {
		if s.name >= l.tip.base {
			names = append(names, s.name)
		}
	}
	for _, name := range names {
		if err := l.sync(name); err != nil {
			return err
		}
	}
	if err := syncFolder(l.folder); err != nil {
		return err
	}
	f := auditfile.NewFrame(l.tip.segment, l.tip.segmentEnd, nil, 0, l.tip.checkpoint)
	if err := writeNew(l.folder, auditfile.JournalName, string(f.Text)); err != nil {
		return err
	}
	l.tip.adopt(&f)
	return nil
}

func (l *Log) sync(name string) error {
	file, err := l.folder.OpenFile(name, os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// segment is a file of records.
type segment struct {
	name  string
	first int64 // number of its first record
	day   string
}

// listSegments are the log's segments, in order.
func listSegments(folder *os.Root) ([]segment, error) {
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, err
	}
	var segments []segment
	for _, entry := range entries {
		if first, day, ok := auditfile.ParseSegmentName(entry.Name()); ok {
			segments = append(segments, segment{entry.Name(), first, day})
		}
	}
	return segments, nil
}
