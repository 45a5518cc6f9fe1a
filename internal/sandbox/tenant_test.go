package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSubmitRefuses(t *testing.T) {
	c := serve(t, inventory+erp)
	tests := map[string]struct {
		path, workspace, body string
		status                int
		message               string
	}{
		"no workspace":      {submitPath, "", debugBody(goodInput), 400, "the header x-nice-workspace-id is missing"},
		"wrong workspace":   {submitPath, "staging", debugBody(goodInput), 400, "the header x-nice-workspace-id must be one of dev, test and prod"},
		"not a UUID":        {"/api/v2/data-actions/inventory/debug", "test", debugBody(goodInput), 400, "the action id is not a UUID"},
		"braces":            {"/api/v2/data-actions/%7B" + actionID + "%7D/debug", "test", debugBody(goodInput), 400, "the action id is not a UUID"},
		"unknown action":    {"/api/v2/data-actions/00000000-0000-4000-8000-000000000000/debug", "dev", debugBody(goodInput), 403, "no access: the action 00000000-0000-4000-8000-000000000000 does not exist in the workspace dev, or the client is not a member of it"},
		"not JSON":          {submitPath, "test", `{"inputParameters":`, 400, "the body is not a debug request: not JSON"},
		"not a request":     {submitPath, "test", `[]`, 400, "the body is not a debug request: a field has the wrong type"},
		"no input":          {submitPath, "test", `{"trace":true}`, 400, "inputParameters do not match the latest published schema: input: inputParameters is missing or not JSON"},
		"input no object":   {submitPath, "test", debugBody(`[1]`), 400, "inputParameters do not match the latest published schema: input: expected an object"},
		"missing parameter": {submitPath, "test", debugBody(`{"sku":"S"}`), 400, "inputParameters do not match the latest published schema: input.warehouseId: required, but missing"},
		"extra parameter":   {submitPath, "test", debugBody(`{"sku":"S","warehouseId":"W","x":1}`), 400, "inputParameters do not match the latest published schema: input.x: not declared by the schema"},
		"wrong type":        {submitPath, "test", debugBody(`{"sku":1,"warehouseId":"W"}`), 400, "inputParameters do not match the latest published schema: input.sku: expected string, got number"},
		"too long":          {submitPath, "test", debugBody(`{"sku":"` + strings.Repeat("x", maxBody) + `"}`), 413, "the body is longer than 10485760 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.workspace = test.workspace
			status, answer := c.do(http.MethodPost, test.path, test.body)
			if status != test.status || answer["message"] != test.message {
				t.Errorf("%d %v", status, answer)
			}
		})
	}
	if n := c.sessions(); n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
}

func TestRefusalListsEveryPath(t *testing.T) {
	c := serve(t, inventory+erp)
	_, answer := c.do(http.MethodPost, submitPath, debugBody(`{"sku":7}`))
	got, _ := json.Marshal(answer["details"])
	if want := `[{"message":"expected string, got number","path":"sku"},{"message":"required, but missing","path":"warehouseId"}]`; string(got) != want {
		t.Errorf("details = %s", got)
	}
}

// TestNotStrict sees that without the strict constraint it is the handler that
// refuses an input, with a session.
func TestNotStrict(t *testing.T) {
	c := serve(t, inventory+erp)
	status, answer := c.do(http.MethodPost, submitPath, `{"inputParameters":{"sku":"S"},"trace":true}`)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	ended := c.await(answer["sessionId"].(string))
	got, _ := json.Marshal(ended["result"].(map[string]any)["error"].(map[string]any)["details"].(map[string]any)["missing_fields"])
	if ended["status"] != "FAILED" || string(got) != `["warehouseId"]` {
		t.Errorf("missing = %s, answer = %v", got, ended)
	}
}

