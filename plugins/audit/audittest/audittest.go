// Package audittest writes, reads and tampers with audit logs in tests.
//
// Start reading at Open and Verify.
package audittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
)

// Name is the folder of a log in a test's workspace.
const Name = "audit"

// Small are options that make several segments of few records.
var Small = auditlog.Options{SegmentBytes: 2000, JournalBytes: 6000}

// Hard are options that make everything happen often: short segments, a
// journal that starts anew all the time.
var Hard = auditlog.Options{SegmentBytes: 20_000, JournalBytes: 15_000}

// Open opens the log of a workspace, until the test's end.
func Open(tb testing.TB, workspace string, options auditlog.Options) *auditlog.Log {
	tb.Helper()
	options.Workspace, options.Path, options.RetentionDays = workspace, Name, 90
	l, err := auditlog.Open(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// Session is the record of a session.
func Session(id string) auditfile.Record {
	return auditfile.Record{
		AuditID: uuid.NewString(), Event: "session", RunID: uuid.NewString(), Suite: "inventory", Vector: "v",
		SessionID: id, ActionID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890", Status: "COMPLETED", Verdict: "pass",
		InputHash:       "0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b",
		ComplianceFlags: auditfile.ComplianceFlags{DataMasked: true, PIIExcluded: true, RetentionDays: 90},
	}
}

// Append appends the sessions s-FROM up to before s-TO, one after the other.
func Append(tb testing.TB, l *auditlog.Log, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		if err := l.Append(context.WithoutCancel(tb.Context()), []auditfile.Record{Session(fmt.Sprint("s-", i))}); err != nil {
			tb.Fatal(err)
		}
	}
}

// Read takes a snapshot of a workspace's log, until the test's end.
func Read(tb testing.TB, workspace string) *auditread.Snapshot {
	tb.Helper()
	s, err := auditread.OpenSnapshot(tb.Context(), filepath.Join(workspace, Name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Verify verifies a workspace's log.
func Verify(tb testing.TB, workspace string, trust auditread.Trust) *auditread.Report {
	tb.Helper()
	s, err := auditread.OpenSnapshot(tb.Context(), filepath.Join(workspace, Name))
	if err != nil {
		tb.Fatal(err)
	}
	report, err := s.Verify(trust)
	if err := errors.Join(err, s.Close()); err != nil {
		tb.Fatal(err)
	}
	return report
}

// AssertClean fails a test whose log is not whole, with that many records.
func AssertClean(tb testing.TB, report *auditread.Report, records int64) {
	tb.Helper()
	if !report.Intact || !report.Complete || len(report.Problems) > 0 || report.Records != records {
		tb.Errorf("%d records, want %d: %+v", report.Records, records, report)
	}
}

// Folder is a log's folder, to be tampered with.
type Folder struct {
	T   testing.TB
	Dir string
}

// FolderOf is the folder of a workspace's log.
func FolderOf(tb testing.TB, workspace string) Folder {
	tb.Helper()
	return Folder{tb, filepath.Join(workspace, Name)}
}

// Path is the path of a file in the folder.
func (f Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Read is what a file holds.
func (f Folder) Read(name string) []byte {
	f.T.Helper()
	content, err := os.ReadFile(f.Path(name))
	if err != nil {
		f.T.Fatal(err)
	}
	return content
}

// Write makes a file hold content.
func (f Folder) Write(name string, content []byte) {
	f.T.Helper()
	if err := os.WriteFile(f.Path(name), content, 0o600); err != nil {
		f.T.Fatal(err)
	}
}

// Segments are the names of the log's segments, in order.
func (f Folder) Segments() []string {
	f.T.Helper()
	names, err := filepath.Glob(f.Path("audit-*.jsonl"))
	if err != nil || len(names) == 0 {
		f.T.Fatalf("segments %v, %v", names, err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names
}

// Lines are a segment's lines, with their newlines.
func (f Folder) Lines(name string) [][]byte {
	return slices.Collect(bytes.Lines(f.Read(name)))
}

// SetLines makes a segment consist of lines.
func (f Folder) SetLines(name string, lines [][]byte) { f.Write(name, bytes.Join(lines, nil)) }

// CopyTo copies the folder over another.
func (f Folder) CopyTo(dir string) {
	f.T.Helper()
	if err := os.RemoveAll(dir); err != nil {
		f.T.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(f.Dir)); err != nil {
		f.T.Fatal(err)
	}
}

// Rename renames a file.
func (f Folder) Rename(from, to string) {
	f.T.Helper()
	if err := os.Rename(f.Path(from), f.Path(to)); err != nil {
		f.T.Fatal(err)
	}
}

// Remove removes files.
func (f Folder) Remove(names ...string) {
	f.T.Helper()
	for _, name := range names {
		if err := os.Remove(f.Path(name)); err != nil {
			f.T.Fatal(err)
		}
	}
}

// Restore puts files of an earlier state of the folder back.
func (f Folder) Restore(earlier string, names ...string) {
	f.T.Helper()
	for _, name := range names {
		f.Write(name, Folder{f.T, earlier}.Read(name))
	}
}
