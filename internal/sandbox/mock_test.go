package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upstream starts a sandbox for its mock "erp" and gives a client of that.
func upstream(tb testing.TB, routes string) *client {
	tb.Helper()
	c := serveOnly(tb, "mock \"erp\" {\n"+routes+"\n}\n")
	c.base = c.listeners.MockURL("erp")
	return c
}

// text sends a request and gives the answer as it is.
func (c *client) text(method, path, body string) (int, string) {
	c.Helper()
	response, err := c.try(method, path, body)
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, string(text)
}

func TestMockRoutes(t *testing.T) {
	c := upstream(t, `
  route "POST /orders" {
    when    = request.json.sku == "SKU-429"
    status  = 429
    headers = { "Retry-After" = "1" }
  }
  route "POST /orders" {
    when   = request.query.dry == "yes"
    status = 202
    body   = "dry"
  }
  route "POST /orders" {
    headers = { Content-Type = "application/hal+json" }
    json    = {
      path = request.path, method = request.method, agent = request.headers["x-agent"], sku = request.json.sku, body = request.body
    }
  }
  route "GET /orders/{id}/items/{rest...}" {
    json = request.params
  }
  route "DELETE /orders/{id}" {
    status = 204
  }
  route "PUT /text" {
    json = request.json
  }
`)
	tests := map[string]struct {
		method, path, body string
		status             int
		want               string
		header             string // NAME: VALUE
	}{
		"first that holds": {"POST", "/orders?dry=no", `{"sku":"SKU-429"}`, 429, "", "Retry-After: 1"},
		"second":           {"POST", "/orders?dry=yes", `{"sku":"A"}`, 202, "dry", "Content-Type: text/plain; charset=utf-8"},
		"last": {
			"POST", "/orders?dry=no", `{"sku":"A"}`, 200,
			`{"agent":"test","body":"{\"sku\":\"A\"}","method":"POST","path":"/orders","sku":"A"}`, "Content-Type: application/hal+json",
		},
		"wildcards":    {"GET", "/orders/7/items/a/b", "", 200, `{"id":"7","rest":"a/b"}`, "Content-Type: application/json"},
		"no content":   {"DELETE", "/orders/7", "", 204, "", ""},
		"not JSON":     {"PUT", "/text", "{", 200, "null", ""},
		"big number":   {"PUT", "/text", "12345678901234567890.5", 200, "12345678901234567890.5", ""},
		"no route":     {"GET", "/nope", "", 404, `{"error":"mock \"erp\" has no route that answers GET /nope","routes":["POST /orders","POST /orders","POST /orders","GET /orders/{id}/items/{rest...}","DELETE /orders/{id}","PUT /text"]}`, "Content-Type: application/json"},
		"wrong method": {"PATCH", "/orders", "", 404, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, _ := http.NewRequestWithContext(t.Context(), test.method, c.base+test.path, strings.NewReader(test.body))
			request.Header.Set("X-Agent", "test")
			response, err := c.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != test.status || test.want != "" && string(body) != test.want {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			if name, value, ok := strings.Cut(test.header, ": "); ok && response.Header.Get(name) != value {
				t.Errorf("%s = %q", name, response.Header.Get(name))
			}
		})
	}
}

func TestNoRouteHolds(t *testing.T) {
	c := upstream(t, `
  route "GET /x" {
    when = request.query.a == "1"
    body = "one"
  }
`)
	if status, body := c.text(http.MethodGet, "/x?a=2", ""); status != http.StatusNotFound || !strings.Contains(body, "no route that answers GET /x") {
		t.Errorf("%d %s", status, body)
	}
}

