package auditread_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// BenchmarkVerify is how fast a log is verified. The figure to hold: 300,000
// lines/s.
func BenchmarkVerify(b *testing.B) {
	const lines = 200_000
	workspace := b.TempDir()
	l := audittest.Open(b, workspace, auditlog.Options{})
	records := make([]auditfile.Record, 1000)
	for i := range records {
		records[i] = audittest.Session(fmt.Sprint("s-", i))
		records[i].InputHMAC, records[i].HMACKeyID = l.HMAC(records[i].InputHash)
	}
	for range lines / len(records) {
		if err := l.Append(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s, err := auditread.OpenSnapshot(b.Context(), filepath.Join(workspace, "audit"))
		if err != nil {
			b.Fatal(err)
		}
		report, err := s.Verify(auditread.Trust{})
		if err != nil || !report.Intact || !report.Complete {
			b.Fatalf("%+v, %v", report, err)
		}
		_ = s.Close()
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
