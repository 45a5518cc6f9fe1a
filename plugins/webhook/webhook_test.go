package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

var _ sdk.Sink = (*Plugin)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	// headerCanary is the value of a configured header: no error may hold it.
	headerCanary = "header-canary-19c2"
)

type attributes map[string]any

func configure(t *testing.T, given attributes, local ...string) (*Plugin, error) {
	t.Helper()
	p := New()
	all := attributes{}
	for _, a := range p.Describe().Schema.Attributes {
		if a.Default != nil {
			all[a.Name] = a.Default
		}
	}
	maps.Copy(all, given)
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Configure(t.Context(), sdk.Config{Attributes: encoded, LocalHosts: local})
	if p.client != nil {
		t.Cleanup(p.client.CloseIdleConnections)
	}
	return p, err
}

// configured gives a plugin that posts to the receiver as to a mock of the suite.
func configured(t *testing.T, to *receiver, extra attributes) *Plugin {
	t.Helper()
	given := attributes{"url": to.URL + "/hook/path-canary", "headers": attributes{"x-key": headerCanary}}
	maps.Copy(given, extra)
	p, err := configure(t, given, to.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type delivery struct {
	header http.Header
	body   []byte
}

// receiver notes what it gets and answers with answer.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []delivery
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, delivery{req.Header, body})
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "said by the receiver")
	}
}

func failedSession() sdk.Event {
	return sdk.Event{
		ID: "0d7c8e0a-6a0e-4b57-9a59-2f2d63a0b9f1", Type: sdk.EventSession,
		Time:  time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("CET", 3600)),
		RunID: "run-1", Suite: "inventory", Vector: `throttled["W-1"]`,
		ActionID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890", SessionID: "s-1", InputHash: "abc123",
		Verdict: "pass", Status: sdk.StatusFailed, DurationMS: 120,
		Classification: &sdk.Classification{Class: "EXTERNAL_DEPENDENCY_OUTAGE", Category: "rate_limited", Confidence: 0.9, Reason: "because"},
		Correlation: &sdk.Correlation{
			FailingStepID: "step-1", FailingStepName: "sync", Timestamp: "2026-01-02T03:04:05Z", RawError: "429", StackTrace: "at sync",
		},
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(204))
	p := configured(t, r, attributes{"secret": secret})
	completed := failedSession()
	completed.Status = sdk.StatusCompleted // its classification must not be told
	for _, event := range []sdk.Event{failedSession(), completed} {
		if err := p.Deliver(t.Context(), []sdk.Event{event}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{
		"version": 1.0, "event": "data_action_debug_complete",
		"runId": "run-1", "suite": "inventory", "vector": `throttled["W-1"]`,
		"actionId": "a1b2c3d4-e5f6-4890-abcd-ef1234567890", "sessionId": "s-1",
		"verdict": "pass", "status": "FAILED", "executionDurationMs": 120.0,
		"classification": "EXTERNAL_DEPENDENCY_OUTAGE", "category": "rate_limited", "confidence": 0.9,
		"correlationContext": map[string]any{
			"failingStepId": "step-1", "failingStepName": "sync", "inputHash": "abc123",
			"timestamp": "2026-01-02T03:04:05Z", "rawError": "429", "stackTrace": "at sync",
		},
		"timestamp": "2026-01-02T03:04:05Z",
	}
	got := r.deliveries()
	if len(got) != 2 {
		t.Fatalf("%d deliveries, want 2", len(got))
	}
	for _, d := range got {
		var payload any
		if err := json.Unmarshal(d.body, &payload); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, payload); diff != "" {
			t.Error(diff)
		}
		want["status"] = "COMPLETED"
		for _, name := range []string{"classification", "category", "confidence", "correlationContext"} {
			want[name] = nil
		}
	}
	header := got[0].header
	if header.Get("Content-Type") != "application/json" || header.Get("x-key") != headerCanary || header.Get("webhook-id") != failedSession().ID {
		t.Errorf("headers %v", header)
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got[0].body, header); err != nil {
		t.Errorf("signature: %v", err)
	}
}

func TestDeliverUnsigned(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(200))
	if err := configured(t, r, nil).Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
		t.Fatal(err)
	}
	header := r.deliveries()[0].header
	if header.Get("webhook-signature") != "" {
		t.Error("signed without a secret")
	}
	if _, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64); err != nil {
		t.Errorf("webhook-timestamp: %v", err)
	}
}

