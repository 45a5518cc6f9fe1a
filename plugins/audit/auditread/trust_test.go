package auditread_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// A log that was put back as a whole to what it was is told by its noted head.
func TestHead(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	f := audittest.FolderOf(t, workspace)
	l := audittest.Open(t, workspace, audittest.Small)
	audittest.Append(t, l, 0, 30)
	earlier := filepath.Join(t.TempDir(), "earlier")
	f.CopyTo(earlier)
	audittest.Append(t, l, 30, 32)
	noted := audittest.Read(t, workspace).Checkpoint.Note
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{Head: noted}), 32)
	audittest.Append(t, l, 32, 40)
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{Head: noted}), 40)

	audittest.Folder{T: t, Dir: earlier}.CopyTo(f.Dir)
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 30)
	found := audittest.Verify(t, workspace, auditread.Trust{Head: noted})
	if found.Complete || found.Problems[0].Kind != auditread.RolledBack || !strings.Contains(found.Problems[0].Message, "had 32 records") {
		t.Errorf("not found: %+v", found)
	}

	audittest.Append(t, audittest.Open(t, workspace, audittest.Small), 40, 50)
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 40)
	found = audittest.Verify(t, workspace, auditread.Trust{Head: noted})
	if found.Complete || !strings.Contains(found.Problems[0].Message, "not those of the noted head") {
		t.Errorf("not found: %+v", found)
	}
	other := t.TempDir()
	audittest.Append(t, audittest.Open(t, other, audittest.Small), 0, 3)
	if found := audittest.Verify(t, workspace, auditread.Trust{Head: audittest.Read(t, other).Checkpoint.Note}); found.Intact {
		t.Errorf("another log's head: %+v", found)
	}
}

// A log signed anew with another key is told by the trusted one.
func TestTrustedKey(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	secret := strings.Repeat("secret", 8)
	options := audittest.Small
	options.Key = secret
	audittest.Append(t, audittest.Open(t, workspace, options), 0, 3)
	public, err := auditfile.VerifierKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{Verifier: public}), 3)
	other := t.TempDir()
	audittest.Append(t, audittest.Open(t, other, audittest.Small), 0, 3)
	if report := audittest.Verify(t, other, auditread.Trust{Verifier: public}); report.Intact {
		t.Errorf("another key: %+v", report)
	}
	if _, err := os.Stat(filepath.Join(workspace, "audit", "key")); err == nil {
		t.Error("a given key was written down")
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	l := audittest.Open(t, workspace, audittest.Small)
	id := uuid.NewString()
	for i := range 33 {
		record := audittest.Session(fmt.Sprint("s-", i))
		if i == 17 {
			record.AuditID = id
		}
		if err := l.Append(t.Context(), []auditfile.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := auditread.OpenSnapshot(t.Context(), filepath.Join(workspace, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{id, "0", "17", "32"} {
		proof, err := s.Prove(name)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(proof)
		if err != nil {
			t.Fatal(err)
		}
		var again auditread.Proof
		if err := json.Unmarshal(encoded, &again); err != nil {
			t.Fatal(err)
		}
		if name == id && again.Seq != 17 {
			t.Errorf("record %d, want 17", again.Seq)
		}
		if c, err := again.Check(s.Verifier); err != nil || c.Size != 33 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		for what, spoil := range map[string]func(p *auditread.Proof){
			"record":     func(p *auditread.Proof) { p.Record = strings.Replace(p.Record, "pass", "fail", 1) },
			"leaf":       func(p *auditread.Proof) { p.Record, p.Leaf[0] = "", p.Leaf[0]^1 },
			"path":       func(p *auditread.Proof) { p.Hashes = slices.Clone(p.Hashes); p.Hashes[0][0] ^= 1 },
			"short path": func(p *auditread.Proof) { p.Hashes = p.Hashes[1:] },
			"number":     func(p *auditread.Proof) { p.Seq ^= 1 },
			"checkpoint": func(p *auditread.Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "33", "34", 1) },
			"version":    func(p *auditread.Proof) { p.Version = 2 },
		} {
			bad := again
			spoil(&bad)
			if _, err := bad.Check(s.Verifier); err == nil {
				t.Errorf("%s: %s spoilt, and it holds", name, what)
			}
		}
	}
	if _, err := s.Prove("nothing"); err == nil {
		t.Error("a proof of nothing")
	}
}

// A log verifies at any moment while writers, of one process and of several
// logs on the same audittest.Folder, are at work.
func TestVerifyWhileWriting(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	logs := []*auditlog.Log{audittest.Open(t, workspace, audittest.Hard), audittest.Open(t, workspace, audittest.Hard)}
	audittest.Append(t, logs[0], 0, 1)
	var running sync.WaitGroup
	for i, l := range logs {
		for range 2 {
			running.Go(func() { audittest.Append(t, l, 1000*i, 1000*i+100) })
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		running.Wait()
	}()
	for i := 0; ; i++ {
		report := audittest.Verify(t, workspace, auditread.Trust{})
		if !report.Intact || !report.Complete || len(report.Notes) > 0 {
			t.Fatalf("%+v", report)
		}
		select {
		case <-done:
			audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 401)
			t.Logf("verified %d times", i)
			return
		default:
		}
	}
}
