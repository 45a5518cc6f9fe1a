package audit

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
	"github.com/assay-cx/assay/plugins/sdk"
)

// oldLog writes a log of one record a day, of the days before today.
func oldLog(t *testing.T, workspace string, days int) audittest.Folder {
	t.Helper()
	now := time.Now()
	l := audittest.Open(t, workspace, auditlog.Options{Now: func() time.Time { return now }})
	for day := days; day > 0; day-- {
		now = time.Now().AddDate(0, 0, -day).Add(time.Minute)
		audittest.Append(t, l, day, day+1)
	}
	return audittest.FolderOf(t, workspace)
}

func begin(t *testing.T, p *Plugin) {
	t.Helper()
	started := sdk.Event{Type: sdk.EventRunStarted, Command: "run", Actor: &sdk.Actor{User: "ann", Host: "build-7"}}
	if err := p.Deliver(t.Context(), []sdk.Event{started}); err != nil {
		t.Fatal(err)
	}
	if err := p.endPruning(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A run removes what has been kept as long as it is to be, and records that,
// with who ran it; it does so once.
func TestRunsPrune(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	oldLog(t, workspace, 10)
	for range 2 {
		begin(t, configured(t, workspace, attributes{"path": audittest.Name, "retention_days": 7}))
	}
	report := audittest.Verify(t, workspace, auditread.Trust{})
	audittest.AssertClean(t, report, 13)
	if report.Pruned != 3 {
		t.Errorf("%d records pruned, want 3", report.Pruned)
	}
	var pruned []auditfile.Record
	for record, err := range audittest.Read(t, workspace).Records() {
		if err != nil {
			t.Fatal(err)
		}
		if record.Event == auditfile.EventPruned {
			record.AuditID, record.LoggedAt = "", ""
			pruned = append(pruned, record)
		}
	}
	want := []auditfile.Record{{
		Seq: 11, Event: auditfile.EventPruned, Command: "run", Count: 3, Pruned: &auditfile.Pruned{Before: 3},
		Actor:           &auditfile.Actor{User: "ann", Host: "build-7"},
		ComplianceFlags: auditfile.ComplianceFlags{DataMasked: true, RetentionDays: 7},
	}}
	if diff := cmp.Diff(want, pruned); diff != "" {
		t.Error(diff)
	}
}

// What is not as it was written is evidence: it stays, and the run's own
// records are written.
func TestRunsDoNotPruneWhatWasAltered(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	f := oldLog(t, workspace, 10)
	segments := f.Segments()
	lines := f.Lines(segments[0])
	lines[0][len(lines[0])/2] ^= 1
	f.SetLines(segments[0], lines)
	p := configured(t, workspace, attributes{"path": audittest.Name, "retention_days": 7})
	begin(t, p)
	if got := f.Segments(); len(got) < len(segments) {
		t.Errorf("%d segments of %d are left", len(got), len(segments))
	}
	var wrong *auditfile.AlteredError
	if _, err := p.prune(t.Context(), "run", auditfile.Actor{}); !errors.As(err, &wrong) {
		t.Errorf("error %v, want one that says what was altered", err)
	}
}

// Shutdown does not wait for it longer than the host does.
func TestShutdownEndsPruning(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	oldLog(t, workspace, 3)
	p := configured(t, workspace, attributes{"path": audittest.Name, "retention_days": 1})
	lock := auditfile.NewInterlock(filepath.Join(workspace, audittest.Name), 0)
	if err := lock.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.startPruning(t.Context(), "run", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	<-p.pruning.done
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}