// TestBrokenRoute sees that a route that cannot be evaluated says so to its
// client and afterwards.
func TestBrokenRoute(t *testing.T) {
	c := upstream(t, `
  route "POST /when" {
    when = request.json.sku == "A"
  }
  route "POST /status" {
    status = request.json.status
  }
  route "POST /null" {
    headers = { x = request.json.x }
  }
`)
	for range 2 {
		if status, body := c.text(http.MethodPost, "/when", "[]"); status != http.StatusInternalServerError || !strings.Contains(body, "Unsupported attribute") {
			t.Errorf("when: %d %s", status, body)
		}
	}
	if status, body := c.text(http.MethodPost, "/status", `{"status":99}`); status != http.StatusInternalServerError || !strings.Contains(body, "status 99 is not one from 200 to 599") {
		t.Errorf("status: %d %s", status, body)
	}
	if status, body := c.text(http.MethodPost, "/null", `{"x":null}`); status != http.StatusInternalServerError || !strings.Contains(body, "the value is null or not known") {
		t.Errorf("null: %d %s", status, body)
	}
	var got []string
	for _, p := range c.sandbox.MockProblems() {
		got = append(got, fmt.Sprint(p.Mock, " ", p.Route, " ", p.Count))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"erp POST /null 1", "erp POST /status 1", "erp POST /when 2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMockDelay(t *testing.T) {
	c := upstream(t, `
  route "GET /fixed" {
    delay = "80ms"
  }
  route "GET /uniform" {
    delay = { min = "40ms", max = "50ms" }
  }
  route "GET /normal" {
    delay = { median = "60ms", sigma = 0.01 }
  }
`)
	for path, low := range map[string]time.Duration{"/fixed": 80 * time.Millisecond, "/uniform": 40 * time.Millisecond, "/normal": 55 * time.Millisecond} {
		started := time.Now()
		c.text(http.MethodGet, path, "")
		if took := time.Since(started); took < low {
			t.Errorf("%s took %s", path, took)
		}
	}
}

func TestMockTakesLongBodiesOnlySoFar(t *testing.T) {
	c := upstream(t, `route "POST /" {}`)
	if status, body := c.text(http.MethodPost, "/", strings.Repeat("x", maxBody+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", status, body)
	}
}

// TestWireFaults sees what a client meets of every fault that any route can
// have.
func TestWireFaults(t *testing.T) {
	asUsual := func(_ int, _ http.Header, body string) bool { return body == `{"answer":42}` }
	tests := map[string]struct {
		fault string
		err   string // in the client's error, if it meets one
		right func(status int, header http.Header, body string) bool
	}{
		"reset":               {`"reset"`, "connection reset by peer", nil},
		"close":               {`"close"`, "EOF", nil},
		"hang":                {`"hang"`, "Client.Timeout", nil},
		"refuse":              {`"refuse"`, "connection refused", nil},
		"refuse now and then": {`{ kind = "refuse", every = 1 }`, "connection reset by peer", nil},
		"cut":                 {`"cut"`, "unexpected EOF", nil},
		"cut at 0":            {`{ kind = "cut", bytes = 0 }`, "unexpected EOF", nil},
		"cut after":           {`{ kind = "cut", bytes = 1000 }`, "unexpected EOF", nil},
		"slow":                {`{ kind = "slow", delay = "100ms" }`, "", asUsual},
		"latency":             {`{ kind = "latency", delay = "50ms" }`, "", asUsual},
		"status":              {`"status"`, "", func(status int, _ http.Header, _ string) bool { return status == 503 }},
		"status in full": {
			`{ kind = "status", status = 500, body = "<oops>", content_type = "text/html", retry_after = "garbage" }`, "",
			func(status int, header http.Header, body string) bool {
				return status == 500 && body == "<oops>" && header.Get("Content-Type") == "text/html" && header.Get("Retry-After") == "garbage"
			},
		},
		"date": {
			`{ kind = "status", status = 429, retry_after = "date:90s" }`, "",
			func(_ int, header http.Header, _ string) bool {
				date, err := http.ParseTime(header.Get("Retry-After"))
				wait := time.Until(date)
				return err == nil && wait > 80*time.Second && wait < 91*time.Second
			},
		},
		"garbage": {`"garbage"`, "", func(status int, header http.Header, body string) bool {
			return status == 200 && header.Get("Content-Type") == "application/json" && !json.Valid([]byte(body)) && len(body) == 64
		}},
		"malformed": {`"malformed"`, "", func(_ int, _ http.Header, body string) bool { return body == `{"answer":42,"` }},
		"truncate":  {`"truncate"`, "", func(_ int, _ http.Header, body string) bool { return body == `{"answ` }},
		"oversized": {`{ kind = "oversized", bytes = 100000 }`, "", func(_ int, _ http.Header, body string) bool {
			return json.Valid([]byte(body)) && len(body) == 100000+len(`{"padding":""}`)
		}},
		"content_type": {`"content_type"`, "", func(status int, header http.Header, body string) bool {
			return status == 200 && header.Get("Content-Type") == "text/html; charset=utf-8" && strings.HasPrefix(body, "<!doctype html>")
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := upstream(t, `
  route "POST /x" {
    fault = `+test.fault+`
    json  = { answer = 42 }
  }
`)
			if name == "hang" {
				c.Timeout = 100 * time.Millisecond
			}
			started := time.Now()
			response, err := c.try(http.MethodPost, "/x", "{}")
			var body []byte
			if err == nil {
				defer response.Body.Close()
				body, err = io.ReadAll(response.Body)
			}
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("err = %v, body = %s", err, body)
				}
			} else if err != nil || !test.right(response.StatusCode, response.Header, string(body)) {
				t.Errorf("err = %v, response = %+v, body = %.200s", err, response, body)
			}
			if took := time.Since(started); (name == "slow" || name == "latency") && took < 50*time.Millisecond {
				t.Errorf("took %s", took)
			}
			hits := c.sandbox.Faults()
			if name != "refuse" && (len(hits) != 1 || hits[0].Hits != 1 || hits[0].Place != `mock.erp "POST /x"`) {
				t.Errorf("hits = %v", hits)
			}
		})
	}
}

