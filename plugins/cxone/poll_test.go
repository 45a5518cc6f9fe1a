package cxone

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// The session's id is what the poll's URL ends with, as one escaped segment,
// behind the id of the action.
func TestPollRequest(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"status":"RUNNING"}`))
	p := configured(t, n.URL, nil)
	got, err := p.Poll(t.Context(), sdk.PollRequest{Token: tokenCanary, ActionID: "a/../b?c", SessionID: "s 1/é#x"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != "RUNNING" || got.Execution != nil {
		t.Errorf("got %+v, want pending", got)
	}
	r := n.requests()[0]
	want := "/api/v2/data-actions/a%2F..%2Fb%3Fc/debug-sessions/s%201%2F%C3%A9%23x"
	if r.method != http.MethodGet || r.target != want {
		t.Errorf("request %s %s, want GET %s", r.method, r.target, want)
	}
	if r.header.Get("Authorization") != "Bearer "+tokenCanary || r.header.Get("x-nice-workspace-id") != "test" {
		t.Errorf("headers %v", r.header)
	}
	if r.header.Get("Content-Type") != "" {
		t.Error("a GET with a content type")
	}
}

func TestPollRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		status int
		says   string
	}{
		"401":           {answer(401, ``), sdk.Unauthenticated, 401, "trace:read"},
		"403":           {answer(403, ``), sdk.Forbidden, 403, `the workspace "test"`},
		"404":           {answer(404, `{"message":"gone"}`), sdk.NotFound, 404, "s-1 has expired, was purged, or is not there yet"},
		"429":           {answer(429, ``, "Retry-After", "3"), sdk.RateLimited, 429, ""},
		"500":           {answer(500, ``), sdk.Unavailable, 500, ""},
		"302":           {answer(302, ``, "Location", "https://login.example/x"), sdk.Protocol, 302, "login.example"},
		"HTML with 200": {answer(200, `<html>`, "Content-Type", "text/html"), sdk.Protocol, 200, "text/html"},
		"no status":     {answer(200, `{"trace":[]}`), sdk.Protocol, 200, "holds no status"},
		"cut":           {answer(200, `{"status":"COMPL`), sdk.Protocol, 200, "not a JSON object"},
		"echo":          {answer(500, `for Bearer `+tokenCanary), sdk.Unavailable, 500, "for Bearer [token]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, test.answer)
			_, err := configured(t, n.URL, nil).Poll(t.Context(), sdk.PollRequest{Token: tokenCanary, ActionID: actionID, SessionID: "s-1"})
			failure := asError(t, err)
			if failure.Kind != test.kind || failure.HTTPStatus != test.status || !failure.Sent {
				t.Errorf("%+v, want kind %s, HTTP %d, sent", failure, test.kind, test.status)
			}
			if !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%q does not say %q", failure.Error(), test.says)
			}
			if test.status == 429 && failure.RetryAfter != 3*time.Second {
				t.Errorf("retry after %s", failure.RetryAfter)
			}
			if n := len(n.requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// An environment that a vector overrides holds for its polls too.
func TestPollOverrides(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"status":"RUNNING"}`))
	p := configured(t, n.URL, nil)
	r := sdk.PollRequest{ActionID: actionID, SessionID: "s-1", Overrides: []byte(`{"environment":"dev"}`)}
	if _, err := p.Poll(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := n.requests()[0].header.Get("x-nice-workspace-id"); got != "dev" {
		t.Errorf("workspace %q, want dev", got)
	}
	r.Overrides = []byte(`{"environment":"stage"}`)
	_, err := p.Poll(t.Context(), r)
	if failure := asError(t, err); failure.Kind != sdk.Invalid || failure.Sent {
		t.Errorf("%+v, want invalid and not sent", failure)
	}
}
