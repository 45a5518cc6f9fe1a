package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

var _ sdk.Auth = (*Plugin)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Canaries: no error may hold them.
const (
	secretCanary = "s3cr3t+/=canary"
	tokenCanary  = "tok-canary-5f1d"
)

type attributes map[string]any

func configured(t *testing.T, tokenURL string, extra attributes) *Plugin {
	t.Helper()
	p := New()
	given := attributes{"token_url": tokenURL, "client_id": "demo client", "client_secret": secretCanary}
	maps.Copy(given, extra)
	if _, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, given)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Transport.(*exchange).client.CloseIdleConnections)
	return p
}

func filled(t *testing.T, schema sdk.Schema, given attributes) json.RawMessage {
	t.Helper()
	all := attributes{}
	for _, a := range schema.Attributes {
		if a.Default != nil {
			all[a.Name] = a.Default
		}
	}
	maps.Copy(all, given)
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// received is a token request as it came over the wire.
type received struct {
	method, path, id, secret string
	query, form              url.Values
	kind                     string
}

// endpoint is a token endpoint that notes what it gets.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	received []received
}

func newEndpoint(t *testing.T, answer func(w http.ResponseWriter, r received)) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		id, secret, _ := r.BasicAuth()
		got := received{r.Method, r.URL.Path, id, secret, r.URL.Query(), form, r.Header.Get("Content-Type")}
		e.mu.Lock()
		e.received = append(e.received, got)
		e.mu.Unlock()
		answer(w, got)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) requests() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.received)
}

// answer always answers the same. headers are name, value pairs.
func answer(status int, body string, headers ...string) func(http.ResponseWriter, received) {
	return func(w http.ResponseWriter, _ received) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const granted = `{"access_token":"` + tokenCanary + `","token_type":"Bearer","expires_in":3600}`

func asError(t *testing.T, err error) *sdk.Error {
	t.Helper()
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v (%T), want *sdk.Error", err, err)
	}
	for _, canary := range []string{secretCanary, url.QueryEscape(secretCanary), tokenCanary} {
		if strings.Contains(failure.Error(), canary) {
			t.Errorf("error holds %q: %v", canary, failure)
		}
	}
	return failure
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, answer(200, granted, "Content-Type", "application/json"))
	p := configured(t, e.URL+"/oauth/token/", attributes{"scopes": []string{"data:execute", "trace:read"}, "refresh_before": "30s"})
	for range 2 { // the cache is the host's: each call fetches
		got, err := p.Token(t.Context(), "rejected")
		if err != nil {
			t.Fatal(err)
		}
		want := sdk.Token{Value: tokenCanary, ExpiresIn: time.Hour, RefreshBefore: 30 * time.Second}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	requests := e.requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests, want 2", len(requests))
	}
	r := requests[0]
	if r.path != "/oauth/token" {
		t.Errorf("path %s, want the URL's without its slash", r.path)
	}
	if r.method != http.MethodPost || r.kind != "application/x-www-form-urlencoded" {
		t.Errorf("%s with %s", r.method, r.kind)
	}
	if r.id != "demo client" || r.secret != secretCanary {
		t.Errorf("client %q with secret %q, want the pair as configured", r.id, r.secret)
	}
	if want := "grant_type=client_credentials&scope=data%3Aexecute+trace%3Aread"; r.form.Encode() != want || len(r.query) != 0 {
		t.Errorf("form %s and query %s, want form %s", r.form.Encode(), r.query.Encode(), want)
	}
}

// Servers that read grant_type in one place only are adapted to, once.
func TestTokenDialects(t *testing.T) {
	t.Parallel()
	only := func(place func(received) url.Values, refusal string) func(http.ResponseWriter, received) {
		return func(w http.ResponseWriter, r received) {
			if place(r).Get("grant_type") != "client_credentials" {
				answer(400, refusal)(w, r)
				return
			}
			answer(200, granted)(w, r)
		}
	}
	body := func(r received) url.Values { return r.form }
	query := func(r received) url.Values { return r.query }
	for name, test := range map[string]struct {
		server   func(http.ResponseWriter, received)
		grantIn  string
		requests []int // after each of three calls
	}{
		"body":                 {only(body, `{}`), inAuto, []int{1, 2, 3}},
		"query, typed":         {only(query, `{"error":"unsupported_grant_type"}`), inAuto, []int{2, 3, 4}},
		"query, invalid":       {only(query, `{"error":"invalid_request"}`), inAuto, []int{2, 3, 4}},
		"query, page":          {only(query, `<html>bad`), inAuto, []int{2, 3, 4}},
		"query, empty":         {only(query, ``), inAuto, []int{2, 3, 4}},
		"query, as configured": {only(query, `{}`), inQuery, []int{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, test.server)
			p := configured(t, e.URL, attributes{"grant_in": test.grantIn})
			for i, want := range test.requests {
				if _, err := p.Token(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
				if got := len(e.requests()); got != want {
					t.Errorf("%d requests after call %d, want %d", got, i+1, want)
				}
			}
			last := e.requests()[len(e.requests())-1]
			if last.form.Has("grant_type") == last.query.Has("grant_type") {
				t.Errorf("grant_type in the form %v and in the query %v", last.form, last.query)
			}
		})
	}
}

