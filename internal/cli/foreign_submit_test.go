package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// How tenants take, refuse and lose submits. None may end in a second session.
func TestForeignSubmit(t *testing.T) {
	t.Parallel()
	runTrials(t, []trial{
		{
			name:   "503 on the first tries",
			quirks: quirks{instead: map[string]answerer{opSubmit: first(2, always(503, `{"message":"starting"}`))}}, status: "pass",
			requests: map[string]int{opToken: 1, opSubmit: 3, opPoll: 1}, sessions: 1,
		},
		{
			name:   "503 for ever",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(503, `{"message":"maintenance tonight"}`)}}, status: "error", code: 3,
			says:     []string{"HTTP 503", "maintenance tonight"},
			requests: map[string]int{opToken: 1, opSubmit: 3, opPoll: 0},
		},
		{
			name:   "429 with Retry-After in seconds",
			quirks: quirks{instead: map[string]answerer{opSubmit: first(1, always(429, `{}`, "Retry-After", "1"))}}, status: "pass",
			requests: map[string]int{opSubmit: 2}, sessions: 1,
			also: waited(opSubmit),
		},
		{
			name: "429 with Retry-After as a date",
			quirks: quirks{instead: map[string]answerer{opSubmit: func(n int, w http.ResponseWriter, r *http.Request) bool {
				// A date has whole seconds: this one is more than 1 s away, less than 2.
				date := time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
				return first(1, always(429, `{}`, "Retry-After", date))(n, w, r)
			}}}, status: "pass",
			requests: map[string]int{opSubmit: 2}, sessions: 1,
			also: waited(opSubmit),
		},
		{
			name:   "429 with a garbled Retry-After",
			quirks: quirks{instead: map[string]answerer{opSubmit: first(1, always(429, `{}`, "Retry-After", "soon, -3"))}}, status: "pass",
			requests: map[string]int{opSubmit: 2}, sessions: 1,
		},
		{
			name:   "429 with a negative Retry-After",
			quirks: quirks{instead: map[string]answerer{opSubmit: first(1, always(429, `{}`, "Retry-After", "-30"))}}, status: "pass",
			requests: map[string]int{opSubmit: 2}, sessions: 1,
		},
		{
			name:   "429 with a Retry-After of a day",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(429, `{}`, "Retry-After", "86400")}}, status: "error", code: 3,
			args: []string{"--timeout", "20s"}, says: []string{"429"},
			requests: map[string]int{opSubmit: 1},
		},
		{
			name:   "429 for ever",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(429, `{}`)}}, status: "error", code: 3,
			says:     []string{"limits the rate", "HTTP 429"},
			requests: map[string]int{opSubmit: 3},
		},
		{
			name:   "connection reset once the submit is read",
			quirks: quirks{accepted: reset()}, status: "error", code: 3,
			says:     []string{"not available"},
			requests: map[string]int{opSubmit: 1, opPoll: 0}, sessions: 1,
		},
		{
			name:   "connection reset for some of many",
			quirks: quirks{accepted: first(3, reset())}, vectors: 9, code: 3,
			requests: map[string]int{opSubmit: 9, opPoll: 6}, sessions: 9,
			also: func(t *testing.T, _ *foreignTenant, d document) {
				t.Helper()
				if d.Summary.Passed != 6 || d.Summary.Errored != 3 {
					t.Errorf("%+v, want 6 passed and 3 errored", d.Summary)
				}
			},
		},
		{
			name:   "the answer to a submit is cut",
			quirks: quirks{accepted: cut(`{"sessionId":"s-`)}, status: "error", code: 3,
			requests: map[string]int{opSubmit: 1, opPoll: 0}, sessions: 1,
		},
		{
			name:   "no answer to a submit in time",
			quirks: quirks{accepted: hanging()}, cxone: "", status: "error", code: 3,
			says:     []string{"in time", "2s"},
			requests: map[string]int{opSubmit: 1, opPoll: 0}, sessions: 1,
		},
		{
			name:   "502 once the session has started",
			quirks: quirks{accepted: always(502, `{}`)}, status: "error", code: 3,
			says:     []string{"HTTP 502"},
			requests: map[string]int{opSubmit: 1}, sessions: 1,
		},
		{
			name:   "504 once the session has started",
			quirks: quirks{accepted: always(504, `upstream request timeout`)}, status: "error", code: 3,
			says:     []string{"HTTP 504", "upstream request timeout"},
			requests: map[string]int{opSubmit: 1}, sessions: 1,
		},
		{
			name:   "an HTML page with status 200",
			quirks: quirks{instead: map[string]answerer{opSubmit: loginPage()}}, status: "error", code: 3,
			says:     []string{"not understood", "text/html"},
			requests: map[string]int{opSubmit: 1, opPoll: 0},
		},
		{
			name:   "no sessionId in the answer",
			quirks: quirks{accepted: always(200, `{"session":"s-1"}`)}, status: "error", code: 3,
			says:     []string{"sessionId"},
			requests: map[string]int{opSubmit: 1, opPoll: 0}, sessions: 1,
		},
		{
			name:   "an empty answer",
			quirks: quirks{accepted: always(200, ``)}, status: "error", code: 3,
			requests: map[string]int{opSubmit: 1, opPoll: 0}, sessions: 1,
		},
		{
			name:   "202 instead of 200",
			quirks: quirks{accepted: always(202, `{"sessionId":"s-1","extra":{"a":1}}`)}, status: "pass",
			requests: map[string]int{opSubmit: 1, opPoll: 1}, sessions: 1,
		},
		{
			name: "a session id that must be escaped in a path",
			quirks: quirks{id: func(n int) string {
				return fmt.Sprintf("../../oauth/token?x=%d#é 100%%", n)
			}}, status: "pass",
			requests: map[string]int{opToken: 1, opSubmit: 1, opPoll: 1}, sessions: 1,
		},
		{
			name:   "a redirect",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(307, ``, "Location", "https://login.example/sso?next=x")}}, status: "error", code: 3,
			says:     []string{"redirect", "login.example"},
			requests: map[string]int{opSubmit: 1},
		},
		{
			name:   "403",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(403, `{"message":"not yours"}`)}}, status: "error", code: 3,
			says:     []string{"Access was refused", `workspace "test"`, "not yours"},
			requests: map[string]int{opToken: 1, opSubmit: 1},
		},
		{
			name:   "404",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(404, `{"message":"no such action"}`)}}, status: "error", code: 3,
			says:     []string{"Not found", foreignAction},
			requests: map[string]int{opToken: 1, opSubmit: 1},
		},
		{
			name:   "500 with a compile error",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(500, `{"message":"SyntaxError: Unexpected token ')' at line 12"}`)}}, status: "error", code: 3,
			says:     []string{"HTTP 500", "SyntaxError: Unexpected token ')' at line 12"},
			requests: map[string]int{opToken: 1, opSubmit: 1},
		},
		{
			name:   "400 is a rejection, which fails what expects more",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(400, `{"message":"inputParameters.sku: too long"}`)}}, status: "fail", code: 1,
			says:     []string{"REJECTED", "sku: too long"},
			requests: map[string]int{opToken: 1, opSubmit: 1, opPoll: 0},
		},
		{
			name:   "400 is a rejection, which may be expected",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(400, `{"message":"inputParameters.sku: too long"}`)}}, status: "pass",
			vector:   "expect {\n status = \"REJECTED\"\n }",
			requests: map[string]int{opToken: 1, opSubmit: 1, opPoll: 0},
			also: func(t *testing.T, _ *foreignTenant, d document) {
				t.Helper()
				if e := d.Vectors[0].Execution; e.Status != "REJECTED" || !strings.Contains(e.Error.Message, "too long") {
					t.Errorf("execution %+v, want REJECTED with the platform's words", e)
				}
			},
		},
		{
			name:   "400 without a word",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(400, ``)}}, status: "fail", code: 1,
			requests: map[string]int{opSubmit: 1},
		},
		{
			name:   "400 of a proxy, in HTML",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(400, `<html>bad</html>`, "Content-Type", "text/html")}}, status: "error", code: 3,
			says:     []string{"HTML"},
			requests: map[string]int{opSubmit: 1},
		},
	})
}

// A tenant that nobody listens at, behind a token endpoint that works, is an
// error, not a hang.
func TestForeignSubmitUnreachable(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{})
	nobody := httptest.NewServer(nil)
	nobody.Close()
	const tokenURL = `"${var.base_url}/api/v2/oauth/token"`
	dir := suite(t, "foreign.assay.hcl", strings.Replace(trial{}.spec(), tokenURL, fmt.Sprintf("%q", f.URL+"/api/v2/oauth/token"), 1))
	out := run(t, dir, append(f.env(), "CXONE_BASE_URL="+nobody.URL), "run", ".", "--report", "json=result.json")
	d := readDocument(t, dir)
	if out.code != 3 || d.Vectors[0].Error.Summary != "The platform is not available" || f.requests()[opToken] != 1 {
		t.Errorf("exit status %d, %+v, %v\n%s", out.code, d, f.requests(), out.stdout)
	}
}
