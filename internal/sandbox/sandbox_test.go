package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"go.uber.org/goleak"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	actionID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
	otherID  = "b1b2c3d4-e5f6-4890-abcd-ef1234567890"
)

// inventory is an action with a handler and the upstream that it calls.
const inventory = `
action "inventory_sync" {
  id     = "` + actionID + `"
  name   = "InventorySyncAction"
  input  = object({ sku = string, warehouseId = string })
  output = object({ synced = bool, lastModified = optional(string) })
  error "INVALID_INPUT_FORMAT" { message = "Input payload does not match expected schema" }
  error "UPSTREAM_TIMEOUT" { message = "External service did not respond within threshold" }
  error "RATE_LIMIT_EXCEEDED" { message = "External API returned 429 status" }
  error "DESERIALIZATION_FAILURE" { message = "Response payload could not be parsed" }
  handler {
    step "sync" {
      request {
        method  = "POST"
        url     = "${mock.erp.url}/v1/inventory/sync"
        headers = { Authorization = "Bearer canary-header" }
        json    = { sku = input.sku, warehouseId = input.warehouseId }
        timeout = "400ms"
      }
      retry {
        attempts   = 2
        base_delay = "1ms"
        max_delay  = "5ms"
      }
    }
    output = { synced = true, lastModified = step.sync.response.json.updated_at }
    errors = {
      invalid_input = "INVALID_INPUT_FORMAT"
      rate_limited  = "RATE_LIMIT_EXCEEDED"
      decode        = "DESERIALIZATION_FAILURE"
      default       = "UPSTREAM_TIMEOUT"
    }
  }
}
`

// erp is an upstream that works.
const erp = `
mock "erp" {
  route "POST /v1/inventory/sync" {
    json = { updated_at = "2026-01-02T03:04:05Z" }
  }
}
`

// compile reads a spec and compiles what is the sandbox's in it.
func compile(tb testing.TB, spec string, l *Listeners) (*Sandbox, hcl.Diagnostics) {
	tb.Helper()
	upstreams := action.NewClient()
	tb.Cleanup(upstreams.CloseIdleConnections)
	suite := load(tb, spec)
	scope := scopeOf(suite, l)
	var runtimes []*action.Runtime
	var diags hcl.Diagnostics
	for _, a := range suite.Actions {
		runtime, problems := action.New(definition(tb, a, scope), scope, action.Options{Client: upstreams})
		diags = append(diags, problems...)
		runtimes = append(runtimes, runtime)
	}
	s, problems := Compile(Spec{
		Mocks: suite.Mocks, Settings: suite.Sandbox, Actions: runtimes, Scope: scope, Seed: 1,
		Vectors: []Vector{{"first", actionID, json.RawMessage(goodInput)}, {"second", actionID, json.RawMessage(`{"sku":"B","warehouseId":"W"}`)}},
	})
	return s, append(diags, problems...)
}

func load(tb testing.TB, spec string) *specfile.Suite {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.assay.hcl"), []byte(spec), 0o600); err != nil {
		tb.Fatal(err)
	}
	suite, diags := specfile.Load(dir, "0.1.0")
	if diags.HasErrors() {
		tb.Fatalf("spec: %v", diags)
	}
	return suite
}

func scopeOf(suite *specfile.Suite, l *Listeners) *hcl.EvalContext {
	mocks, actions := map[string]cty.Value{}, map[string]cty.Value{}
	for _, m := range suite.Mocks {
		url := cty.UnknownVal(cty.String)
		if l != nil {
			url = cty.StringVal(l.MockURL(m.Name))
		}
		mocks[m.Name] = cty.ObjectVal(map[string]cty.Value{"url": url})
	}
	for _, a := range suite.Actions {
		id, _ := a.ID.Value(nil)
		actions[a.Name] = cty.ObjectVal(map[string]cty.Value{"id": id})
	}
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{"mock": cty.ObjectVal(mocks), "action": cty.ObjectVal(actions)},
		Functions: map[string]function.Function{"try": tryfunc.TryFunc},
	}
}

func definition(tb testing.TB, a *specfile.Action, scope *hcl.EvalContext) action.Definition {
	tb.Helper()
	d := action.Definition{Name: a.Name, Handler: a.Handler, Range: a.Range}
	id, diags := a.ID.Value(scope)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	d.ID = id.AsString()
	if a.Input != nil {
		d.Input = schema.FromType(a.Input.Type, true)
	}
	if a.Output != nil {
		d.Output = schema.FromType(a.Output.Type, true)
	}
	for _, e := range a.Errors {
		message, _ := e.Message.Value(scope)
		d.Errors = append(d.Errors, action.ErrorCode{Code: e.Code, Message: message.AsString()})
	}
	return d
}

