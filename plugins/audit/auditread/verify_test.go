package auditread_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// rehash makes the stored hashes fit the lines as they stand, as somebody would
// who knows how the log works but has no key.
func rehash(f audittest.Folder) {
	var tree auditfile.Tree
	var hashes []tlog.Hash
	for _, name := range f.Segments() {
		for _, line := range f.Lines(name) {
			hashes = tree.Push(tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n"))), hashes)
		}
	}
	f.Write(auditfile.HashesName, auditfile.EncodeHashes(hashes))
}

func forged(seq int) []byte {
	record := audittest.Session("forged")
	record.Seq, record.LoggedAt = int64(seq), time.Now().UTC().Format(time.RFC3339Nano)
	line, _ := json.Marshal(record)
	return append(line, '\n')
}

const written = 44

// mutations are the ways to tamper with a log of 44 records in segments of 5.
// first is the record that the first problem must name, -1 for none.
var mutations = []struct {
	name   string
	tamper func(f audittest.Folder, earlier string)
	kind   string
	first  int64
	says   string
}{
	{"edit", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		f.Write(s, bytes.Replace(f.Read(s), []byte(`"s-7"`), []byte(`"s-8"`), 1))
	}, auditread.Altered, 7, "was changed"},
	{"edit of white space", func(f audittest.Folder, _ string) {
		s := f.Segments()[0]
		f.Write(s, bytes.Replace(f.Read(s), []byte(`,"suite"`), []byte(`, "suite"`), 1))
	}, auditread.Altered, 0, "was changed"},
	{"edit of the last", func(f audittest.Folder, _ string) {
		s := f.Segments()
		f.Write(s[len(s)-1], bytes.Replace(f.Read(s[len(s)-1]), []byte(`"s-43"`), []byte(`"s-34"`), 1))
	}, auditread.Altered, 43, "was changed"},
	{"edit and its stored hash", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		lines := f.Lines(s)
		lines[2] = bytes.Replace(lines[2], []byte(`"pass"`), []byte(`"fail"`), 1)
		f.SetLines(s, lines)
		hashes := f.Read(auditfile.HashesName)
		leaf := tlog.RecordHash(bytes.TrimSuffix(lines[2], []byte("\n")))
		copy(hashes[tlog.StoredHashIndex(0, 7)*tlog.HashSize:], leaf[:])
		f.Write(auditfile.HashesName, hashes)
	}, auditread.Altered, 6, "6 to 7 is one that was changed"},
	{"edit and all stored hashes", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		f.Write(s, bytes.Replace(f.Read(s), []byte(`"pass"`), []byte(`"fail"`), 1))
		rehash(f)
	}, auditread.Altered, 0, "were not signed"},
	{"swap", func(f audittest.Folder, _ string) {
		s := f.Segments()[2]
		lines := f.Lines(s)
		lines[1], lines[3] = lines[3], lines[1]
		f.SetLines(s, lines)
	}, auditread.Altered, 11, "record 13 stands where record 11"},
	{"swap of neighbours", func(f audittest.Folder, _ string) {
		s := f.Segments()[2]
		lines := f.Lines(s)
		lines[1], lines[2] = lines[2], lines[1]
		f.SetLines(s, lines)
	}, auditread.Altered, 11, "record 12 stands where record 11"},
	{"swap of segments", func(f audittest.Folder, _ string) {
		s := f.Segments()
		f.Rename(s[1], "x")
		f.Rename(s[2], s[1])
		f.Rename("x", s[2])
	}, auditread.Altered, 5, "record 10 stands where record 5"},
	{"line moved over a border", func(f audittest.Folder, _ string) {
		s := f.Segments()
		one, two := f.Lines(s[1]), f.Lines(s[2])
		f.SetLines(s[1], append(one, two[0]))
		f.SetLines(s[2], two[1:])
	}, auditread.Surplus, 10, "too many"},
	{"insertion", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		f.SetLines(s, slices.Insert(f.Lines(s), 2, forged(7)))
	}, auditread.Surplus, 7, "put in"},
	{"insertion at the end", func(f audittest.Folder, _ string) {
		s := f.Segments()
		f.Write(s[len(s)-1], append(f.Read(s[len(s)-1]), forged(written)...))
	}, auditread.Surplus, -1, "signed by nobody"},
	{"insertion of a copy", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		lines := f.Lines(s)
		f.SetLines(s, slices.Insert(lines, 2, bytes.Clone(lines[1])))
	}, auditread.Altered, 7, "record 6 stands where record 7"},
	{"insertion of a segment", func(f audittest.Folder, _ string) {
		f.Write(auditfile.SegmentName(written, time.Now()), forged(written))
	}, auditread.Surplus, -1, "where record"},
	{"insertion of another file", func(f audittest.Folder, _ string) {
		f.Write("more.jsonl", forged(written))
	}, auditread.Surplus, -1, "not one of the log's segments"},
	{"deletion", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		f.SetLines(s, slices.Delete(f.Lines(s), 2, 3))
	}, auditread.Altered, 7, "removed or swapped"},
	{"deletion of the last of a segment", func(f audittest.Folder, _ string) {
		s := f.Segments()[1]
		f.SetLines(s, slices.Delete(f.Lines(s), 4, 5))
	}, auditread.Missing, 9, "record 9: missing"},
	{"deletion of the first", func(f audittest.Folder, _ string) {
		s := f.Segments()[0]
		f.SetLines(s, f.Lines(s)[1:])
	}, auditread.Altered, 0, "removed or swapped"},
	{"truncation", func(f audittest.Folder, _ string) {
		s := f.Segments()
		f.SetLines(s[len(s)-1], f.Lines(s[len(s)-1])[:1])
	}, auditread.Missing, 41, "41 to 43: missing"},
	{"truncation inside a line", func(f audittest.Folder, _ string) {
		s := f.Segments()
		content := f.Read(s[len(s)-1])
		f.Write(s[len(s)-1], content[:len(content)-10])
	}, auditread.Altered, 43, "cut short"},
	{"truncation to nothing", func(f audittest.Folder, _ string) {
		f.Write(f.Segments()[3], nil)
	}, auditread.Missing, 15, "15 to 19"},
	{"first segment removed", func(f audittest.Folder, _ string) { f.Remove(f.Segments()[0]) }, auditread.Missing, 0, "0 to 4"},
	{"segment removed", func(f audittest.Folder, _ string) { f.Remove(f.Segments()[2]) }, auditread.Missing, 10, "10 to 14"},
	{"last segment removed", func(f audittest.Folder, _ string) {
		s := f.Segments()
		f.Remove(s[len(s)-1])
	}, auditread.Missing, 40, "40 to 43"},
	{"all segments removed", func(f audittest.Folder, _ string) { f.Remove(f.Segments()...) }, auditread.Missing, 0, "0 to 43"},
	{"segment renamed to another day", func(f audittest.Folder, _ string) {
		f.Rename(f.Segments()[1], auditfile.SegmentName(5, time.Now().AddDate(-1, 0, 0)))
	}, auditread.Altered, -1, "another day"},
	{"segment renamed to another number", func(f audittest.Folder, _ string) {
		f.Rename(f.Segments()[1], auditfile.SegmentName(6, time.Now()))
	}, auditread.Missing, 5, "missing"},
	{"checkpoints rolled back", func(f audittest.Folder, earlier string) { f.Restore(earlier, auditfile.JournalName) }, auditread.RolledBack, -1, "more than the 43 records"},
	{"checkpoints and hashes rolled back", func(f audittest.Folder, earlier string) {
		f.Restore(earlier, auditfile.JournalName, auditfile.HashesName)
	}, auditread.Surplus, -1, "signed by nobody"},
	{"checkpoints removed", func(f audittest.Folder, _ string) { f.Remove(auditfile.JournalName) }, auditread.RolledBack, -1, "no checkpoint"},
	{"checkpoints emptied", func(f audittest.Folder, _ string) { f.Write(auditfile.JournalName, nil) }, auditread.RolledBack, -1, "no checkpoint"},
	{"checkpoints cut", func(f audittest.Folder, _ string) {
		content := f.Read(auditfile.JournalName)
		f.Write(auditfile.JournalName, content[:len(content)-20])
	}, auditread.RolledBack, -1, "more than the 43 records"},
	{"checkpoint edited", func(f audittest.Folder, _ string) {
		content := f.Read(auditfile.JournalName)
		at := bytes.LastIndex(content, []byte("assay-audit "))
		content[at+20] ^= 1
		f.Write(auditfile.JournalName, content)
	}, auditread.Seal, -1, "not signed"},
	{"the journal's copy edited", func(f audittest.Folder, _ string) {
		frames, _ := auditfile.ParseFrames(f.Read(auditfile.JournalName), 0)
		last := &frames[len(frames)-1]
		last.Lines = bytes.Replace(last.Lines, []byte(`"pass"`), []byte(`"fail"`), 1)
		again := auditfile.NewFrame(last.Segment, last.Offset, last.Lines, last.Records, last.Checkpoint)
		f.Write(auditfile.JournalName, append(f.Read(auditfile.JournalName)[:last.Start], again.Text...))
	}, auditread.Altered, 43, "another text"},
	{"hashes removed", func(f audittest.Folder, _ string) { f.Remove(auditfile.HashesName) }, auditread.Altered, -1, "cut short"},
	{"hashes cut", func(f audittest.Folder, _ string) {
		content := f.Read(auditfile.HashesName)
		f.Write(auditfile.HashesName, content[:len(content)/4])
	}, auditread.Altered, -1, "cut short"},
	{"hash edited", func(f audittest.Folder, _ string) {
		content := f.Read(auditfile.HashesName)
		content[5*tlog.HashSize] ^= 1
		f.Write(auditfile.HashesName, content)
	}, auditread.Altered, -1, "the records are"},
	{"verifier key replaced", func(f audittest.Folder, _ string) {
		other, err := auditfile.VerifierKey(strings.Repeat("other", 8))
		if err != nil {
			f.T.Fatal(err)
		}
		f.Write(auditfile.PublicName, []byte(other))
	}, auditread.Seal, -1, "not signed by key"},
	{"verifier key removed", func(f audittest.Folder, _ string) { f.Remove(auditfile.PublicName) }, auditread.Seal, -1, "missing"},
}

