package auditread

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// Kinds of problem that Verify finds.
const (
	Altered    = "altered"     // what was signed and what stands there differ
	Missing    = "missing"     // records are gone, and no prune is recorded for them
	Surplus    = "surplus"     // something stands there that nobody signed
	RolledBack = "rolled_back" // the log was longer than it says
	Seal       = "seal"        // a checkpoint or a key is not what it should be
	Damaged    = "damaged"     // the next write can restore it from the journal
)

// Problem is one way in which a log is not what its writers left.
type Problem struct {
	Kind    string `json:"kind"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"` // from 1 on
	Seq     *int64 `json:"seq,omitempty"`  // number of the first bad record
	AuditID string `json:"auditId,omitempty"`
	Message string `json:"message"`
}

// Report is what Verify found.
type Report struct {
	Origin   string `json:"origin"`
	Records  int64  `json:"records"` // that the last checkpoint covers
	Kept     int64  `json:"kept"`    // whose text stands there
	Pruned   int64  `json:"pruned"`  // whose text was removed, as recorded
	Root     string `json:"root"`    // of the last checkpoint, base64
	SealedAt string `json:"sealedAt"`
	KeyID    string `json:"keyId"`
	Intact   bool   `json:"intact"`   // what stands there is what was signed
	Complete bool   `json:"complete"` // nothing is gone but what was pruned

	Problems []Problem `json:"problems"`
	Notes    []string  `json:"notes"` // what a crash, or a writer that put something aside, explains
}

// Trust is what a log is held against from outside of it.
type Trust struct {
	Verifier string // the verifier key that must have signed; empty: the log's own
	Head     string // a signed checkpoint that was noted earlier; empty: none
}

// Verify reads the whole log and holds it against its last checkpoint. The
// error says that it could not be read; what is wrong with it is in the report.
func (s *Snapshot) Verify(trust Trust) (*Report, error) {
	v := &verification{snapshot: s, report: &Report{Problems: []Problem{}, Notes: []string{}}}
	if v.takeKey(trust.Verifier) && v.checkSeals() {
		v.takeHead(trust.Head)
		if err := v.scan(); err != nil {
			return nil, err
		}
		v.judge()
	}
	return v.finish(), nil
}

// verification is one Verify under way.
type verification struct {
	snapshot *Snapshot
	report   *Report
	public   string
	last     auditfile.Checkpoint
	roots    map[int64]tlog.Hash        // signed ones, by size
	ends     map[int64]*auditfile.Frame // the journal's frames, by the log's size after them
	copies   [][]byte                   // the journal's lines, up to the last record
	head     auditfile.Checkpoint       // that was noted; the zero one for none

	stored  io.Reader      // stored hashes, in order; nil where they cannot be read
	tree    auditfile.Tree // over the lines that stand there and the stored leaves of the others
	hashes  []tlog.Hash
	buffer  []byte
	suspect *suspect // the first difference between lines and stored hashes
	gaps    []span
	right   int64 // up to here the records are those that were signed
	wrong   *span // the first records that are not, by the checkpoints
	pruned  int64 // records before this one were pruned, as recorded
}

// span is records from one to before another.
type span struct{ from, to int64 }

func (s span) String() string {
	if s.to-s.from == 1 {
		return fmt.Sprintf("record %d", s.from)
	}
	return fmt.Sprintf("the records %d to %d", s.from, s.to-1)
}

// suspect is where lines and stored hashes differ first.
type suspect struct {
	line
	records span
	leaf    tlog.Hash // of the line
	stored  tlog.Hash // that was expected
	auditID string
	next    bool // the line after it is the one that was expected
}

func (v *verification) problem(kind, file string, format string, args ...any) *Problem {
	v.report.Problems = append(v.report.Problems, Problem{Kind: kind, File: file, Message: fmt.Sprintf(format, args...)})
	return &v.report.Problems[len(v.report.Problems)-1]
}

func (v *verification) note(format string, args ...any) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}

