package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testPath = "/api/v2/integrations/actions/" + actionID + "/test"

// told is an answer without the ids that differ from run to run.
func told(t *testing.T, answer any) string {
	t.Helper()
	switch part := answer.(type) {
	case map[string]any:
		if part["contextId"] != nil {
			part["contextId"] = "id"
		}
		for _, inner := range part {
			told(t, inner)
		}
	case []any:
		for _, inner := range part {
			told(t, inner)
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A test answers once the action has run, the draft like what is published.
func TestTest(t *testing.T) {
	c := serve(t, inventory+erp)
	c.workspace = ""
	for _, path := range []string{testPath, strings.Replace(testPath, "/test", "/draft/test", 1)} {
		status, answer := c.do(http.MethodPost, path, goodInput)
		want := `{"finalResult":{"lastModified":"2026-01-02T03:04:05Z","synced":true},"operations":[` +
			`{"name":"Validate input","step":1,"success":true},` +
			`{"name":"sync","result":{"json":{"updated_at":"2026-01-02T03:04:05Z"},"status":200},"step":2,"success":true}],"success":true}`
		if diff := cmp.Diff(want, told(t, answer)); status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d %s", path, status, diff)
		}
	}
	if n := c.sessions(); n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
}

// A failure is that of the operation that failed, and says whose it is.
func TestTestFails(t *testing.T) {
	for name, test := range map[string]struct {
		route   string
		code    string
		status  float64
		part    string
		message string // of the error, or of that within
	}{
		"the service's status": {`status = 503`, "service.unavailable", 503, remoteEndpoint, "REST call for action execute failed. Message: POST /v1/inventory/sync: 503 Service Unavailable after 2 attempts"},
		"its 400":              {`status = 400`, "bad.request", 400, remoteEndpoint, "REST call for action execute failed. Message: POST /v1/inventory/sync: 400 Bad Request"},
		"no answer":            {`fault = "hang"`, "gateway.timeout", 504, remoteEndpoint, "timeout of 400ms exceeded (ETIMEDOUT)"},
		"a reset":              {`fault = "reset"`, "internal.server.error", 500, remoteEndpoint, "ECONNRESET"},
		"not JSON":             {`fault = "garbage"`, "bad.request", 400, processing, "Transform failed to process result due to error:'POST /v1/inventory/sync: invalid JSON in response"},
		"no such field":        {`json = { other = 1 }`, "bad.request", 400, processing, "response schema mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, inventory+"mock \"erp\" {\n  route \"POST /v1/inventory/sync\" {\n    "+test.route+"\n  }\n}\n")
			status, answer := c.do(http.MethodPost, testPath, goodInput)
			failure, ok := answer["error"].(map[string]any)
			if status != http.StatusOK || answer["success"] != false || !ok || answer["finalResult"] != nil {
				t.Fatalf("%d %v", status, answer)
			}
			if failure["code"] != test.code || failure["status"] != test.status || told(t, failure["details"]) != fmt.Sprintf(`[{"errorCode":%q}]`, test.part) {
				t.Errorf("error %v", failure)
			}
			if text := told(t, failure); !strings.Contains(text, test.message) {
				t.Errorf("%s does not say %q", text, test.message)
			}
			operations := answer["operations"].([]any)
			last := operations[len(operations)-1].(map[string]any)
			if diff := cmp.Diff(told(t, failure), told(t, last["error"])); last["success"] != false || diff != "" {
				t.Errorf("operation %v: %s", last, diff)
			}
		})
	}
}

