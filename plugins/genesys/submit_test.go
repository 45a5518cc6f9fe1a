package genesys

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

const succeeded = `{"operations":[],"finalResult":{"ok":true},"success":true}`

func TestSubmitRequest(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	p := configured(t, n.URL, nil)
	got, err := p.Submit(t.Context(), submission())
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.SubmitResult{Execution: &sdk.Execution{Status: sdk.StatusCompleted, Output: json.RawMessage(`{"ok":true}`)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r := n.requests()[0]
	if r.method != http.MethodPost || r.target != "/api/v2/integrations/actions/"+actionID+"/test" {
		t.Errorf("request %s %s", r.method, r.target)
	}
	if r.body != `{"sku":"`+inputCanary+`"}` {
		t.Errorf("body %s, want the input alone", r.body)
	}
	for name, want := range map[string]string{"Authorization": "Bearer " + tokenCanary, "Content-Type": "application/json", "Accept": "application/json"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A vector may run the draft; what else it overrides is checked again.
func TestSubmitOverrides(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	p := configured(t, n.URL, nil)
	r := submission()
	r.Overrides = json.RawMessage(`{"draft":true}`)
	if _, err := p.Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, want := n.requests()[0].target, "/api/v2/integrations/actions/"+actionID+"/draft/test"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := p.Submit(t.Context(), submission()); err != nil || strings.Contains(n.requests()[1].target, "draft") {
		t.Errorf("the override outlived its vector: %v, %v", n.requests()[1].target, err)
	}
}

func TestSubmitNothingSent(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	p := configured(t, n.URL, nil)
	for name, test := range map[string]struct {
		change func(*sdk.SubmitRequest)
		says   string
	}{
		"no id":     {func(r *sdk.SubmitRequest) { r.ActionID = "" }, "the action has no id"},
		"dots":      {func(r *sdk.SubmitRequest) { r.ActionID = ".." }, "the action has no id"},
		"no input":  {func(r *sdk.SubmitRequest) { r.Input = nil }, "not a JSON object"},
		"a list":    {func(r *sdk.SubmitRequest) { r.Input = json.RawMessage(`["` + inputCanary + `"]`) }, "not a JSON object"},
		"region":    {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"region":"mypurecloud.de"}`) }, "both say where"},
		"timeout":   {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"test_timeout":"0s"}`) }, "test_timeout must be greater"},
		"wrong":     {func(r *sdk.SubmitRequest) { r.Overrides = json.RawMessage(`{"draft":"` + tokenCanary + `"}`) }, "draft must not be a string"},
		"all wrong": {func(r *sdk.SubmitRequest) { r.ActionID, r.Input = "", nil }, "no id; the input"},
	} {
		t.Run(name, func(t *testing.T) {
			r := submission()
			test.change(&r)
			_, err := p.Submit(t.Context(), r)
			failure := asError(t, err)
			if failure.Kind != sdk.Invalid || failure.Sent || !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%+v, want invalid, not sent, saying %q", failure, test.says)
			}
		})
	}
	if got := len(n.requests()); got != 0 {
		t.Errorf("%d requests", got)
	}
}

