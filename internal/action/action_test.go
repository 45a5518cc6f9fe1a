package action

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// declared are the error blocks that the tests' actions have.
const declared = `
  error "BAD_INPUT" { message = "the input is bad" }
  error "SLOW"      { message = "the upstream is slow" }
  error "GONE"      { message = "the upstream is gone" }
  error "THROTTLED" { message = "the upstream throttles" }
  error "BROKEN"    { message = "the upstream is broken" }
  error "REFUSED"   { message = "the upstream refuses" }
  error "UNREADABLE" { message = "the answer cannot be read" }
  error "BAD_OUTPUT" { message = "the output is bad" }
  error "OTHER"     { message = "something else" }
`

// allErrors maps each failure to its own code.
const allErrors = `
    errors = {
      invalid_input  = "BAD_INPUT"
      timeout        = "SLOW"
      unreachable    = "GONE"
      rate_limited   = "THROTTLED"
      upstream_error = "BROKEN"
      rejected       = "REFUSED"
      decode         = "UNREADABLE"
      invalid_output = "BAD_OUTPUT"
      default        = "OTHER"
    }
`

// spec makes the spec of an action: its attributes and its handler.
func spec(attributes, handler string) string {
	return `
action "test" {
  id = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
` + attributes + declared + `
  handler {
` + handler + `
  }
}
`
}

// compile reads a spec's only action. upstream is var.upstream there.
func compile(tb testing.TB, text, upstream string, options Options) (*Runtime, hcl.Diagnostics) {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.assay.hcl"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	suite, diags := specfile.Load(dir, "0.1.0")
	if diags.HasErrors() {
		tb.Fatalf("spec: %v", diags)
	}
	block := suite.Actions[0]
	address := cty.UnknownVal(cty.String)
	if upstream != "" {
		address = cty.StringVal(upstream)
	}
	scope := &hcl.EvalContext{
		Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{
			"upstream": address,
			"secret":   cty.StringVal("canary-secret").Mark("secret"),
		})},
		Functions: map[string]function.Function{"upper": stdlib.UpperFunc, "regex": stdlib.RegexFunc, "parseint": stdlib.ParseIntFunc},
	}
	return New(definition(tb, block, scope), scope, options)
}

func definition(tb testing.TB, block *specfile.Action, scope *hcl.EvalContext) Definition {
	tb.Helper()
	d := Definition{Name: block.Name, Handler: block.Handler, Range: block.Range}
	if block.Input != nil {
		d.Input = schema.FromType(block.Input.Type, true)
	}
	if block.Output != nil {
		d.Output = schema.FromType(block.Output.Type, true)
	}
	if block.Sensitive != nil {
		paths, diags := block.Sensitive.Value(scope)
		if diags.HasErrors() {
			tb.Fatal(diags)
		}
		for _, path := range paths.Elements() {
			d.Sensitive = append(d.Sensitive, path.AsString())
		}
	}
	for _, e := range block.Errors {
		message, _ := e.Message.Value(scope)
		d.Errors = append(d.Errors, ErrorCode{Code: e.Code, Message: message.AsString()})
	}
	return d
}

// answers is an upstream without a network: it answers the n-th request, from
// 1, and counts.
type answers struct {
	answer   func(n int, r *http.Request) (*http.Response, error)
	requests int
	bodies   []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.requests++
	if r.Body != nil {
		var body strings.Builder
		if _, err := copyAll(&body, r); err != nil {
			return nil, err
		}
		a.bodies = append(a.bodies, body.String())
	}
	return a.answer(a.requests, r)
}

// runtime compiles a spec that is right, on an upstream without a network.
func runtime(tb testing.TB, text string, upstream *answers, logger *slog.Logger) *Runtime {
	tb.Helper()
	r, diags := compile(tb, text, "http://upstream.test", Options{Client: &http.Client{Transport: upstream}, Logger: logger, Seed: 7})
	if diags.HasErrors() {
		tb.Fatalf("compile: %v", diags)
	}
	return r
}

func run(tb testing.TB, r *Runtime, input string) Outcome {
	tb.Helper()
	return r.Run(tb.Context(), json.RawMessage(input))
}