// What is refused is told as the platform tells errors, and runs nothing.
func TestTestRefuses(t *testing.T) {
	c := serve(t, inventory+`
mock "erp" {
  route "POST /v1/inventory/sync" {
    fault = { kind = "latency", probability = 0 }
  }
}
`)
	for name, test := range map[string]struct {
		path, token, body string
		status            int
		code, says        string
	}{
		"no token":       {testPath, "", goodInput, 401, "unauthorized", "carries no bearer token"},
		"foreign token":  {testPath, "x", goodInput, 401, "unauthorized", "unknown, expired or revoked"},
		"unknown action": {"/api/v2/integrations/actions/custom_-_x/test", c.token, goodInput, 404, "not.found", "the action custom_-_x does not exist"},
		"not JSON":       {testPath, c.token, `{"sku":`, 400, "bad.request", "input: not JSON"},
		"no object":      {testPath, c.token, `[]`, 400, "bad.request", "input: expected an object"},
		"wrong input":    {testPath, c.token, `{"sku":7,"warehouseId":"W"}`, 400, "bad.request", `"fieldName":"sku"`},
		"too much input": {testPath, c.token, `{"sku":"S","warehouseId":"W","x":1}`, 400, "bad.request", "input.x: not declared by the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.token = test.token
			status, answer := c.do(http.MethodPost, test.path, test.body)
			if status != test.status || answer["status"] != float64(test.status) || answer["code"] != test.code || answer["contextId"] == nil {
				t.Errorf("%d %v", status, answer)
			}
			if text := told(t, answer); !strings.Contains(text, test.says) {
				t.Errorf("%s does not say %q", text, test.says)
			}
		})
	}
	if n := c.sandbox.Faults()[0].Seen; n != 0 {
		t.Errorf("the action ran %d times", n)
	}
}

// Scopes stand for the permissions of the client's roles.
func TestTestPermission(t *testing.T) {
	c := serve(t, inventory+erp+"sandbox {\n  enforce_scopes = true\n}\n")
	if status, answer := c.do(http.MethodPost, testPath, goodInput); status != http.StatusForbidden || answer["code"] != "forbidden" {
		t.Errorf("%d %v", status, answer)
	}
	c.token = c.signIn(testPermission)
	if status, answer := c.do(http.MethodPost, testPath, goodInput); status != http.StatusOK {
		t.Errorf("%d %v", status, answer)
	}
}

// Beyond its limit the platform says in words how long to wait.
func TestTestThrottles(t *testing.T) {
	for name, test := range map[string]struct{ fault, says, header string }{
		"quota":  {`kind = "quota"` + "\n" + `window = "90s"`, "Retry the request in [90] seconds", ""},
		"status": {`kind = "status"` + "\n" + `status = 429`, "Retry the request in [1] seconds", ""},
		"asked":  {`kind = "status"` + "\n" + `status = 429` + "\n" + `retry_after = "12"`, "Retry the request in [12] seconds", "12"},
		"other":  {`kind = "status"`, "the sandbox's status fault struck", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, inventory+erp+"sandbox {\n  fault \"test\" {\n"+test.fault+"\n}\n}\n")
			response, err := c.try(http.MethodPost, testPath, goodInput)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var answer struct{ Message string }
			if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || !strings.HasSuffix(answer.Message, test.says) {
				t.Errorf("%+v, %v, want %q", answer, err, test.says)
			}
			if got := response.Header.Get("Retry-After"); got != test.header {
				t.Errorf("Retry-After %q, want %q", got, test.header)
			}
		})
	}
}

// An action runs to its end although nobody waits for it any more.
func TestTestGoesOnAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	c := serve(t, inventory+`
mock "erp" {
  route "POST /v1/inventory/sync" {
    fault = { kind = "latency", delay = "200ms" }
    json  = { updated_at = "now" }
  }
}
`, func(s *Sandbox) {
		work := s.tenant.mux
		s.tenant.mux = http.NewServeMux()
		s.tenant.mux.Handle("/", work)
		s.tenant.mux.HandleFunc("POST "+testPath, func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			cancel() // the caller is gone before the action begins
			work.ServeHTTP(w, r)
		})
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+testPath, strings.NewReader(goodInput))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if _, err := c.Do(request); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	<-ended
	if n := c.sandbox.Faults()[0]; n.Hits != 1 {
		t.Errorf("the service was asked %d times", n.Hits)
	}
}

// The token endpoint is where Genesys Cloud has it, too.
func TestTokenOfGenesys(t *testing.T) {
	c := serveOnly(t, inventory+erp)
	status, answer := c.do(http.MethodPost, "/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b", "")
	if status != http.StatusOK || answer["access_token"] == nil {
		t.Fatalf("%d %v", status, answer)
	}
}