func (v *verification) takeKey(trusted string) bool {
	own := v.snapshot.Verifier
	v.public = own
	if trusted != "" {
		v.public = trusted
	}
	switch {
	case v.public == "":
		v.problem(Seal, auditfile.PublicName, "the verifier key is missing: name it with --key")
		return false
	case own == "":
		v.problem(Seal, auditfile.PublicName, "the verifier key's file is missing")
	case own != v.public:
		v.problem(Seal, auditfile.PublicName, "the log's verifier key has the id %s, not the trusted %s", auditfile.KeyID(own), auditfile.KeyID(trusted))
	}
	v.report.KeyID = auditfile.KeyID(v.public)
	return true
}

// checkSeals checks every checkpoint in the journal. It answers whether there
// is one to hold the log against.
func (v *verification) checkSeals() bool {
	s := v.snapshot
	v.roots, v.ends, v.buffer = map[int64]tlog.Hash{}, map[int64]*auditfile.Frame{}, make([]byte, 64*tlog.HashSize)
	for i := range s.frames {
		c, err := auditfile.OpenCheckpoint(s.frames[i].Checkpoint, v.public)
		if err != nil {
			v.problem(Seal, auditfile.JournalName, "checkpoint %d is %v", i, err)
			continue
		}
		if i > 0 && c.Size != v.last.Size+s.frames[i].Records || i > 0 && c.Origin != v.last.Origin {
			v.problem(Altered, auditfile.JournalName, "checkpoint %d, of %d records, does not follow the one before, of %d", i, c.Size, v.last.Size)
		}
		v.roots[c.Size] = c.Root
		v.ends[c.Size] = &s.frames[i]
		v.last = c
		for text := range bytes.Lines(s.frames[i].Lines) {
			v.copies = append(v.copies, text)
		}
	}
	if v.last.Size == 0 {
		if len(s.segments) > 0 || s.hashes != nil || len(s.frames) > 0 {
			v.problem(RolledBack, auditfile.JournalName, "it holds no checkpoint to hold the log against")
		}
		return false
	}
	v.report.Origin, v.report.Records, v.report.Root = v.last.Origin, v.last.Size, v.last.Root.String()
	v.report.SealedAt = v.last.Time.Format("2006-01-02T15:04:05.000Z")
	v.checkCopies()
	return true
}

// checkCopies looks at what the files' sizes tell.
func (v *verification) checkCopies() {
	s := v.snapshot
	if s.hashSize > auditfile.HashBytes(v.last.Size) {
		v.problem(RolledBack, auditfile.JournalName, "the stored hashes are of more than the %d records that the last checkpoint covers", v.last.Size)
	}
	if applied := s.appliedSize(); s.hashSize < auditfile.HashBytes(applied) {
		v.problem(Altered, auditfile.HashesName, "it is cut short: it should have hashes of %d records", applied)
	}
	if s.leftOver > 0 {
		v.note("%d bytes at the end of the %s were never committed: the next write puts them into quarantine", s.leftOver, auditfile.JournalName)
	}
	switch len(s.unapplied) {
	case 0:
	case 1:
		v.note("the last %d records stand in the %s only, as after a crash: the next write copies them to their segment", s.unapplied[0].Records, auditfile.JournalName)
	default:
		v.problem(Damaged, auditfile.HashesName, "it lacks hashes of the records from %d on, which the %s still holds: the next write restores them", s.appliedSize(), auditfile.JournalName)
	}
	for _, name := range s.strays {
		v.problem(Surplus, name, "it is not one of the log's segments")
	}
}

// takeHead reads the checkpoint that was noted earlier.
func (v *verification) takeHead(noted string) {
	if noted == "" {
		return
	}
	c, err := auditfile.OpenCheckpoint(noted, v.public)
	switch {
	case err != nil:
		v.problem(Seal, "", "the noted head is %v", err)
	case c.Origin != v.last.Origin:
		v.problem(RolledBack, "", "the noted head is of another log, %s", c.Origin)
	case c.Size > v.last.Size:
		v.problem(RolledBack, "", "the log had %d records when its head was noted, and has %d now", c.Size, v.last.Size).Seq = &v.last.Size
	default:
		v.head = c
	}
}

