package action

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func copyAll(w io.Writer, r *http.Request) (int64, error) { return io.Copy(w, r.Body) }

// respond makes a response with headers given as names and values.
func respond(status int, body string, header ...string) *http.Response {
	response := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i < len(header); i += 2 {
		response.Header.Set(header[i], header[i+1])
	}
	return response
}

// retried is an action that tries four times.
func retried(more string) string {
	return spec("", `
    step "sync" {
      request {
        method  = "POST"
        url     = "${var.upstream}/v1/inventory/sync"
        json    = { sku = input.sku }
        timeout = "8s"
      }
      retry {
        attempts   = 4
        base_delay = "500ms"
        max_delay  = "5s"
      }
      `+more+`
    }
    output = { at = step.sync.response.json.at }
`+allErrors)
}

// TestRetryWaits sees for how long a handler waits between tries, with time
// that does not pass by itself.
func TestRetryWaits(t *testing.T) {
	throttled := func(header ...string) func(int, *http.Request) (*http.Response, error) {
		return func(int, *http.Request) (*http.Response, error) { return respond(429, "", header...), nil }
	}
	tests := map[string]struct {
		answer   func(n int, r *http.Request) (*http.Response, error)
		code     string
		reason   string
		attempts int
		low      time.Duration // of all waits together
		high     time.Duration
	}{
		"429 without": {throttled(), "THROTTLED", "429 Too Many Requests after 4 attempts", 4, 6 * time.Second, 6 * time.Second},
		"429 seconds": {throttled("Retry-After", "7"), "THROTTLED", "429 Too Many Requests after 4 attempts (Retry-After 7)", 4, 21 * time.Second, 21 * time.Second},
		"429 zero":    {throttled("Retry-After", "0"), "THROTTLED", "429 Too Many Requests after 4 attempts (Retry-After 0)", 4, 0, 0},
		"429 garbage": {throttled("Retry-After", "soon"), "THROTTLED", "429 Too Many Requests after 4 attempts (Retry-After soon)", 4, 6 * time.Second, 6 * time.Second},
		"429 negative": {
			throttled("Retry-After", "-5"), "THROTTLED", "429 Too Many Requests after 4 attempts (Retry-After -5)", 4, 6 * time.Second, 6 * time.Second,
		},
		"429 absurd": {throttled("Retry-After", "86400"), "THROTTLED", "429 Too Many Requests (Retry-After 86400)", 1, 0, 0},
		"429 date": {
			func(int, *http.Request) (*http.Response, error) {
				return respond(429, "", "Retry-After", time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat)), nil
			},
			"THROTTLED", "429 Too Many Requests after 4 attempts (Retry-After Sat, 01 Jan 2000 00:00:12 GMT)", 4, 9 * time.Second, 9 * time.Second,
		},
		"5xx": {
			func(int, *http.Request) (*http.Response, error) { return respond(503, ""), nil },
			"BROKEN", "503 Service Unavailable after 4 attempts", 4, time.Millisecond, 3500 * time.Millisecond,
		},
		"timeouts": {
			func(_ int, r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
			"SLOW", "step exceeded its limit of 30s (ETIMEDOUT) after 4 attempts", 4, 30 * time.Second, 30 * time.Second,
		},
		"4xx": {
			func(int, *http.Request) (*http.Response, error) { return respond(404, ""), nil },
			"REFUSED", "404 Not Found", 1, 0, 0,
		},
		"undecodable": {
			func(int, *http.Request) (*http.Response, error) { return respond(200, `{"at"`), nil },
			"UNREADABLE", "invalid JSON in response: unexpected EOF", 1, 0, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream := &answers{answer: test.answer}
				r := runtime(t, retried(""), upstream, nil)
				started := time.Now()
				outcome := run(t, r, `{"sku":"S"}`)
				took := time.Since(started)
				if outcome.Error == nil || outcome.Error.Code != test.code {
					t.Fatalf("error = %v", outcome.Error)
				}
				if got, want := outcome.Error.Details["reason"], "POST /v1/inventory/sync: "+test.reason; got != want {
					t.Errorf("reason = %q, want %q", got, want)
				}
				if upstream.requests != test.attempts || outcome.Error.Details["attempts"] != test.attempts {
					t.Errorf("%d requests, details say %v, want %d", upstream.requests, outcome.Error.Details["attempts"], test.attempts)
				}
				if took < test.low || took > test.high {
					t.Errorf("took %s, want %s to %s", took, test.low, test.high)
				}
				if outcome.Duration != took {
					t.Errorf("duration = %s, want %s", outcome.Duration, took)
				}
			})
		})
	}
}