func TestTwoSteps(t *testing.T) {
	upstream := &answers{answer: func(n int, r *http.Request) (*http.Response, error) {
		switch {
		case n == 1 && r.Method == http.MethodPost && r.URL.Path == "/orders/7":
			return respond(200, `{"customer":"c9","total":12345678901234567890}`, "X-Region", "eu"), nil
		case n == 2 && r.Method == http.MethodGet && r.URL.String() == "http://upstream.test/customers/c9?region=eu":
			return respond(200, `{"name":"Ada"}`), nil
		}
		return nil, fmt.Errorf("request %d is %s %s", n, r.Method, r.URL)
	}}
	r := runtime(t, spec(`
  input  = object({ order = number, note = optional(string) })
  output = object({ name = string, total = number, region = string, note = any })
`, `
    step "order" {
      request {
        url  = "${var.upstream}/orders/${input.order}"
        json = { note = input.note }
      }
    }
    step "facts" {
      set = { region = step.order.response.headers["x-region"], customer = step.order.response.json.customer }
    }
    step "customer" {
      request {
        url = "${var.upstream}/customers/${step.facts.set.customer}?region=${step.facts.set.region}"
      }
    }
    output = {
      name   = step.customer.response.json.name
      total  = step.order.response.json.total
      region = step.facts.set.region
      note   = input.note
    }
`+allErrors), upstream, nil)
	outcome := run(t, r, `{"order":7}`)
	want := `{"success":true,"data":{"name":"Ada","note":null,"region":"eu","total":12345678901234567890}}`
	if got := string(outcome.Envelope()); got != want {
		t.Errorf("envelope = %s\nwant       %s", got, want)
	}
	if upstream.bodies[0] != `{"note":null}` {
		t.Errorf("first body = %s", upstream.bodies[0])
	}
	var ids []string
	for _, s := range outcome.Steps {
		ids = append(ids, s.ID)
		if s.Error != nil {
			t.Errorf("step %s: %v", s.ID, s.Error)
		}
	}
	if got := strings.Join(ids, " "); got != "order facts customer" {
		t.Errorf("steps = %s", got)
	}
	if got, want := string(outcome.Steps[0].Input), `{"json":{"note":null},"method":"POST","url":"http://upstream.test/orders/7"}`; got != want {
		t.Errorf("input of the first step = %s, want %s", got, want)
	}
	if got, want := string(outcome.Steps[2].Input), `{"method":"GET","url":"http://upstream.test/customers/c9"}`; got != want {
		t.Errorf("input of the last step = %s, want %s (no query)", got, want)
	}
	if got, want := string(outcome.Steps[2].Output), `{"json":{"name":"Ada"},"status":200}`; got != want {
		t.Errorf("output of the last step = %s, want %s", got, want)
	}
}

func TestRequestBodies(t *testing.T) {
	tests := map[string]struct{ attributes, body, contentType string }{
		"form":   {`form = { a = "1 2", b = input.n, c = null }`, "a=1+2&b=7", "application/x-www-form-urlencoded"},
		"body":   {`body = "n=${input.n}"`, "n=7", "text/plain; charset=utf-8"},
		"header": {"body = \"<n/>\"\n        headers = { content-type = \"text/xml\" }", "<n/>", "text/xml"},
		"json":   {`json = [input.n, "<&>"]`, `[7,"\u003c\u0026\u003e"]`, "application/json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var contentType string
			upstream := &answers{answer: func(_ int, r *http.Request) (*http.Response, error) {
				contentType = r.Header.Get("Content-Type")
				return respond(204, ""), nil
			}}
			r := runtime(t, spec("", `
    step "send" {
      request {
        url = var.upstream
        `+test.attributes+`
      }
    }
`), upstream, nil)
			if outcome := run(t, r, `{"n":7}`); outcome.Error != nil {
				t.Fatal(outcome.Error)
			}
			if upstream.bodies[0] != test.body || contentType != test.contentType {
				t.Errorf("sent %q as %q", upstream.bodies[0], contentType)
			}
		})
	}
}

func TestExpectedStatuses(t *testing.T) {
	r := runtime(t, spec("", `
    step "find" {
      request {
        url    = var.upstream
        expect = [200, 404]
      }
    }
    output = { found = step.find.response.status == 200 }
`+allErrors), &answers{answer: func(n int, _ *http.Request) (*http.Response, error) {
		return respond([]int{404, 201}[n-1], ""), nil
	}}, nil)
	if outcome := run(t, r, `{}`); string(outcome.Output) != `{"found":false}` {
		t.Errorf("404: %s %v", outcome.Output, outcome.Error)
	}
	if outcome := run(t, r, `{}`); outcome.Error == nil || outcome.Error.Code != "REFUSED" {
		t.Errorf("201: %s %v", outcome.Output, outcome.Error)
	}
}

