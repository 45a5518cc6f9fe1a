package cli_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// How sessions go on, end and get lost.
func TestForeignPoll(t *testing.T) {
	t.Parallel()
	runTrials(t, []trial{
		{
			name: "pending, running, completed",
			quirks: quirks{session: func(s foreignSession) map[string]any {
				if s.polls < 3 {
					return map[string]any{"status": []string{"PENDING", "RUNNING"}[s.polls-1]}
				}
				return completedDocument(map[string]any{"synced": true})
			}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 3}, sessions: 1,
		},
		{
			name:   "a session that never ends",
			quirks: quirks{session: func(foreignSession) map[string]any { return map[string]any{"status": "RUNNING"} }}, status: "error", code: 3,
			says:     []string{"did not end in time", "s-1", "RUNNING", " s;"},
			requests: map[string]int{opToken: 1, opSubmit: 1, opPoll: 8}, sessions: 1,
		},
		{
			name: "a session that never ends, by the overall limit",
			quirks: quirks{session: func(foreignSession) map[string]any {
				return map[string]any{"status": "RUNNING", "trace": []any{}}
			}}, status: "error", code: 3,
			polls: 100000, pollTimeout: "400ms",
			says: []string{"did not end in time", "RUNNING", "in 0."}, sessions: 1,
		},
		{
			name:   "503 on the first tries",
			quirks: quirks{instead: map[string]answerer{opPoll: first(2, always(503, `{}`))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 3}, sessions: 1,
		},
		{
			name:   "500 once",
			quirks: quirks{instead: map[string]answerer{opPoll: first(1, always(500, `oops`))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 2}, sessions: 1,
		},
		{
			name:   "404 right after the submit",
			quirks: quirks{instead: map[string]answerer{opPoll: first(3, always(404, `{}`))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 4}, sessions: 1,
		},
		{
			name:   "404 for ever",
			quirks: quirks{instead: map[string]answerer{opPoll: always(404, `{"message":"purged"}`)}}, status: "error", code: 3,
			says:     []string{"HTTP 404", "s-1"},
			requests: map[string]int{opSubmit: 1, opPoll: 8}, sessions: 1,
		},
		{
			name:   "429 with Retry-After in seconds",
			quirks: quirks{instead: map[string]answerer{opPoll: first(1, always(429, `{}`, "Retry-After", "1"))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 2}, sessions: 1,
			also: waited(opPoll),
		},
		{
			name: "429 with Retry-After as a date",
			quirks: quirks{instead: map[string]answerer{opPoll: func(n int, w http.ResponseWriter, r *http.Request) bool {
				date := time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
				return first(1, always(429, `{}`, "Retry-After", date))(n, w, r)
			}}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 2}, sessions: 1,
			also: waited(opPoll),
		},
		{
			name:   "429 with a garbled Retry-After",
			quirks: quirks{instead: map[string]answerer{opPoll: first(1, always(429, `{}`, "Retry-After", "1e3"))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 2}, sessions: 1,
		},
		{
			name:   "429 with a Retry-After of a day",
			quirks: quirks{instead: map[string]answerer{opPoll: always(429, `{}`, "Retry-After", "86400")}}, status: "error", code: 3,
			says:     []string{"did not end in time", "429"},
			requests: map[string]int{opSubmit: 1, opPoll: 1}, sessions: 1,
		},
		{
			name:   "429 to the last poll",
			quirks: quirks{instead: map[string]answerer{opPoll: always(429, `{}`)}}, status: "error", code: 3,
			says:     []string{"did not end in time", "429"},
			requests: map[string]int{opSubmit: 1, opPoll: 8}, sessions: 1,
		},
		{
			name:   "an HTML page with status 200",
			quirks: quirks{instead: map[string]answerer{opPoll: loginPage()}}, status: "error", code: 3,
			says:     []string{"not understood", "text/html", "s-1"},
			requests: map[string]int{opSubmit: 1}, sessions: 1,
		},
		{
			name:   "an answer that is cut",
			quirks: quirks{instead: map[string]answerer{opPoll: first(2, cut(`{"status":"COMP`))}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 3}, sessions: 1,
		},
		{
			name:   "connection reset",
			quirks: quirks{instead: map[string]answerer{opPoll: first(2, reset())}}, status: "pass",
			requests: map[string]int{opSubmit: 1}, sessions: 1,
		},
		{
			name:   "no answer in time, once",
			quirks: quirks{instead: map[string]answerer{opPoll: first(1, hanging())}}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 2}, sessions: 1,
		},
		{
			name:   "403",
			quirks: quirks{instead: map[string]answerer{opPoll: always(403, `{}`)}}, status: "error", code: 3,
			says:     []string{"Access was refused", `workspace "test"`},
			requests: map[string]int{opToken: 1, opSubmit: 1, opPoll: 1}, sessions: 1,
		},
		{
			name: "a status word that nobody knows",
			quirks: quirks{session: func(s foreignSession) map[string]any {
				return map[string]any{"status": "EXPLODED"}
			}}, status: "error", code: 3,
			says: []string{"EXPLODED"}, sessions: 1,
		},
		{
			name:   "no status",
			quirks: quirks{session: func(foreignSession) map[string]any { return map[string]any{"result": map[string]any{}} }}, status: "error", code: 3,
			says: []string{"not understood", "status"}, sessions: 1,
		},
		{
			name:   "a status in lower case",
			quirks: quirks{session: changed(completedDocument(map[string]any{"synced": true}), "status", "completed")}, status: "pass", sessions: 1,
		},
	})
}

// What ended sessions look like.
func TestForeignResults(t *testing.T) {
	t.Parallel()
	const (
		expectUnknown = "expect {\n status = \"FAILED\"\n classification = \"UNKNOWN\"\n }"
		expectTimeout = "expect {\n status = \"FAILED\"\n error_code = \"UPSTREAM_TIMEOUT\"\n }"
	)
	noTrace := func(t *testing.T, _ *foreignTenant, d document) {
		t.Helper()
		c := d.Vectors[0].Classification
		if c.Confidence != 0 || !strings.Contains(c.Reason, "No trace data available for classification.") {
			t.Errorf("%+v, want confidence 0 and why", c)
		}
	}
	completed := completedDocument(map[string]any{"synced": true})
	failed := failedDocument("UPSTREAM_TIMEOUT", "connect ECONNREFUSED 10.0.0.1:443")
	silent := map[string]any{"status": "FAILED"}
	runTrials(t, []trial{
		{name: "completed without a trace", quirks: quirks{session: changed(completed, "trace", nil)}, status: "pass", sessions: 1},
		{name: "completed with an empty trace", quirks: quirks{session: changed(completed, "trace", []any{})}, status: "pass", sessions: 1},
		{name: "completed with no field trace", quirks: quirks{session: without(completed, "trace")}, status: "pass", sessions: 1},
		{name: "completed without a duration", quirks: quirks{session: without(completed, "executionDuration")}, status: "pass", sessions: 1},
		{name: "a duration in a string", quirks: quirks{session: changed(completed, "executionDuration", "12.4")}, status: "pass", sessions: 1},
		{name: "an absurd duration", quirks: quirks{session: changed(completed, "executionDuration", -1e300)}, status: "pass", sessions: 1},
		{
			name:   "completed in an envelope",
			quirks: quirks{session: changed(completed, "result", map[string]any{"success": true, "data": map[string]any{"synced": true}})},
			vector: "expect {\n output = { synced = true }\n }", status: "pass", sessions: 1,
		},
		{
			name:   "a failure in the envelope of a completed session",
			quirks: quirks{session: changed(failed, "status", "COMPLETED")}, vector: expectTimeout, status: "pass", sessions: 1,
		},
		{name: "completed with no result", quirks: quirks{session: without(completed, "result")}, status: "fail", code: 1, sessions: 1},
		{name: "completed with a result of null", quirks: quirks{session: changed(completed, "result", nil)}, status: "fail", code: 1, sessions: 1},
		{
			name:   "a result that breaks the declared output",
			quirks: quirks{session: changed(completed, "result", map[string]any{"synced": "perhaps"})}, status: "fail", code: 1,
			says: []string{"synced"}, sessions: 1,
		},
		{name: "a declared error code", quirks: quirks{session: changed(failed, "x", 1)}, vector: expectTimeout, status: "pass", sessions: 1},
		{
			name:   "an error code that the action does not declare",
			quirks: quirks{session: changed(failedDocument("E_SURPRISE", "connect ECONNREFUSED 10.0.0.1:443"), "x", 1)}, status: "fail", code: 1,
			vector: "expect {\n status = \"FAILED\"\n }",
			says:   []string{"E_SURPRISE", "does not declare"}, sessions: 1,
		},
		{name: "failed without a trace", quirks: quirks{session: changed(silent, "trace", nil)}, vector: expectUnknown, status: "pass", sessions: 1, also: noTrace},
		{name: "failed with an empty trace", quirks: quirks{session: changed(silent, "trace", []any{})}, vector: expectUnknown, status: "pass", sessions: 1, also: noTrace},
		{name: "failed with no field trace", quirks: quirks{session: changed(silent, "x", 1)}, vector: expectUnknown, status: "pass", sessions: 1, also: noTrace},
		{name: "failed with a trace of a wrong type", quirks: quirks{session: changed(silent, "trace", "none")}, vector: expectUnknown, status: "pass", sessions: 1, also: noTrace},
		{
			name:   "failed with garbage in the trace",
			quirks: quirks{session: changed(silent, "trace", []any{nil, 7, "x", []any{}, map[string]any{}, map[string]any{"stepId": 5, "error": 7}})},
			vector: "expect {\n status = \"FAILED\"\n }", status: "pass", sessions: 1,
		},
		{
			name:   "a large result",
			quirks: quirks{session: changed(completed, "result", map[string]any{"synced": true, "pad": strings.Repeat("x", 5<<20)})},
			status: "pass", sessions: 1,
		},
	})
}

// changed is a session's document with one member replaced.
func changed(document map[string]any, member string, value any) func(foreignSession) map[string]any {
	return func(foreignSession) map[string]any {
		copied := map[string]any{}
		for k, v := range document {
			copied[k] = v
		}
		copied[member] = value
		return copied
	}
}

func without(document map[string]any, member string) func(foreignSession) map[string]any {
	return func(s foreignSession) map[string]any {
		copied := changed(document, member, nil)(s)
		delete(copied, member)
		return copied
	}
}

// What a platform's analytics may answer to a threshold.
func TestForeignMetrics(t *testing.T) {
	t.Parallel()
	const threshold = `
threshold "error_rate" {
  action = action.inventory_sync
  metric = "error_rate"
  max    = 5
}`
	value := func(want float64) func(*testing.T, *foreignTenant, document) {
		return func(t *testing.T, _ *foreignTenant, d document) {
			t.Helper()
			if len(d.Thresholds) != 1 || d.Thresholds[0].Value == nil || *d.Thresholds[0].Value != want {
				t.Errorf("thresholds %+v, want the value %v", d.Thresholds, want)
			}
		}
	}
	trials := []trial{
		{name: "plain", requests: map[string]int{opMetrics: 1, opToken: 1}, also: value(0)},
		{
			name: "rows of several pages add up",
			quirks: quirks{metrics: func(n int) map[string]any {
				return []map[string]any{
					metricsPage("p2", metricsRow("COMPLETED", 60, 0)),
					metricsPage("p 3/é", metricsRow("COMPLETED", 35, 0)),
					metricsPage("", metricsRow("FAILED", 5, 5)),
				}[n-1]
			}},
			requests: map[string]int{opMetrics: 3}, also: value(5), // exactly the limit holds
		},
		{
			name:   "above the limit",
			quirks: quirks{metrics: func(int) map[string]any { return metricsPage("", metricsRow("FAILED", 100, 6)) }},
			code:   1, also: value(6),
		},
		{
			name:   "a page token that repeats",
			quirks: quirks{metrics: func(int) map[string]any { return metricsPage("again", metricsRow("COMPLETED", 1, 0)) }},
			code:   3, says: []string{"came again"}, requests: map[string]int{opMetrics: 2},
		},
		{
			name:   "503 on the first tries",
			quirks: quirks{instead: map[string]answerer{opMetrics: first(2, always(503, `{}`))}}, requests: map[string]int{opMetrics: 3}, also: value(0),
		},
		{
			name:   "401 once",
			quirks: quirks{instead: map[string]answerer{opMetrics: first(1, always(401, `{}`))}}, requests: map[string]int{opMetrics: 2, opToken: 2}, also: value(0),
		},
		{
			name:   "403",
			quirks: quirks{instead: map[string]answerer{opMetrics: always(403, `{}`)}}, code: 3, says: []string{"analytics:read"},
			requests: map[string]int{opMetrics: 1},
		},
		{
			name:   "an HTML page with status 200",
			quirks: quirks{instead: map[string]answerer{opMetrics: loginPage()}}, code: 3, says: []string{"analytics", "text/html"},
			requests: map[string]int{opMetrics: 1},
		},
		{
			name:   "never an answer",
			quirks: quirks{instead: map[string]answerer{opMetrics: hanging()}}, code: 3, cxone: `metrics_timeout = "300ms"`,
			says: []string{"analytics", "300ms"},
		},
		{
			name:   "no traffic",
			quirks: quirks{metrics: func(int) map[string]any { return metricsPage("") }}, requests: map[string]int{opMetrics: 1},
		},
	}
	for i := range trials {
		trials[i].more, trials[i].sessions, trials[i].status = threshold, 1, "pass"
	}
	runTrials(t, trials)
}
