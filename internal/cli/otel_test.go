package cli_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const otlpKey = "0tlp-k3y-c4nary"

// tracesReceiver takes spans over OTLP/HTTP from those that have its key.
type tracesReceiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	raw   strings.Builder
}

func newTracesReceiver(t *testing.T) *tracesReceiver {
	t.Helper()
	r := &tracesReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		message := &collector.ExportTraceServiceRequest{}
		if err != nil || proto.Unmarshal(body, message) != nil || request.Header.Get("Authorization") != "Bearer "+otlpKey {
			http.Error(w, "refused: "+request.Header.Get("Authorization"), http.StatusForbidden)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw.Write(body)
		for _, of := range message.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				r.spans = append(r.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *tracesReceiver) env(key string) []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.URL, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + key}
}

// traceparents notes the header of each request of a tenant.
type traceparents struct {
	mu  sync.Mutex
	all map[string]string // operation by header
}

func (p *traceparents) note(operation string, also answerer) answerer {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		p.mu.Lock()
		p.all[r.Header.Get("Traceparent")] = operation
		p.mu.Unlock()
		return also != nil && also(n, w, r)
	}
}

// A traced run has a span for all that happens; each request to the platform
// names the attempt that it is of; and no secret is in any.
func TestTracedRun(t *testing.T) {
	t.Parallel()
	told, receiver := &traceparents{all: map[string]string{}}, newTracesReceiver(t)
	busyOnce := func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 1
	}
	trial := trial{vectors: 3}
	f := newForeignTenant(t, quirks{instead: map[string]answerer{
		opToken: told.note(opToken, nil), opSubmit: told.note(opSubmit, busyOnce), opPoll: told.note(opPoll, nil),
	}})
	out := run(t, trial.suite(t), append(f.env(), receiver.env(otlpKey)...), "run", ".", "--otel")
	if out.code != 0 || strings.Contains(out.stdout, "warn") {
		t.Fatalf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	named, trace := map[string]int{}, ""
	attempts := map[string]bool{}
	for _, s := range receiver.spans {
		name, _, _ := strings.Cut(s.GetName(), "[")
		named[name]++
		trace = hex.EncodeToString(s.GetTraceId())
		if s.GetName() == "attempt" {
			attempts["00-"+trace+"-"+hex.EncodeToString(s.GetSpanId())+"-01"] = true
		}
	}
	if named["assay run"] != 1 || named["sync"] != 3 || named["cxone submit"] != 3 || named["auth token"] != 1 || named["audit deliver"] == 0 {
		t.Errorf("spans are %v", named)
	}
	if requests := f.requests(); len(told.all) != requests[opToken]+requests[opSubmit]+requests[opPoll] || requests[opSubmit] != 4 {
		t.Errorf("%d requests of an attempt, of %v", len(told.all), requests)
	}
	for parent, operation := range told.all {
		if !attempts[parent] || !strings.Contains(parent, trace) {
			t.Errorf("a request of %s has the traceparent %q, of no attempt", operation, parent)
		}
	}
	assertNoSecrets(t, append(f.secrets(), "w4rehouse-c4nary", otlpKey), map[string]string{"spans": receiver.raw.String(), "stdout": out.stdout, "stderr": out.stderr})
}

// A run that is not traced sends nothing.
func TestUntracedRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  string
		args []string
	}{
		"without the flag": {"OTEL_SERVICE_NAME=x", []string{"run", "."}},
		"disabled":         {"OTEL_SDK_DISABLED=TRUE", []string{"run", ".", "--otel"}},
		"no exporter":      {"OTEL_TRACES_EXPORTER=none", []string{"run", ".", "--otel"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, receiver := &traceparents{all: map[string]string{}}, newTracesReceiver(t)
			f := newForeignTenant(t, quirks{instead: map[string]answerer{opSubmit: told.note(opSubmit, nil)}})
			out := run(t, trial{}.suite(t), append(f.env(), append(receiver.env(otlpKey), test.env)...), test.args...)
			if _, plain := told.all[""]; out.code != 0 || len(receiver.spans) != 0 || !plain || len(told.all) != 1 {
				t.Errorf("exit status %d, %d spans, traceparents %v", out.code, len(receiver.spans), told.all)
			}
		})
	}
}

// A receiver that refuses, that is dead or that hangs is a warning, and holds
// the end for seconds at most. What it says goes no further than a secret may.
func TestReceiversThatTakeNoTrace(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	t.Cleanup(func() {
		close(hold)
		hanging.Close()
	})
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	refusing := newTracesReceiver(t)
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"refusing": {refusing.env("wr0ng-" + otlpKey), "403 Forbidden"},
		"dead":     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + dead.URL}, "connection refused"},
		"hanging":  {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + hanging.URL}, "did not take them within 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForeignTenant(t, quirks{})
			out := run(t, trial{}.suite(t), append(f.env(), test.env...), "run", ".", "--otel")
			if out.code != 0 || !strings.Contains(out.stdout, "The trace is not complete: ") || !strings.Contains(out.stdout, test.want) {
				t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
			if out.took > 40*time.Second {
				t.Errorf("it took %s", out.took)
			}
			assertNoSecrets(t, []string{otlpKey}, map[string]string{"stdout": out.stdout, "stderr": out.stderr})
		})
	}
}
