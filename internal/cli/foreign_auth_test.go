package cli_test

import (
	"testing"
	"time"
)

// How tenants hand out tokens, take them back and refuse them.
func TestForeignAuth(t *testing.T) {
	t.Parallel()
	runTrials(t, []trial{
		{
			name: "plain", vectors: 8, status: "pass",
			requests: map[string]int{opToken: 1, opSubmit: 8, opPoll: 8}, sessions: 8,
		},
		{
			name:   "grant type in the body only",
			quirks: quirks{grantIn: "body"}, vectors: 8, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 8,
		},
		{
			name:   "grant type in the query only",
			quirks: quirks{grantIn: "query"}, vectors: 8, status: "pass",
			requests: map[string]int{opToken: 2}, sessions: 8,
		},
		{
			name:   "no expires_in",
			quirks: quirks{token: func(answer map[string]any) { delete(answer, "expires_in") }}, vectors: 4, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 4,
		},
		{
			name:   "expires_in is null",
			quirks: quirks{token: func(answer map[string]any) { answer["expires_in"] = nil }}, vectors: 4, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 4,
		},
		{
			name:   "expires_in is a string",
			quirks: quirks{token: func(answer map[string]any) { answer["expires_in"] = "3600" }}, vectors: 4, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 4,
		},
		{
			name:   "no token_type",
			quirks: quirks{token: func(answer map[string]any) { delete(answer, "token_type") }}, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 1,
		},
		{
			name:   "more members than the contract has",
			quirks: quirks{token: func(answer map[string]any) { answer["scope"], answer["x"] = "a b", []int{1} }}, status: "pass",
			requests: map[string]int{opToken: 1}, sessions: 1,
		},
		{
			name:   "no access_token",
			quirks: quirks{token: func(answer map[string]any) { delete(answer, "access_token") }}, status: "error", code: 3,
			says:     []string{"access_token"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:   "a token that no header can hold",
			quirks: quirks{token: func(answer map[string]any) { answer["access_token"] = "a\nb" }}, status: "error", code: 3,
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:   "503 on the first tries",
			quirks: quirks{instead: map[string]answerer{opToken: first(2, always(503, `{}`))}}, vectors: 4, status: "pass",
			requests: map[string]int{opToken: 3}, sessions: 4,
		},
		{
			name:   "429 with Retry-After",
			quirks: quirks{instead: map[string]answerer{opToken: first(1, always(429, `{}`, "Retry-After", "1"))}}, status: "pass",
			requests: map[string]int{opToken: 2}, sessions: 1,
			also: waited(opToken),
		},
		{
			name:   "503 for ever",
			quirks: quirks{instead: map[string]answerer{opToken: always(503, `{}`)}}, status: "error", code: 3,
			says:     []string{"HTTP 503"},
			requests: map[string]int{opToken: 3, opSubmit: 0},
		},
		{
			name:   "an HTML page with status 200",
			quirks: quirks{instead: map[string]answerer{opToken: loginPage()}}, status: "error", code: 3,
			says:     []string{"fetch a token"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:   "never an answer",
			quirks: quirks{instead: map[string]answerer{opToken: hanging()}}, status: "error", code: 3,
			auth: `grant_in = "body"`, args: []string{"--timeout", "1s"},
			says:     []string{"timeout"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:    "credentials refused, asked once for all vectors",
			quirks:  quirks{instead: map[string]answerer{opToken: always(401, `{"error":"invalid_client","error_description":"client s3cr+t/c&na=ry\"<7f>\\%41 end authentication failed"}`)}},
			vectors: 8, status: "error", code: 3,
			says:     []string{"Sign-in was refused", "credentials were refused", "authentication failed"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:    "client forbidden",
			quirks:  quirks{instead: map[string]answerer{opToken: always(403, `{"error":"access_denied","error_description":"disabled"}`)}},
			vectors: 8, args: []string{"--parallel", "2"}, status: "error", code: 3,
			says:     []string{"Access was refused", "disabled"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:   "scope refused",
			quirks: quirks{instead: map[string]answerer{opToken: always(400, `{"error":"invalid_scope","error_description":"unknown scope trace:read"}`)}},
			status: "error", code: 3,
			says:     []string{"invalid_scope", "trace:read"},
			requests: map[string]int{opToken: 1, opSubmit: 0},
		},
		{
			name:   "token revoked in mid-run",
			quirks: quirks{revokeAt: 3}, vectors: 12, status: "pass",
			requests: map[string]int{opToken: 2}, sessions: 12,
		},
		{
			name:   "token revoked in mid-run, one vector at a time",
			quirks: quirks{revokeAt: 3}, vectors: 6, args: []string{"--parallel", "1"}, status: "pass",
			// The third session's first poll meets the revocation.
			requests: map[string]int{opToken: 2, opSubmit: 6, opPoll: 7}, sessions: 6,
		},
		{
			name:   "401 once at submit",
			quirks: quirks{instead: map[string]answerer{opSubmit: first(1, always(401, `{"message":"expired"}`))}}, status: "pass",
			requests: map[string]int{opToken: 2, opSubmit: 2}, sessions: 1,
		},
		{
			name:   "401 once at poll",
			quirks: quirks{instead: map[string]answerer{opPoll: first(1, always(401, `{"message":"expired"}`))}}, status: "pass",
			requests: map[string]int{opToken: 2, opSubmit: 1, opPoll: 2}, sessions: 1,
		},
		{
			name:   "401 for ever at submit",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(401, `{"message":"no"}`)}}, status: "error", code: 3,
			says:     []string{"Sign-in was refused", "scope"},
			requests: map[string]int{opToken: 2, opSubmit: 2},
		},
		{
			name:   "401 for ever at submit, to many vectors",
			quirks: quirks{instead: map[string]answerer{opSubmit: always(401, `{"message":"no"}`)}}, vectors: 12, status: "error", code: 3,
			says: []string{"Sign-in was refused", "scope"},
			also: func(t *testing.T, f *foreignTenant, _ document) {
				t.Helper()
				if n := f.requests()[opToken]; n != 2 {
					t.Errorf("%d tokens were fetched, want 2", n)
				}
			},
		},
		{
			name:   "401 for ever at poll",
			quirks: quirks{instead: map[string]answerer{opPoll: always(401, `{"message":"no"}`)}}, status: "error", code: 3,
			says:     []string{"Sign-in was refused", "scope"},
			requests: map[string]int{opToken: 2, opSubmit: 1, opPoll: 2}, sessions: 1,
		},
	})
}

// A token that lives shorter than the margin must not be fetched for every call.
func TestForeignShortLivedTokens(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []int{1, 0, -5} {
		started := time.Now()
		trial{
			quirks:  quirks{token: func(answer map[string]any) { answer["expires_in"] = lifetime }},
			vectors: 20, status: "pass", sessions: 20,
			also: func(t *testing.T, f *foreignTenant, _ document) {
				t.Helper()
				// Half of a life of a second may pass several times on a slow machine.
				most := 1 + int(time.Since(started)/(500*time.Millisecond))
				if n := f.requests()[opToken]; n > most {
					t.Errorf("expires_in %d: %d tokens in %s, want at most %d", lifetime, n, time.Since(started), most)
				}
			},
		}.try(t)
	}
}

// waited checks that the second request of an operation came after the wait
// of a second that the first one's answer asked for.
func waited(operation string) func(*testing.T, *foreignTenant, document) {
	return func(t *testing.T, f *foreignTenant, _ document) {
		t.Helper()
		times := f.times(operation)
		if len(times) < 2 {
			t.Fatalf("%d requests of %s", len(times), operation)
		}
		if got := times[1].Sub(times[0]); got < time.Second || got > 10*time.Second {
			t.Errorf("%s between two requests of %s, want a second", got, operation)
		}
	}
}

// A token endpoint where nobody listens is an error, not a hang.
func TestForeignAuthUnreachable(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{})
	f.Close()
	dir := trial{}.suite(t)
	out := run(t, dir, f.env(), "run", ".", "--report", "json=result.json")
	if d := readDocument(t, dir); out.code != 3 || d.Status != "error" || d.Vectors[0].Error.Summary != "The platform is not available" {
		t.Errorf("exit status %d, %+v\n%s", out.code, d, out.stdout)
	}
}
