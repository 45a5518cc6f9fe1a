package cxone

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

func submission() sdk.SubmitRequest {
	return sdk.SubmitRequest{
		Token:    tokenCanary,
		ActionID: actionID,
		Input:    json.RawMessage(`{"sku":"` + inputCanary + `"}`),
	}
}

func TestSubmitRequest(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(202, `{"sessionId":"s-1"}`))
	p := configured(t, n.URL+"/", nil)
	got, err := p.Submit(t.Context(), submission())
	if err != nil || got.SessionID != "s-1" || got.Execution != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	requests := n.requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	r := requests[0]
	if r.method != http.MethodPost || r.target != "/api/v2/data-actions/"+actionID+"/debug" {
		t.Errorf("request %s %s", r.method, r.target)
	}
	for name, want := range map[string]string{
		"Authorization":       "Bearer " + tokenCanary,
		"Content-Type":        "application/json",
		"X-Nice-Workspace-Id": "test",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var body any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"inputParameters":   map[string]any{"sku": inputCanary},
		"trace":             true,
		"versionConstraint": "strict",
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}

func TestSubmitRefused(t *testing.T) {
	t.Parallel()
	html := "<html><body>Sign in</body></html>"
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		status int
		says   string
	}{
		"401":             {answer(401, `{"error":"token expired"}`), sdk.Unauthenticated, 401, "token expired"},
		"401 echo":        {answer(401, `{"error":"bad token `+tokenCanary+`"}`), sdk.Unauthenticated, 401, "bad token [token]"},
		"403":             {answer(403, ``), sdk.Forbidden, 403, `not in the workspace "test", or the action ` + actionID},
		"404":             {answer(404, ``), sdk.NotFound, 404, "does not know the action " + actionID},
		"429":             {answer(429, ``, "Retry-After", "7"), sdk.RateLimited, 429, ""},
		"500":             {answer(500, `{"message":"SyntaxError: Unexpected token ')' at line 3"}`), sdk.Unavailable, 500, "line 3"},
		"503":             {answer(503, `maintenance`), sdk.Unavailable, 503, "maintenance"},
		"503 page":        {answer(503, html, "Content-Type", "text/html"), sdk.Unavailable, 503, "HTML page"},
		"409":             {answer(409, `{"message":"busy"}`), sdk.Invalid, 409, "busy"},
		"400 page":        {answer(400, html, "Content-Type", "text/html"), sdk.Invalid, 400, "HTML page"},
		"HTML with 200":   {answer(200, html, "Content-Type", "text/html"), sdk.Protocol, 200, "text/html"},
		"no session":      {answer(200, `{}`), sdk.Protocol, 200, "sessionId"},
		"null session":    {answer(200, `{"sessionId":null}`), sdk.Protocol, 200, "sessionId"},
		"odd session":     {answer(200, `{"sessionId":{"id":"x"}}`), sdk.Protocol, 200, "sessionId"},
		"dots":            {answer(200, `{"sessionId":".."}`), sdk.Protocol, 200, "sessionId"},
		"endless session": {answer(200, `{"sessionId":"`+strings.Repeat("a", maxSessionID+1)+`"}`), sdk.Protocol, 200, "sessionId"},
		"list":            {answer(200, `[]`), sdk.Protocol, 200, "not a JSON object"},
		"cut JSON":        {answer(200, `{"sessionId":"s`), sdk.Protocol, 200, "not a JSON object"},
		"null":            {answer(200, `null`), sdk.Protocol, 200, "not a JSON object"},
		"empty":           {answer(204, ``), sdk.Protocol, 204, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, test.answer)
			got, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
			failure := asError(t, err)
			if got.SessionID != "" || got.Execution != nil {
				t.Errorf("an error and a result %+v", got)
			}
			if failure.Kind != test.kind || failure.HTTPStatus != test.status || !failure.Sent {
				t.Errorf("%+v, want kind %s, HTTP %d, sent", failure, test.kind, test.status)
			}
			if !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%q does not say %q", failure.Error(), test.says)
			}
			if test.status == 429 && failure.RetryAfter != 7*time.Second {
				t.Errorf("retry after %s", failure.RetryAfter)
			}
			if n := len(n.requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestSubmitRejected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want sdk.ExecutionError
	}{
		"code and message": {`{"code":"BAD_INPUT","message":"sku missing"}`, sdk.ExecutionError{Code: "BAD_INPUT", Message: "sku missing"}},
		"error object": {
			`{"error":{"code":"BAD_INPUT","message":"sku missing","details":{"path":"sku"}}}`,
			sdk.ExecutionError{Code: "BAD_INPUT", Message: "sku missing", Details: json.RawMessage(`{"path":"sku"}`)},
		},
		"code alone":    {`{"code":"BAD_INPUT"}`, sdk.ExecutionError{Code: "BAD_INPUT", Message: `{"code":"BAD_INPUT"}`}},
		"error string":  {`{"error":"sku missing"}`, sdk.ExecutionError{Message: "sku missing"}},
		"unknown shape": {`{"errors":["sku missing"]}`, sdk.ExecutionError{Message: `{"errors":["sku missing"]}`}},
		"plain text":    {`sku missing`, sdk.ExecutionError{Message: "sku missing"}},
		"empty":         {``, sdk.ExecutionError{Message: "the platform refused the input and gave no reason"}},
		"echo":          {`{"message":"for ` + tokenCanary + `"}`, sdk.ExecutionError{Message: "for [token]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, answer(400, test.body))
			got, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
			if err != nil {
				t.Fatal(err)
			}
			want := sdk.SubmitResult{Execution: &sdk.Execution{Status: sdk.StatusRejected, Error: &test.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Submit is not idempotent: a connection that is reset after the request came
// through, fresh or kept alive, must not lead to a second session, and the
// host must learn that the request may have arrived.
func TestSubmitReset(t *testing.T) {
	t.Parallel()
	var reset atomic.Bool
	n := newTenant(t, func(w http.ResponseWriter, _ *http.Request) {
		if !reset.Load() {
			_, _ = w.Write([]byte(`{"sessionId":"s-1"}`))
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset, not a close
		_ = conn.Close()
	})
	p := configured(t, n.URL, nil)
	if _, err := p.Submit(t.Context(), submission()); err != nil {
		t.Fatal(err)
	}
	reset.Store(true)
	for want := 2; want <= 3; want++ { // on a kept connection, then on a new one
		_, err := p.Submit(t.Context(), submission())
		failure := asError(t, err)
		if failure.Kind != sdk.Unavailable || !failure.Sent {
			t.Errorf("%+v, want unavailable and sent", failure)
		}
		if got := len(n.requests()); got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	}
}

func TestSubmitNotReached(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	_, err := configured(t, closed.URL, nil).Submit(t.Context(), submission())
	if failure := asError(t, err); failure.Kind != sdk.Unavailable || failure.Sent {
		t.Errorf("%+v, want unavailable and not sent", failure)
	}
}

func TestSubmitTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	n := newTenant(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	p := configured(t, n.URL, attributes{"submit_timeout": "500ms"})
	_, err := p.Submit(t.Context(), submission())
	failure := asError(t, err)
	if failure.Kind != sdk.Timeout || !failure.Sent || !strings.Contains(failure.Message, "500ms") {
		t.Errorf("%+v, want a timeout, sent, that names its limit", failure)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Submit(ctx, submission())
	if failure := asError(t, err); failure.Kind != sdk.Canceled {
		t.Errorf("%+v, want canceled", failure)
	}
}

func TestSubmitRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := newTenant(t, answer(200, `{"sessionId":"stolen"}`))
	for name, test := range map[string]struct{ location, says string }{
		"another host": {elsewhere.URL + "/path?secret=1", strings.TrimPrefix(elsewhere.URL, "http://")},
		"same host":    {"/login", "another path"},
		"no location":  {"", "another path"},
		"garbage":      {"http://[secret=1", "a redirect that is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, answer(307, "see secret=1", "Location", test.location))
			_, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
			failure := asError(t, err)
			if failure.Kind != sdk.Protocol || !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%+v, want protocol, naming %q", failure, test.says)
			}
			if strings.Contains(failure.Error(), "secret=1") {
				t.Errorf("%v quotes the location", failure)
			}
			if len(n.requests()) != 1 || len(elsewhere.requests()) != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

func TestSubmitTooLong(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"sessionId":"`+strings.Repeat("a", maxBody)+`"}`))
	_, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
	if failure := asError(t, err); failure.Kind != sdk.Protocol {
		t.Errorf("%v, want protocol", failure)
	}
}

// Everything wrong with a request is told at once, and nothing is sent.
func TestSubmitPayload(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"sessionId":"s-1"}`))
	p := configured(t, n.URL, nil)
	for name, test := range map[string]struct {
		change func(*sdk.SubmitRequest)
		says   []string
	}{
		"no UUID":     {func(r *sdk.SubmitRequest) { r.ActionID = "inventory" }, []string{`"inventory" is not a plain UUID`}},
		"braced UUID": {func(r *sdk.SubmitRequest) { r.ActionID = "{" + actionID + "}" }, []string{"UUID"}},
		"UUID's urn":  {func(r *sdk.SubmitRequest) { r.ActionID = "urn:uuid:" + actionID }, []string{"UUID"}},
		"UUID and LF": {func(r *sdk.SubmitRequest) { r.ActionID = actionID + "\n" }, []string{"UUID"}},
		"path as id":  {func(r *sdk.SubmitRequest) { r.ActionID = "../" + actionID }, []string{"UUID"}},
		"list":        {func(r *sdk.SubmitRequest) { r.Input = json.RawMessage(`["` + inputCanary + `"]`) }, []string{"not a JSON object"}},
		"no JSON":     {func(r *sdk.SubmitRequest) { r.Input = json.RawMessage(`{"` + inputCanary) }, []string{"not a JSON object"}},
		"none":        {func(r *sdk.SubmitRequest) { r.Input = nil }, []string{"not a JSON object"}},
		"environment": {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"environment":"stage"}`) }, []string{`"stage"`, "dev, test, prod"}},
		"unknown key": {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"workspace":"dev"}`) }, []string{`"workspace"`}},
		"wrong type":  {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"trace":"` + inputCanary + `"}`) }, []string{"trace"}},
		"poll":        {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"poll":{"attempts":1}}`) }, []string{"poll"}},
		"all at once": {func(r *sdk.SubmitRequest) {
			r.ActionID, r.Input, r.Overrides = "x", nil, json.RawMessage(`{"environment":"stage"}`)
		}, []string{"UUID", "JSON object", `"stage"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := submission()
			test.change(&r)
			_, err := p.Submit(t.Context(), r)
			failure := asError(t, err)
			if failure.Kind != sdk.Invalid || failure.Sent {
				t.Errorf("%+v, want invalid and not sent", failure)
			}
			for _, text := range test.says {
				if !strings.Contains(failure.Message, text) {
					t.Errorf("%q does not say %q", failure.Message, text)
				}
			}
		})
	}
	t.Cleanup(func() {
		if got := len(n.requests()); got != 0 {
			t.Errorf("%d requests were sent", got)
		}
	})
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"sessionId":"s-1"}`))
	p := configured(t, n.URL, attributes{"headers": attributes{"x-tenant": "acme", "x-mode": "block"}})
	overridden := submission()
	overridden.Overrides = json.RawMessage(`{"environment":"prod","headers":{"x-mode":"vector"},"trace":false,"version_constraint":"none"}`)
	for _, r := range []sdk.SubmitRequest{overridden, submission()} {
		if _, err := p.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	type seen struct{ Workspace, Tenant, Mode, Body string }
	var got []seen
	for _, r := range n.requests() {
		got = append(got, seen{r.header.Get("x-nice-workspace-id"), r.header.Get("x-tenant"), r.header.Get("x-mode"), r.body})
	}
	input := `{"inputParameters":{"sku":"` + inputCanary + `"},`
	want := []seen{
		{"prod", "acme", "vector", input + `"trace":false,"versionConstraint":"none"}`},
		{"test", "acme", "block", input + `"trace":true,"versionConstraint":"strict"}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every name of the contract is a setting.
func TestOtherTenant(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write([]byte(`{"id":17}`))
			return
		}
		_, _ = w.Write([]byte(`{"state":"done","answer":{"ok":true},"took":"12"}`))
	})
	p := configured(t, n.URL, attributes{
		"submit_path":          "/v3/actions/{actionId}/test",
		"poll_path":            "/v3/tests/{sessionId}",
		"workspace_header":     "x-workspace",
		"authorization_header": "x-token",
		"completed_statuses":   []string{"DONE"},
		"fields": attributes{
			"inputParameters": "args", "sessionId": "id", "status": "state", "result": "answer", "executionDuration": "took",
		},
	})
	session, err := p.Submit(t.Context(), submission())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Poll(t.Context(), sdk.PollRequest{Token: tokenCanary, ActionID: actionID, SessionID: session.SessionID})
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.PollResult{Status: "done", Execution: &sdk.Execution{
		Status: sdk.StatusCompleted, DurationMS: 12, Output: json.RawMessage(`{"ok":true}`),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	requests := n.requests()
	if got := requests[0]; got.target != "/v3/actions/"+actionID+"/test" || !strings.HasPrefix(got.body, `{"args":`) {
		t.Errorf("submit %s with %s", got.target, got.body)
	}
	if got := requests[1]; got.target != "/v3/tests/17" || got.header.Get("x-token") != "Bearer "+tokenCanary || got.header.Get("x-workspace") != "test" {
		t.Errorf("poll %s with %v", got.target, got.header)
	}
}
