package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// analytics are three pages of a foreign tenant: a code's rows stand on
// several, and percentiles where a tenant has them.
func analytics(n int) map[string]any {
	row := func(status, code string, executions, failures int, duration float64) map[string]any {
		row := map[string]any{"status": status, "executionCount": executions, "errorCount": failures, "averageDuration": duration}
		if code != "" {
			row["errorCode"] = code
		}
		return row
	}
	switch (n-1)%3 + 1 {
	case 1:
		return metricsPage("p/2+", row("COMPLETED", "", 940, 0, 100), row("FAILED", "UPSTREAM_TIMEOUT", 10, 10, 8000))
	case 2:
		return metricsPage("p3", row("FAILED", "RATE_LIMIT_EXCEEDED", 25, 25, 40.5))
	default:
		last := row("FAILED", "UPSTREAM_TIMEOUT", 20, 20, 5000)
		other := row("FAILED", "E_OTHER", 5, 5, 1)
		other["p50Duration"], other["p95Duration"] = 1, 1.5
		return metricsPage("", last, other)
	}
}

// measured is a suite whose figures are asked for: beside what it needs, it
// has plugins that nobody starts.
func measured(t *testing.T, more string) string {
	t.Helper()
	return suite(t, "foreign.assay.hcl", trial{more: more + `
plugin "webhook" {
  url         = "http://127.0.0.1:9/hook"
  allow_cidrs = ["127.0.0.0/8"]
}
`}.spec())
}

const (
	strictRate = `
threshold "error_rate" {
  action = action.inventory_sync
  metric = "error_rate"
  max    = %v
  %s
}
`
	reportTop = `^Action Health Report: a1b2c3d4-e5f6-4890-abcd-ef1234567890
Generated: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ
Total Executions: 1000
Error Count: 60
Error Rate: 6\.0%

Top Error Codes:
  - UPSTREAM_TIMEOUT: 30 occurrences \(Avg Duration: 6000ms\)
  - RATE_LIMIT_EXCEEDED: 25 occurrences \(Avg Duration: 40\.5ms\)
  - E_OTHER: 5 occurrences \(Avg Duration: 1ms\)
`
	reportOK   = "STATUS: Action operating within acceptable parameters.\n"
	reportHigh = "WARNING: Error rate exceeds 5 percent threshold. Review handler logs and upstream dependency status.\n"
)

