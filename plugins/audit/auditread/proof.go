package auditread

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// proofVersion is the version of the proof document.
const proofVersion = 1

// Proof shows, without the log, that a record is in it.
type Proof struct {
	Version    int              `json:"version"`
	Seq        int64            `json:"seq"`
	Record     string           `json:"record,omitempty"` // the line, without its newline; absent where it was pruned
	Leaf       tlog.Hash        `json:"leaf"`             // its hash in the tree
	Hashes     tlog.RecordProof `json:"proof"`            // RFC 6962's audit path
	Checkpoint string           `json:"checkpoint"`       // signed
	Verifier   string           `json:"verifier"`         // the key that signed it
}

// ErrNotThere says that a record is not in the log.
var ErrNotThere = errors.New("no such record")

// Prove makes the proof of a record, named by its auditId or its number. A
// record that was pruned has a proof by its number.
func (s *Snapshot) Prove(id string) (*Proof, error) {
	checkpoint, err := s.Head()
	if err != nil {
		return nil, err
	}
	seq, text, err := s.look(id)
	if err != nil {
		return nil, err
	}
	stored, err := s.storedHashes()
	if err != nil {
		return nil, err
	}
	leaf, err := auditfile.ReadHash(stored, tlog.StoredHashIndex(0, seq))
	if err != nil {
		return nil, err
	}
	path, err := tlog.ProveRecord(checkpoint.Size, seq, tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		hashes = make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if hashes[i], err = auditfile.ReadHash(stored, index); err != nil {
				return nil, err
			}
		}
		return hashes, nil
	}))
	if err != nil {
		return nil, err
	}
	p := &Proof{
		Version: proofVersion, Seq: seq, Record: text, Leaf: leaf, Hashes: path,
		Checkpoint: checkpoint.Note, Verifier: s.Verifier,
	}
	_, err = p.Check(s.Verifier)
	return p, err
}

// Head is the last checkpoint, its signature checked with the log's own key.
func (s *Snapshot) Head() (auditfile.Checkpoint, error) {
	checkpoint, err := auditfile.OpenCheckpoint(s.Checkpoint.Note, s.Verifier)
	if err != nil {
		return checkpoint, auditfile.Altered("the last checkpoint is %v", err)
	}
	return checkpoint, nil
}

// look finds a record by its auditId or number. The text is empty where the
// record was pruned.
func (s *Snapshot) look(id string) (seq int64, text string, err error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		number = -1
	}
	for i := range s.segments {
		segment := &s.segments[i]
		if number >= 0 && i+1 < len(s.segments) && s.segments[i+1].first <= number {
			continue
		}
		for l, err := range segment.lines {
			if err != nil {
				return 0, "", err
			}
			if l.torn || l.seq >= s.Checkpoint.Size {
				break
			}
			if l.seq == number || number < 0 && auditIDOf(l.text) == id {
				return l.seq, string(l.text), nil
			}
		}
	}
	if number < 0 || number >= s.Checkpoint.Size {
		return 0, "", fmt.Errorf("%w: %q is neither an auditId in the log nor a number below %d", ErrNotThere, id, s.Checkpoint.Size)
	}
	return number, "", nil
}

// Check holds a proof against a verifier key, and answers the checkpoint that
// it leads to.
func (p *Proof) Check(verifier string) (auditfile.Checkpoint, error) {
	if p.Version != proofVersion {
		return auditfile.Checkpoint{}, fmt.Errorf("the proof has version %d; this assay reads version %d", p.Version, proofVersion)
	}
	checkpoint, err := auditfile.OpenCheckpoint(p.Checkpoint, verifier)
	if err != nil {
		return auditfile.Checkpoint{}, fmt.Errorf("the proof's checkpoint is %w", err)
	}
	if p.Record != "" && tlog.RecordHash([]byte(p.Record)) != p.Leaf {
		return auditfile.Checkpoint{}, fmt.Errorf("the proof is of another record than it shows: the record was changed")
	}
	if err := tlog.CheckRecord(p.Hashes, checkpoint.Size, checkpoint.Root, p.Seq, p.Leaf); err != nil {
		return auditfile.Checkpoint{}, fmt.Errorf("the proof does not lead from record %d to the root that was signed", p.Seq)
	}
	return checkpoint, nil
}
