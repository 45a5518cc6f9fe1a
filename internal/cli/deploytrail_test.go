package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// audited are the records of a suite's log, which must verify.
func audited(t *testing.T, dir string) []auditfile.Record {
	t.Helper()
	assertOutcome(t, run(t, dir, []string{"CXONE_BASE_URL=http://127.0.0.1:1"}, "audit", "verify"), 0, "complete  yes")
	out := run(t, dir, []string{"CXONE_BASE_URL=http://127.0.0.1:1"}, "audit", "export")
	assertOutcome(t, out, 0)
	var records []auditfile.Record
	for line := range strings.Lines(out.stdout) {
		var r auditfile.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// words are what tells records of deploys apart, and whether each names who
// deployed.
func words(records []auditfile.Record) []string {
	var all []string
	for _, r := range records {
		text := strings.Join(strings.Fields(r.Command+" "+r.Event+" "+r.ActionID+" "+r.Verdict+" "+r.ErrorKind), " ")
		if r.Actor == nil || r.Actor.User == "" {
			text += " by nobody"
		}
		all = append(all, text)
	}
	return all
}

// A deploy is in the audit log: who began it, each document's hash before it is
// sent, and what came of it, also where nobody knows.
func TestDeployIsAudited(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	status := http.StatusConflict
	p.set(func(w http.ResponseWriter, id string) bool {
		if id == actionID {
			w.WriteHeader(status)
		}
		return id == actionID
	})
	dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
	env := []string{"CXONE_BASE_URL=" + p.URL}
	assertOutcome(t, run(t, dir, env, "deploy", ".", "--auto-approve"), 3, "action.sync was not deployed")
	status = http.StatusInternalServerError
	assertOutcome(t, run(t, dir, env, "deploy", ".", "--auto-approve"), 3, "it is not known whether action.sync was deployed")
	p.set(nil)
	assertOutcome(t, run(t, dir, env, "deploy", ".", "--auto-approve"), 0)
	records := audited(t, dir)
	want := []string{
		"deploy run_started",
		"deploy deploying " + orderID,
		"deploy deployed " + orderID + " pass",
		"deploy deploying " + actionID,
		"deploy deployed " + actionID + " fail invalid",
		"deploy run_ended error",

		"deploy run_started",
		"deploy deploying " + actionID,
		"deploy deployed " + actionID + " error unavailable",
		"deploy run_ended error",

		"deploy run_started",
		"deploy deploying " + actionID,
		"deploy deployed " + actionID + " pass",
		"deploy run_ended pass",
	}
	if diff := cmp.Diff(want, words(records)); diff != "" {
		t.Fatal(diff)
	}
	if len(records) != len(want) {
		return
	}
	digest := sha256.Sum256(p.documents[orderID])
	if records[1].SHA256 != hex.EncodeToString(digest[:]) || records[1].Plugin != "cxone" {
		t.Errorf("the hash %s of what was sent to %q, want %x", records[1].SHA256, records[1].Plugin, digest)
	}
	for _, i := range []int{1, 3, 7, 11} {
		about, came := records[i], records[i+1]
		if about.SubmissionID == "" || about.SubmissionID != came.SubmissionID || about.SHA256 != came.SHA256 || about.RunID != came.RunID {
			t.Errorf("%+v does not belong to %+v", about, came)
		}
	}
	if s := records[5].Summary; s == nil || *s != (auditfile.Summary{Total: 2, Passed: 1, Failed: 1}) {
		t.Errorf("summary %+v", s)
	}
	assertNoSecrets(t, []string{"s3cret-c4nary", "t0ken-c4nary", "SKU-c4nary"}, everything(t, filepath.Join(dir, ".assay")))
}

// Nothing is deployed that the audit log does not hold before, unless its mode
// says so.
func TestDeployWithoutAudit(t *testing.T) {
	t.Parallel()
	spoil := func(t *testing.T, dir, name string) {
		t.Helper()
		path := filepath.Join(dir, ".assay/audit", name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, mode string
		at         string // when the log is spoilt: before the start, while the platform is asked, or while the first document is on its way
		code       int
		sent       int // documents
		says       []string
	}{
		{"strict", "strict", "start", 3, 0, []string{"the audit log .assay/audit cannot be written: "}},
		{"strict, once begun", "strict", "asked", 3, 0, []string{"nothing was deployed", "Audit record could not be written"}},
		{"strict, later", "strict", "first", 3, 1, []string{
			"action.order was deployed, and those after it were not, because the audit log does not hold that", "Audit record could not be written",
		}},
		{"best effort", "best_effort", "start", 0, 2, []string{"Warning: Audit record could not be written", "action.sync created"}},
		{"best effort, later", "best_effort", "first", 0, 2, []string{"Warning: Audit record could not be written", "action.sync created"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			spec := strings.Replace(platformSpec, `plugin "audit" {}`, "plugin \"audit\" {\n  mode = \""+test.mode+"\"\n}", 1)
			dir := suite(t, "platform.assay.hcl", spec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
			switch test.at {
			case "start":
				spoil(t, dir, ".lock")
			case "asked":
				p.asked = sync.OnceFunc(func() { spoil(t, dir, "journal") })
			case "first":
				p.before = sync.OnceFunc(func() { spoil(t, dir, "journal") })
			}
			out := run(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "deploy", ".", "--auto-approve")
			assertOutcome(t, out, test.code, test.says...)
			if n := p.sent(orderID) + p.sent(actionID); n != test.sent {
				t.Errorf("%d documents were sent, want %d\n%s%s", n, test.sent, out.stdout, out.stderr)
			}
		})
	}
}