func TestSessionIsBound(t *testing.T) {
	c := serve(t, inventory+erp+`
action "other" {
  id = "`+otherID+`"
  handler {}
}
`)
	id := c.submit(goodInput)
	c.await(id)
	notFound := func(what, workspace, path string) {
		t.Helper()
		c := *c
		c.workspace = workspace
		if status, answer := c.do(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %v", what, status, answer)
		}
	}
	notFound("another workspace", "dev", pollPath(id))
	notFound("another action", "test", strings.Replace(pollPath(id), actionID, otherID, 1))
	notFound("another session", "test", pollPath("00000000-0000-4000-8000-000000000000"))
	notFound("no session", "test", pollPath("x"))
	c.workspace = ""
	if status, _ := c.do(http.MethodGet, pollPath(id), ""); status != http.StatusBadRequest {
		t.Errorf("no workspace: %d", status)
	}
}

func TestSessionsArePurged(t *testing.T) {
	now := time.Now()
	c := serve(t, inventory+erp, func(s *Sandbox) { s.tenant.sessions.now = func() time.Time { return now } })
	id := c.submit(goodInput)
	c.await(id)
	now = now.Add(24*time.Hour - time.Second)
	c.await(id)
	now = now.Add(time.Second)
	if status, _ := c.do(http.MethodGet, pollPath(id), ""); status != http.StatusNotFound {
		t.Errorf("after 24 h: %d", status)
	}
	other := c.submit(goodInput)
	c.await(other)
	now = now.Add(25 * time.Hour)
	c.await(c.submit(goodInput))
	if n := c.sessions(); n != 1 {
		t.Errorf("%d sessions are kept", n)
	}
}

// TestSessionsAreBounded sees that ended sessions make room and running ones
// do not.
func TestSessionsAreBounded(t *testing.T) {
	c := serve(t, strings.Replace(inventory, "400ms", "20s", 1)+`
sandbox {
  max_sessions = 2
}
mock "erp" {
  route "POST /v1/inventory/sync" {
    when  = request.json.sku == "HANG"
    fault = "hang"
  }
  route "POST /v1/inventory/sync" {
    json = { updated_at = "now" }
  }
}
`)
	first := c.submit(goodInput)
	c.await(first)
	c.submit(`{"sku":"HANG","warehouseId":"1"}`)
	c.submit(`{"sku":"HANG","warehouseId":"2"}`)
	if status, _ := c.do(http.MethodGet, pollPath(first), ""); status != http.StatusNotFound {
		t.Errorf("the oldest ended session: %d", status)
	}
	status, answer := c.do(http.MethodPost, submitPath, debugBody(goodInput))
	if status != http.StatusServiceUnavailable || answer["message"] != "too many debug sessions are running" {
		t.Errorf("one too many: %d %v", status, answer)
	}
}

func TestRunningUntilDone(t *testing.T) {
	c := serve(t, inventory+`
mock "erp" {
  route "POST /v1/inventory/sync" {
    delay = "100ms"
    json  = { updated_at = "now" }
  }
}
`)
	id := c.submit(goodInput)
	status, answer := c.do(http.MethodGet, pollPath(id), "")
	if status != http.StatusOK || answer["status"] != "RUNNING" || answer["result"] != nil || answer["sessionId"] != id {
		t.Errorf("while it runs: %d %v", status, answer)
	}
	if ended := c.await(id); ended["status"] != "COMPLETED" || ended["executionDuration"].(float64) < 100 {
		t.Errorf("at the end: %v", ended)
	}
}

func TestTraceOnlyWhereAsked(t *testing.T) {
	c := serve(t, inventory+erp)
	_, answer := c.do(http.MethodPost, submitPath, `{"inputParameters":`+goodInput+`}`)
	if ended := c.await(answer["sessionId"].(string)); ended["trace"] != nil {
		t.Errorf("trace = %v", ended["trace"])
	}
}