// An id is one segment of the path, whatever it holds.
func TestSubmitEscapesTheID(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	r := submission()
	r.ActionID = "a/../b?c#d"
	if _, err := configured(t, n.URL, nil).Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, want := n.requests()[0].target, "/api/v2/integrations/actions/a%2F..%2Fb%3Fc%23d/test"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// throttled is the platform's own 429.
const throttled = `{"message":"Rate limit exceeded the maximum. Retry the request in [7] seconds","code":"too.many.requests","status":429,` +
	`"messageWithParams":"Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds","messageParams":{"seconds":"7"},` +
	`"contextId":"c-1","details":[],"errors":[]}`

func TestSubmitRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		status int
		after  time.Duration
		says   string
	}{
		"401":                  {answer(401, `{"message":"Invalid login credentials.","code":"bad.credentials","status":401,"contextId":"c-9"}`), sdk.Unauthenticated, 401, 0, "has expired: Invalid login credentials. (contextId c-9)"},
		"401 without a word":   {answer(401, ``), sdk.Unauthenticated, 401, 0, "refused or has expired"},
		"403":                  {answer(403, `{"message":"Unable to perform the requested action. You must have at least one of the following permissions: [integrations:action:execute]","code":"missing.permissions","status":403}`), sdk.Forbidden, 403, 0, "You must have at least one"},
		"404":                  {answer(404, `{"message":"Action not found","code":"not.found","status":404}`), sdk.NotFound, 404, 0, "no action " + actionID},
		"408":                  {answer(408, `{"message":"The request timed out","code":"request.timeout","status":408}`), sdk.Timeout, 408, 0, "timed out"},
		"409":                  {answer(409, `{"message":"conflict"}`), sdk.Invalid, 409, 0, "conflict"},
		"413":                  {answer(413, `{"message":"too large"}`), sdk.Invalid, 413, 0, "too large"},
		"415":                  {answer(415, ``), sdk.Invalid, 415, 0, ""},
		"429 in words":         {answer(429, throttled), sdk.RateLimited, 429, 7 * time.Second, "Retry the request in [7] seconds"},
		"429 in the header":    {answer(429, throttled, "Retry-After", "3"), sdk.RateLimited, 429, 3 * time.Second, ""},
		"429 in nested words":  {answer(429, `{"message":"Too Many Requests","errors":[{"message":"retry the request in [2] seconds"}]}`), sdk.RateLimited, 429, 2 * time.Second, ""},
		"429 without a number": {answer(429, `{"message":"Rate limit exceeded"}`), sdk.RateLimited, 429, 0, "Rate limit exceeded"},
		"429 negative":         {answer(429, `{"message":"Retry the request in [-5] seconds"}`), sdk.RateLimited, 429, 0, ""},
		"429 absurd":           {answer(429, `{"message":"Retry the request in [99999999999999999999] seconds"}`), sdk.RateLimited, 429, math.MaxInt64, ""},
		"429 too long":         {answer(429, `{"message":"Retry the request in [99999999999] seconds"}`), sdk.RateLimited, 429, math.MaxInt64, ""},
		"429 not JSON":         {answer(429, `slow down`), sdk.RateLimited, 429, 0, "slow down"},
		"500":                  {answer(500, `{"message":"boom","code":"internal.server.error","status":500,"contextId":"c-2"}`), sdk.Unavailable, 500, 0, "boom (contextId c-2)"},
		"502 of a proxy":       {answer(502, `<html>Bad gateway</html>`, "Content-Type", "text/html"), sdk.Unavailable, 502, 0, "HTML page"},
		"503":                  {answer(503, `{"message":"overloaded"}`), sdk.Unavailable, 503, 0, "overloaded"},
		"504":                  {answer(504, `{"message":"The request timed out.","code":"gateway.timeout","status":504}`), sdk.Unavailable, 504, 0, "timed out"},
		"400 of a proxy":       {answer(400, `<html>bad</html>`, "Content-Type", "text/html"), sdk.Invalid, 400, 0, "HTML page"},
		"a redirect":           {answer(307, ``, "Location", "https://login.example/sso?next=x"), sdk.Protocol, 307, 0, "login.example; redirects are not followed, set base_url"},
		"an echo":              {answer(500, `{"message":"for Bearer `+tokenCanary+`"}`), sdk.Unavailable, 500, 0, "for Bearer [token]"},
		"HTML with 200":        {answer(200, `<html>sign in</html>`, "Content-Type", "text/html"), sdk.Protocol, 200, 0, "text/html"},
		"204":                  {answer(204, ``), sdk.Protocol, 204, 0, "not a JSON object"},
		"cut JSON":             {answer(200, succeeded[:30]), sdk.Protocol, 200, 0, "not a JSON object"},
		"a list":               {answer(200, `[]`), sdk.Protocol, 200, 0, "not a JSON object"},
		"null":                 {answer(200, `null`), sdk.Protocol, 200, 0, "whether the test was a success"},
		"no success":           {answer(200, `{"finalResult":{}}`), sdk.Protocol, 200, 0, "whether the test was a success"},
		"odd success":          {answer(200, `{"success":"`+inputCanary+`"}`), sdk.Protocol, 200, 0, "success is not what the API says"},
		"odd operations":       {answer(200, `{"success":true,"operations":{}}`), sdk.Protocol, 200, 0, "operations is not what the API says"},
		"huge":                 {answer(200, `{"success":true,"finalResult":"`+strings.Repeat("x", maxBody)+`"}`), sdk.Protocol, 200, 0, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newPlatform(t, test.answer)
			_, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
			failure := asError(t, err)
			if failure.Kind != test.kind || failure.HTTPStatus != test.status || !failure.Sent || failure.RetryAfter != test.after {
				t.Errorf("%+v, want kind %s, HTTP %d, sent, retry after %s", failure, test.kind, test.status, test.after)
			}
			if !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%q does not say %q", failure.Error(), test.says)
			}
			if got := len(n.requests()); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

// A draft that is not there is told as such.
func TestSubmitNoDraft(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(404, `{}`))
	_, err := configured(t, n.URL, attributes{"draft": true}).Submit(t.Context(), submission())
	if failure := asError(t, err); !strings.Contains(failure.Error(), "with a draft") {
		t.Error(failure)
	}
}

