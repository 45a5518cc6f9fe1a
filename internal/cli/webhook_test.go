package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// dashboard is a webhook's receiver that keeps what it gets.
type dashboard struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	ids    []string
}

// newDashboard answers with answer, or with 204 where that is nil.
func newDashboard(t *testing.T, answer http.HandlerFunc) *dashboard {
	t.Helper()
	r := &dashboard{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.ids = append(r.ids, request.Header.Get("webhook-id"))
		r.mu.Unlock()
		if answer != nil {
			answer(w, request)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *dashboard) got() (bodies, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies), slices.Clone(r.ids)
}

// Every session's end is delivered once, whatever the verdict, before the exit.
func TestWebhook(t *testing.T) {
	t.Parallel()
	r := newDashboard(t, nil)
	trial{
		quirks: quirks{session: changed(failedDocument("UPSTREAM_TIMEOUT", "connect ECONNREFUSED 10.0.0.1:443"), "x", 1)},
		more:   fmt.Sprintf(webhookTo, r.URL), vectors: 12, sessions: 12, code: 1, status: "fail",
	}.try(t)
	bodies, ids := r.got()
	slices.Sort(ids)
	if len(bodies) != 12 || len(slices.Compact(ids)) != 12 {
		t.Errorf("%d deliveries of %d events, want 12", len(bodies), len(ids))
	}
	for _, body := range bodies {
		for _, want := range []string{`"event":"data_action_debug_complete"`, `"status":"FAILED"`, `"classification":"EXTERNAL_DEPENDENCY_OUTAGE"`, `"failingStepId":"s1"`} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in %s", want, body)
			}
		}
	}
}

// A receiver that is dead, slow or refuses changes no verdict: the run says
// what it could not deliver, keeps it, and ends in a bounded time.
func TestWebhookReceiverFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		receiver func(t *testing.T) string
		more     string
	}{
		"nobody listens": {receiver: func(t *testing.T) string {
			t.Helper()
			r := newDashboard(t, nil)
			r.Close()
			return r.URL
		}},
		"500": {receiver: func(t *testing.T) string {
			t.Helper()
			return newDashboard(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }).URL
		}},
		"never an answer": {receiver: func(t *testing.T) string {
			t.Helper()
			return newDashboard(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }).URL
		}},
		"a redirect": {receiver: func(t *testing.T) string {
			t.Helper()
			other := newDashboard(t, nil)
			t.Cleanup(func() {
				if bodies, _ := other.got(); len(bodies) > 0 {
					t.Error("the redirect was followed")
				}
			})
			return newDashboard(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			}).URL
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			trial{
				more: fmt.Sprintf(webhookTo, test.receiver(t)), vectors: 12, sessions: 12, status: "pass", says: []string{"12 queued", "assay outbox flush"},
				also: func(t *testing.T, _ *foreignTenant, d document) {
					t.Helper()
					for _, s := range d.Sinks {
						if s.Plugin == "webhook" && (s.Queued != 12 || s.LastError == "") {
							t.Errorf("%+v, want 12 that are queued, and why", s)
						}
					}
				},
			}.try(t)
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("the run took %s", took)
			}
		})
	}
}
