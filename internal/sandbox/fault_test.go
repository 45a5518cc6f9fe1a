package sandbox

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

// faulty is a spec with faults of the tenant.
func faulty(faults string) string { return inventory + erp + "sandbox {\n" + faults + "\n}\n" }

func TestTokenFaults(t *testing.T) {
	token := func(t *testing.T, kind string) (*client, map[string]any) {
		t.Helper()
		c := serveOnly(t, faulty(`fault "token" {
`+kind+`
}`))
		status, answer := c.do(http.MethodPost, "/api/v2/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b", "")
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
		c.token, _ = answer["access_token"].(string)
		return c, answer
	}
	t.Run("expires_in_missing", func(t *testing.T) {
		c, answer := token(t, "kind = \"expires_in_missing\"")
		if _, ok := answer["expires_in"]; ok {
			t.Errorf("answer = %v", answer)
		}
		c.run(goodInput)
	})
	t.Run("expires_in_short", func(t *testing.T) {
		c, answer := token(t, `kind = "expires_in_short"`)
		if answer["expires_in"] != 1.0 {
			t.Errorf("answer = %v", answer)
		}
		c.run(goodInput)
	})
	t.Run("revoke", func(t *testing.T) {
		c, _ := token(t, "kind = \"revoke\"\n uses = 2")
		for i, want := range []int{200, 200, 401, 401} {
			if status, _ := c.do(http.MethodGet, "/api/v2/dataactions", ""); status != want {
				t.Errorf("request %d: %d", i+1, status)
			}
		}
	})
	t.Run("status", func(t *testing.T) {
		c := serveOnly(t, faulty("fault \"token\" {\n kind = \"status\"\n status = 500\n first = 1\n}"))
		if status, _ := c.do(http.MethodPost, "/api/v2/oauth/token", ""); status != http.StatusInternalServerError {
			t.Errorf("status = %d", status)
		}
		c.signIn("")
	})
}

