package auditlog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestPrune(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	f := audittest.FolderOf(t, workspace)
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	options := auditlog.Options{SegmentBytes: 2000, Now: c.Now}
	l := audittest.Open(t, workspace, options)
	for day := range 10 {
		c.now = time.Date(2026, 1, 1+day, 12, 0, 0, 0, time.UTC)
		audittest.Append(t, l, day*7, day*7+7) // two segments a day
	}
	noted := audittest.Read(t, workspace).Checkpoint.Note
	if removed, err := l.Prune(t.Context(), "audit prune", auditfile.Actor{User: "ann"}); err != nil || removed.Records != 0 {
		t.Fatalf("%+v, %v: nothing is old yet", removed, err)
	}
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 70)

	// 90 days after the fourth day, at noon to the second: its records are not
	// older than 90 days.
	c.now = time.Date(2026, 1, 4, 12, 0, 0, 0, time.UTC).AddDate(0, 0, 90)
	removed, err := l.Prune(t.Context(), "audit prune", auditfile.Actor{User: "ann"})
	if err != nil || removed.Records != 21 || len(removed.Segments) != 6 {
		t.Fatalf("%+v, %v, want 21 records in 6 segments", removed, err)
	}
	assertPruned(t, audittest.Verify(t, workspace, auditread.Trust{Head: noted}), 21, 71)

	c.now = c.now.Add(time.Second)
	if removed, err = l.Prune(t.Context(), "audit prune", auditfile.Actor{User: "ann"}); err != nil || removed.Records != 7 {
		t.Fatalf("%+v, %v, want 7 records", removed, err)
	}
	assertPruned(t, audittest.Verify(t, workspace, auditread.Trust{Head: noted}), 28, 72)
	frames, _ := auditfile.ParseFrames(f.Read(auditfile.JournalName), 0)
	for _, frame := range frames {
		if len(frame.Lines) > 0 {
			t.Errorf("the journal still holds lines: %s", frame.Lines)
		}
	}

	// Proofs of what was kept, and of what was pruned, still hold.
	s, err := auditread.OpenSnapshot(t.Context(), f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"0", "27", "28", "71"} {
		proof, err := s.Prove(id)
		if err != nil || (proof.Record == "") != (id == "0" || id == "27") {
			t.Errorf("%s: %+v, %v", id, proof, err)
		}
	}

	// What is gone beyond that is missing.
	f.Remove(f.Segments()[0])
	found := audittest.Verify(t, workspace, auditread.Trust{})
	if found.Complete || !found.Intact || *found.Problems[0].Seq != 28 {
		t.Errorf("not found: %+v", found)
	}
}

func assertPruned(t *testing.T, report *auditread.Report, pruned, records int64) {
	t.Helper()
	audittest.AssertClean(t, report, records)
	if report.Pruned != pruned || report.Kept != records-pruned {
		t.Errorf("%d pruned and %d kept, want %d and %d", report.Pruned, report.Kept, pruned, records-pruned)
	}
}

// A log that slept longer than it keeps records is pruned to nothing but the
// record of that, and goes on.
func TestPruneAll(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	l := audittest.Open(t, workspace, auditlog.Options{Now: c.Now})
	audittest.Append(t, l, 0, 5)
	quarantine := filepath.Join(workspace, "audit", "quarantine-0011223344556677.txt")
	if err := os.WriteFile(quarantine, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(quarantine, c.now, c.now); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.AddDate(1, 0, 0)
	removed, err := l.Prune(t.Context(), "audit prune", auditfile.Actor{User: "ann"})
	if err != nil || removed.Records != 5 || len(removed.Others) != 1 {
		t.Fatalf("%+v, %v", removed, err)
	}
	assertPruned(t, audittest.Verify(t, workspace, auditread.Trust{}), 5, 6)
	audittest.Append(t, l, 5, 8)
	audittest.Append(t, audittest.Open(t, workspace, auditlog.Options{Now: c.Now}), 8, 9)
	assertPruned(t, audittest.Verify(t, workspace, auditread.Trust{}), 5, 10)
}

func TestRotation(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	c := &clock{time.Date(2026, 1, 1, 23, 59, 59, 0, time.UTC)}
	l := audittest.Open(t, workspace, auditlog.Options{SegmentBytes: 2000, Now: c.Now})
	audittest.Append(t, l, 0, 7)
	c.now = c.now.Add(time.Second)
	audittest.Append(t, l, 7, 8)
	c.now = c.now.Add(-time.Hour) // a clock that is set back begins no segment
	audittest.Append(t, l, 8, 9)
	got := audittest.FolderOf(t, workspace).Segments()
	want := "audit-000000000000-20260101.jsonl audit-000000000005-20260101.jsonl audit-000000000007-20260102.jsonl"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 9)
}

// A clock that was years ahead for a while keeps nothing from being pruned.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	c := &clock{time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	l := audittest.Open(t, workspace, auditlog.Options{Now: c.Now})
	audittest.Append(t, l, 0, 2)
	c.now = c.now.AddDate(10, 0, 0)
	audittest.Append(t, l, 2, 3)
	c.now = c.now.AddDate(-10, 0, 1)
	audittest.Append(t, l, 3, 5)
	if removed, err := l.Prune(t.Context(), "prune", auditfile.Actor{}); err != nil || removed.Records != 0 {
		t.Errorf("%d records were removed too early, %v", removed.Records, err)
	}
	c.now = c.now.AddDate(0, 0, 100)
	audittest.Append(t, l, 5, 6)
	removed, err := l.Prune(t.Context(), "prune", auditfile.Actor{})
	if err != nil || removed.Records != 5 || len(removed.Segments) != 3 {
		t.Errorf("%d records in %v were removed, want 5 in three segments; %v", removed.Records, removed.Segments, err)
	}
	if r := audittest.Verify(t, workspace, auditread.Trust{}); !r.Intact || !r.Complete || r.Pruned != 5 {
		t.Errorf("%+v", r)
	}
}
