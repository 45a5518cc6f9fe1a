package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

var _ sdk.Sink = (*Plugin)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type attributes map[string]any

func configure(tb testing.TB, workspace string, given attributes) (*Plugin, error) {
	tb.Helper()
	p := New()
	all := attributes{}
	for _, a := range p.Describe().Schema.Attributes {
		if a.Default != nil {
			all[a.Name] = a.Default
		}
	}
	maps.Copy(all, given)
	encoded, err := json.Marshal(all)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = p.Configure(tb.Context(), sdk.Config{Attributes: encoded, Workspace: workspace})
	if p.log != nil {
		tb.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	}
	return p, err
}

func configured(tb testing.TB, workspace string, given attributes) *Plugin {
	tb.Helper()
	p, err := configure(tb, workspace, given)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func session(id string) sdk.Event {
	return sdk.Event{
		ID: uuid.NewString(), Type: sdk.EventSession, Time: time.Now(), RunID: "run-1",
		Suite: "inventory", Vector: `throttled["W-1"]`, ActionID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
		SessionID: id, InputHash: strings.Repeat("ab", 32), Verdict: "pass",
		Status: sdk.StatusFailed, DurationMS: 120, Masked: true,
		Classification: &sdk.Classification{Class: "EXTERNAL_DEPENDENCY_OUTAGE", Category: "outage", Reason: "text-canary"},
		Correlation:    &sdk.Correlation{FailingStepName: "text-canary", RawError: "text-canary", StackTrace: "text-canary"},
	}
}

// today is the file of today, or of yesterday should the day just have ended.
func today(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "audit-*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v, want one", files, err)
	}
	return files[0]
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(content)))
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	p := configured(t, workspace, attributes{"retention_days": 30})
	events := []sdk.Event{session("s-1"), {
		ID: "not-a-uuid", Type: sdk.EventNotStarted, RunID: "run-1", Suite: "inventory", Vector: "v",
		Error: &sdk.EventError{Kind: "rate limited", Message: "text-canary", HTTPStatus: 429},
	}}
	before := time.Now()
	if err := p.Deliver(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	file := today(t, filepath.Join(workspace, ".assay/audit"))
	got := lines(t, file)
	if len(got) != 2 {
		t.Fatalf("%d lines, want 2", len(got))
	}
	var records []map[string]any
	for _, line := range got {
		if strings.Contains(line, "text-canary") {
			t.Errorf("free text in %s", line)
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		logged, err := time.Parse(time.RFC3339Nano, record["loggedAt"].(string))
		if err != nil || logged.Before(before.Add(-time.Second)) || !strings.HasSuffix(record["loggedAt"].(string), "Z") {
			t.Errorf("loggedAt %v, %v", record["loggedAt"], err)
		}
		if day := logged.Format("20060102"); filepath.Base(file) != "audit-000000000000-"+day+".jsonl" {
			t.Errorf("logged at %s in %s", logged, file)
		}
		if _, err := uuid.Parse(record["auditId"].(string)); err != nil {
			t.Error(err)
		}
		delete(record, "loggedAt")
		if mac, ok := record["inputHmac"]; ok {
			if len(mac.(string)) != 64 || mac == record["inputHash"] || len(record["hmacKeyId"].(string)) != 8 {
				t.Errorf("the keyed hash %v of key %v", mac, record["hmacKeyId"])
			}
			delete(record, "inputHmac")
			delete(record, "hmacKeyId")
		}
		records = append(records, record)
	}
	if records[0]["auditId"] != events[0].ID {
		t.Errorf("auditId %v, want the event's %s", records[0]["auditId"], events[0].ID)
	}
	delete(records[0], "auditId")
	delete(records[1], "auditId")
	want := []map[string]any{
		{
			"seq": 0.0, "event": "session", "runId": "run-1", "suite": "inventory", "vector": `throttled["W-1"]`,
			"sessionId": "s-1", "actionId": events[0].ActionID, "inputHash": events[0].InputHash,
			"status": "FAILED", "classification": "EXTERNAL_DEPENDENCY_OUTAGE", "verdict": "pass", "executionDurationMs": 120.0,
			"complianceFlags": map[string]any{"dataMasked": true, "piiExcluded": true, "retentionDays": 30.0},
		},
		{
			"seq": 1.0, "event": "not_started", "runId": "run-1", "suite": "inventory", "vector": "v",
			"sessionId": "", "actionId": "", "inputHash": "", "status": "", "executionDurationMs": 0.0,
			"errorKind": "rate limited", "httpStatus": 429.0,
			"complianceFlags": map[string]any{"dataMasked": false, "piiExcluded": true, "retentionDays": 30.0},
		},
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Error(diff)
	}
}

// What does not look like an id is not written as one.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	event := session("jane.doe@example.com")
	event.ActionID = strings.Repeat("a", 1000)
	event.Status = "FAILED because of jane"
	line, err := json.Marshal(configured(t, t.TempDir(), nil).newRecord(&event))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(line, []byte("jane")) || bytes.Contains(line, []byte("aaaa")) {
		t.Errorf("written as it came: %s", line)
	}
	if got := bytes.Count(line, []byte(`"sha256:`)); got != 3 {
		t.Errorf("%d digests, want 3: %s", got, line)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	p := configured(t, workspace, attributes{"path": "state/deep/audit"})
	if err := p.Deliver(t.Context(), []sdk.Event{session("s-1")}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(workspace, "state/deep/audit")
	for path, want := range map[string]os.FileMode{
		filepath.Join(workspace, "state"): 0o700, folder: 0o700, today(t, folder): 0o600,
		filepath.Join(folder, ".lock"): 0o600, filepath.Join(folder, "key"): 0o600, filepath.Join(folder, "journal"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 7 {
		t.Errorf("%v, %v: want lines, hashes, journal, two locks, two keys and nothing else", entries, err)
	}
}

// A torn line is put aside, that is recorded, and what follows stands on its own.
func TestTornLine(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	p := configured(t, workspace, nil)
	if err := p.Deliver(t.Context(), []sdk.Event{session("s-1")}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(workspace, ".assay/audit")
	file := today(t, folder)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(content, `{"auditId":"torn`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Deliver(t.Context(), []sdk.Event{session("s-2"), session("s-3")}); err != nil {
		t.Fatal(err)
	}
	got := lines(t, file)
	if len(got) != 4 || !strings.Contains(got[1], `"event":"quarantined"`) {
		t.Fatalf("%d lines: %q", len(got), got)
	}
	for _, line := range got {
		if !json.Valid([]byte(line)) {
			t.Errorf("line %q", line)
		}
	}
	quarantined, err := filepath.Glob(filepath.Join(folder, "quarantine-*.txt"))
	if err != nil || len(quarantined) != 1 || lines(t, quarantined[0])[0] != `{"auditId":"torn` {
		t.Errorf("in quarantine: %v, %v", quarantined, err)
	}
}

func TestNothingToDeliver(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	if err := configured(t, workspace, nil).Deliver(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(workspace, ".assay/audit/audit-*"))
	if err != nil || len(files) != 0 {
		t.Errorf("files %v, %v", files, err)
	}
}

func TestConfigureProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given     attributes
		prepare   func(workspace string) error
		attribute string
		says      string
	}{
		"absolute":      {given: attributes{"path": "/tmp/audit"}, attribute: "path", says: "suite's tree"},
		"out":           {given: attributes{"path": "../audit"}, attribute: "path", says: "suite's tree"},
		"empty":         {given: attributes{"path": ""}, attribute: "path", says: "suite's tree"},
		"retention":     {given: attributes{"retention_days": 0}, attribute: "retention_days", says: "at least 1"},
		"fraction":      {given: attributes{"retention_days": 1.5}, attribute: "retention_days", says: "whole number"},
		"file in place": {attribute: "path", given: attributes{"path": "log"}, prepare: func(w string) error { return os.WriteFile(filepath.Join(w, "log"), nil, 0o600) }, says: "a file stands where"},
		"file above":    {attribute: "path", given: attributes{"path": "log/audit"}, prepare: func(w string) error { return os.WriteFile(filepath.Join(w, "log"), nil, 0o600) }, says: "a file stands where"},
		"key":           {given: attributes{"key": "too short"}, attribute: "key", says: "at least 32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			if test.prepare != nil {
				if err := test.prepare(workspace); err != nil {
					t.Fatal(err)
				}
			}
			_, err := configure(t, workspace, test.given)
			var wrong *sdk.ConfigError
			if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Attribute != test.attribute {
				t.Fatalf("error %v, want one problem with %s", err, test.attribute)
			}
			if !strings.Contains(wrong.Problems[0].Detail, test.says) {
				t.Errorf("%q does not say %q", wrong.Problems[0].Detail, test.says)
			}
		})
	}
}

// Whatever is wrong with the settings is told at once.
func TestAllProblemsAreTold(t *testing.T) {
	t.Parallel()
	_, err := configure(t, t.TempDir(), attributes{"path": "../audit", "retention_days": 1.5, "key": "short"})
	var wrong *sdk.ConfigError
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	var told []string
	for _, p := range wrong.Problems {
		told = append(told, p.Attribute)
	}
	if diff := cmp.Diff([]string{"retention_days", "path", "key"}, told); diff != "" {
		t.Error(diff)
	}
}

// Where the folder cannot be written to that is no mistake of the spec's: it is
// told before the run, and best effort goes on without.
func TestConfigureUnavailable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given   attributes
		prepare func(workspace string) error
		says    string
	}{
		"no workspace": {prepare: os.Remove, says: "no such file"},
		"link out":     {given: attributes{"path": "log"}, prepare: func(w string) error { return os.Symlink(os.TempDir(), filepath.Join(w, "log")) }, says: "suite's tree"},
		"lock is a folder": {given: attributes{"path": "log"}, prepare: func(w string) error {
			return os.MkdirAll(filepath.Join(w, "log", ".lock"), 0o700)
		}, says: "directory"},
		"lock links out": {given: attributes{"path": "log"}, prepare: func(w string) error {
			return errors.Join(os.Mkdir(filepath.Join(w, "log"), 0o700), os.Symlink("../../outside", filepath.Join(w, "log", ".lock")))
		}, says: "suite's tree"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := filepath.Join(t.TempDir(), "suite")
			if err := os.Mkdir(workspace, 0o700); err != nil {
				t.Fatal(err)
			}
			if test.prepare != nil {
				if err := test.prepare(workspace); err != nil {
					t.Fatal(err)
				}
			}
			_, err := configure(t, workspace, test.given)
			if failure := asError(t, err); failure.Kind != sdk.Unavailable || !strings.Contains(failure.Message, test.says) {
				t.Errorf("%+v does not say %q", failure, test.says)
			}
			lenient := attributes{"mode": modeBestEffort}
			maps.Copy(lenient, test.given)
			p, err := configure(t, workspace, lenient)
			if err != nil {
				t.Fatalf("best effort: %v", err)
			}
			asError(t, p.Deliver(t.Context(), []sdk.Event{session("s-1")}))
		})
	}
}

