package auditlog_test

import (
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// A writer that finds the log's end moved by another does not write on where
// the stored hashes do not give the root that was signed.
func TestForgedHashesAreNotWrittenOn(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	one, two := audittest.Open(t, workspace, auditlog.Options{}), audittest.Open(t, workspace, auditlog.Options{})
	audittest.Append(t, one, 0, 2)
	audittest.Append(t, two, 2, 4)
	f := audittest.FolderOf(t, workspace)
	hashes := f.Read(auditfile.HashesName)
	hashes[tlog.StoredHashIndex(2, 0)*tlog.HashSize] ^= 1 // the root of all four
	f.Write(auditfile.HashesName, hashes)
	var altered *auditfile.AlteredError
	if err := one.Append(t.Context(), []auditfile.Record{audittest.Session("s-4")}); !errors.As(err, &altered) {
		t.Errorf("error %v, want one that says that the log was altered", err)
	}
}
