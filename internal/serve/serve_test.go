package serve

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/internal/health"
)

// The document has the fields of the tutorial's monitor, of their types, and more.
func TestHealth(t *testing.T) {
	t.Parallel()
	server := started(t, options(t, &platform{}))
	response, body := get(t, server.URL+"/health?action_id="+strings.ToUpper(actionID))
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s with %v", response.Status, response.Header)
	}
	got := fields(t, body)
	updated, err := time.Parse("2006-01-02T15:04:05Z", got["last_updated"].(string))
	if err != nil || time.Since(updated) > time.Minute {
		t.Errorf("last_updated is %v, %v", got["last_updated"], err)
	}
	if age, ok := got["age_seconds"].(float64); !ok || age < 0 || age > 60 {
		t.Errorf("age_seconds is %v", got["age_seconds"])
	}
	delete(got, "last_updated")
	delete(got, "age_seconds")
	want := map[string]any{
		"action_id": actionID, "total_executions": 1000.0, "error_count": 40.0, "error_rate": 4.0,
		"top_error_codes": []any{
			map[string]any{
				"errorCode": "UPSTREAM_TIMEOUT", "executionCount": 30.0, "errorCount": 30.0, "averageDuration": 8000.0, "p95Duration": 8100.0,
				"category": "timeout", "classification": "EXTERNAL_DEPENDENCY_OUTAGE",
			},
			map[string]any{
				"errorCode": "UNDECLARED", "executionCount": 10.0, "errorCount": 10.0, "averageDuration": 20.0,
				"category": "unknown", "classification": "UNKNOWN",
			},
		},
		"suite": "inventory", "action": "sync", "window": "PT24H", "average_duration_ms": 12.5, "status": "pass", "stale": false,
		"thresholds": []any{map[string]any{
			"suite": "inventory", "name": "error_rate", "metric": "error_rate", "action": "sync", "value": 4.0, "max": 5.0, "status": "pass", "window": "PT24H",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The defect of the tutorial: an id went into a URL as it was.
func TestActionIsFoundByIDAndName(t *testing.T) {
	t.Parallel()
	server := started(t, options(t, &platform{}))
	for _, text := range []string{"odd", "id of/another & platform+%", strings.ToUpper(actionID), "sync"} {
		if response, body := get(t, server.URL+"/health?"+url.Values{"action_id": {text}}.Encode()); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", text, response.Status, body)
		}
	}
}

func TestRequestsThatAreWrong(t *testing.T) {
	t.Parallel()
	p := &platform{}
	server := started(t, options(t, p))
	for _, test := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/health", 400, "action_id is missing: ask with /health?action_id=ID, where ID is one of " + actionID + " (sync), "},
		{"GET", "/health?action_id=", 400, "action_id is missing"},
		{"GET", "/health?action=" + actionID, 400, "action_id is missing"},
		{"GET", "/health?action_id=%22%0a", 404, `suite inventory has no action with the id or name "\"\n"; it has ` + actionID + " (sync)"},
		{"GET", "/health?action_id=" + strings.Repeat("x", 5000), 404, strings.Repeat("x", 80) + "…"},
		{"GET", "/health/", 404, "see / in a browser, /health?action_id=ID"},
		{"GET", "/nothing", 404, "see / in a browser, /health?action_id=ID"},
		{"POST", "/health?action_id=sync", 405, "use GET"},
		{"DELETE", "/", 405, "use GET"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		recorder := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(recorder, request)
		detail, _ := fields(t, recorder.Body.String())["detail"].(string)
		if recorder.Code != test.status || !strings.Contains(detail, test.says) {
			t.Errorf("%s %.60s: %d %s", test.method, test.path, recorder.Code, detail)
		}
	}
	if p.asked() != 0 {
		t.Error("the platform was asked")
	}
}

func TestFailuresOfThePlatform(t *testing.T) {
	inAnHour := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC) // where time stands in a bubble
	for name, test := range map[string]struct {
		err                        error
		status                     int
		detail, reason, retryAfter string
	}{
		"denied":        {&health.DeniedError{Err: errors.New("HTTP 403")}, 403, "Invalid OAuth token or missing analytics:read scope", "HTTP 403", ""},
		"down":          {errors.New("HTTP 500"), 502, "Failed to fetch action metrics: HTTP 500", "", ""},
		"limited":       {&health.LimitedError{Until: inAnHour, Err: errors.New("HTTP 429")}, 503, "Failed to fetch action metrics: HTTP 429", "", "3600"},
		"limited plain": {&health.LimitedError{Err: errors.New("HTTP 429")}, 503, "Failed to fetch action metrics: HTTP 429", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				recorder := httptest.NewRecorder()
				New(options(t, &platform{err: fmt.Errorf("%w", test.err)})).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/health?action_id=sync", nil))
				want := map[string]any{"detail": test.detail}
				if test.reason != "" {
					want["reason"] = test.reason
				}
				after := recorder.Header().Get("Retry-After")
				if diff := cmp.Diff(want, fields(t, recorder.Body.String())); diff != "" || recorder.Code != test.status || after != test.retryAfter {
					t.Errorf("%d, Retry-After %q, %s", recorder.Code, after, recorder.Body)
				}
			})
		})
	}
}