func TestInvalidInput(t *testing.T) {
	r := runtime(t, spec(`
  input = object({ sku = string, warehouseId = string, count = optional(number) })
`, `
    step "check" {
      set = { digits = regex("^SKU-([0-9]+)$", input.sku)[0] }
    }
`+allErrors), nil, nil)
	tests := map[string]struct {
		input, message string
		missing        []string
	}{
		"one missing":  {`{"sku":"SKU-1"}`, "input validation failed: input.warehouseId: required, but missing", []string{"warehouseId"}},
		"both missing": {`{}`, "input validation failed: input.sku: required, but missing; input.warehouseId: required, but missing", []string{"sku", "warehouseId"}},
		"wrong type":   {`{"sku":"SKU-1","warehouseId":"W","count":"1"}`, "input validation failed: input.count: expected null or number, got string", []string{}},
		"not JSON":     {`{`, "input validation failed: not JSON: unexpected EOF", nil},
		"expression":   {`{"sku":"canary","warehouseId":"W"}`, `input validation failed: Error in function call: Call to function "regex" failed: pattern did not match any part of the given string.`, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			outcome := run(t, r, test.input)
			if outcome.Error == nil || outcome.Error.Code != "BAD_INPUT" || outcome.Error.Message != "the input is bad" {
				t.Fatalf("error = %v", outcome.Error)
			}
			failing := outcome.Steps[len(outcome.Steps)-1]
			if failing.Error == nil || failing.Error.Message != test.message {
				t.Errorf("step error = %v", failing.Error)
			}
			missing, _ := outcome.Error.Details["missing_fields"].([]string)
			if strings.Join(missing, " ") != strings.Join(test.missing, " ") {
				t.Errorf("missing_fields = %v", missing)
			}
			if outcome.Error.Details["trace"] != outcome.TraceID || outcome.Error.Details["attempts"] != 0 {
				t.Errorf("details = %v", outcome.Error.Details)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	tests := map[string]struct{ output, code, message string }{
		"no such field": {`step.get.response.json.nope`, "UNREADABLE", "response schema mismatch: Unsupported attribute: This object does not have an attribute named \"nope\"."},
		"schema":        {`{ name = step.get.response.json.count }`, "BAD_OUTPUT", "output schema mismatch: output.name: expected string, got number"},
		"input only":    {`{ name = regex("x", input.name) }`, "BAD_INPUT", `input validation failed: Error in function call: Call to function "regex" failed: pattern did not match any part of the given string.`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := runtime(t, spec(`  output = object({ name = string })`, `
    step "get" {
      request { url = var.upstream }
    }
    output = `+test.output+`
`+allErrors), &answers{answer: func(int, *http.Request) (*http.Response, error) { return respond(200, `{"count":1}`), nil }}, nil)
			outcome := run(t, r, `{"name":"n"}`)
			if outcome.Error == nil || outcome.Error.Code != test.code {
				t.Fatalf("error = %v", outcome.Error)
			}
			last := outcome.Steps[len(outcome.Steps)-1]
			if last.ID != "output" || last.Error.Message != test.message || !strings.Contains(last.Error.Stack, "main.assay.hcl:") {
				t.Errorf("step = %s, error = %+v", last.ID, last.Error)
			}
		})
	}
}

func TestDefaultCode(t *testing.T) {
	r := runtime(t, spec("", `
    step "get" {
      request { url = var.upstream }
    }
    errors = { timeout = "SLOW", default = "OTHER" }
`), &answers{answer: func(int, *http.Request) (*http.Response, error) { return respond(418, ""), nil }}, nil)
	if outcome := run(t, r, `{}`); outcome.Error == nil || outcome.Error.Code != "OTHER" {
		t.Errorf("error = %+v", outcome.Error)
	}
}

func TestUndeclaredFailure(t *testing.T) {
	r := runtime(t, spec("", `
    step "get" {
      request { url = var.upstream }
    }
    errors = { timeout = "SLOW" }
`), &answers{answer: func(int, *http.Request) (*http.Response, error) { return respond(418, ""), nil }}, nil)
	outcome := run(t, r, `{}`)
	want := `schema validation failed: the failure "rejected" maps to no declared error code; name it, or default, in the handler's errors`
	if outcome.Error == nil || outcome.Error.Code != SchemaViolation || outcome.Error.Message != want {
		t.Errorf("error = %+v", outcome.Error)
	}
}

func TestNoHandler(t *testing.T) {
	r, diags := New(Definition{Name: "bare"}, &hcl.EvalContext{}, Options{Client: &http.Client{}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	outcome := r.Run(t.Context(), json.RawMessage(`{}`))
	if outcome.Error == nil || outcome.Error.Details["reason"] != `action "bare" has no handler block to run` {
		t.Errorf("error = %+v", outcome.Error)
	}
}

func TestSensitiveValuesAreMaskedInTheTrace(t *testing.T) {
	upstream := &answers{answer: func(int, *http.Request) (*http.Response, error) { return respond(500, ""), nil }}
	r := runtime(t, spec(`  sensitive = ["card.number", "items[*].pin"]`, `
    step "prepare" {
      set = { number = input.card.number, kind = input.card.kind }
    }
    step "pay" {
      request {
        method  = "PUT"
        url     = "${var.upstream}/cards/${input.card.number}"
        headers = { Authorization = "Bearer ${var.secret}" }
        json    = { number = input.card.number, kind = input.card.kind, pin = input.items[0].pin, secret = var.secret }
      }
    }
`+allErrors), upstream, nil)
	outcome := run(t, r, `{"card":{"number":"canary-card","kind":"credit"},"items":[{"pin":"canary-pin"}]}`)
	if got, want := upstream.bodies[0], `{"kind":"credit","number":"canary-card","pin":"canary-pin","secret":"canary-secret"}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	text, err := json.Marshal(outcome)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "canary") {
		t.Errorf("the outcome shows a sensitive value: %s", text)
	}
	if got, want := string(outcome.Steps[1].Input), `{"json":{"kind":"credit","number":"(sensitive)","pin":"(sensitive)","secret":"(sensitive)"},"method":"PUT","url":"(sensitive)"}`; got != want {
		t.Errorf("traced %s, want %s", got, want)
	}
}

// TestLogsHoldNoValues sees that however an execution fails, neither its input
// nor what came back is in the log.
func TestLogsHoldNoValues(t *testing.T) {
	tests := map[string]struct{ input, handler, logged string }{
		"input": {`{"sku":1,"canary-key":2}`, ``, `"Execution failed: input validation failed"`},
		"path": {`{"sku":"canary"}`, `
    step "get" {
      request { url = "${var.upstream}/canary/${input.sku}?q=${input.sku}" }
    }`, `"Execution failed: 404 Not Found"`},
		"expression": {`{"sku":"canary"}`, `output = { n = parseint(input.sku, 10) }`, `"Execution failed: input validation failed: Invalid function argument"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			upstream := &answers{answer: func(int, *http.Request) (*http.Response, error) { return respond(404, "canary"), nil }}
			r := runtime(t, spec(`  input = object({ sku = string })`, test.handler+allErrors), upstream, slog.New(slog.NewTextHandler(&log, nil)))
			if outcome := run(t, r, test.input); outcome.Error == nil {
				t.Fatal("no failure")
			}
			if !strings.Contains(log.String(), "msg="+test.logged) || strings.Contains(log.String(), "canary") {
				t.Errorf("log = %s", log.String())
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := runtime(t, spec("", `
    step "get" {
      request { url = var.upstream }
      retry {}
    }
`+allErrors), &answers{answer: func(_ int, r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	}}, nil)
	outcome := r.Run(ctx, json.RawMessage(`{}`))
	if outcome.Error == nil || outcome.Error.Code != "OTHER" || outcome.Error.Details["reason"] != "GET /: canceled" {
		t.Errorf("error = %+v", outcome.Error)
	}
}

func FuzzRun(f *testing.F) {
	for _, input := range []string{`{"a":[{"b":1}]}`, `null`, `{"a":1e400}`, `"x"`, `{"a":{"":null}}`, `[[[]]]`} {
		f.Add([]byte(input))
	}
	r := runtime(f, spec(`  sensitive = ["a[*].b", "c"]`, `
    step "echo" {
      request {
        url  = var.upstream
        json = { input = input, a = input.a }
      }
    }
    output = { echo = input, answer = step.echo.response.json }
`+allErrors), &answers{answer: func(_ int, r *http.Request) (*http.Response, error) {
		var body strings.Builder
		_, err := copyAll(&body, r)
		return respond(200, body.String()), err
	}}, nil)
	f.Fuzz(func(t *testing.T, input []byte) {
		outcome := r.Run(t.Context(), input)
		if !json.Valid(outcome.Envelope()) {
			t.Errorf("envelope = %s", outcome.Envelope())
		}
	})
}