// Events that are no session's end are taken and not posted.
func TestDeliverOthers(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(500))
	p := configured(t, r, nil)
	for _, kind := range []sdk.EventType{sdk.EventNotStarted, sdk.EventNotFinished, sdk.EventDeliveryGivenUp} {
		if err := p.Deliver(t.Context(), []sdk.Event{{ID: "1", Type: kind}}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if got := len(r.deliveries()); got != 0 {
		t.Errorf("%d posted", got)
	}
}

// Several events are posted at the same time, and answered for one by one.
func TestDeliverSeveral(t *testing.T) {
	t.Parallel()
	all := make(chan struct{}, batch)
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		all <- struct{}{}
		for len(all) < batch { // until every other is here too
			runtime.Gosched()
		}
		if req.Header.Get("webhook-id") == "e-3" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := configured(t, r, attributes{"timeout": "30s"})
	events := make([]sdk.Event, batch)
	for i := range events {
		events[i] = failedSession()
		events[i].ID = fmt.Sprintf("e-%d", i)
	}
	var partial *sdk.PartialError
	if err := p.Deliver(t.Context(), events); !errors.As(err, &partial) {
		t.Fatalf("got %v", err)
	}
	for i, err := range partial.Errs {
		if (err != nil) != (i == 3) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	if failed := asError(t, partial); failed.HTTPStatus != http.StatusServiceUnavailable {
		t.Errorf("got %+v", failed)
	}
}

func asError(t *testing.T, err error) *sdk.Error {
	t.Helper()
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v (%T), want *sdk.Error", err, err)
	}
	for _, canary := range []string{headerCanary, secret, "path-canary", "said by the receiver"} {
		if strings.Contains(failure.Error(), canary) {
			t.Errorf("error holds %q: %v", canary, failure)
		}
	}
	return failure
}

func TestDeliverRefused(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, status(200))
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		status int
	}{
		"301": {status(301, "Location", elsewhere.URL), sdk.Protocol, 301},
		"307": {status(307, "Location", elsewhere.URL), sdk.Protocol, 307},
		"400": {status(400), sdk.Invalid, 400},
		"401": {status(401), sdk.Unauthenticated, 401},
		"404": {status(404), sdk.NotFound, 404},
		"410": {status(410), sdk.NotFound, 410},
		"429": {status(429, "Retry-After", "11"), sdk.RateLimited, 429},
		"500": {status(500), sdk.Unavailable, 500},
		"503": {status(503), sdk.Unavailable, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, test.answer)
			failure := asError(t, configured(t, r, attributes{"secret": secret}).Deliver(t.Context(), []sdk.Event{failedSession()}))
			if failure.Kind != test.kind || failure.HTTPStatus != test.status || !failure.Sent {
				t.Errorf("%+v, want %s, HTTP %d, sent", failure, test.kind, test.status)
			}
			if test.status == 429 && failure.RetryAfter != 11*time.Second {
				t.Errorf("retry after %s", failure.RetryAfter)
			}
			if got := len(r.deliveries()); got != 1 {
				t.Errorf("%d deliveries, want 1", got)
			}
		})
	}
	t.Cleanup(func() {
		if len(elsewhere.deliveries()) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

func TestDeliverTransport(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := newReceiver(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	failure := asError(t, configured(t, hanging, attributes{"timeout": "500ms"}).Deliver(t.Context(), []sdk.Event{failedSession()}))
	if failure.Kind != sdk.Timeout || !failure.Sent {
		t.Errorf("hang: %+v, want a timeout, sent", failure)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if failure := asError(t, configured(t, hanging, nil).Deliver(ctx, []sdk.Event{failedSession()})); failure.Kind != sdk.Canceled {
		t.Errorf("canceled: %+v", failure)
	}
	gone := newReceiver(t, status(200))
	gone.Close()
	failure = asError(t, configured(t, gone, nil).Deliver(t.Context(), []sdk.Event{failedSession()}))
	if failure.Kind != sdk.Unavailable || failure.Sent {
		t.Errorf("refused: %+v, want unavailable, not sent", failure)
	}
}

// Of loopback, only the suite's own host and port may be reached, or what
// allow_cidrs names.
func TestGuard(t *testing.T) {
	t.Parallel()
	r, other := newReceiver(t, status(200)), newReceiver(t, status(200))
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	byName := "http://localhost:" + port + "/hook"
	for name, test := range map[string]struct {
		url     string
		local   []string
		allow   []string
		refused bool
	}{
		"own mock":       {r.URL, []string{r.Listener.Addr().String()}, nil, false},
		"another's mock": {byName, []string{other.Listener.Addr().String()}, nil, true},
		"name":           {byName, nil, nil, true},
		"own, by name":   {byName, []string{"localhost:" + port}, nil, false},
		"allowed":        {r.URL, nil, []string{"127.0.0.0/8"}, false},
		"allowed, name":  {byName, nil, []string{"127.0.0.1/32", "::1/128"}, false},
		"other network":  {byName, nil, []string{"10.0.0.0/8"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := configure(t, attributes{"url": test.url, "allow_cidrs": test.allow}, test.local...)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Deliver(t.Context(), []sdk.Event{failedSession()})
			if !test.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure := asError(t, err)
			if failure.Kind != sdk.Invalid || failure.Sent || !strings.Contains(failure.Message, "allow_cidrs") {
				t.Errorf("%+v, want invalid, not sent, naming allow_cidrs", failure)
			}
		})
	}
	t.Cleanup(func() {
		if got := len(other.deliveries()); got != 0 {
			t.Errorf("%d deliveries to a host that no one named", got)
		}
	})
}

// An address in the URL itself is judged before the run.
func TestConfigureAddresses(t *testing.T) {
	t.Parallel()
	for host, allowed := range map[string]bool{
		"93.184.216.34": true, "[2606:2800:220:1:248:1893:25c8:1946]": true, "hooks.example.com": true,
		"127.0.0.1": false, "10.1.2.3": false, "192.168.0.1:8080": false, "172.16.0.1": false, "169.254.169.254": false,
		"0.0.0.0": false, "100.64.0.1": false, "[::1]": false, "[fe80::1]": false, "[fd00:ec2::254]": false, "[::ffff:127.0.0.1]": false,
	} {
		_, err := configure(t, attributes{"url": "http://" + host + "/hook"})
		if allowed != (err == nil) {
			t.Errorf("%s: %v, want allowed %v", host, err, allowed)
		}
		if !allowed {
			problemWith(t, err, "url")
		}
	}
}

// Both families may be allowed.
func TestConfigureAllowed(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		if _, err := configure(t, attributes{"url": "http://" + host + "/hook", "allow_cidrs": []string{"127.0.0.0/8", "::1/128"}}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func problemWith(t *testing.T, err error, attribute string) {
	t.Helper()
	var wrong *sdk.ConfigError
	if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Attribute != attribute {
		t.Errorf("error %v, want one problem with %q", err, attribute)
	}
}

func TestConfigureProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given     attributes
		attribute string
	}{
		"url":       {attributes{"url": "/hook"}, "url"},
		"secret":    {attributes{"secret": "whsec_" + headerCanary}, "secret"},
		"timeout":   {attributes{"timeout": "-1s"}, "timeout"},
		"network":   {attributes{"allow_cidrs": []string{"10.0.0.0"}}, "allow_cidrs"},
		"header":    {attributes{"headers": attributes{"x": headerCanary + "\n"}}, "headers"},
		"undecoded": {attributes{"timeout": headerCanary}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := attributes{"url": "https://hooks.example.com/"}
			maps.Copy(given, test.given)
			_, err := configure(t, given)
			problemWith(t, err, test.attribute)
			if err != nil && strings.Contains(err.Error(), headerCanary) {
				t.Errorf("%v quotes a value", err)
			}
		})
	}
}

// A proxy of the environment would be dialed in the receiver's place.
func TestNoProxy(t *testing.T) {
	proxy := newReceiver(t, status(200))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	p, err := configure(t, attributes{"url": "http://hooks.example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	if p.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("the client asks for a proxy")
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://a.example/x": "a.example:80", "https://a.example": "a.example:443",
		"http://a.example:8080": "a.example:8080", "http://[::1]/": "[::1]:80",
	} {
		target, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := endpoint(target); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	if _, err := netip.ParseAddrPort(endpoint(&url.URL{Scheme: "http", Host: "[::1]"})); err != nil {
		t.Error(err)
	}
}