// client is a plain HTTP client of the tenant.
type client struct {
	testing.TB
	*http.Client
	base, token, workspace string
	sandbox                *Sandbox
	listeners              *Listeners
}

// serve starts a sandbox for a spec and signs a client in.
func serve(tb testing.TB, spec string, adjust ...func(*Sandbox)) *client {
	tb.Helper()
	c := serveOnly(tb, spec, adjust...)
	c.token = c.signIn("")
	return c
}

func serveOnly(tb testing.TB, spec string, adjust ...func(*Sandbox)) *client {
	tb.Helper()
	l, err := Listen(tb.Context(), AnyPort, load(tb, spec).Mocks)
	if err != nil {
		tb.Fatal(err)
	}
	s, diags := compile(tb, spec, l)
	if diags.HasErrors() {
		tb.Fatalf("compile: %v", diags)
	}
	for _, change := range adjust {
		change(s)
	}
	s.Serve(tb.Context(), l)
	transport := &http.Transport{}
	c := &client{
		TB: tb, Client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		base: l.SandboxURL(), workspace: "test", sandbox: s, listeners: l,
	}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return c
}

// do sends a request and decodes the JSON answer.
func (c *client) do(method, path, body string) (int, map[string]any) {
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
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		c.Fatalf("%s %s: %d %q: %v", method, path, response.StatusCode, text, err)
	}
	return response.StatusCode, document
}

func (c *client) try(method, path, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(c.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.workspace != "" {
		request.Header.Set("x-nice-workspace-id", c.workspace)
	}
	return c.Do(request)
}

// sessions is how many sessions the tenant keeps.
func (c *client) sessions() int {
	s := c.sandbox.tenant.sessions
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.order.Len()
}

func (c *client) signIn(scope string) string {
	c.Helper()
	request, _ := http.NewRequestWithContext(c.Context(), http.MethodPost, c.base+"/api/v2/oauth/token",
		strings.NewReader("grant_type=client_credentials&scope="+scope))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("demo", "sandbox")
	response, err := c.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		c.Fatalf("token: %d %v", response.StatusCode, err)
	}
	return answer.AccessToken
}

const (
	submitPath = "/api/v2/data-actions/" + actionID + "/debug"
	goodInput  = `{"sku":"SKU-1","warehouseId":"W-1"}`
)

func pollPath(session string) string {
	return "/api/v2/data-actions/" + actionID + "/debug-sessions/" + session
}

func debugBody(input string) string {
	return fmt.Sprintf(`{"inputParameters":%s,"trace":true,"versionConstraint":"strict"}`, input)
}

// submit starts a session and gives its id.
func (c *client) submit(input string) string {
	c.Helper()
	status, answer := c.do(http.MethodPost, submitPath, debugBody(input))
	id, _ := answer["sessionId"].(string)
	if status != http.StatusOK || id == "" {
		c.Fatalf("submit: %d %v", status, answer)
	}
	return id
}

// run submits an input and polls until the session ends.
func (c *client) run(input string) map[string]any {
	c.Helper()
	return c.await(c.submit(input))
}

func (c *client) await(session string) map[string]any {
	c.Helper()
	for {
		status, answer := c.do(http.MethodGet, pollPath(session), "")
		if status != http.StatusOK {
			c.Fatalf("poll: %d %v", status, answer)
		}
		if answer["status"] != statusRunning {
			return answer
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-c.Context().Done():
			c.Fatal("the session did not end")
		}
	}
}

func TestSession(t *testing.T) {
	c := serve(t, inventory+erp)
	answer := c.run(goodInput)
	got, _ := json.Marshal(answer["result"])
	if want := `{"data":{"lastModified":"2026-01-02T03:04:05Z","synced":true},"success":true}`; string(got) != want {
		t.Errorf("result = %s, want %s", got, want)
	}
	if answer["status"] != "COMPLETED" || answer["executionDuration"] == nil {
		t.Errorf("answer = %v", answer)
	}
	trace := answer["trace"].([]any)
	if len(trace) != 1 {
		t.Fatalf("trace = %v", trace)
	}
	item := trace[0].(map[string]any)
	if item["stepId"] != "sync" || item["stepName"] != "sync" || item["error"] != nil {
		t.Errorf("trace item = %v", item)
	}
	if text, _ := json.Marshal(answer); bytes.Contains(text, []byte("canary-header")) {
		t.Errorf("the trace shows a request header: %s", text)
	}
}
