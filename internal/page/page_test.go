package page

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
)

func TestAddressesThatLeadNowhere(t *testing.T) {
	m := serve(t, optionsOf(t, threeRuns(t), healthy()), "127.0.0.1:0")
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/runs/run00001":                        {200, "3 of 3 vectors passed."}, // the beginning of an id serves
		"/runs/nowhere":                         {404, "There is no such run"},
		"/runs/run":                             {404, "There is no such run"}, // of several
		"/runs/%2e%2e%2f":                       {404, "There is no such run"},
		"/runs/run00001?page=99":                {200, "1 to 3 of 3"},
		"/runs/run00001?page=-1&status=odd":     {200, "1 to 3 of 3"},
		"/runs/run00001?q=no+such":              {200, "Nothing found"},
		"/actions/nothing":                      {404, "There is no such action"},
		"/actions/A1B2":                         {200, "action.</span>sync"}, // an id serves
		"/vector":                               {404, "The history does not hold that"},
		"/vector?name=nothing":                  {404, "The history does not hold that"},
		"/vector?name=steady&run=nothing":       {404, "The history does not hold that"},
		"/vector?name=steady&run=run00001-0000": {200, "In an earlier run"},
		"/vector?name=steady":                   {200, "3 times in a row"},
	} {
		if status, body := m.get(path); status != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d, and not %q", path, status, want.says)
		}
	}
}

// What the platform does not tell is said, with what to do.
func TestFiguresThatAreOldOrUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := healthy()
		page := New(optionsOf(t, t.TempDir(), p))
		get := func() string {
			recorder := httptest.NewRecorder()
			page.now(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
			return recorder.Body.String()
		}
		p.fail(&health.DeniedError{Err: errors.New("HTTP 403 no scope")})
		assertSays(t, "a refusal", get(), "Invalid OAuth token or missing analytics:read scope (HTTP 403 no scope).", "Give the client of plugin.cxone the scope", "No run of this suite is kept yet", `<span class="status error">`)
		time.Sleep(2 * time.Minute)
		p.fail(nil)
		assertSays(t, "figures", get(), "12\u202f345", `<span class="status fail">`)
		time.Sleep(2 * time.Minute)
		p.fail(errors.New("HTTP 503"))
		assertSays(t, "old figures", get(), "12\u202f345", "These figures are old, as the platform does not tell newer ones.", "Failed to fetch action metrics: HTTP 503.", "asked again within a minute")
		time.Sleep(2 * time.Minute)
		p.fail(&health.LimitedError{Err: errors.New("HTTP 429")})
		assertSays(t, "a limit", get(), "left alone for as long as it asks for")
	})
}

// A platform that hangs does not hold the page up for long.
func TestAPlatformThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := healthy()
		p.hold = make(chan struct{})
		page := New(optionsOf(t, t.TempDir(), p))
		asked := time.Now()
		recorder := httptest.NewRecorder()
		page.now(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		if took := time.Since(asked); took != patience {
			t.Errorf("it took %s", took)
		}
		assertSays(t, "the page", recorder.Body.String(), "The platform has not answered yet", `<span class="status unknown">`)
		close(p.hold)
	})
}

// stream reads the events that a monitor sends, line by line.
func (m *monitor) stream(path string, headers ...string) (*http.Response, *bufio.Scanner) {
	m.t.Helper()
	request, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.server.URL+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := m.server.Client().Do(request)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = response.Body.Close() })
	return response, bufio.NewScanner(response.Body)
}

func await(t *testing.T, lines *bufio.Scanner, prefix string) string {
	t.Helper()
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return rest
		}
	}
	t.Fatalf("the stream ends without %q: %v", prefix, lines.Err())
	return ""
}

func TestEvents(t *testing.T) {
	dir := t.TempDir()
	m := serve(t, optionsOf(t, dir, healthy()), "127.0.0.1:0")
	response, lines := m.stream("/events")
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type %s", kind)
	}
	first := await(t, lines, "id: ")
	record(t, dir, 1, passed("x")) // there was no history
	second := await(t, lines, "id: ")
	if first == second {
		t.Error("the version did not change")
	}
	for second != m.page.version(t.Context()) { // a run writes more than once
		second = await(t, lines, "id: ")
	}
	// A browser that comes back with the current version is told of the next one.
	_, lines = m.stream("/events", "Last-Event-ID", second)
	record(t, dir, 2, passed("x"))
	if third := await(t, lines, "id: "); third == second {
		t.Error("it was told what it knew")
	}
	// Another history in its place is noticed.
	known := m.page.version(t.Context())
	_, lines = m.stream("/events?since=" + known)
	if err := os.RemoveAll(filepath.Join(dir, ".assay")); err != nil {
		t.Fatal(err)
	}
	await(t, lines, "id: ")
	if _, body := m.get("/"); !strings.Contains(body, "No run of this suite is kept yet") {
		t.Error("the history that is gone still shows")
	}
	record(t, dir, 3, passed("x"))
	await(t, lines, "id: ")
	if _, body := m.get("/"); !strings.Contains(body, "run00003") {
		t.Error("the new history does not show")
	}
	m.stop() // ends streams; it would hang otherwise
}