// Every kind of tampering is found, and the first bad record is named.
func TestMutations(t *testing.T) {
	t.Parallel()
	original := audittest.Folder{T: t, Dir: filepath.Join(t.TempDir(), "audit")}
	workspace := filepath.Dir(original.Dir)
	l := audittest.Open(t, workspace, audittest.Small)
	audittest.Append(t, l, 0, written-1)
	earlier := filepath.Join(t.TempDir(), "earlier")
	original.CopyTo(earlier)
	audittest.Append(t, l, written-1, written)
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), written)
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			f := audittest.FolderOf(t, workspace)
			audittest.Folder{T: t, Dir: original.Dir}.CopyTo(f.Dir)
			m.tamper(f, earlier)
			report := audittest.Verify(t, workspace, auditread.Trust{})
			if report.Intact && report.Complete || len(report.Problems) == 0 {
				t.Fatalf("not found: %+v", report)
			}
			p := report.Problems[0]
			first := int64(-1)
			if p.Seq != nil {
				first = *p.Seq
			}
			if p.Kind != m.kind || first != m.first || !strings.Contains(p.Message, m.says) {
				t.Errorf("first problem %s of record %d, %q; want %s of %d, %q", p.Kind, first, p.Message, m.kind, m.first, m.says)
			}
			onlyMissing := !slices.ContainsFunc(report.Problems, func(p auditread.Problem) bool { return p.Kind != auditread.Missing })
			if report.Intact != onlyMissing {
				t.Errorf("intact %v: %+v", report.Intact, report)
			}
			if p.Kind == auditread.Missing && report.Complete {
				t.Errorf("complete: %+v", report)
			}
			if p.Line > 0 {
				if _, err := os.Stat(f.Path(p.File)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A single changed, added or removed byte, anywhere in the records, the hashes
// or the checkpoints, is found.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	f := audittest.FolderOf(t, workspace)
	audittest.Append(t, audittest.Open(t, workspace, audittest.Small), 0, 22)
	names := append(f.Segments(), auditfile.HashesName, auditfile.JournalName, auditfile.PublicName)
	for _, name := range names {
		content := f.Read(name)
		for at := 0; at < len(content); at += 1 + len(content)/60 {
			changed := bytes.Clone(content)
			changed[at] ^= 0x01
			added := slices.Insert(bytes.Clone(content), at, 'x')
			removed := slices.Delete(bytes.Clone(content), at, at+1)
			for what, bad := range map[string][]byte{"changed": changed, "added": added, "removed": removed} {
				f.Write(name, bad)
				report := audittest.Verify(t, workspace, auditread.Trust{})
				// Hashes of the last write may be missing after a crash: that is noted, and nothing is lost.
				crash := name == auditfile.HashesName && strings.Contains(fmt.Sprint(report.Notes), "as after a crash")
				if report.Intact && report.Complete && !crash {
					t.Errorf("%s: byte %d of %d %s: not found", name, at, len(content), what)
				}
			}
		}
		f.Write(name, content)
	}
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 22)
}
