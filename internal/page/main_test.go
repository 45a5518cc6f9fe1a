package page

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look/looktest"
	"github.com/assay-cx/assay/internal/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// platform is what an action's figures come of.
type platform struct {
	mu     sync.Mutex
	health health.Health
	err    error
	hold   chan struct{} // where not nil, answers wait for its end
}

func (p *platform) query(context.Context, health.Question) (health.Health, error) {
	if p.hold != nil {
		<-p.hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health, p.err
}

// monitor is the pages of a suite on loopback.
type monitor struct {
	t      *testing.T
	dir    string
	page   *Page
	server *httptest.Server
	ending chan struct{}
}

func (p *platform) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func healthy() *platform {
	return &platform{health: health.Health{
		Executions: 12345, Errors: 741, AverageDurationMS: 312.4,
		Codes: []health.Code{{Code: "UPSTREAM_TIMEOUT", Executions: 700, Errors: 700, AverageDurationMS: 8000, P95MS: new(8100.0)}},
	}}
}

func optionsOf(t *testing.T, dir string, p *platform) Options {
	t.Helper()
	cache := health.NewCache(t.Context(), p.query)
	t.Cleanup(cache.Wait)
	bound := health.Bound{Window: health.DefaultWindow, Threshold: result.Threshold{Suite: "inventory", Name: "error_rate", Metric: "error_rate", Action: "sync", Max: new(5.0)}}
	return Options{
		Suite: "inventory", Dir: dir, Health: cache,
		Actions: []health.Action{{Suite: "inventory", Name: "sync", ID: "a1b2", Platform: "cxone", Categories: map[string]string{"UPSTREAM_TIMEOUT": "timeout"}, Bounds: []health.Bound{bound}}},
	}
}

// serve serves the pages, on an address that may be one that was used before.
func serve(t *testing.T, o Options, address string) *monitor {
	t.Helper()
	m := &monitor{t: t, dir: o.Dir, ending: make(chan struct{})}
	o.Ending = m.ending
	m.page = New(o)
	mux := http.NewServeMux()
	for pattern, handler := range m.page.Routes() {
		mux.HandleFunc(pattern, handler)
	}
	mux.HandleFunc("GET /events", m.page.Events)
	mux.HandleFunc("GET /icon.svg", Icon)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	m.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	m.server.Start()
	t.Cleanup(m.stop)
	return m
}

func (m *monitor) stop() {
	select {
	case <-m.ending:
		return
	default:
	}
	close(m.ending)
	m.server.Close()
	if err := m.page.Close(); err != nil {
		m.t.Error(err)
	}
}

// open opens a page in a browser that may ask nobody but the monitor.
func (m *monitor) open(path string) *looktest.Browser {
	m.t.Helper()
	b := looktest.Open(m.t, func(r *network.EventRequestWillBeSent) bool {
		return strings.HasPrefix(r.Request.URL, m.server.URL+"/")
	})
	b.Do(chromedp.Navigate(m.server.URL + path))
	return b
}

func (m *monitor) get(path string) (int, string) {
	recorder := httptest.NewRecorder()
	m.server.Config.Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder.Code, recorder.Body.String()
}

// epoch is when the first run of these tests began.
var epoch = time.Now().Add(-time.Hour).UTC().Truncate(time.Second)

// record keeps a run, the n-th, of these vectors.
func record(t *testing.T, dir string, n int, vectors ...result.Vector) {
	t.Helper()
	run := history.Run{ID: fmt.Sprintf("run%05d-0000", n), Suite: "inventory", StartedAt: epoch.Add(time.Duration(n) * time.Minute), Spec: "digest", Seed: 7, Actor: history.Actor{User: "sam"}}
	recorder := history.Record(t.Context(), dir, run, history.Kept)
	status := result.Pass
	for _, v := range vectors {
		recorder.Finished(v)
		run.Summary.Add(v.Status)
		status = max(status, v.Status)
	}
	run.Status, run.DurationMS = status.String(), 1500
	run.Thresholds = []result.Threshold{{Name: "p95", Metric: "run.p95_ms", Value: new(90.0), Max: new(100.0), Status: result.Pass}}
	if err := recorder.End(run); err != nil {
		t.Fatal(err)
	}
}

func passed(name string) result.Vector {
	return result.Vector{Suite: "inventory", Name: name, Action: "sync", Tags: []string{"smoke"}, Status: result.Pass, DurationMS: 12, Execution: &result.Execution{Status: "COMPLETED", SessionID: "s-1", InputHash: "hash of " + name}}
}

func failedAs(name string) result.Vector {
	v := passed(name)
	v.Status = result.Fail
	v.Input = []byte(`{"sku":"SKU-1","warehouseId":"***"}`)
	v.Checks = []result.Check{{Name: "expect.status", Status: result.Fail, Expected: "COMPLETED", Actual: "FAILED", Message: "expected COMPLETED, got FAILED"}}
	v.Classification = &result.Classification{Class: result.ExternalDependencyOutage, Category: "rate_limited", Confidence: .95, Reason: "The step saw HTTP 503.", Source: "builtin"}
	v.Execution = &result.Execution{
		Status: "FAILED", SessionID: "s-2", DurationMS: 400, InputHash: "hash of " + name,
		Error: &result.ExecutionError{Code: "RATE_LIMIT_EXCEEDED", Message: "too many"},
		Trace: []result.Step{
			{ID: "validate", Name: "validate", Timestamp: "2026-01-02T03:04:05Z"},
			{ID: "sync", Name: "sync", Timestamp: "2026-01-02T03:04:05.1Z", Error: &result.StepError{Message: "HTTP 503 <Service>", Status: 503, Stack: "at sync:1"}},
		},
	}
	return v
}

// threeRuns are a history: broken since the second, coin flaky, steady fine.
func threeRuns(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	record(t, dir, 1, passed("broken"), passed("coin"), passed("steady"))
	record(t, dir, 2, failedAs("broken"), failedAs("coin"), passed("steady"))
	record(t, dir, 3, failedAs("broken"), passed("coin"), passed("steady"))
	return dir
}
