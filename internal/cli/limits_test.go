package cli_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// --timeout ends a suite whose time is over: what is in flight errs, the rest
// is skipped, and the run says so.
func TestTimeout(t *testing.T) {
	t.Parallel()
	trial{
		quirks:  quirks{instead: map[string]answerer{opPoll: from(2, hanging())}},
		vectors: 4, args: []string{"--parallel", "1", "--timeout", "1s"},
		code: 3, says: []string{"timeout is over"}, sessions: 2,
		also: func(t *testing.T, _ *foreignTenant, d document) {
			t.Helper()
			if s := d.Summary; s.Passed != 1 || s.Errored != 1 || s.Skipped != 2 {
				t.Errorf("%+v, want 1 passed, 1 errored and 2 skipped", s)
			}
		},
	}.try(t)
}

// crowd counts the vectors in flight, and lets sessions end only once so many
// of them have been at the same time.
type crowd struct {
	enough int

	mu                sync.Mutex
	inFlight, highest int
	ended             map[string]bool
}

func (c *crowd) submitted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight++
	c.highest = max(c.highest, c.inFlight)
}

func (c *crowd) session(s foreignSession) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.highest < c.enough {
		return map[string]any{"status": "RUNNING"}
	}
	if !c.ended[s.id] {
		c.ended[s.id] = true
		c.inFlight--
	}
	return completedDocument(map[string]any{"synced": true})
}

// As many vectors are in flight as --parallel says, or the suite, or 10; and
// never more.
func TestParallel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		want  int
		suite string
		args  []string
	}{
		"flag":              {want: 3, args: []string{"--parallel", "3"}},
		"suite":             {want: 4, suite: "suite {\n parallel = 4\n}"},
		"flag before suite": {want: 5, suite: "suite {\n parallel = 2\n}", args: []string{"--parallel", "5"}},
		"default":           {want: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &crowd{enough: test.want, ended: map[string]bool{}}
			r := trial{
				quirks: quirks{id: nil, session: c.session}, more: test.suite, args: test.args,
				vectors: 2*test.want + 1, polls: 5000, status: "pass", sessions: 2*test.want + 1,
				also: func(t *testing.T, _ *foreignTenant, _ document) {
					t.Helper()
					if c.highest != test.want {
						t.Errorf("%d vectors in flight, want %d", c.highest, test.want)
					}
				},
			}
			r.quirks.accepted = func(int, http.ResponseWriter, *http.Request) bool { c.submitted(); return false }
			r.try(t)
		})
	}
}

// rate_limit spreads requests over time.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	started := time.Now()
	trial{
		cxone:   "rate_limit {\n per_second = 10\n burst = 1\n}",
		vectors: 4, status: "pass", sessions: 4,
		also: func(t *testing.T, f *foreignTenant, _ document) {
			t.Helper()
			// 4 submits and 4 polls: seven gaps of 100 ms.
			if took := time.Since(started); took < 700*time.Millisecond || f.requests()[opPoll] != 4 {
				t.Errorf("%v in %s, want them in 700 ms at the earliest", f.requests(), took)
			}
		},
	}.try(t)
}

// A tenant that is down opens the breaker: further vectors err at once, with
// the reason that opened it, and send nothing.
func TestBreaker(t *testing.T) {
	t.Parallel()
	trial{
		quirks:  quirks{instead: map[string]answerer{opSubmit: always(502, `{"message":"bad gateway"}`)}},
		cxone:   "breaker {\n failures = 3\n open_for = \"50s\"\n}",
		vectors: 20, args: []string{"--parallel", "1"},
		code: 3, status: "error", says: []string{"Circuit breaker is open", "bad gateway"},
		requests: map[string]int{opSubmit: 3},
	}.try(t)
}

// What the platform says on purpose does not open the breaker.
func TestBreakerStaysClosed(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]int{400: 1, 404: 3} {
		trial{
			quirks:  quirks{instead: map[string]answerer{opSubmit: always(status, `{"message":"no"}`)}},
			cxone:   "breaker {\n failures = 2\n open_for = \"50s\"\n}",
			vectors: 8, args: []string{"--parallel", "1"}, code: code,
			requests: map[string]int{opSubmit: 8},
			also: func(t *testing.T, _ *foreignTenant, d document) {
				t.Helper()
				for _, v := range d.Vectors {
					if strings.Contains(v.Error.Summary, "breaker") {
						t.Errorf("%+v", v.Error)
					}
				}
			},
		}.try(t)
	}
}
