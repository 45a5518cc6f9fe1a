package auditlog

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
)

// small makes several segments of few records.
var small = Options{SegmentBytes: 2000, JournalBytes: 6000}

func verify(tb testing.TB, workspace string, trust Trust) *Report {
	tb.Helper()
	s, err := OpenSnapshot(tb.Context(), filepath.Join(workspace, "audit"))
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	report, err := s.Verify(trust)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

func assertClean(tb testing.TB, report *Report, records int64) {
	tb.Helper()
	if !report.Intact || !report.Complete || len(report.Problems) > 0 || report.Records != records {
		tb.Errorf("%d records, want %d: %+v", report.Records, records, report)
	}
}

// folder is a log's folder, to be tampered with.
type folder struct {
	t   *testing.T
	dir string
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) read(name string) []byte {
	content, err := os.ReadFile(f.path(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return content
}

func (f folder) write(name string, content []byte) {
	if err := os.WriteFile(f.path(name), content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) segments() []string {
	names, err := filepath.Glob(f.path("audit-*.jsonl"))
	if err != nil || len(names) < 4 {
		f.t.Fatalf("segments %v, %v, want at least 4", names, err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names
}

func (f folder) lines(name string) [][]byte {
	return slices.Collect(bytes.Lines(f.read(name)))
}

func (f folder) setLines(name string, lines [][]byte) { f.write(name, bytes.Join(lines, nil)) }

func (f folder) copyTo(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		f.t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(f.dir)); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) rename(from, to string) {
	if err := os.Rename(f.path(from), f.path(to)); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) remove(names ...string) {
	for _, name := range names {
		if err := os.Remove(f.path(name)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// restore puts files of an earlier state of the folder back.
func (f folder) restore(earlier string, names ...string) {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(earlier, name))
		if err != nil {
			f.t.Fatal(err)
		}
		f.write(name, content)
	}
}

// rehash makes the stored hashes fit the lines as they stand, as somebody would
// who knows how the log works but has no key.
func (f folder) rehash() {
	var tree frontier
	var hashes []tlog.Hash
	for _, name := range f.segments() {
		for _, line := range f.lines(name) {
			hashes = tree.push(tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n"))), hashes)
		}
	}
	f.write(hashesName, encodeHashes(hashes))
}

func forged(seq int) []byte {
	record := sessionRecord("forged")
	record.Seq, record.LoggedAt = int64(seq), time.Now().UTC().Format(time.RFC3339Nano)
	line, _ := json.Marshal(record)
	return append(line, '\n')
}

const written = 44

// mutations are the ways to tamper with a log of 44 records in segments of 5.
// first is the record that the first problem must name, -1 for none.
var mutations = []struct {
	name   string
	tamper func(f folder, earlier string)
	kind   string
	first  int64
	says   string
}{
	{"edit", func(f folder, _ string) {
		s := f.segments()[1]
		f.write(s, bytes.Replace(f.read(s), []byte(`"s-7"`), []byte(`"s-8"`), 1))
	}, Altered, 7, "was changed"},
	{"edit of white space", func(f folder, _ string) {
		s := f.segments()[0]
		f.write(s, bytes.Replace(f.read(s), []byte(`,"suite"`), []byte(`, "suite"`), 1))
	}, Altered, 0, "was changed"},
	{"edit of the last", func(f folder, _ string) {
		s := f.segments()
		f.write(s[len(s)-1], bytes.Replace(f.read(s[len(s)-1]), []byte(`"s-43"`), []byte(`"s-34"`), 1))
	}, Altered, 43, "was changed"},
	{"edit and its stored hash", func(f folder, _ string) {
		s := f.segments()[1]
		lines := f.lines(s)
		lines[2] = bytes.Replace(lines[2], []byte(`"pass"`), []byte(`"fail"`), 1)
		f.setLines(s, lines)
		hashes := f.read(hashesName)
		leaf := tlog.RecordHash(bytes.TrimSuffix(lines[2], []byte("\n")))
		copy(hashes[tlog.StoredHashIndex(0, 7)*tlog.HashSize:], leaf[:])
		f.write(hashesName, hashes)
	}, Altered, 6, "6 to 7 is one that was changed"},
	{"edit and all stored hashes", func(f folder, _ string) {
		s := f.segments()[1]
		f.write(s, bytes.Replace(f.read(s), []byte(`"pass"`), []byte(`"fail"`), 1))
		f.rehash()
	}, Altered, 0, "were not signed"},
	{"swap", func(f folder, _ string) {
		s := f.segments()[2]
		lines := f.lines(s)
		lines[1], lines[3] = lines[3], lines[1]
		f.setLines(s, lines)
	}, Altered, 11, "record 13 stands where record 11"},
	{"swap of neighbours", func(f folder, _ string) {
		s := f.segments()[2]
		lines := f.lines(s)
		lines[1], lines[2] = lines[2], lines[1]
		f.setLines(s, lines)
	}, Altered, 11, "record 12 stands where record 11"},
	{"swap of segments", func(f folder, _ string) {
		s := f.segments()
		f.rename(s[1], "x")
		f.rename(s[2], s[1])
		f.rename("x", s[2])
	}, Altered, 5, "record 10 stands where record 5"},
	{"line moved over a border", func(f folder, _ string) {
		s := f.segments()
		one, two := f.lines(s[1]), f.lines(s[2])
		f.setLines(s[1], append(one, two[0]))
		f.setLines(s[2], two[1:])
	}, Surplus, 10, "too many"},
	{"insertion", func(f folder, _ string) {
		s := f.segments()[1]
		f.setLines(s, slices.Insert(f.lines(s), 2, forged(7)))
	}, Surplus, 7, "put in"},
	{"insertion at the end", func(f folder, _ string) {
		s := f.segments()
		f.write(s[len(s)-1], append(f.read(s[len(s)-1]), forged(written)...))
	}, Surplus, -1, "signed by nobody"},
	{"insertion of a copy", func(f folder, _ string) {
		s := f.segments()[1]
		lines := f.lines(s)
		f.setLines(s, slices.Insert(lines, 2, bytes.Clone(lines[1])))
	}, Altered, 7, "record 6 stands where record 7"},
	{"insertion of a segment", func(f folder, _ string) {
		f.write(segmentName(written, time.Now()), forged(written))
	}, Surplus, -1, "where record"},
	{"insertion of another file", func(f folder, _ string) {
		f.write("more.jsonl", forged(written))
	}, Surplus, -1, "not one of the log's segments"},
	{"deletion", func(f folder, _ string) {
		s := f.segments()[1]
		f.setLines(s, slices.Delete(f.lines(s), 2, 3))
	}, Altered, 7, "removed or swapped"},
	{"deletion of the last of a segment", func(f folder, _ string) {
		s := f.segments()[1]
		f.setLines(s, slices.Delete(f.lines(s), 4, 5))
	}, Missing, 9, "record 9: missing"},
	{"deletion of the first", func(f folder, _ string) {
		s := f.segments()[0]
		f.setLines(s, f.lines(s)[1:])
	}, Altered, 0, "removed or swapped"},
	{"truncation", func(f folder, _ string) {
		s := f.segments()
		f.setLines(s[len(s)-1], f.lines(s[len(s)-1])[:1])
	}, Missing, 41, "41 to 43: missing"},
	{"truncation inside a line", func(f folder, _ string) {
		s := f.segments()
		content := f.read(s[len(s)-1])
		f.write(s[len(s)-1], content[:len(content)-10])
	}, Altered, 43, "cut short"},
	{"truncation to nothing", func(f folder, _ string) {
		f.write(f.segments()[3], nil)
	}, Missing, 15, "15 to 19"},
	{"first segment removed", func(f folder, _ string) { f.remove(f.segments()[0]) }, Missing, 0, "0 to 4"},
	{"segment removed", func(f folder, _ string) { f.remove(f.segments()[2]) }, Missing, 10, "10 to 14"},
	{"last segment removed", func(f folder, _ string) {
		s := f.segments()
		f.remove(s[len(s)-1])
	}, Missing, 40, "40 to 43"},
	{"all segments removed", func(f folder, _ string) { f.remove(f.segments()...) }, Missing, 0, "0 to 43"},
	{"segment renamed to another day", func(f folder, _ string) {
		f.rename(f.segments()[1], segmentName(5, time.Now().AddDate(-1, 0, 0)))
	}, Altered, -1, "another day"},
	{"segment renamed to another number", func(f folder, _ string) {
		f.rename(f.segments()[1], segmentName(6, time.Now()))
	}, Missing, 5, "missing"},
	{"checkpoints rolled back", func(f folder, earlier string) { f.restore(earlier, journalName) }, RolledBack, -1, "more than the 43 records"},
	{"checkpoints and hashes rolled back", func(f folder, earlier string) {
		f.restore(earlier, journalName, hashesName)
	}, Surplus, -1, "signed by nobody"},
	{"checkpoints removed", func(f folder, _ string) { f.remove(journalName) }, RolledBack, -1, "no checkpoint"},
	{"checkpoints emptied", func(f folder, _ string) { f.write(journalName, nil) }, RolledBack, -1, "no checkpoint"},
	{"checkpoints cut", func(f folder, _ string) {
		content := f.read(journalName)
		f.write(journalName, content[:len(content)-20])
	}, RolledBack, -1, "more than the 43 records"},
	{"checkpoint edited", func(f folder, _ string) {
		content := f.read(journalName)
		at := bytes.LastIndex(content, []byte("assay-audit "))
		content[at+20] ^= 1
		f.write(journalName, content)
	}, Seal, -1, "not signed"},
	{"the journal's copy edited", func(f folder, _ string) {
		frames, _ := parseFrames(f.read(journalName), 0)
		last := &frames[len(frames)-1]
		last.Lines = bytes.Replace(last.Lines, []byte(`"pass"`), []byte(`"fail"`), 1)
		last.Sum = lineSum(last.Lines)
		f.write(journalName, append(f.read(journalName)[:last.start], last.encode()...))
	}, Altered, 43, "another text"},
	{"hashes removed", func(f folder, _ string) { f.remove(hashesName) }, Altered, -1, "cut short"},
	{"hashes cut", func(f folder, _ string) {
		content := f.read(hashesName)
		f.write(hashesName, content[:len(content)/4])
	}, Altered, -1, "cut short"},
	{"hash edited", func(f folder, _ string) {
		content := f.read(hashesName)
		content[5*tlog.HashSize] ^= 1
		f.write(hashesName, content)
	}, Altered, -1, "the records are"},
	{"verifier key replaced", func(f folder, _ string) {
		other, err := VerifierKey(strings.Repeat("other", 8))
		if err != nil {
			f.t.Fatal(err)
		}
		f.write(publicName, []byte(other))
	}, Seal, -1, "not signed by key"},
	{"verifier key removed", func(f folder, _ string) { f.remove(publicName) }, Seal, -1, "missing"},
}

// Every kind of tampering is found, and the first bad record is named.
func TestMutations(t *testing.T) {
	t.Parallel()
	original := folder{t, filepath.Join(t.TempDir(), "audit")}
	workspace := filepath.Dir(original.dir)
	l := open(t, workspace, small)
	appendSessions(t, l, 0, written-1)
	earlier := filepath.Join(t.TempDir(), "earlier")
	original.copyTo(earlier)
	appendSessions(t, l, written-1, written)
	assertClean(t, verify(t, workspace, Trust{}), written)
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			f := folder{t, filepath.Join(workspace, "audit")}
			folder{t, original.dir}.copyTo(f.dir)
			m.tamper(f, earlier)
			report := verify(t, workspace, Trust{})
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
			onlyMissing := !slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.Kind != Missing })
			if report.Intact != onlyMissing {
				t.Errorf("intact %v: %+v", report.Intact, report)
			}
			if p.Kind == Missing && report.Complete {
				t.Errorf("complete: %+v", report)
			}
			if p.Line > 0 {
				if _, err := os.Stat(f.path(p.File)); err != nil {
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
	f := folder{t, filepath.Join(workspace, "audit")}
	appendSessions(t, open(t, workspace, small), 0, 22)
	names := append(f.segments(), hashesName, journalName, publicName)
	for _, name := range names {
		content := f.read(name)
		for at := 0; at < len(content); at += 1 + len(content)/60 {
			changed := bytes.Clone(content)
			changed[at] ^= 0x01
			added := slices.Insert(bytes.Clone(content), at, 'x')
			removed := slices.Delete(bytes.Clone(content), at, at+1)
			for what, bad := range map[string][]byte{"changed": changed, "added": added, "removed": removed} {
				f.write(name, bad)
				report := verify(t, workspace, Trust{})
				// Hashes of the last write may be missing after a crash: that is noted, and nothing is lost.
				crash := name == hashesName && strings.Contains(fmt.Sprint(report.Notes), "as after a crash")
				if report.Intact && report.Complete && !crash {
					t.Errorf("%s: byte %d of %d %s: not found", name, at, len(content), what)
				}
			}
		}
		f.write(name, content)
	}
	assertClean(t, verify(t, workspace, Trust{}), 22)
}
