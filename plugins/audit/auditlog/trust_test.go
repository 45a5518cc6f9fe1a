package auditlog

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
)

func head(tb testing.TB, workspace string) string {
	tb.Helper()
	s, err := OpenSnapshot(tb.Context(), filepath.Join(workspace, "audit"))
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	return s.Checkpoint.Note
}

// A log that was put back as a whole to what it was is told by its noted head.
func TestHead(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	f := folder{t, filepath.Join(workspace, "audit")}
	l := open(t, workspace, small)
	appendSessions(t, l, 0, 30)
	earlier := filepath.Join(t.TempDir(), "earlier")
	f.copyTo(earlier)
	appendSessions(t, l, 30, 32)
	noted := head(t, workspace)
	assertClean(t, verify(t, workspace, Trust{Head: noted}), 32)
	appendSessions(t, l, 32, 40)
	assertClean(t, verify(t, workspace, Trust{Head: noted}), 40)

	folder{t, earlier}.copyTo(f.dir)
	assertClean(t, verify(t, workspace, Trust{}), 30)
	found := verify(t, workspace, Trust{Head: noted})
	if found.Complete || found.Problems[0].Kind != RolledBack || !strings.Contains(found.Problems[0].Message, "had 32 records") {
		t.Errorf("not found: %+v", found)
	}

	appendSessions(t, open(t, workspace, small), 40, 50)
	assertClean(t, verify(t, workspace, Trust{}), 40)
	found = verify(t, workspace, Trust{Head: noted})
	if found.Complete || !strings.Contains(found.Problems[0].Message, "not those of the noted head") {
		t.Errorf("not found: %+v", found)
	}
	other := t.TempDir()
	appendSessions(t, open(t, other, small), 0, 3)
	if found := verify(t, workspace, Trust{Head: head(t, other)}); found.Intact {
		t.Errorf("another log's head: %+v", found)
	}
}

// A log signed anew with another key is told by the trusted one.
func TestTrustedKey(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	secret := strings.Repeat("secret", 8)
	options := small
	options.Key = secret
	appendSessions(t, open(t, workspace, options), 0, 3)
	public, err := VerifierKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	assertClean(t, verify(t, workspace, Trust{Verifier: public}), 3)
	other := t.TempDir()
	appendSessions(t, open(t, other, small), 0, 3)
	if report := verify(t, other, Trust{Verifier: public}); report.Intact {
		t.Errorf("another key: %+v", report)
	}
	if _, err := os.Stat(filepath.Join(workspace, "audit", keyName)); err == nil {
		t.Error("a given key was written down")
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	l := open(t, workspace, small)
	id := uuid.NewString()
	for i := range 33 {
		record := sessionRecord(fmt.Sprint("s-", i))
		if i == 17 {
			record.AuditID = id
		}
		if err := l.Append(t.Context(), []Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenSnapshot(t.Context(), filepath.Join(workspace, "audit"))
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
		var again Proof
		if err := json.Unmarshal(encoded, &again); err != nil {
			t.Fatal(err)
		}
		if name == id && again.Seq != 17 {
			t.Errorf("record %d, want 17", again.Seq)
		}
		if c, err := again.Check(s.Verifier); err != nil || c.Size != 33 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		for what, spoil := range map[string]func(p *Proof){
			"record":     func(p *Proof) { p.Record = strings.Replace(p.Record, "pass", "fail", 1) },
			"leaf":       func(p *Proof) { p.Record, p.Leaf[0] = "", p.Leaf[0]^1 },
			"path":       func(p *Proof) { p.Hashes = slices.Clone(p.Hashes); p.Hashes[0][0] ^= 1 },
			"short path": func(p *Proof) { p.Hashes = p.Hashes[1:] },
			"number":     func(p *Proof) { p.Seq ^= 1 },
			"checkpoint": func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "33", "34", 1) },
			"version":    func(p *Proof) { p.Version = 2 },
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
// logs on the same folder, are at work.
func TestVerifyWhileWriting(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	logs := []*Log{open(t, workspace, hard), open(t, workspace, hard)}
	appendSessions(t, logs[0], 0, 1)
	var running sync.WaitGroup
	for i, l := range logs {
		for range 2 {
			running.Go(func() { appendSessions(t, l, 1000*i, 1000*i+100) })
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		running.Wait()
	}()
	for i := 0; ; i++ {
		report := verify(t, workspace, Trust{})
		if !report.Intact || !report.Complete || len(report.Notes) > 0 {
			t.Fatalf("%+v", report)
		}
		select {
		case <-done:
			assertClean(t, verify(t, workspace, Trust{}), 401)
			t.Logf("verified %d times", i)
			return
		default:
		}
	}
}