// ask has a handler answer without a network, as time stands still in a bubble
// only where nobody waits for one.
func ask(m *Monitor, target string) (int, string) {
	recorder := httptest.NewRecorder()
	m.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
	return recorder.Code, recorder.Body.String()
}

func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		m := New(options(t, p))
		if status, body := ask(m, "/health?action_id=sync"); status != 200 || fields(t, body)["stale"] != false {
			t.Fatalf("%d %s", status, body)
		}
		p.fail(errors.New("HTTP 503"))
		time.Sleep(90 * time.Second)
		status, body := ask(m, "/health?action_id=sync")
		got := fields(t, body)
		if status != 200 || got["stale"] != true || got["age_seconds"] != 90.0 || got["error"] != "HTTP 503" || got["total_executions"] != 1000.0 {
			t.Errorf("%d %s", status, body)
		}
	})
}

// A platform that hangs holds nobody for longer than half a minute.
func TestAPlatformThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(options(t, &platform{hold: make(chan struct{})}))
		asked := time.Now()
		status, body := ask(m, "/health?action_id=sync")
		if status != 504 || !strings.Contains(body, "Failed to fetch action metrics: the platform has not answered yet") || time.Since(asked) != patience {
			t.Errorf("after %s: %d %s", time.Since(asked), status, body)
		}
		asked = time.Now()
		if status, _ := ask(m, "/metrics"); status != 200 || time.Since(asked) != scrapePatience {
			t.Errorf("a scrape: %d after %s", status, time.Since(asked))
		}
	})
}

// However many ask, the platform sees one query a minute for each action.
func TestOneQueryUnderLoad(t *testing.T) {
	t.Parallel()
	p := &platform{hold: make(chan struct{})}
	server := started(t, options(t, p))
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for range 10 {
				if response, body := get(t, server.URL+"/health?action_id=sync"); response.StatusCode != http.StatusOK {
					t.Errorf("%s %s", response.Status, body)
				}
			}
		})
	}
	close(p.hold)
	all.Wait()
	if p.asked() != 1 {
		t.Errorf("the platform was asked %d times for 2000 requests", p.asked())
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	o.Token = "s3cret-token"
	server := started(t, o)
	for _, path := range []string{"/health?action_id=sync", "/metrics", "/", "/nowhere"} {
		for _, wrong := range []string{"", "Bearer", "Bearer ", "Bearer s3cret", "Bearer s3cret-token2", "Basic s3cret-token", "s3cret-token", "Bearer  s3cret-token"} {
			response, body := get(t, server.URL+path, "Authorization", wrong)
			if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer" || strings.Contains(body, "s3cret") {
				t.Errorf("%s with %q: %s %s", path, wrong, response.Status, body)
			}
		}
		for _, right := range []string{"Bearer s3cret-token", "bearer s3cret-token"} {
			if response, _ := get(t, server.URL+path, "Authorization", right); response.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s with %q: %s", path, right, response.Status)
			}
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if response, body := get(t, server.URL+path); response.StatusCode != http.StatusOK || body != "ok\n" {
			t.Errorf("%s: %s %s", path, response.Status, body)
		}
	}
	if _, body := get(t, server.URL+"/metrics", "Authorization", "Bearer s3cret-token"); strings.Contains(body, "s3cret") {
		t.Error("the metrics hold the token")
	}
}

// A page of a stranger, whose name leads to loopback, reads nothing.
func TestLocalOnly(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	o.LocalOnly = true
	server := started(t, o)
	hosts := map[string]int{
		"127.0.0.1:8000": 200, "127.0.0.1": 200, "localhost:80": 200, "LOCALHOST": 200, "[::1]:8000": 200, "[::1]": 200,
		"monitor.example": 421, "localhost.example:8000": 421, "127.0.0.1.example": 421,
	}
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		if response, _ := get(t, server.URL+"/health?action_id=sync", "Host", host); response.StatusCode != hosts[host] {
			t.Errorf("%s: %s", host, response.Status)
		}
	}
}

// BenchmarkHealth is /health from the cache, over loopback, by 50 clients.
func BenchmarkHealth(b *testing.B) {
	p := &platform{}
	server := started(b, options(b, p))
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	b.Cleanup(transport.CloseIdleConnections)
	b.SetParallelism(25)
	b.RunParallel(func(pb *testing.PB) {
		client := &http.Client{Transport: transport}
		for pb.Next() {
			response, err := client.Get(server.URL + "/health?action_id=" + actionID)
			if err != nil {
				b.Error(err)
				return
			}
			_ = response.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	if p.asked() > 1+int(b.Elapsed()/health.Fresh) {
		b.Errorf("the platform was asked %d times", p.asked())
	}
}