func TestSubmitRejected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want sdk.ExecutionError
	}{
		"in its own words": {
			`{"message":"The input does not match the schema","code":"bad.request","status":400,"contextId":"c-3",` +
				`"details":[{"errorCode":"ACTION.INPUT","fieldName":"sku"}],"errors":[{"message":"sku: string expected"}]}`,
			sdk.ExecutionError{
				Code: "bad.request", Message: "The input does not match the schema: sku: string expected",
				Details: json.RawMessage(`{"contextId":"c-3","errorCode":"ACTION.INPUT"}`),
			},
		},
		"as plain text":  {`no such field`, sdk.ExecutionError{Message: "no such field"}},
		"without a word": {``, sdk.ExecutionError{Message: "the platform refused the input and gave no reason"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newPlatform(t, answer(400, test.body))
			got, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sdk.SubmitResult{Execution: &sdk.Execution{Status: sdk.StatusRejected, Error: &test.want}}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the network does to a test. Whether bytes left is exact: the test runs
// the action, and the host repeats only what nobody can have got.
func TestSubmitTransport(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		says   string
	}{
		"no answer in time": {hang, sdk.Timeout, "the limit of this request is 2s"},
		"half in time": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, succeeded[:20])
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, sdk.Timeout, "the limit of this request is 2s"},
		"reset":     {hijacked(func(c *net.TCPConn) { _ = c.SetLinger(0) }), sdk.Unavailable, "connection reset"},
		"closed":    {hijacked(func(*net.TCPConn) {}), sdk.Unavailable, "EOF"},
		"half":      {hijacked(func(c *net.TCPConn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")) }), sdk.Unavailable, "EOF"},
		"not HTTP":  {hijacked(func(c *net.TCPConn) { _, _ = c.Write([]byte("SSH-2.0-" + tokenCanary + "\r\n")) }), sdk.Protocol, "not HTTP"},
		"no header": {hijacked(func(c *net.TCPConn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nConte")) }), sdk.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newPlatform(t, test.answer)
			limit := "20s"
			if test.kind == sdk.Timeout {
				limit = "2s"
			}
			began := time.Now()
			_, err := configured(t, n.URL, attributes{"test_timeout": limit}).Submit(t.Context(), submission())
			failure := asError(t, err)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if failure.Kind != test.kind || !failure.Sent || !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%+v, want %s, sent, saying %q", failure, test.kind, test.says)
			}
			if !strings.HasPrefix(failure.Message, "test the action: ") {
				t.Errorf("%q does not name the operation", failure.Message)
			}
			if got := len(n.requests()); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

// hijacked reads the request and does as it likes with the connection.
func hijacked(do func(*net.TCPConn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func(*bufio.ReadWriter) { _ = connection.Close() }(buffered)
		do(connection.(*net.TCPConn))
	}
}

func TestSubmitNobodyListens(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	n.Close()
	_, err := configured(t, n.URL, nil).Submit(t.Context(), submission())
	if failure := asError(t, err); failure.Kind != sdk.Unavailable || failure.Sent {
		t.Errorf("%+v, want unavailable and not sent", failure)
	}
}

// A caller that gives up reaches the HTTP call.
func TestSubmitCanceled(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	n := newPlatform(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		close(gone)
	})
	_, err := configured(t, n.URL, nil).Submit(ctx, submission())
	if failure := asError(t, err); failure.Kind != sdk.Canceled || !failure.Sent {
		t.Errorf("%+v, want canceled and sent", failure)
	}
	<-gone
}

// A token that cannot stand in a header is an error, not a crash, and not told.
func TestSubmitOddToken(t *testing.T) {
	t.Parallel()
	n := newPlatform(t, answer(200, succeeded))
	r := submission()
	r.Token = tokenCanary + "\n"
	_, err := configured(t, n.URL, nil).Submit(t.Context(), r)
	if failure := asError(t, err); failure.Sent {
		t.Errorf("%+v, want not sent", failure)
	}
}

// What the platform lacks is said, not made up.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	p := New()
	_, poll := p.Poll(t.Context(), sdk.PollRequest{})
	_, metrics := p.Metrics(t.Context(), sdk.MetricsRequest{})
	_, get := p.GetSchema(t.Context(), sdk.SchemaRequest{})
	put := p.PutSchema(t.Context(), sdk.SchemaRequest{}, nil)
	for _, err := range []error{poll, metrics, get, put} {
		if failure := asError(t, err); failure.Kind != sdk.Unsupported {
			t.Error(fmt.Sprint(failure))
		}
	}
}