func TestFailedSession(t *testing.T) {
	c := serve(t, inventory+`
mock "erp" {
  route "POST /v1/inventory/sync" {
    status = 503
  }
}
`)
	answer := c.run(goodInput)
	if answer["status"] != "FAILED" {
		t.Fatalf("answer = %v", answer)
	}
	e := answer["result"].(map[string]any)["error"].(map[string]any)
	details := e["details"].(map[string]any)
	if e["code"] != "UPSTREAM_TIMEOUT" || details["attempts"] != 2.0 || details["trace"] == "" {
		t.Errorf("error = %v", e)
	}
	item := answer["trace"].([]any)[0].(map[string]any)
	stepError := item["error"].(map[string]any)
	if stepError["message"] != "POST /v1/inventory/sync: 503 Service Unavailable after 2 attempts" || stepError["status"] != 503.0 || stepError["stack"] == "" {
		t.Errorf("step error = %v", stepError)
	}
	if _, err := time.Parse(time.RFC3339, item["timestamp"].(string)); err != nil {
		t.Error(err)
	}
}

// TestManyConnections sees that two hundred clients at once all get their own
// answer.
func TestManyConnections(t *testing.T) {
	c := serve(t, strings.Replace(inventory, "400ms", "8s", 1)+`
mock "erp" {
  route "POST /v1/inventory/sync" {
    json = { updated_at = request.json.sku }
  }
}
`)
	var clients sync.WaitGroup
	for i := range 200 {
		clients.Go(func() {
			own := *c
			own.Client = &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
			defer own.CloseIdleConnections()
			sku := fmt.Sprint("SKU-", i)
			answer := own.run(`{"sku":"` + sku + `","warehouseId":"W"}`)
			if got, _ := json.Marshal(answer["result"]); !strings.Contains(string(got), `"`+sku+`"`) {
				t.Errorf("%s: %s", sku, got)
			}
		})
	}
	clients.Wait()
}

// TestSlowClient sees that a client that never finishes its headers is cut
// off, and that others are served meanwhile.
func TestSlowClient(t *testing.T) {
	c := serve(t, inventory+erp, func(s *Sandbox) { s.headerTimeout = 50 * time.Millisecond })
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	io.WriteString(connection, "POST "+submitPath+" HTTP/1.1\r\nHost: x\r\n")
	c.run(goodInput)
	connection.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(connection); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

// TestCloseEndsWhatHangs sees that neither an execution that waits for an
// upstream nor an answer that hangs on purpose keeps a sandbox from closing.
func TestCloseEndsWhatHangs(t *testing.T) {
	reached := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(reached)
		<-r.Context().Done()
	}))
	defer silent.Close()
	elsewhere := strings.NewReplacer("400ms", "25s", "${mock.erp.url}", silent.URL).Replace(inventory)
	c := serve(t, elsewhere+`
sandbox {
  fault "poll" {
    kind = "hang"
  }
}
`)
	id := c.submit(goodInput)
	<-reached
	hung := make(chan error)
	go func() {
		_, err := c.try(http.MethodGet, pollPath(id), "")
		hung <- err
	}()
	for c.sandbox.Faults()[0].Hits == 0 {
		c.do(http.MethodGet, "/api/v2/dataactions", "")
	}
	started := time.Now()
	if err := c.sandbox.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("closing took %s", took)
	}
	if err := <-hung; err == nil {
		t.Error("the poll that hangs was answered")
	}
}

func FuzzDebugBody(f *testing.F) {
	for _, body := range []string{
		debugBody(goodInput), debugBody(`null`), `{`, `[]`, `{"inputParameters":{"sku":1e999,"warehouseId":[]}}`,
		`{"inputParameters":{},"inputParameters":` + goodInput + `}`, "\xff", `{"trace":7}`,
	} {
		f.Add([]byte(body))
	}
	c := serve(f, inventory+erp)
	f.Fuzz(func(t *testing.T, body []byte) {
		own := *c
		own.TB = t
		for _, path := range []string{submitPath, "/api/v2/analytics/actions/details/query", "/api/v2/dataactions", "/api/v2/oauth/token"} {
			status, answer := own.do(http.MethodPost, path, string(body))
			if status >= http.StatusInternalServerError {
				t.Errorf("%s: %d %v", path, status, answer)
			}
			if id, ok := answer["sessionId"].(string); ok {
				own.await(id)
			}
		}
	})
}