// A server that changes its mind is followed back.
func TestTokenDialectForgotten(t *testing.T) {
	t.Parallel()
	var inForm atomic.Bool
	e := newEndpoint(t, func(w http.ResponseWriter, r received) {
		if r.form.Has("grant_type") != inForm.Load() {
			answer(400, `{"error":"invalid_request"}`)(w, r)
			return
		}
		answer(200, granted)(w, r)
	})
	p := configured(t, e.URL, nil)
	for range 2 {
		if _, err := p.Token(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		inForm.Store(true)
	}
	if got := len(e.requests()); got != 4 {
		t.Errorf("%d requests, want 4", got)
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer   func(http.ResponseWriter, received)
		kind     sdk.ErrorKind
		status   int
		says     string
		requests int
	}{
		"401":             {answer(401, `{"error":"invalid_client","error_description":"unknown client"}`), sdk.Unauthenticated, 401, "unknown client", 1},
		"401, page":       {answer(401, `<html>`), sdk.Unauthenticated, 401, "HTTP 401", 1},
		"400 client":      {answer(400, `{"error":"invalid_client","error_description":"unknown client"}`), sdk.Unauthenticated, 400, "unknown client", 1},
		"400 scope":       {answer(400, `{"error":"invalid_scope","error_description":"no data:read"}`), sdk.Forbidden, 400, "no data:read", 1},
		"400 twice":       {answer(400, `{"error":"invalid_request","error_description":"odd"}`), sdk.Invalid, 400, "odd", 2},
		"400, no body":    {answer(400, ``), sdk.Invalid, 400, "HTTP 400", 2},
		"403":             {answer(403, `{"error":"access_denied"}`), sdk.Forbidden, 403, "access_denied", 1},
		"404":             {answer(404, `not here`), sdk.NotFound, 404, "HTTP 404", 1},
		"429":             {answer(429, ``, "Retry-After", "9"), sdk.RateLimited, 429, "HTTP 429", 1},
		"500":             {answer(500, `oops`), sdk.Unavailable, 500, "HTTP 500", 1},
		"503":             {answer(503, ``, "Retry-After", "9"), sdk.Unavailable, 503, "HTTP 503", 1},
		"redirect":        {answer(307, ``, "Location", "http://elsewhere.example/"), sdk.Protocol, 307, "redirects are not followed", 1},
		"HTML with 200":   {answer(200, `<html>sign in</html>`, "Content-Type", "text/html"), sdk.Protocol, 200, "access_token", 1},
		"garbage":         {answer(200, "\x00\xff"), sdk.Protocol, 200, "access_token", 1},
		"empty":           {answer(200, ``), sdk.Protocol, 200, "access_token", 1},
		"no token":        {answer(200, `{"expires_in":3600}`), sdk.Protocol, 200, "access_token", 1},
		"token is a list": {answer(200, `{"access_token":["`+tokenCanary+`"]}`), sdk.Protocol, 200, "access_token", 1},
		"unusable token":  {answer(200, `{"access_token":"`+tokenCanary+`\n"}`), sdk.Protocol, 200, "header", 1},
		"error with 200":  {answer(200, `{"error":"invalid_client","error_description":"unknown"}`), sdk.Protocol, 200, "unknown", 1},
		"oversized":       {answer(200, `{"access_token":"`+strings.Repeat("a", maxBody)+`"}`), sdk.Protocol, 0, "longer", 1},
		"echo": {func(w http.ResponseWriter, r received) {
			answer(401, `{"error":"invalid_client","error_description":"secret `+r.secret+` is wrong"}`)(w, r)
		}, sdk.Unauthenticated, 401, "secret [secret] is wrong", 1},
		"first answer": {func(w http.ResponseWriter, r received) {
			answer(400, `{"error":"invalid_request","error_description":"in query `+r.query.Get("grant_type")+`."}`)(w, r)
		}, sdk.Invalid, 400, "in query .", 2},
		"second answer": {func(w http.ResponseWriter, r received) {
			if r.query.Has("grant_type") {
				answer(401, `{"error":"invalid_client"}`)(w, r)
				return
			}
			answer(400, `{"error":"invalid_request"}`)(w, r)
		}, sdk.Unauthenticated, 401, "invalid_client", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, test.answer)
			got, err := configured(t, e.URL, nil).Token(t.Context(), "")
			failure := asError(t, err)
			if got != (sdk.Token{}) {
				t.Error("an error and a token")
			}
			if failure.Kind != test.kind || !failure.Sent {
				t.Errorf("%+v, want %s, sent", failure, test.kind)
			}
			if test.status != 0 && failure.HTTPStatus != test.status {
				t.Errorf("HTTP %d, want %d", failure.HTTPStatus, test.status)
			}
			if !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%q does not say %q", failure.Error(), test.says)
			}
			if strings.Contains(name, "429") && failure.RetryAfter != 9*time.Second {
				t.Errorf("retry after %s", failure.RetryAfter)
			}
			if got := len(e.requests()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]time.Duration{
		`{"access_token":"t","expires_in":3600}`:   time.Hour,
		`{"access_token":"t","expires_in":"3600"}`: time.Hour,
		`{"access_token":"t","expires_in":1}`:      time.Second,
		`{"access_token":"t"}`:                     0,
		`{"access_token":"t","expires_in":null}`:   0,
		`{"access_token":"t","expires_in":0}`:      0,
		`{"access_token":"t","expires_in":-5}`:     0,
	} {
		e := newEndpoint(t, answer(200, body)) // without a content type: sniffed as text/plain
		got, err := configured(t, e.URL, nil).Token(t.Context(), "")
		if err != nil || got.Value != "t" || got.ExpiresIn != want {
			t.Errorf("%s: %+v, %v, want %s", body, got, err, want)
		}
	}
}

func TestTokenTransport(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := newEndpoint(t, func(http.ResponseWriter, received) { <-release })
	t.Cleanup(func() { close(release) })
	resetting := newEndpoint(t, func(w http.ResponseWriter, _ received) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, test := range map[string]struct {
		url  string
		kind sdk.ErrorKind
		sent bool
	}{
		"hang":    {hanging.URL, sdk.Timeout, true},
		"reset":   {resetting.URL, sdk.Unavailable, true},
		"refused": {closed.URL, sdk.Unavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configured(t, test.url+"/?key=canary", attributes{"timeout": "100ms"}).Token(t.Context(), "")
			failure := asError(t, err)
			if failure.Kind != test.kind || failure.Sent != test.sent {
				t.Errorf("%+v, want %s, sent %v", failure, test.kind, test.sent)
			}
			if strings.Contains(failure.Error(), "key=canary") {
				t.Errorf("%v quotes the query", failure)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := configured(t, hanging.URL, nil).Token(ctx, "")
	if failure := asError(t, err); failure.Kind != sdk.Canceled {
		t.Errorf("%v, want canceled", failure)
	}
}

func TestConfigureTellsAllProblems(t *testing.T) {
	t.Parallel()
	p := New()
	given := attributes{"token_url": "tenant/token", "client_id": "demo", "client_secret": "s", "timeout": "0s", "refresh_before": "-1s"}
	_, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, given)})
	var wrong *sdk.ConfigError
	if !errors.As(err, &wrong) || len(wrong.Problems) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestConfigureProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given     attributes
		attribute string
	}{
		"url":       {attributes{"token_url": "tenant/token"}, "token_url"},
		"timeout":   {attributes{"timeout": "0s"}, "timeout"},
		"margin":    {attributes{"refresh_before": "-1s"}, "refresh_before"},
		"undecoded": {attributes{"client_id": []string{secretCanary}}, "client_id"},
		"duration":  {attributes{"timeout": secretCanary}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := New()
			given := attributes{"token_url": "https://tenant.example/token", "client_id": "demo", "client_secret": secretCanary}
			maps.Copy(given, test.given)
			_, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, given)})
			var wrong *sdk.ConfigError
			if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Attribute != test.attribute {
				t.Fatalf("error %v, want one problem with %q", err, test.attribute)
			}
			if strings.Contains(err.Error(), secretCanary) {
				t.Errorf("%v quotes a value", err)
			}
		})
	}
}