func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		upstream := &answers{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n < 3 {
				return respond([]int{429, 500}[n-1], "canary-body", "Retry-After", "1"), nil
			}
			return respond(200, `{"at":"now"}`), nil
		}}
		r := runtime(t, retried(""), upstream, slog.New(slog.NewTextHandler(&log, nil)))
		outcome := run(t, r, `{"sku":"canary-sku"}`)
		if outcome.Error != nil || string(outcome.Output) != `{"at":"now"}` {
			t.Fatalf("output = %s, error = %v", outcome.Output, outcome.Error)
		}
		for _, line := range []string{
			`msg="Retry 1/4 failed: 429 Too Many Requests"`,
			`msg="Retry 2/4 failed: 500 Internal Server Error"`,
			`msg="Attempt 3/4 succeeded"`,
			`trace=` + outcome.TraceID,
		} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("the log lacks %s:\n%s", line, log.String())
			}
		}
		if strings.Contains(log.String(), "canary") {
			t.Errorf("the log shows values:\n%s", log.String())
		}
	})
}

// TestStepLimit sees that neither tries nor waits go on past the step's time.
func TestStepLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream := &answers{answer: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		r := runtime(t, retried(`timeout = "10s"`), upstream, nil)
		started := time.Now()
		outcome := run(t, r, `{"sku":"S"}`)
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
		if got := outcome.Error.Details["reason"]; got != "POST /v1/inventory/sync: step exceeded its limit of 10s (ETIMEDOUT) after 2 attempts" {
			t.Errorf("reason = %v", got)
		}
	})
}

func TestSameSeedSameWaits(t *testing.T) {
	took := func(t *testing.T, input string) (took time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			upstream := &answers{answer: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("no") }}
			took = run(t, runtime(t, retried(""), upstream, nil), input).Duration
		})
		return took
	}
	first := took(t, `{"sku":"S"}`)
	if again := took(t, `{"sku":"S"}`); again != first {
		t.Errorf("the same input waited %s and %s", first, again)
	}
	if other := took(t, `{"sku":"T"}`); other == first {
		t.Errorf("another input waited %s too", other)
	}
}

func TestBackoffGrows(t *testing.T) {
	q := &request{baseDelay: 100 * time.Millisecond, maxDelay: time.Second}
	random := rand.New(rand.NewPCG(1, 2))
	for attempt, ceiling := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 100: time.Second,
	} {
		longest := time.Duration(0)
		for range 2000 {
			longest = max(longest, q.wait(&failed{failure: UpstreamError}, attempt, random))
		}
		if longest > ceiling || longest < ceiling*9/10 {
			t.Errorf("attempt %d waits up to %s, want %s", attempt, longest, ceiling)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, header := range []string{"1", "-1", "", "Sat, 01 Jan 2000 00:00:09 GMT", "99999999999999999999", "1e9", " 5"} {
		f.Add(header)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if wait, ok := parseRetryAfter(header, now); wait < 0 || !ok && wait != 0 {
			t.Errorf("%q: %s %v", header, wait, ok)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	upstream := &answers{answer: func(int, *http.Request) (*http.Response, error) {
		return respond(200, `{"at":"2026-01-02T03:04:05Z"}`), nil
	}}
	r := runtime(b, retried(""), upstream, nil)
	b.ReportAllocs()
	for b.Loop() {
		upstream.bodies = upstream.bodies[:0]
		if outcome := run(b, r, `{"sku":"S"}`); outcome.Error != nil {
			b.Fatal(outcome.Error)
		}
	}
}
