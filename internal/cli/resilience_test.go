package cli_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Under a total outage the tenant sees at most 1.2 tries a vector and ten a
// second, with the breakers in their places or out of the way.
func TestTotalOutage(t *testing.T) {
	t.Parallel()
	const vectors = 1000
	for name, breaker := range map[string]string{"breaker": "", "no breaker": "breaker {\n failures = 1000000\n}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial{
				quirks:  quirks{instead: map[string]answerer{opSubmit: always(503, `{"message":"maintenance"}`)}},
				cxone:   breaker,
				vectors: vectors, code: 3, status: "error", says: []string{"maintenance"},
				also: func(t *testing.T, f *foreignTenant, d document) {
					t.Helper()
					times := f.times(opSubmit)
					allowed := 1.2*vectors + 10*times[len(times)-1].Sub(times[0]).Seconds()
					if float64(len(times)) > allowed {
						t.Errorf("%d tries for %d vectors, more than %.0f", len(times), vectors, allowed)
					}
					if breaker == "" && len(times) > 5+10 {
						t.Errorf("%d tries with 10 vectors in flight and a breaker that opens at 5", len(times))
					}
					o := d.operation("cxone", "submit")
					if o.Calls != vectors || o.Attempts != len(times) || (o.Trips == 1) != (breaker == "") {
						t.Errorf("the tenant saw %d tries, the report tells %+v", len(times), o)
					}
					// A try that an open breaker refuses is no retry.
					if breaker == "" && o.Retries >= o.Attempts || breaker != "" && (o.Retries == 0 || o.Retries != o.Attempts-o.Calls) {
						t.Errorf("of %d tries for %d vectors the report tells %d retries", len(times), vectors, o.Retries)
					}
				},
			}.try(t)
		})
	}
}

// A tenant that comes back in mid-run is found by a probe, and the vectors
// from there on pass.
func TestProbeBringsTheTenantBack(t *testing.T) {
	t.Parallel()
	trial{
		quirks:  quirks{instead: map[string]answerer{opSubmit: first(4, always(502, `{"message":"bad gateway"}`))}},
		cxone:   "breaker {\n failures = 3\n open_for = \"30ms\"\n}",
		vectors: 500, args: []string{"--parallel", "1"}, code: 3, sessions: -1,
		says: []string{"Circuit breaker is open", "bad gateway", "breaker opened 2 times"},
		also: func(t *testing.T, f *foreignTenant, d document) {
			t.Helper()
			back := slices.IndexFunc(d.Vectors, func(v vector) bool { return v.Status == "pass" })
			if back < 3 || d.Summary.Failed > 0 || d.Summary.Passed != f.requests()[opPoll] || d.Vectors[len(d.Vectors)-1].Status != "pass" {
				t.Errorf("the first pass is vector %d: %+v with %v", back, d.Summary, f.requests())
			}
			if d.operation("cxone", "submit").Trips != 2 {
				t.Errorf("operations %+v", d.Operations)
			}
		},
	}.try(t)
}

// A tenant with a quota slows the run down instead of failing it.
func TestQuotaSlowsTheRunDown(t *testing.T) {
	t.Parallel()
	var taken atomic.Int64
	var second atomic.Int64
	quota := func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if now := time.Now().Unix(); second.Swap(now) != now {
			taken.Store(0)
		}
		if taken.Add(1) <= 15 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		answerJSON(w, 429, map[string]any{"message": "too many requests"})
		return true
	}
	const vectors = 60
	trial{
		quirks:  quirks{instead: map[string]answerer{opSubmit: quota}},
		vectors: vectors, args: []string{"--parallel", "10"}, status: "pass", sessions: vectors,
		says: []string{"cxone submit: 60 calls in ", "retried ", "waited "},
		also: func(t *testing.T, f *foreignTenant, d document) {
			t.Helper()
			o := d.operation("cxone", "submit")
			if refused := f.requests()[opSubmit] - vectors; refused == 0 || refused > vectors/2 || o.Retries != refused || o.WaitMS == 0 {
				t.Errorf("%d requests were refused, the report tells %+v", refused, o)
			}
		},
	}.try(t)
}

// A timeout block bounds an attempt from without: its end reaches the request
// to the tenant, and a plugin that heeds it is not taken for one that hangs.
func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	submit := func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			<-r.Context().Done()
			close(ended)
			return true
		}
		select {
		case <-ended:
		case <-r.Context().Done():
		}
		return false
	}
	trial{
		quirks:  quirks{instead: map[string]answerer{opSubmit: submit}},
		cxone:   "timeout {\n attempt = \"700ms\"\n}",
		vectors: 2, args: []string{"--parallel", "1"},
		code: 3, says: []string{"The platform did not answer in time"}, sessions: 1,
		requests: map[string]int{opSubmit: 2},
		also: func(t *testing.T, _ *foreignTenant, d document) {
			t.Helper()
			if d.Summary.Passed != 1 || d.operation("cxone", "submit").Restarts != 0 {
				t.Errorf("%+v, operations %+v", d.Summary, d.Operations)
			}
		},
	}.try(t)
}

// The debug log has each call with its time and the shape of its documents,
// and no value of an input.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{})
	dir := suite(t, "foreign.assay.hcl", trial{}.spec())
	out := run(t, dir, f.env(), "run", ".", "--log-level", "debug")
	for _, want := range []string{
		`msg="plugin call" plugin=cxone operation=Submit duration=`,
		`\"input\":{\"sku\":\"(text of 5)\",\"warehouseId\":\"(text of 16)\"}`,
		`\"token\":\"(text of `,
		`operation=Configure`,
		`operation=Deliver`,
		fmt.Sprintf(`\"action_id\":\"%s\"`, foreignAction),
	} {
		if !strings.Contains(out.stderr, want) {
			t.Errorf("the log does not say %s:\n%s", want, out.stderr)
		}
	}
	assertNoSecrets(t, append(f.secrets(), "w4rehouse-c4nary"), map[string]string{"stderr": out.stderr})
}
