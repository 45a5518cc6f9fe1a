package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// orderID is that of the second action of the specs in these tests.
const orderID = "5f0c6a54-2b9d-4c1e-9d53-8a7f6e21b0c4"

// platformSpec is the plugins of a suite whose tenant the environment names.
const platformSpec = `
variable "base_url" {
  type = string
  env  = "CXONE_BASE_URL"
}
variable "client_secret" {
  type      = string
  default   = "s3cret-c4nary"
  sensitive = true
}
plugin "auth" {
  token_url     = "${var.base_url}/api/v2/oauth/token"
  client_id     = "somebody"
  client_secret = var.client_secret
  scopes        = ["dataactions:read", "dataactions:write"]
  retry {
    attempts   = 2
    base_delay = "1ms"
  }
}
plugin "cxone" {
  auth           = plugin.auth
  base_url       = var.base_url
  environment    = "test"
  schema_timeout = "2s"
  retry {
    attempts   = 2
    base_delay = "1ms"
  }
}
plugin "audit" {}
`

// syncSpec is an action as it is first, with a hole for more.
const syncSpec = `
action "sync" {
  id          = "` + actionID + `"
  name        = "InventorySyncAction"
  description = "Synchronizes inventory data with external ERP system"
  input       = object({ sku = string, warehouseId = optional(string) })
  error "UPSTREAM_TIMEOUT" {
    message = "External service did not respond within threshold"
  }
  error "RATE_LIMIT_EXCEEDED" {
    message = "External API returned 429 status"
  }
}
vector "one" {
  action = action.sync
  input  = { sku = "SKU-c4nary", warehouseId = "W-1" }
}
vector "extra" {
  action = action.sync
  input  = { sku = "SKU-c4nary" }
  expect {
    status = "REJECTED"
  }
}
`

const orderSpec = `
action "order" {
  id           = "` + orderID + `"
  name         = "OrderAction"
  input_schema = "schemas/order.json"
}
`

const orderSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {"number": {"type": "string", "format": "uuid"}},
  "required": ["number"]
}`

// sandboxed is a platform whose sandbox block is as given.
func sandboxed(t *testing.T, settings string) (url string, end func() outcome) {
	t.Helper()
	r, url := startSandbox(t, suite(t, "tenant.assay.hcl", "sandbox {\n"+settings+"\n}\n"+sandboxActions))
	return url, func() outcome {
		t.Helper()
		r.signal(os.Interrupt)
		return r.end()
	}
}

// sandboxActions let faults name actions.
const sandboxActions = `
action "sync" { id = "` + actionID + `" }
action "order" { id = "` + orderID + `" }
`

func TestDeploy(t *testing.T) {
	t.Parallel()
	url, end := sandboxed(t, "")
	dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
	env := []string{"CXONE_BASE_URL=" + url}
	name := filepath.Base(dir)
	edit := func(file, old, wanted string) {
		t.Helper()
		path := filepath.Join(dir, file)
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%v: %s does not hold %q", err, file, old)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(wanted)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const syncName = "action.sync \"InventorySyncAction\" (" + actionID + ")"
	const orderName = "action.order \"OrderAction\" (" + orderID + ")"
	creation := name + `: 2 to create, 0 to update, 0 unchanged
  + ` + orderName + ` will be created
      + name: "OrderAction"
      + input: {"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"number":{"format":"uuid","type":"string"}},"required":["number"],"type":"object"}
      + output: {}
  + ` + syncName + ` will be created
      + name: "InventorySyncAction"
      + description: "Synchronizes inventory data with external ERP system"
      + input: {"additionalProperties":false,"properties":{"sku":{"type":"string"},"warehouseId":{"type":["null","string"]}},"required":["sku"],"type":"object"}
      + output: {}
      + error RATE_LIMIT_EXCEEDED: "External API returned 429 status"
      + error UPSTREAM_TIMEOUT: "External service did not respond within threshold"
`
	same := name + ": 0 to create, 0 to update, 2 unchanged\n    " + orderName + " is unchanged\n    " + syncName + " is unchanged\nNo changes.\n"
	narrowed := name + `: 0 to create, 1 to update, 1 unchanged
    ` + orderName + ` is unchanged
  ~ ` + syncName + ` will be updated
      ~ input.properties.warehouseId.type: ["null","string"] → "string"
      ~ input.required: ["sku"] → ["sku","warehouseId"]
      - error RATE_LIMIT_EXCEEDED: "External API returned 429 status"
      + error THROTTLED: "External API returned 429 status"
    ! Warning: drops the error code RATE_LIMIT_EXCEEDED: callers may handle it, and an execution that still fails with it is rejected
    ! Warning: narrows the input: input.warehouseId must be of type string, not null or string; used by one
    ! Warning: narrows the input: input.warehouseId is required; used by one
    ! Warning: refuses the input of extra, which the deployed schema takes: input.warehouseId: required, but missing
Warnings: 4. What is marked with ! may hurt callers.
`
	for i, step := range []struct {
		change func()
		args   []string
		code   int
		want   string
	}{
		{nil, []string{"--plan"}, 2, creation},
		{nil, []string{"--plan"}, 2, creation}, // nothing was written
		{nil, []string{"--auto-approve"}, 0, creation + "  action.order created\n  action.sync created\nDeployed: 2 created, 0 updated.\n"},
		{nil, []string{"--plan"}, 0, same},
		{nil, []string{"--auto-approve"}, 0, same},
		// Written otherwise, and the same.
		{func() {
			edit("schemas/order.json", `"required": ["number"]`, `"required":   [ "number" ]`)
			edit("sync.assay.hcl", actionID, strings.ToUpper(actionID))
		}, []string{"--plan"}, 0, strings.ReplaceAll(same, actionID, strings.ToUpper(actionID))},
		{func() {
			edit("sync.assay.hcl", strings.ToUpper(actionID), actionID)
			edit("sync.assay.hcl", "optional(string)", "string")
			edit("sync.assay.hcl", "RATE_LIMIT_EXCEEDED", "THROTTLED")
		}, []string{"--plan"}, 2, narrowed},
		{nil, []string{"--auto-approve"}, 0, narrowed + "  action.sync updated\nDeployed: 0 created, 1 updated.\n"},
		{nil, []string{"--plan"}, 0, same},
	} {
		if step.change != nil {
			step.change()
		}
		out := run(t, dir, env, append([]string{"deploy", "."}, step.args...)...)
		if out.code != step.code || out.stderr != "" {
			t.Errorf("step %d: exit status %d, want %d\n%s", i, out.code, step.code, out.stderr)
		}
		if diff := cmp.Diff(step.want, out.stdout); diff != "" {
			t.Errorf("step %d:\n%s", i, diff)
		}
		if _, err := os.Stat(filepath.Join(dir, ".assay")); err == nil && i < 2 {
			t.Error("a plan leaves state behind")
		}
	}
	assertNoSecrets(t, []string{"s3cret-c4nary"}, everything(t, dir))
	end()
}

// TestDeployUndecided lets the platform fail in reading: not a word of a plan.
func TestDeployUndecided(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ settings, want string }{
		"sign-in refused":   {`clients = { other = "secret" }`, "HTTP 401"},
		"token refused":     {"fault \"deploy\" {\nkind = \"status\"\nstatus = 401\n}", "401"},
		"a scope missing":   {"fault \"deploy\" {\nkind = \"status\"\nstatus = 403\n}", "HTTP 403"},
		"tenant is down":    {"fault \"deploy\" {\nkind = \"status\"\nstatus = 503\n}", "HTTP 503"},
		"tenant hangs":      {"fault \"deploy\" {\nkind = \"hang\"\n}", "the limit of this request is 2s"},
		"connection resets": {"fault \"deploy\" {\nkind = \"reset\"\n}", "action.order: read the action's schema"},
		"a login page":      {"fault \"deploy\" {\nkind = \"content_type\"\n}", "action.order: read the action's schema"},
		"half an answer":    {"fault \"deploy\" {\nkind = \"truncate\"\n}", "action.order: read the action's schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, end := sandboxed(t, test.settings)
			dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
			for _, flag := range []string{"--plan", "--auto-approve"} {
				out := run(t, dir, []string{"CXONE_BASE_URL=" + url}, "deploy", ".", flag)
				if out.code != 3 || out.stdout != "" || !strings.Contains(out.stderr, test.want) {
					t.Errorf("exit status %d, want 3 with %q\n%s%s", out.code, test.want, out.stdout, out.stderr)
				}
				assertNoSecrets(t, []string{"s3cret-c4nary"}, map[string]string{"stderr": out.stderr})
			}
			end()
		})
	}
}

func TestDeployUnreachable(t *testing.T) {
	t.Parallel()
	dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	out := run(t, dir, []string{"CXONE_BASE_URL=" + gone.URL}, "deploy", ".", "--plan")
	if out.code != 3 || out.stdout != "" || !strings.Contains(out.stderr, "connection refused") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// TestDeployHalfway lets the platform refuse the second document: it is told
// what has been deployed and what has not.
func TestDeployHalfway(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict, http.StatusInternalServerError, 0} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			want, meaning := fmt.Sprintf("HTTP %d", status), "Error: action.sync was not deployed, nor were those after it: "
			if status == 0 { // the connection is cut
				want = "deploy the action's schema"
			}
			if status == 0 || status >= http.StatusInternalServerError {
				meaning = "Error: it is not known whether action.sync was deployed; those after it were not, and deploying again is safe: "
			}
			p.set(func(w http.ResponseWriter, id string) bool {
				if id == actionID && status == 0 {
					panic(http.ErrAbortHandler)
				}
				if id == actionID {
					w.WriteHeader(status)
				}
				return id == actionID
			})
			dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
			out := run(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "deploy", ".", "--auto-approve")
			if out.code != 3 || !strings.HasSuffix(out.stdout, "  action.order created\n") ||
				!strings.HasPrefix(out.stderr, meaning) || !strings.Contains(out.stderr, want) {
				t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
			if n := p.sent(actionID); n != 1 {
				t.Errorf("the document was sent %d times", n)
			}
			p.set(nil)
			out = run(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "deploy", ".", "--auto-approve")
			if out.code != 0 || !strings.HasSuffix(out.stdout, "  action.sync created\nDeployed: 1 created, 0 updated.\n") {
				t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
		})
	}
}

// platform is a tenant that keeps schema documents as it likes.
type platform struct {
	*httptest.Server
	mutex     sync.Mutex
	documents map[string]json.RawMessage
	puts      map[string]int
	refuse    func(w http.ResponseWriter, id string) bool
	before    func() // each document is taken
	asked     func() // for documents
}

func (p *platform) set(refuse func(w http.ResponseWriter, id string) bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.refuse = refuse
}

// sent is how often a document was sent.
func (p *platform) sent(id string) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.puts[id]
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{documents: map[string]json.RawMessage{}, puts: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"t0ken-c4nary","expires_in":3600}`)
	})
	mux.HandleFunc("GET /api/v2/dataactions", func(w http.ResponseWriter, r *http.Request) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		if p.asked != nil {
			p.asked()
		}
		var found []json.RawMessage
		for id, document := range p.documents {
			if asked := r.URL.Query().Get("actionId"); asked == "" || asked == id {
				found = append(found, document)
			}
		}
		_ = json.NewEncoder(w).Encode(found)
	})
	mux.HandleFunc("POST /api/v2/dataactions", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var document struct{ ID string }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		p.mutex.Lock()
		before := p.before
		p.mutex.Unlock()
		if before != nil {
			before()
		}
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.puts[document.ID]++
		if p.refuse == nil || !p.refuse(w, document.ID) {
			p.documents[document.ID] = body
			w.WriteHeader(http.StatusCreated)
		}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// Ctrl-C lets the document that is on its way arrive, and sends no other.
func TestDeployInterrupted(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	p.mutex.Lock()
	p.before = sync.OnceFunc(func() {
		close(arrived)
		<-release
	})
	p.mutex.Unlock()
	dir := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
	r := start(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "deploy", ".", "--auto-approve")
	select {
	case <-arrived:
	case <-time.After(patience / 2):
		t.Fatal("nothing is deployed")
	}
	r.signal(syscall.SIGTERM)
	r.stderr.await(t, "Once more cancels at once")
	close(release)
	out := r.end()
	if out.code != 130 || !strings.HasSuffix(out.stdout, "  action.order created\n") ||
		!strings.Contains(out.stderr, "interrupted: action.sync and those after it were not deployed; deployed before: 1") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	if orders, syncs := p.sent(orderID), p.sent(actionID); orders != 1 || syncs != 0 {
		t.Errorf("deployed %d and %d", orders, syncs)
	}
}

// A second Ctrl-C does not wait for the document.
func TestDeployCanceled(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	p.mutex.Lock()
	p.before = sync.OnceFunc(func() {
		close(arrived)
		<-release
	})
	p.mutex.Unlock()
	spec := strings.Replace(platformSpec, `schema_timeout = "2s"`, `schema_timeout = "50s"`, 1)
	dir := suite(t, "platform.assay.hcl", spec, "sync.assay.hcl", syncSpec)
	r := start(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "deploy", ".", "--auto-approve")
	select {
	case <-arrived:
	case <-time.After(patience / 2):
		t.Fatal("nothing is deployed")
	}
	r.signal(syscall.SIGINT)
	r.stderr.await(t, "Once more cancels at once")
	r.signal(syscall.SIGINT)
	out := r.end()
	if out.code != 130 || !strings.Contains(out.stderr, "interrupted: it is not known whether action.sync was deployed") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
}