// What happens to the folder after Configure is found by Deliver.
func TestDeliverNotWritable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(folder, file string) error{
		"folder removed": func(folder, _ string) error { return os.RemoveAll(folder) },
		"folder in place": func(_, file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
		},
		"link out": func(folder, file string) error {
			return errors.Join(os.Remove(file), os.Symlink(filepath.Join(folder, "../../../outside"), file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			p := configured(t, workspace, nil)
			if err := p.Deliver(t.Context(), []sdk.Event{session("s-1")}); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(workspace, ".assay/audit")
			if err := spoil(folder, today(t, folder)); err != nil {
				t.Fatal(err)
			}
			failure := asError(t, p.Deliver(t.Context(), []sdk.Event{session("s-2")}))
			if failure.Kind != sdk.Unavailable || !strings.Contains(failure.Message, ".assay/audit cannot") {
				t.Errorf("%+v, want unavailable, naming the file", failure)
			}
			if strings.Contains(failure.Message, workspace) {
				t.Errorf("%q names the machine's path", failure.Message)
			}
		})
	}
}

func asError(t *testing.T, err error) *sdk.Error {
	t.Helper()
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v (%T), want *sdk.Error", err, err)
	}
	return failure
}

// A lock that is not given up ends with the caller's patience, and nothing is written.
func TestDeliverLocked(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	p := configured(t, workspace, nil)
	folder := filepath.Join(workspace, ".assay/audit")
	other := flock.New(filepath.Join(folder, ".lock"))
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	failure := asError(t, p.Deliver(ctx, []sdk.Event{session("s-1")}))
	if failure.Kind != sdk.Timeout || !strings.Contains(failure.Message, "lock") {
		t.Errorf("%+v, want a timeout that names the lock", failure)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := p.Deliver(t.Context(), []sdk.Event{session("s-2")}); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, today(t, folder)); len(got) != 1 || !strings.Contains(got[0], "s-2") {
		t.Errorf("lines %q", got)
	}
}

func BenchmarkDeliver(b *testing.B) {
	for _, size := range []int{1, batch} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			p := configured(b, b.TempDir(), nil)
			events := make([]sdk.Event, size)
			for i := range events {
				events[i] = session("s-1")
			}
			for b.Loop() {
				if err := p.Deliver(b.Context(), events); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