func TestReport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		quirks quirks
		spec   string
		args   []string
		code   int
		stdout string // a regular expression
		stderr string
	}{
		"above the default":  {quirks: quirks{metrics: analytics}, code: 1, stdout: reportTop + regexp.QuoteMeta(reportHigh) + "$"},
		"exactly at the max": {quirks: quirks{metrics: analytics}, spec: fmt.Sprintf(strictRate, 6, ""), stdout: reportTop + reportOK + "$"},
		"too few executions": {
			quirks: quirks{metrics: analytics}, spec: fmt.Sprintf(strictRate, 1, "min_executions = 1001"),
			stdout: reportTop + reportOK + "NOTE: Threshold error_rate: 1000 executions, fewer than min_executions = 1001: not judged.\n$",
		},
		"by name": {quirks: quirks{metrics: analytics}, args: []string{"--action", "inventory_sync"}, code: 1, stdout: reportTop},
		"by id":   {quirks: quirks{metrics: analytics}, args: []string{"--action", strings.ToUpper(foreignAction)}, code: 1, stdout: reportTop},
		"a repeating token": {
			quirks: quirks{metrics: func(int) map[string]any { return metricsPage("again", metricsRow("COMPLETED", 1, 0)) }},
			code:   3, stdout: "^$", stderr: `Error: action.inventory_sync: Failed to fetch action metrics: the platform's analytics do not end: page token "again" came again`,
		},
		"denied": {
			quirks: quirks{instead: map[string]answerer{opMetrics: always(403, `{"message":"scope"}`)}},
			code:   3, stdout: "^$", stderr: "Error: action.inventory_sync: Invalid OAuth token or missing analytics:read scope (",
		},
		"sign-in refused": {
			quirks: quirks{instead: map[string]answerer{opToken: always(401, `{"error":"invalid_client"}`)}},
			code:   3, stdout: "^$", stderr: "Error: action.inventory_sync: Invalid OAuth token or missing analytics:read scope (",
		},
		"down": {
			quirks: quirks{instead: map[string]answerer{opMetrics: always(503, `out of order`)}},
			code:   3, stdout: "^$", stderr: "Error: action.inventory_sync: Failed to fetch action metrics: ",
		},
		"limited": {
			quirks: quirks{instead: map[string]answerer{opMetrics: always(429, `{}`, "Retry-After", "86400")}},
			code:   3, stdout: "^$", stderr: "HTTP 429",
		},
		"limited once": {
			quirks: quirks{instead: map[string]answerer{opMetrics: first(1, always(429, `{}`, "Retry-After", "1"))}, metrics: func(int) map[string]any {
				return metricsPage("", metricsRow("COMPLETED", 7, 0))
			}},
			stdout: "Total Executions: 7\n",
		},
		"a login page": {
			quirks: quirks{instead: map[string]answerer{opMetrics: loginPage()}},
			code:   3, stdout: "^$", stderr: "Failed to fetch action metrics: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForeignTenant(t, test.quirks)
			dir := measured(t, test.spec)
			out := run(t, dir, f.env(), append([]string{"report"}, test.args...)...)
			if out.code != test.code || !regexp.MustCompile(test.stdout).MatchString(out.stdout) || !strings.Contains(out.stderr, test.stderr) || test.stderr == "" && out.stderr != "" {
				t.Errorf("exit status %d, want %d\n%s%s", out.code, test.code, out.stdout, out.stderr)
			}
			assertNoSecrets(t, f.secrets(), map[string]string{"stdout": out.stdout, "stderr": out.stderr})
			if left := files(t, dir); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{metrics: analytics})
	out := run(t, measured(t, ""), f.env(), "report", "--json")
	var report struct {
		Version           int
		Generated, Status string
		Actions           []map[string]any
		Errors            []any
	}
	if err := json.Unmarshal([]byte(out.stdout), &report); err != nil || out.code != 1 {
		t.Fatalf("exit status %d, %v\n%s%s", out.code, err, out.stdout, out.stderr)
	}
	if report.Version != 1 || report.Status != "fail" || len(report.Actions) != 1 || report.Errors == nil || !strings.HasSuffix(report.Generated, "Z") {
		t.Errorf("got %s", out.stdout)
	}
	want := []any{
		map[string]any{"errorCode": "UPSTREAM_TIMEOUT", "executionCount": 30.0, "errorCount": 30.0, "averageDuration": 6000.0, "category": "timeout", "classification": "EXTERNAL_DEPENDENCY_OUTAGE"},
		map[string]any{"errorCode": "RATE_LIMIT_EXCEEDED", "executionCount": 25.0, "errorCount": 25.0, "averageDuration": 40.5, "category": "unknown", "classification": "UNKNOWN"},
		map[string]any{"errorCode": "E_OTHER", "executionCount": 5.0, "errorCount": 5.0, "averageDuration": 1.0, "p50Duration": 1.0, "p95Duration": 1.5, "category": "unknown", "classification": "UNKNOWN"},
	}
	if diff := cmp.Diff(want, report.Actions[0]["top_error_codes"]); diff != "" {
		t.Error(diff)
	}
	down := newForeignTenant(t, quirks{instead: map[string]answerer{opMetrics: always(403, `{}`)}})
	out = run(t, measured(t, ""), down.env(), "report", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &report); err != nil || out.code != 3 || report.Status != "error" || len(report.Errors) != 1 {
		t.Errorf("exit status %d, %v\n%s", out.code, err, out.stdout)
	}
}

// What the embedded tenant tells is what has run on it.
func TestReportOfTheSandbox(t *testing.T) {
	t.Parallel()
	sandboxed := suite(t, "sandbox.assay.hcl", sandboxSpec)
	r, url := startSandbox(t, sandboxed)
	for _, sku := range []string{"SKU-1", "SKU-429", "SKU-503", "SKU-429"} {
		client(t, "node", "debug.mjs", url, actionID, "test", `{"sku":"`+sku+`","warehouseId":"W-1"}`)
	}
	out := run(t, measured(t, ""), []string{"CXONE_BASE_URL=" + url, "CXONE_CLIENT_ID=a", "CXONE_CLIENT_SECRET=s3cret-of-b"}, "report")
	want := `Total Executions: 4
Error Count: 3
Error Rate: 75\.0%

Top Error Codes:
  - RATE_LIMIT_EXCEEDED: 2 occurrences \(Avg Duration: [\d.]+ms\)
  - UPSTREAM_TIMEOUT: 1 occurrences \(Avg Duration: [\d.]+ms\)
` + regexp.QuoteMeta(reportHigh)
	if out.code != 1 || !regexp.MustCompile(want).MatchString(out.stdout) {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	r.signal(os.Interrupt)
	r.end()
}
