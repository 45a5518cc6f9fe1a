package auditread

import (
	"cmp"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// checkRoot holds the tree against what was signed for its size, if anything was.
func (v *verification) checkRoot() {
	if root, signed := v.roots[v.tree.Size]; signed && v.wrong == nil {
		if root == v.tree.Root() {
			v.right = v.tree.Size
		} else {
			v.wrong = &span{v.right, v.tree.Size}
		}
	}
	if v.head.Size == v.tree.Size && v.head.Root != v.tree.Root() {
		v.problem(RolledBack, "", "the first %d records are not those of the noted head", v.head.Size)
	}
}

// judge makes problems of what the scan has seen.
func (v *verification) judge() {
	switch {
	case v.wrong == nil && v.suspect != nil:
		v.problem(Altered, auditfile.HashesName, "the stored hashes of %s are not those that were signed; the records are", v.suspect.records)
	case v.wrong != nil && v.suspect != nil:
		v.describe(v.suspect)
	case v.wrong != nil:
		p := v.problem(Altered, "", "among %s there are such as were not signed, and stored hashes that fit them", *v.wrong)
		p.Seq = &v.wrong.from
	}
	for _, gap := range v.gaps {
		if pruned := min(gap.to, v.pruned) - gap.from; pruned > 0 {
			v.report.Pruned += pruned
			gap.from += pruned
		}
		if gap.from == gap.to {
			continue
		}
		p := v.problem(Missing, "", "%s: missing, and not recorded as pruned", gap)
		p.Seq = &gap.from
	}
	slices.SortStableFunc(v.report.Problems, func(a, b Problem) int { return cmp.Compare(order(a), order(b)) })
}

// order puts problems with records first, in the records' order.
func order(p Problem) int64 {
	if p.Seq == nil {
		return 1 << 62
	}
	return *p.Seq
}

// describe says what happened to the first bad record, as far as can be told.
func (v *verification) describe(s *suspect) {
	if s.records.to-s.records.from > 1 {
		v.atLine(Altered, &s.line, "among %s is one that was changed, and its stored hash with it", s.records).Seq = &s.records.from
		return
	}
	l, at := &s.line, v.find(s.leaf)
	l.seq = s.records.from
	var p *Problem
	switch {
	case at > l.seq && !s.next:
		p = v.atLine(Altered, l, "record %d stands where record %d was signed: records were removed or swapped", at, l.seq)
	case s.next && at < 0:
		p = v.atLine(Surplus, l, "a line was put in before record %d", l.seq)
	case at >= 0:
		p = v.atLine(Altered, l, "record %d stands where record %d was signed: records were moved, swapped or copied", at, l.seq)
	default:
		p = v.atLine(Altered, l, "record %d is not what was signed: it was changed", l.seq)
	}
	p.AuditID = s.auditID
	if root, err := v.storedRoot(); err != nil || root != v.last.Root {
		v.problem(Altered, auditfile.HashesName, "the stored hashes were changed too: which records were cannot be told for sure")
	}
}

// find is the number of the record with a leaf hash, by the stored hashes; -1
// where there is none.
func (v *verification) find(leaf tlog.Hash) int64 {
	found := int64(-1)
	_ = v.eachStored(func(n int64, hash tlog.Hash) bool {
		if hash == leaf {
			found = n
		}
		return found < 0
	})
	return found
}

// storedRoot is the root over the stored leaves.
func (v *verification) storedRoot() (tlog.Hash, error) {
	var tree auditfile.Tree
	var scratch []tlog.Hash
	err := v.eachStored(func(_ int64, hash tlog.Hash) bool {
		scratch = tree.Push(hash, scratch[:0])
		return true
	})
	return tree.Root(), err
}

// eachStored reads the stored leaves until one is not wanted.
func (v *verification) eachStored(yield func(n int64, leaf tlog.Hash) bool) error {
	stored, err := v.snapshot.storedHashes()
	if err != nil {
		return err
	}
	reader := io.NewSectionReader(stored, 0, auditfile.HashBytes(v.last.Size))
	record := make([]byte, 64*tlog.HashSize)
	for n := range v.last.Size {
		record = record[:(tlog.StoredHashCount(n+1)-tlog.StoredHashCount(n))*tlog.HashSize]
		if _, err := io.ReadFull(reader, record); err != nil {
			return err
		}
		if !yield(n, tlog.Hash(record[:tlog.HashSize])) {
			return nil
		}
	}
	return nil
}

// finish sums the problems up.
func (v *verification) finish() *Report {
	r := v.report
	r.Intact, r.Complete = true, true
	for _, p := range r.Problems {
		r.Intact = r.Intact && p.Kind == Missing
		r.Complete = r.Complete && p.Kind != Missing && p.Kind != RolledBack
	}
	if r.Records == 0 && len(r.Problems) > 0 {
		r.Complete = false
	}
	return r
}