func TestSubmitFaults(t *testing.T) {
	t.Run("lost session", func(t *testing.T) {
		c := serve(t, faulty(`fault "submit" { kind = "lost_session" }`))
		id := c.submit(goodInput)
		if status, _ := c.do(http.MethodGet, pollPath(id), ""); status != http.StatusNotFound {
			t.Errorf("poll: %d", status)
		}
	})
	t.Run("duplicate session", func(t *testing.T) {
		c := serve(t, faulty("fault \"submit\" {\n kind = \"duplicate_session\"\n every = 2\n}"))
		first, second, third := c.submit(goodInput), c.submit(goodInput), c.submit(goodInput)
		if first != second || third == first {
			t.Errorf("sessions %s, %s, %s", first, second, third)
		}
	})
	t.Run("slow step", func(t *testing.T) {
		c := serve(t, faulty(`fault "submit" { kind = "slow_step" }`))
		started := time.Now()
		answer := c.run(goodInput)
		item := answer["trace"].([]any)[0].(map[string]any)["error"].(map[string]any)
		failure := answer["result"].(map[string]any)["error"].(map[string]any)
		if failure["code"] != "UPSTREAM_TIMEOUT" {
			t.Errorf("error = %v", failure)
		}
		if answer["status"] != "FAILED" || answer["executionDuration"].(float64) < 30_000 || item["message"] != "step exceeded the platform's limit of 30s (ETIMEDOUT)" {
			t.Errorf("answer = %v", answer)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
	t.Run("no session behind a reset, one behind a closed connection", func(t *testing.T) {
		for kind, sessions := range map[string]int{"reset": 0, "hang": 0, "status": 0, "close": 1, "cut": 1, "truncate": 1} {
			c := serve(t, faulty(`fault "submit" { kind = "`+kind+`" }`))
			c.Timeout = 200 * time.Millisecond
			if response, err := c.try(http.MethodPost, submitPath, debugBody(goodInput)); err == nil {
				response.Body.Close()
			}
			if n := c.sessions(); n != sessions {
				t.Errorf("%s: %d sessions", kind, n)
			}
		}
	})
}

func TestPollFaults(t *testing.T) {
	const twoSteps = `
  handler {
    step "one" {
      set = { a = 1 }
    }
    step "sync" {`
	tests := map[string]func(answer map[string]any) bool{
		"stuck":     func(answer map[string]any) bool { return answer["status"] == "RUNNING" && answer["result"] == nil },
		"backwards": func(answer map[string]any) bool { return answer["status"] == "QUEUED" },
		"trace_missing": func(answer map[string]any) bool {
			_, ok := answer["trace"]
			return !ok && answer["status"] == "COMPLETED"
		},
		"trace_empty": func(answer map[string]any) bool {
			items, ok := answer["trace"].([]any)
			return ok && len(items) == 0
		},
		"trace_unordered": func(answer map[string]any) bool {
			items := answer["trace"].([]any)
			return len(items) == 2 && items[0].(map[string]any)["stepId"] == "sync" && items[1].(map[string]any)["stepId"] == "one"
		},
		"undeclared_code": func(answer map[string]any) bool {
			e := answer["result"].(map[string]any)["error"].(map[string]any)
			return answer["status"] == "FAILED" && e["code"] == "E_INTERNAL_7731"
		},
	}
	for kind, struck := range tests {
		t.Run(kind, func(t *testing.T) {
			spec := strings.Replace(faulty(`fault "poll" {
  kind        = "`+kind+`"
  probability = 1
}`), "\n  handler {\n    step \"sync\" {", twoSteps, 1)
			c := serve(t, spec)
			id := c.submit(goodInput)
			// The session ends behind the fault's back.
			s := c.sandbox.tenant.sessions.find(id)
			for s.ended.Load() == nil {
				c.do(http.MethodGet, "/api/v2/dataactions", "")
			}
			_, answer := c.do(http.MethodGet, pollPath(id), "")
			if !struck(answer) {
				t.Errorf("answer = %v", answer)
			}
		})
	}
}

// TestEndFaults sees that a fault of a session's end is drawn for once, however
// often the session was asked for before.
func TestEndFaults(t *testing.T) {
	c := serve(t, faulty(`
  fault "poll" { kind = "trace_missing" }
  fault "poll" {
    kind  = "stuck"
    first = 3
  }
`))
	id := c.submit(goodInput)
	s := c.sandbox.tenant.sessions.find(id)
	for s.ended.Load() == nil {
		c.do(http.MethodGet, "/api/v2/dataactions", "")
	}
	for range 4 {
		c.do(http.MethodGet, pollPath(id), "")
	}
	got, _ := json.Marshal(c.sandbox.Faults())
	want := `[{"place":"sandbox.poll","kind":"trace_missing","seen":1,"hits":1},{"place":"sandbox.poll","kind":"stuck","seen":4,"hits":3}]`
	if string(got) != want {
		t.Errorf("hits = %s", got)
	}
}

func TestAnalyticsFaults(t *testing.T) {
	for kind, want := range map[string][]string{
		"repeat_page_token": {"row-0", "row-0", "row-0"},
		"endless_pages":     {"row-1", "row-2", "row-3"},
	} {
		c := serve(t, faulty(`fault "analytics" { kind = "`+kind+`" }`))
		var got []string
		token := ""
		for range 3 {
			_, answer := c.do(http.MethodPost, "/api/v2/analytics/actions/details/query", analyticsBody("PT24H", token))
			token, _ = answer["nextPageToken"].(string)
			got = append(got, token)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

func TestDeployFaults(t *testing.T) {
	c := serve(t, faulty("fault \"deploy\" {\n kind = \"conflict\"\n first = 1\n}\nfault \"deploy\" {\n kind = \"status\"\n action = action.inventory_sync\n first = 1\n}"))
	for path, want := range map[string]int{
		"?actionId=" + otherID: http.StatusOK, "?actionId=" + strings.ToUpper(actionID): http.StatusServiceUnavailable,
	} {
		if status, _ := c.do(http.MethodGet, "/api/v2/dataactions"+path, ""); status != want {
			t.Errorf("reading %s: %d, want %d", path, status, want)
		}
	}
	if status, _ := c.do(http.MethodPost, "/api/v2/dataactions", schemaDocument); status != http.StatusConflict {
		t.Errorf("first: %d", status)
	}
	if status, _ := c.do(http.MethodPost, "/api/v2/dataactions", schemaDocument); status != http.StatusCreated {
		t.Errorf("second: %d", status)
	}
}

// TestScopes sees that a fault strikes only what it is for.
func TestScopes(t *testing.T) {
	const other = `
action "other" {
  id    = "` + otherID + `"
  input = object({ sku = string, warehouseId = string })
  handler {}
}
`
	tests := map[string]struct {
		condition string
		want      string // of action A, action B, input B
	}{
		"everything": {``, "503 503 503"},
		"action":     {`action = action.inventory_sync`, "503 200 503"},
		"input":      {`when = input.sku == "B"`, "200 200 503"},
		"vector":     {`vector = "second"`, "200 200 503"},
		"both":       {"action = action.other\n when = input.sku == \"B\"", "200 200 200"},
		"not there":  {`when = input.nope == 1`, "200 200 200"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, other+faulty("fault \"submit\" {\n kind = \"status\"\n"+test.condition+"\n}"))
			var got []string
			for _, request := range []struct{ action, input string }{
				{actionID, goodInput}, {otherID, goodInput}, {actionID, `{"warehouseId":"W",  "sku":"B"}`},
			} {
				path := strings.Replace(submitPath, actionID, strings.ToUpper(request.action), 1)
				status, _ := c.do(http.MethodPost, path, debugBody(request.input))
				got = append(got, fmt.Sprint(status))
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLatencyDraws(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	draws := func(l latency) (low, middle, high time.Duration) {
		all := make([]time.Duration, 2001)
		for i := range all {
			all[i] = l.draw(random)
		}
		slices.Sort(all)
		return all[0], all[1000], all[2000]
	}
	if low, _, high := draws(latency{low: 5}); low != 5 || high != 5 {
		t.Errorf("fixed: %s to %s", low, high)
	}
	low, middle, high := draws(latency{low: time.Second, high: 2 * time.Second})
	if low < time.Second || low > 1100*time.Millisecond || middle < 1400*time.Millisecond || middle > 1600*time.Millisecond || high < 1900*time.Millisecond || high > 2*time.Second {
		t.Errorf("uniform: %s, %s, %s", low, middle, high)
	}
	low, middle, high = draws(latency{low: time.Second, sigma: 0.5})
	if low > 500*time.Millisecond || middle < 900*time.Millisecond || middle > 1100*time.Millisecond || high < 3*time.Second {
		t.Errorf("log-normal: %s, %s, %s", low, middle, high)
	}
	if _, _, high := draws(latency{low: time.Minute, sigma: 5}); high > maxLatency {
		t.Errorf("log-normal: up to %s", high)
	}
}

func TestLatencyThenStatus(t *testing.T) {
	c := serve(t, faulty(`
  fault "submit" {
    kind  = "latency"
    delay = "60ms"
  }
  fault "submit" {
    kind   = "status"
    status = 418
  }
`))
	started := time.Now()
	status, _ := c.do(http.MethodPost, submitPath, debugBody(goodInput))
	if took := time.Since(started); status != http.StatusTeapot || took < 60*time.Millisecond {
		t.Errorf("%d after %s", status, took)
	}
	got, _ := json.Marshal(c.sandbox.Faults())
	want := `[{"place":"sandbox.submit","kind":"latency","seen":1,"hits":1},{"place":"sandbox.submit","kind":"status","seen":1,"hits":1}]`
	if string(got) != want {
		t.Errorf("hits = %s", got)
	}
}

// TestDiagnostics sees that a wrong sandbox or mock is found before anything
// is served, while no URL is known.
func TestDiagnostics(t *testing.T) {
	tests := map[string]struct {
		spec string
		want []string // TEXT: Summary: Detail
	}{
		"right":          {faulty(`token_ttl = "1h"`), nil},
		"unknown URL":    {"mock \"m\" {\n route \"GET /\" {\n json = { url = mock.m.url }\n }\n}", nil},
		"setting":        {faulty(`tokenttl = "1h"`), []string{`tokenttl: Unsupported argument: An argument named "tokenttl" is not expected here. Did you mean "token_ttl"?`}},
		"setting's type": {faulty(`clients = ["a"]`), []string{`["a"]: Wrong type: A value of type map of string is needed here: map of string required.`}},
		"operation":      {faulty(`fault "submitt" { kind = "hang" }`), []string{`fault "submitt": Unknown operation: The sandbox has no operation submitt. Did you mean "submit"? A fault strikes one of token, submit, test, poll, analytics, deploy.`}},
		"kind": {faulty(`fault "deploy" { kind = "conflct" }`), []string{
			`"conflct": Unknown kind of fault: There is no fault "conflct" here. Did you mean "conflict"? The kinds are latency, hang, refuse, reset, close, cut, slow, status, quota, garbage, malformed, truncate, oversized, content_type, conflict.`,
		}},
		"no kind": {faulty(`fault "deploy" { status = 500 }`), []string{
			`fault "deploy": Fault without a kind: Set kind to what goes wrong: latency, hang, refuse, reset, close, cut, slow, status, quota, garbage, malformed, truncate, oversized, content_type, conflict.`,
		}},
		"fault's attribute": {faulty("fault \"poll\" {\n kind = \"stuck\"\n evry = 2\n}"), []string{`evry: Unsupported argument: An argument named "evry" is not expected here. Did you mean "every"?`}},
		"fault's values": {faulty("fault \"poll\" {\n kind = \"stuck\"\n every = 0\n probability = 1.5\n status = 99\n after = \"soon\"\n}"), []string{
			`0: Number out of range: This must be a whole number from 1 to 1073741824.`,
			`1.5: Number out of range: A probability is a number from 0 to 1.`,
			`99: Number out of range: This must be a whole number from 100 to 599.`,
			`"soon": Invalid duration: "soon" is not a duration: write a number and a unit, such as "500ms", "8s" or "1m30s".`,
		}},
		"fault's action":    {faulty("fault \"poll\" {\n kind = \"stuck\"\n action = \"x\"\n}"), []string{`"x": Wrong type: Name an action of this suite, such as action.inventory_sync.`}},
		"fault's vector":    {faulty("fault \"poll\" {\n kind = \"stuck\"\n vector = \"secnd\"\n}"), []string{`"secnd": Fault without a vector: No vector of this run is called "secnd", so the fault strikes nothing. Did you mean "second"?`}},
		"fault's condition": {faulty("fault \"poll\" {\n kind = \"stuck\"\n when = inptu.x\n}"), []string{`inptu: Unknown variable: There is no variable named "inptu". Did you mean "input"?`}},
		"delay": {faulty("fault \"poll\" {\n kind = \"latency\"\n delay = { min = \"1s\", sigma = 9 }\n}"), []string{
			`{ min = "1s", sigma = 9 }: Unclear delay: Write a duration, { min = "100ms", max = "300ms" } or { median = "100ms", sigma = 0.5 }.`,
			`9: Number out of range: sigma is above 0 and at most 5; 0.5 is usual.`,
		}},
		"route's fault":     {"mock \"m\" {\n route \"GET /\" {\n fault = \"hnag\"\n }\n}", []string{`"hnag": Unknown kind of fault: There is no fault "hnag" here. Did you mean "hang"? The kinds are latency, hang, refuse, reset, close, cut, slow, status, quota, garbage, malformed, truncate, oversized, content_type.`}},
		"route's fault for": {"mock \"m\" {\n route \"GET /\" {\n fault = { kind = \"hang\", when = true }\n }\n}", []string{`when: Unsupported argument: An argument named "when" is not expected here.`}},
		"route's delay":     {"mock \"m\" {\n route \"GET /\" {\n delay = \"2m\"\n }\n}", []string{`"2m": Delay too long: A delay is at most 1m0s. For an upstream that never answers use the fault "hang".`}},
		"route's bodies":    {"mock \"m\" {\n route \"GET /\" {\n json = {}\n body = \"b\"\n }\n}", []string{`"b": More than one body: A route answers either json or body. Remove one of them.`}},
		"route's types": {"mock \"m\" {\n route \"GET /\" {\n when = \"x\"\n status = 700\n }\n}", []string{
			`"x": Wrong type: A value of type bool is needed here: a bool is required.`,
		}},
		"route's status": {"mock \"m\" {\n route \"GET /\" {\n status = 700\n }\n}", []string{`700: Number out of range: This must be a whole number from 200 to 599.`}},
		"route's wildcard": {"mock \"m\" {\n route \"GET /{id}\" {\n json = [request.params.id, request.params.idd]\n }\n}", []string{
			`.idd: Unsupported attribute: This object does not have an attribute named "idd".`,
		}},
		"route's root": {"mock \"m\" {\n route \"GET /\" {\n when = reqest.json.a\n }\n}", []string{`reqest: Unknown variable: There is no variable named "reqest". Did you mean "request"?`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, diags := compile(t, test.spec, nil)
			var got []string
			slices.SortFunc(diags, func(a, b *hcl.Diagnostic) int { return a.Subject.Start.Byte - b.Subject.Start.Byte })
			for _, d := range diags {
				at := test.spec[d.Subject.Start.Byte:d.Subject.End.Byte]
				got = append(got, fmt.Sprintf("%s: %s: %s", at, d.Summary, d.Detail))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