// scan reads all segments against the stored hashes.
func (v *verification) scan() error {
	s := v.snapshot
	if s.hashes != nil {
		v.stored = bufio.NewReaderSize(io.NewSectionReader(s.hashes, 0, min(s.hashSize, auditfile.HashBytes(s.appliedSize()))), 1<<18)
	}
	for i := range s.segments {
		end := v.last.Size
		if i+1 < len(s.segments) {
			end = min(end, s.segments[i+1].first)
		}
		segment := &s.segments[i]
		if segment.first < v.tree.Size || segment.first >= max(end, 1) {
			v.problem(Surplus, segment.name, "by its name it begins with record %d, where record %d is due", segment.first, v.tree.Size)
			continue
		}
		if err := v.skipTo(segment.first); err != nil {
			return err
		}
		if err := v.scanSegment(segment, end); err != nil {
			return err
		}
	}
	return errors.Join(v.skipTo(v.last.Size), v.checkLastHashes())
}

// skipTo takes the stored hashes in place of lines that are not there.
func (v *verification) skipTo(to int64) error {
	if v.tree.Size < to {
		v.gaps = append(v.gaps, span{v.tree.Size, to})
	}
	for v.tree.Size < to {
		stored := v.buffer[:auditfile.HashBytes(v.tree.Size+1)-auditfile.HashBytes(v.tree.Size)]
		if err := v.readStored(stored); err != nil {
			return err
		}
		v.hashes = v.tree.Push(tlog.Hash(stored[:tlog.HashSize]), v.hashes[:0])
		v.checkRoot()
	}
	return nil
}

// readStored reads the next stored hashes; zeros where there are none.
func (v *verification) readStored(into []byte) error {
	clear(into)
	if v.stored == nil {
		return nil
	}
	_, err := io.ReadFull(v.stored, into)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		v.stored = nil // its size has told
		return nil
	}
	return err
}

func (v *verification) scanSegment(segment *segmentFile, end int64) error {
	if err := v.checkOverlay(segment); err != nil {
		return err
	}
	for l, err := range segment.lines {
		switch {
		case err != nil:
			return err
		case v.tree.Size >= end && l.seq >= v.last.Size:
			v.atLine(Surplus, &l, "what follows here was signed by nobody").Seq = nil
			return nil
		case v.tree.Size >= end:
			v.atLine(Surplus, &l, "a line too many: record %d stands in the next segment", end)
			return nil
		case l.torn:
			v.atLine(Altered, &l, "record %d is cut short", l.seq)
			return nil
		}
		if l.number == 1 {
			v.checkDay(&l)
		}
		if err := v.take(&l); err != nil {
			return err
		}
	}
	return v.skipTo(end)
}

// checkLastHashes holds a piece that a crash left of the last hashes against
// the journal.
func (v *verification) checkLastHashes() error {
	s := v.snapshot
	applied := auditfile.HashBytes(s.appliedSize())
	if s.unapplied == nil || s.hashSize <= applied {
		return nil
	}
	stored, err := s.storedHashes()
	if err != nil {
		return nil //nolint:nilerr // its size has told
	}
	piece := make([]byte, s.hashSize-applied)
	if _, err := s.hashes.ReadAt(piece, applied); err != nil {
		return err
	}
	if !bytes.HasPrefix(stored.extra, piece) {
		v.problem(Altered, auditfile.HashesName, "it ends with other hashes than those of the %s", auditfile.JournalName)
	}
	return nil
}

// checkOverlay holds a piece that a crash left in a segment against the journal.
func (v *verification) checkOverlay(segment *segmentFile) error {
	if segment.overlay == nil || segment.file == nil {
		return nil
	}
	piece, err := io.ReadAll(io.NewSectionReader(segment.file, segment.size, int64(len(segment.overlay))+1))
	if err == nil && !bytes.HasPrefix(segment.overlay, piece) {
		v.problem(Altered, segment.name, "it ends with something else than the %s holds for it", auditfile.JournalName)
	}
	return err
}