// statuses are those of n requests, 0 for the mock's own answer.
func statuses(c *client, n int, body func(int) string) []int {
	c.Helper()
	var all []int
	for i := range n {
		status, _ := c.text(http.MethodPost, "/x", body(i))
		if status == http.StatusOK {
			status = 0
		}
		all = append(all, status)
	}
	return all
}

func TestWhenFaultsStrike(t *testing.T) {
	constant := func(int) string { return "{}" }
	tests := map[string]struct {
		fault string
		want  []int
	}{
		"always":         {`{ kind = "status" }`, []int{503, 503, 503, 503, 503, 503}},
		"first":          {`{ kind = "status", first = 2 }`, []int{503, 503, 0, 0, 0, 0}},
		"every":          {`{ kind = "status", every = 3 }`, []int{0, 0, 503, 0, 0, 503}},
		"both":           {`{ kind = "status", every = 2, first = 3 }`, []int{0, 503, 0, 0, 0, 0}},
		"never":          {`{ kind = "status", probability = 0 }`, []int{0, 0, 0, 0, 0, 0}},
		"certain":        {`{ kind = "status", probability = 1 }`, []int{503, 503, 503, 503, 503, 503}},
		"quota":          {`{ kind = "quota", quota = 2, window = "1h" }`, []int{0, 0, 429, 429, 429, 429}},
		"brief quota":    {`{ kind = "quota", quota = 1, window = "1ns" }`, []int{0, 0, 0, 0, 0, 0}},
		"outage is over": {`{ kind = "status", lasts = "1ns" }`, []int{0, 0, 0, 0, 0, 0}},
		"outage to come": {`{ kind = "status", after = "1h" }`, []int{0, 0, 0, 0, 0, 0}},
		"outage now":     {`{ kind = "status", lasts = "1h" }`, []int{503, 503, 503, 503, 503, 503}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := upstream(t, "route \"POST /x\" {\n fault = "+test.fault+"\n}")
			if diff := cmp.Diff(test.want, statuses(c, 6, constant)); diff != "" {
				t.Error(diff)
			}
			hits := int64(0)
			for _, status := range test.want {
				if status != 0 {
					hits++
				}
			}
			if got := c.sandbox.Faults()[0]; got.Hits != hits || got.Seen != 6 {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

func TestQuotaWindowEnds(t *testing.T) {
	now := time.Now()
	f := &fault{kind: kindQuota, quota: 1, window: time.Second, probability: -1}
	struck := func() bool { _, ok := f.strike(0, now); return ok }
	if struck() || !struck() {
		t.Error("the second request is not refused")
	}
	now = now.Add(time.Second)
	if struck() || !struck() {
		t.Error("the next window is not like the first")
	}
}

// TestSameSeedSameFaults sees that chance depends on the seed and on what a
// request is about, not on the order of the requests.
func TestSameSeedSameFaults(t *testing.T) {
	const requests = 200
	struck := func(seed uint64, backwards bool) map[string]int {
		f := &fault{kind: kindStatus, probability: 0.3, seed: seed}
		hit := map[string]int{}
		for i := range requests {
			if backwards {
				i = requests - 1 - i
			}
			for range 2 {
				if _, ok := f.strike(hashOf(fmt.Sprint(i)), time.Now()); ok {
					hit[fmt.Sprint(i)]++
				}
			}
		}
		return hit
	}
	first := struck(1, false)
	if diff := cmp.Diff(first, struck(1, true)); diff != "" {
		t.Errorf("the order changes the faults: %s", diff)
	}
	if cmp.Equal(first, struck(2, false)) {
		t.Error("the seed does not change the faults")
	}
	total := 0
	for _, n := range first {
		total += n
	}
	if total < requests*2*2/10 || total > requests*2*4/10 {
		t.Errorf("%d of %d requests were struck, with a probability of 0.3", total, requests*2)
	}
}

func FuzzMock(f *testing.F) {
	for _, body := range []string{`{"a":1}`, `{`, "\xff", `{"a":{"b":[1e999]}}`, `null`} {
		f.Add("/x/y?q=1", []byte(body))
	}
	c := upstream(f, `
  route "POST /x/{id}" {
    when = try(request.json.a, "") == "b"
    json = request
  }
  route "POST /" {
    json = request
  }
`)
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		own := *c
		own.TB = t
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, own.base+"/"+strings.TrimPrefix(path, "/"), strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		response, err := own.Do(request)
		if err != nil {
			t.Skip() // the client's own objections
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%d %s %v", response.StatusCode, answer, err)
		}
	})
}
