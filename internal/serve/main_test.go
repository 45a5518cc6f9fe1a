package serve

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const actionID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"

// platform answers queries as a test says, and counts them.
type platform struct {
	mu      sync.Mutex
	queries map[health.Question]int
	err     error
	hold    chan struct{} // where not nil, answers wait for its end
}

func (p *platform) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// asked is how often it was asked in all.
func (p *platform) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for _, n := range p.queries {
		total += n
	}
	return total
}

func (p *platform) query(ctx context.Context, q health.Question) (health.Health, error) {
	p.mu.Lock()
	if p.queries == nil {
		p.queries = map[health.Question]int{}
	}
	p.queries[q]++
	err := p.err
	p.mu.Unlock()
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
			return health.Health{}, context.Cause(ctx)
		}
	}
	return health.Health{
		Executions: 1000, Errors: 40, AverageDurationMS: 12.5,
		Codes: []health.Code{
			{Code: "UPSTREAM_TIMEOUT", Executions: 30, Errors: 30, AverageDurationMS: 8000, P95MS: new(8100.0)},
			{Code: "UNDECLARED", Executions: 10, Errors: 10, AverageDurationMS: 20},
		},
	}, err
}

// options are those of a monitor of two actions on a platform.
func options(tb testing.TB, p *platform) Options {
	tb.Helper()
	bound := health.Bound{Window: health.DefaultWindow, Threshold: result.Threshold{
		Suite: "inventory", Name: "error_rate", Metric: "error_rate", Action: "sync", Max: new(5.0),
	}}
	cache := health.NewCache(tb.Context(), p.query)
	tb.Cleanup(cache.Wait)
	return Options{
		Suite: "inventory", Version: "1.2.3", Health: cache, Logger: slog.New(slog.DiscardHandler), Dir: tb.TempDir(),
		Actions: []health.Action{
			{Suite: "inventory", Name: "sync", ID: actionID, Platform: "cxone", Categories: map[string]string{"UPSTREAM_TIMEOUT": "timeout"}, Bounds: []health.Bound{bound}},
			{Suite: "inventory", Name: "odd", ID: "id of/another & platform+%", Platform: "other"},
		},
		Operations: func() []result.Operation {
			return []result.Operation{{Plugin: "cxone", Operation: "metrics", Calls: 3, Attempts: 4, Retries: 1, Trips: 1}}
		},
		Breaker: func(string, string) string { return "half-open" },
	}
}

// started serves a monitor on loopback.
func started(tb testing.TB, o Options) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(New(o))
	tb.Cleanup(server.Close)
	return server
}

// get asks, and answers the response with its body read. headers are name,
// value pairs.
func get(tb testing.TB, url string, headers ...string) (*http.Response, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		tb.Fatal(err)
	}
	return response, string(body)
}

// fields are a JSON object's.
func fields(tb testing.TB, body string) map[string]any {
	tb.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		tb.Fatalf("%v: %s", err, body)
	}
	return document
}