func TestEventsAreBounded(t *testing.T) {
	m := serve(t, optionsOf(t, t.TempDir(), healthy()), "127.0.0.1:0")
	for range maxStreams {
		_, lines := m.stream("/events")
		await(t, lines, "retry: ")
	}
	if response, _ := m.stream("/events"); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("one stream too many: %s", response.Status)
	}
	if status, _ := m.get("/"); status != http.StatusOK {
		t.Errorf("the page: %d", status)
	}
}

// beats takes what a stream sends.
type beats struct {
	*httptest.ResponseRecorder
	sent chan string
}

func (b *beats) Write(p []byte) (int, error) {
	b.sent <- string(p)
	return len(p), nil
}

func TestEventsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := optionsOf(t, t.TempDir(), healthy())
		ending := make(chan struct{})
		o.Ending = ending
		page := New(o)
		b := &beats{httptest.NewRecorder(), make(chan string, 100)}
		ended := make(chan struct{})
		go func() {
			page.Events(b, httptest.NewRequest(http.MethodGet, "/events", nil))
			close(ended)
		}()
		<-b.sent // retry
		<-b.sent // the first version
		began := time.Now()
		if beat := <-b.sent; beat != ": still here\n\n" || time.Since(began) > beatEvery+lookEvery {
			t.Errorf("after %s: %q", time.Since(began), beat)
		}
		close(ending)
		<-ended
	})
}

// The pages never make a history, and say what is wrong with one.
func TestAHistoryThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	m := serve(t, optionsOf(t, dir, healthy()), "127.0.0.1:0")
	m.get("/")
	m.get("/runs")
	if _, err := os.Stat(filepath.Join(dir, ".assay")); err == nil {
		t.Error("looking made a history")
	}
	if err := os.MkdirAll(filepath.Join(dir, ".assay"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".assay", "history.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	status, body := m.get("/")
	if status != http.StatusOK || !strings.Contains(body, "it is damaged: move it away") || !strings.Contains(body, "12\u202f345") {
		t.Errorf("%d, and the page does not say both the damage and the figures", status)
	}
	if status, body := m.get("/runs"); status != http.StatusInternalServerError || !strings.Contains(body, "it is damaged") {
		t.Errorf("runs: %d", status)
	}
}

func TestARunThatGoesOn(t *testing.T) {
	dir := threeRuns(t)
	m := serve(t, optionsOf(t, dir, healthy()), "127.0.0.1:0")
	d, err := m.page.archive.digest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := d.runs[0]
	run.Status, run.Summary = "unfinished", result.Summary{}
	if got := tallyOf(run, d); got != (tally{Passed: 2, Failed: 1}) {
		t.Errorf("so far %+v", got)
	}
}

func TestCharts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	value := func(s health.Sample) float64 { return s.ErrorRate }
	if chartOf(nil, value, nil) != nil {
		t.Error("nothing is drawn")
	}
	samples := []health.Sample{{At: at, ErrorRate: 1}, {At: at.Add(time.Minute), ErrorRate: 3}, {At: at.Add(time.Hour), ErrorRate: 2}}
	c := chartOf(samples, value, new(5.0))
	if c.Line != "M0.00 35.20L1.67 27.60" || c.Dots != "M100.00 31.40h0" || c.Top != "10" || c.Limit != 20 || c.Low != "1" || c.High != "3" || len(c.Rows) != 3 {
		t.Errorf("got %+v", c)
	}
	many := make([]health.Sample, 1440)
	for i := range many {
		many[i] = health.Sample{At: at.Add(time.Duration(i) * time.Minute), ErrorRate: float64(i)}
	}
	c = chartOf(many, value, nil)
	if strings.Count(c.Line, "L") != maxPoints-1 || c.Dots != "" || len(c.Rows) != maxRows || c.Rows[0].Value != "1\u202f439" {
		t.Errorf("a day: %d points, dots %q, %d rows", strings.Count(c.Line, "L"), c.Dots, len(c.Rows))
	}
	if c := chartOf([]health.Sample{{At: at}}, value, nil); c.Dots == "" || strings.Contains(c.Dots, "NaN") {
		t.Errorf("nothing but 0: %+v", c)
	}
	if barsOf(nil) != nil || barsOf([]tally{{}}) != nil {
		t.Error("bars of nothing")
	}
	for value, want := range map[float64]float64{0.3: 0.5, 1: 1, 1.1: 2, 7: 10, 5.5: 10, 120: 200} {
		if got := ceiling(value); got != want {
			t.Errorf("above %v comes %v", value, got)
		}
	}
}