// atLine is a problem with the record on a line.
func (v *verification) atLine(kind string, l *line, format string, args ...any) *Problem {
	p := v.problem(kind, l.segment.name, format, args...)
	seq := l.seq
	p.Line, p.Seq, p.AuditID = l.number, &seq, auditIDOf(l.text)
	return p
}

func auditIDOf(text []byte) string {
	var r auditfile.Record
	if json.Unmarshal(text, &r) != nil {
		return ""
	}
	return r.AuditID
}

// checkDay finds segments whose name was changed: prune goes by it.
func (v *verification) checkDay(l *line) {
	var r auditfile.Record
	if json.Unmarshal(l.text, &r) == nil && dayOf(r.LoggedAt) != l.segment.day {
		v.problem(Altered, l.segment.name, "its name says another day than its first record")
	}
}

func dayOf(loggedAt string) string {
	at, err := time.Parse(time.RFC3339Nano, loggedAt)
	if err != nil {
		return ""
	}
	return at.UTC().Format("20060102")
}

// take puts a line into the tree, and holds it against what was stored for it.
func (v *verification) take(l *line) error {
	v.report.Kept++
	v.hashes = v.tree.Push(tlog.RecordHash(l.text), v.hashes[:0])
	v.readEvent(l.text)
	v.checkRoot()
	stored := v.buffer[:len(v.hashes)*tlog.HashSize]
	if err := v.readStored(stored); err != nil || v.stored == nil {
		return err
	}
	if v.suspect != nil {
		v.suspect.next = v.suspect.next || v.suspect.seq == l.seq-1 && v.suspect.stored == v.hashes[0]
		return nil
	}
	for level, hash := range v.hashes {
		if at := stored[level*tlog.HashSize:][:tlog.HashSize]; !bytes.Equal(hash[:], at) {
			v.suspect = &suspect{
				line: *l, leaf: v.hashes[0], stored: tlog.Hash(stored[:tlog.HashSize]),
				auditID: auditIDOf(l.text), records: span{l.seq + 1 - 1<<level, l.seq + 1},
			}
			return nil
		}
	}
	v.checkCopy(l)
	return nil
}

// checkCopy holds a line against the journal's copy of it, and its place
// against what the journal says.
func (v *verification) checkCopy(l *line) {
	if at := len(v.copies) - int(v.last.Size-l.seq); at >= 0 && !bytes.Equal(bytes.TrimSuffix(v.copies[at], []byte("\n")), l.text) {
		v.atLine(Altered, l, "the %s holds another text of record %d", auditfile.JournalName, l.seq)
	}
	f := v.ends[l.seq+1]
	if f != nil && (f.Segment != l.segment.name || f.SegmentEnd() != l.end) {
		v.atLine(Altered, l, "the %s says that record %d ends elsewhere", auditfile.JournalName, l.seq)
	}
}

// readEvent takes note of what the log says of itself.
func (v *verification) readEvent(text []byte) {
	var r auditfile.Record
	switch {
	case !bytes.Contains(text, ownEvent), json.Unmarshal(text, &r) != nil:
	case r.Pruned != nil && r.Event == auditfile.EventPruned:
		v.pruned = max(v.pruned, r.Pruned.Before)
	case r.Quarantined != nil && r.Event == auditfile.EventQuarantined:
		v.note("record %d: %d bytes at the end of %s, which nobody had committed, were put into %s", r.Seq, r.Quarantined.Bytes, r.Quarantined.From, r.Quarantined.File)
	case r.Restored != nil && r.Event == auditfile.EventRestored:
		v.note("record %d: the records %d to %d were missing from their segment and were restored from the %s", r.Seq, r.Restored.From, r.Restored.From+r.Restored.Count-1, auditfile.JournalName)
	}
}

// ownEvent stands in the records that the log itself adds, and in few others.
var ownEvent = []byte(`d":{"`)
