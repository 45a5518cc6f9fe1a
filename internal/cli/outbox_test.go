package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	canarySecret    = "canary-secret-7f3a91"
	canarySensitive = "canary-sensitive-5521"
	canaryInput     = "canary-input-8812"
	canaryHook      = "whsec_Y2FuYXJ5LWhvb2stc2VjcmV0LTEyMzQ1Njc4"
	canaryMail      = "ann.canary@example.com"
)

// canarySpec is a suite with something in every place that must not leave.
const canarySpec = `
variable "secret" {
  type      = string
  default   = "canary-secret-7f3a91"
  sensitive = true
}
plugin "auth" {
  token_url     = "${sandbox.url}/api/v2/oauth/token"
  client_id     = "demo"
  client_secret = var.secret
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = sandbox.url
  environment = "test"
}
plugin "webhook" {
  url           = "%[1]s/hook"
  secret        = "whsec_Y2FuYXJ5LWhvb2stc2VjcmV0LTEyMzQ1Njc4"
  include_input = %[2]t
  allow_cidrs   = ["127.0.0.0/8"]
  retry {
    base_delay = "1h"
  }
}
plugin "audit" {}
mock "erp" {
  route "POST /sync" {
    status = 500
    json   = { message = "no such customer ann.canary@example.com, key ${var.secret}, pin ${request.json.pin}" }
  }
}
action "sync" {
  id        = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input     = object({ sku = string, pin = string, key = string })
  sensitive = ["pin"]
  error "UPSTREAM" {
    message = "The service failed for ann.canary@example.com"
  }
  handler {
    step "sync" {
      request {
        method = "POST"
        url    = "${mock.erp.url}/sync"
        json   = { pin = input.pin }
      }
      retry {
        attempts = 1
      }
    }
    output = {}
    errors = { default = "UPSTREAM" }
  }
}
vector "failing" {
  action = action.sync
  input  = { sku = "canary-input-8812", pin = "canary-sensitive-5521", key = var.secret }
  expect {
    status = "FAILED"
  }
}
`

// hook is a receiver that keeps what it gets.
type hook struct {
	*httptest.Server
	down   atomic.Bool
	mu     sync.Mutex
	bodies []string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, string(body)+fmt.Sprint(r.Header))
		if h.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "canary-answer-3141")
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// What must not leave is in none of the places where events stand or go: the
// outbox, the audit log, the webhook, the commands' output.
func TestOutboxKeepsSecrets(t *testing.T) {
	t.Parallel()
	for name, include := range map[string]bool{"by default": false, "with include_input": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHook(t)
			h.down.Store(true)
			spec := strings.NewReplacer("%[1]s", h.URL, "%[2]t", fmt.Sprint(include)).Replace(canarySpec)
			dir := suite(t, "canary.assay.hcl", spec)
			texts := map[string]string{}
			for _, arguments := range [][]string{
				{"run", ".", "--log-level", "debug"}, {"outbox", "list", "."}, {"outbox", "list", ".", "--json"}, {"outbox", "flush", "."},
			} {
				out := run(t, dir, nil, arguments...)
				texts[strings.Join(arguments, " ")] = out.stdout + out.stderr
			}
			for path, text := range everything(t, dir) {
				texts[path] = text
			}
			h.down.Store(false)
			if out := run(t, dir, nil, "outbox", "flush", "."); out.code != 0 {
				t.Fatalf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
			for i, body := range h.bodies {
				texts[fmt.Sprint("webhook ", i)] = body
			}
			hidden := []string{canarySecret, canarySensitive, canaryHook, canaryMail, "canary-answer-3141"}
			if !include {
				hidden = append(hidden, canaryInput)
			}
			assertNoSecrets(t, hidden, texts)
			if len(h.bodies) != 3 || strings.Contains(h.bodies[2], canaryInput) != include {
				t.Errorf("the webhook got %v", h.bodies)
			}
			checkTrail(t, dir, include)
		})
	}
}

// checkTrail sees what the audit log holds of the run itself.
func checkTrail(t *testing.T, dir string, include bool) {
	t.Helper()
	var audit string
	for path, text := range everything(t, dir) {
		if strings.HasPrefix(path, ".assay/audit/") {
			audit += text
		}
	}
	want := map[string]int{"run_started": 1, "submitting": 1, "session": 1, "run_ended": 1, "opt_in": 0}
	if include {
		want["opt_in"] = 1
	}
	for event, n := range want {
		if got := strings.Count(audit, `"event":"`+event+`"`); got != n {
			t.Errorf("%d records of %s, want %d", got, event, n)
		}
	}
	if strings.Index(audit, `"submitting"`) > strings.Index(audit, `"event":"session"`) {
		t.Error("the submission was recorded after its end")
	}
}
