package auditread_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// Whatever stands in a log's files, reading it neither panics nor finds it
// clean, unless it is what was written.
func FuzzSnapshot(f *testing.F) {
	workspace := f.TempDir()
	audittest.Append(f, audittest.Open(f, workspace, audittest.Small), 0, 8)
	dir := filepath.Join(workspace, "audit")
	names := []string{auditfile.JournalName, auditfile.HashesName, auditfile.PublicName}
	segments, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	for _, segment := range segments {
		names = append(names, filepath.Base(segment))
	}
	original := map[string][]byte{}
	for i, name := range names {
		f.Add(uint8(i), uint16(0), uint16(0), []byte{})
		f.Add(uint8(i), uint16(100), uint16(1), []byte("x"))
		f.Add(uint8(i), uint16(200), uint16(1<<15), []byte{})
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		original[name] = content
	}
	f.Fuzz(func(t *testing.T, which uint8, at, length uint16, replacement []byte) {
		name := names[int(which)%len(names)]
		from := min(int(at), len(original[name]))
		content := slices.Concat(original[name][:from], replacement, original[name][min(from+int(length), len(original[name])):])
		workspace := t.TempDir()
		copied := audittest.FolderOf(t, workspace)
		audittest.Folder{T: t, Dir: dir}.CopyTo(copied.Dir)
		copied.Write(name, content)
		report := audittest.Verify(t, workspace, auditread.Trust{})
		same := bytes.Equal(content, original[name])
		// The verifier key's file may have white space around it, the journal a
		// write that was never committed, and the last hashes may be missing.
		harmless := name == auditfile.PublicName || name == auditfile.JournalName && bytes.HasPrefix(content, original[name]) ||
			name == auditfile.HashesName && bytes.HasPrefix(original[name], content)
		if report.Intact && report.Complete && !same && !harmless {
			t.Errorf("%s was changed and the log is clean: %+v", name, report)
		}
		s, err := auditread.OpenSnapshot(t.Context(), copied.Dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, err := range s.Records() {
			if err != nil {
				break
			}
		}
		if proof, err := s.Prove("3"); err == nil {
			if _, err := proof.Check(s.Verifier); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzProof(f *testing.F) {
	workspace := f.TempDir()
	audittest.Append(f, audittest.Open(f, workspace, audittest.Small), 0, 8)
	s, err := auditread.OpenSnapshot(f.Context(), filepath.Join(workspace, "audit"))
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"0", "5", "7"} {
		proof, err := s.Prove(id)
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := json.Marshal(proof)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	genuine := map[string]bool{}
	folder := audittest.FolderOf(f, workspace)
	for _, segment := range folder.Segments() {
		for _, line := range folder.Lines(segment) {
			genuine[strings.TrimSuffix(string(line), "\n")] = true
		}
	}
	verifier := s.Verifier
	f.Fuzz(func(t *testing.T, document []byte) {
		var p auditread.Proof
		if json.Unmarshal(document, &p) != nil {
			return
		}
		if _, err := p.Check(verifier); err == nil && p.Record != "" && !genuine[p.Record] {
			t.Errorf("a proof of a record that is not there: %s", document)
		}
	})
}
