package auditlog

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, workspace string, options Options) *Log {
	tb.Helper()
	options.Workspace, options.Path, options.RetentionDays = workspace, "audit", 90
	l, err := Open(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

func sessionRecord(id string) Record {
	return Record{
		AuditID: uuid.NewString(), Event: "session", RunID: uuid.NewString(), Suite: "inventory", Vector: "v",
		SessionID: id, ActionID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890", Status: "COMPLETED", Verdict: "pass",
		InputHash:       "0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b",
		ComplianceFlags: ComplianceFlags{DataMasked: true, PIIExcluded: true, RetentionDays: 90},
	}
}

func appendSessions(tb testing.TB, l *Log, from, to int) {
	tb.Helper()
	for i := from; i < to; i++ {
		if err := l.Append(context.WithoutCancel(tb.Context()), []Record{sessionRecord(fmt.Sprint("s-", i))}); err != nil {
			tb.Fatal(err)
		}
	}
}
