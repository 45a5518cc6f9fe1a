package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestToken sees every way in which a client may ask for a token.
func TestToken(t *testing.T) {
	const named = inventory + erp + `
sandbox {
  clients   = { "client-1" = "s3cret/+ %", "client-2" = "other" }
  token_ttl = "90s"
}
`
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	tests := map[string]struct {
		spec         string
		query, body  string
		id, secret   string // Basic, where not empty
		status       int
		description  string
		expires      float64
		grantedScope string
	}{
		"in the body":        {inventory + erp, "", "grant_type=client_credentials", "any", "thing", 200, "", 3600, ""},
		"in the query":       {inventory + erp, "grant_type=client_credentials", "", "any", "thing", 200, "", 3600, ""},
		"scopes":             {inventory + erp, "", "grant_type=client_credentials&scope=data%3Aread+trace%3Aread", "any", "thing", 200, "", 3600, "data:read trace:read"},
		"client in body":     {inventory + erp, "", "grant_type=client_credentials&client_id=a&client_secret=b", "", "", 200, "", 3600, ""},
		"named client":       {named, "", "grant_type=client_credentials", "client-1", "s3cret/+ %", 200, "", 90, ""},
		"escaped client":     {named, "", "grant_type=client_credentials", "client-1", url.QueryEscape("s3cret/+ %"), 200, "", 90, ""},
		"wrong secret":       {named, "", "grant_type=client_credentials", "client-1", "other", 401, "client authentication failed", 0, ""},
		"unknown client":     {named, "", "grant_type=client_credentials", "demo", "sandbox", 401, "client authentication failed", 0, ""},
		"no credentials":     {inventory + erp, "", "grant_type=client_credentials", "", "", 401, "client authentication failed", 0, ""},
		"empty secret":       {inventory + erp, "", "grant_type=client_credentials", "demo", "", 401, "client authentication failed", 0, ""},
		"no grant type":      {inventory + erp, "", "", "any", "thing", 400, "grant_type must be client_credentials", 0, ""},
		"wrong grant type":   {inventory + erp, "", "grant_type=password", "any", "thing", 400, "grant_type must be client_credentials", 0, ""},
		"body is not a form": {inventory + erp, "", "%zz", "any", "thing", 400, "the body is not a form", 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := serveOnly(t, test.spec)
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+"/api/v2/oauth/token?"+test.query, strings.NewReader(test.body))
			request.Header = form.Clone()
			if test.id != "" {
				request.SetBasicAuth(test.id, test.secret)
			}
			response, err := c.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var answer map[string]any
			if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status {
				t.Fatalf("status = %d, answer = %v", response.StatusCode, answer)
			}
			if test.status != http.StatusOK {
				if answer["error_description"] != test.description || answer["error"] == "" {
					t.Errorf("answer = %v", answer)
				}
				return
			}
			if answer["expires_in"] != test.expires || answer["token_type"] != "Bearer" {
				t.Errorf("answer = %v", answer)
			}
			if scope, _ := answer["scope"].(string); scope != test.grantedScope {
				t.Errorf("scope = %q", scope)
			}
			c.token = answer["access_token"].(string)
			c.run(goodInput)
		})
	}
}

func TestRevoke(t *testing.T) {
	c := serve(t, inventory+erp)
	other := c.signIn("")
	if status, _ := c.do(http.MethodPost, "/api/v2/oauth/revoke", "token="+c.token); status != http.StatusOK {
		t.Errorf("revoke: %d", status)
	}
	if status, _ := c.do(http.MethodGet, "/api/v2/dataactions", ""); status != http.StatusUnauthorized {
		t.Errorf("the revoked token: %d", status)
	}
	c.token = other
	if status, _ := c.do(http.MethodGet, "/api/v2/dataactions", ""); status != http.StatusOK {
		t.Errorf("another token: %d", status)
	}
}

func TestTokensEnd(t *testing.T) {
	now := time.Now()
	c := serve(t, inventory+erp+`
sandbox {
  token_ttl = "1h"
}
`, func(s *Sandbox) { s.tenant.tokens.now = func() time.Time { return now } })
	now = now.Add(time.Hour - time.Second)
	if status, answer := c.do(http.MethodPost, submitPath, debugBody(goodInput)); status != http.StatusOK {
		t.Errorf("just before its end: %d %v", status, answer)
	}
	now = now.Add(time.Second)
	status, answer := c.do(http.MethodPost, submitPath, debugBody(goodInput))
	if status != http.StatusUnauthorized || answer["message"] != "the token is unknown, expired or revoked" {
		t.Errorf("at its end: %d %v", status, answer)
	}
}

// TestUnauthorized sees that no endpoint answers without a token of this
// tenant, nor, where scopes are enforced, without the right scope.
func TestUnauthorized(t *testing.T) {
	endpoints := []struct{ method, path, scope string }{
		{http.MethodPost, submitPath, "data:execute"},
		{http.MethodGet, pollPath("8c5f1d4e-0000-4000-8000-000000000000"), "data:read"},
		{http.MethodPost, "/api/v2/analytics/actions/details/query", "analytics:read"},
		{http.MethodPost, "/api/v2/dataactions", "dataactions:write"},
		{http.MethodGet, "/api/v2/dataactions", "dataactions:read"},
		{http.MethodGet, "/api/v2/dataactions/" + actionID, "dataactions:read"},
	}
	c := serveOnly(t, inventory+erp+`
sandbox {
  enforce_scopes = true
}
`)
	all := []string{}
	for _, e := range endpoints {
		all = append(all, e.scope)
	}
	for _, e := range endpoints {
		for _, token := range []string{"", "forged"} {
			c.token = token
			if status, _ := c.do(e.method, e.path, "{}"); status != http.StatusUnauthorized {
				t.Errorf("%s %s with the token %q: %d", e.method, e.path, token, status)
			}
		}
		others := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == e.scope })
		c.token = c.signIn(url.QueryEscape(strings.Join(others, " ")))
		if status, answer := c.do(e.method, e.path, "{}"); status != http.StatusForbidden || answer["message"] != "the token lacks the scope "+e.scope {
			t.Errorf("%s %s without its scope: %d %v", e.method, e.path, status, answer)
		}
		c.token = c.signIn(url.QueryEscape(e.scope))
		if status, _ := c.do(e.method, e.path, "{}"); status == http.StatusUnauthorized || status == http.StatusForbidden {
			t.Errorf("%s %s with its scope: %d", e.method, e.path, status)
		}
	}
}

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
	c := serve(t, strings.Replace(inventory, "150ms", "20s", 1)+`
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

func analyticsBody(interval, token string) string {
	return fmt.Sprintf(`{"interval":%q,"groupBy":["status","errorCode"],"filter":{"type":"equals","path":"actionId","value":%q},
		"metrics":["executionCount","errorCount","averageDuration"],"nextPageToken":%q}`, interval, actionID, token)
}

func TestAnalytics(t *testing.T) {
	now := time.Now()
	c := serve(t, inventory+`
sandbox {
  page_size = 2
}
mock "erp" {
  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "429"
    status = 429
    headers = { Retry-After = "0" }
  }
  route "POST /v1/inventory/sync" {
    when = request.json.sku == "HTML"
    body = "<html>"
  }
  route "POST /v1/inventory/sync" {
    json = { updated_at = "now" }
  }
}
`, func(s *Sandbox) {
		s.tenant.now = func() time.Time { return now }
		s.tenant.analytics.now = s.tenant.now
	})
	for sku, times := range map[string]int{"A": 3, "429": 2, "HTML": 1} {
		for range times {
			c.run(`{"sku":"` + sku + `","warehouseId":"W"}`)
		}
	}
	counted := map[string]string{}
	token, pages := "", 0
	for {
		status, answer := c.do(http.MethodPost, "/api/v2/analytics/actions/details/query", analyticsBody("PT24H", token))
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, answer)
		}
		pages++
		for _, r := range answer["data"].([]any) {
			row := r.(map[string]any)
			if row["averageDuration"].(float64) <= 0 {
				t.Errorf("row = %v", row)
			}
			counted[fmt.Sprint(row["status"], " ", row["errorCode"])] = fmt.Sprint(row["executionCount"], " ", row["errorCount"])
		}
		if token, _ = answer["nextPageToken"].(string); token == "" {
			break
		}
	}
	want := map[string]string{"COMPLETED <nil>": "3 0", "FAILED RATE_LIMIT_EXCEEDED": "2 2", "FAILED DESERIALIZATION_FAILURE": "1 1"}
	if fmt.Sprint(counted) != fmt.Sprint(want) || pages != 2 {
		t.Errorf("%d pages: %v", pages, counted)
	}

	now = now.Add(2 * time.Hour)
	if _, answer := c.do(http.MethodPost, "/api/v2/analytics/actions/details/query", analyticsBody("PT1H", "")); len(answer["data"].([]any)) != 0 {
		t.Errorf("two hours later, within the last: %v", answer)
	}
	if _, answer := c.do(http.MethodPost, "/api/v2/analytics/actions/details/query", analyticsBody("P1D", "")); len(answer["data"].([]any)) != 2 {
		t.Errorf("two hours later, within the last day: %v", answer)
	}
}

func TestAnalyticsRefuses(t *testing.T) {
	c := serve(t, inventory+erp)
	for body, message := range map[string]string{
		`{`:                            "the body is not an analytics query: not JSON",
		analyticsBody("24 hours", ""):  "the interval is not an ISO 8601 duration such as PT24H",
		analyticsBody("P", ""):         "the interval is not an ISO 8601 duration such as PT24H",
		analyticsBody("PT24H", "nope"): "the nextPageToken is not one of this query's",
		strings.Replace(analyticsBody("PT24H", ""), "equals", "like", 1): "the filter must be equals on actionId",
	} {
		if status, answer := c.do(http.MethodPost, "/api/v2/analytics/actions/details/query", body); status != http.StatusBadRequest || answer["message"] != message {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
}

func TestParseInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT24H": 24 * time.Hour, "P7D": 7 * 24 * time.Hour, "P1W": 7 * 24 * time.Hour, "P1DT1H30M5S": 25*time.Hour + 30*time.Minute + 5*time.Second,
	} {
		if got, err := parseInterval(text); err != nil || got != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "PT", "PT0S", "P1M", "24H", "PT-1H", "PT24H/PT1H"} {
		if got, err := parseInterval(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

const schemaDocument = `{"id":"` + actionID + `","name":"InventorySyncAction","description":"d",
	"input":{"type":"object","properties":{"sku":{"type":"string"}},"required":["sku"],"additionalProperties":false},
	"output":{"type":"object"},"errorCodes":[{"code":"A","message":"a"}]}`

// TestDeploy sees that what is deployed in a workspace holds there and nowhere
// else.
func TestDeploy(t *testing.T) {
	c := serve(t, inventory+erp)
	if status, answer := c.do(http.MethodPost, "/api/v2/dataactions", schemaDocument); status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, answer)
	}
	if status, answer := c.do(http.MethodPost, "/api/v2/dataactions", schemaDocument); status != http.StatusOK {
		t.Errorf("again: %d %v", status, answer)
	}
	for _, path := range []string{"/api/v2/dataactions", "/api/v2/dataactions?actionId=" + strings.ToUpper(actionID)} {
		_, answer := c.do(http.MethodGet, path, "")
		if data := answer["data"].([]any); len(data) != 1 || data[0].(map[string]any)["name"] != "InventorySyncAction" {
			t.Errorf("%s: %v", path, answer)
		}
	}
	if _, answer := c.do(http.MethodGet, "/api/v2/dataactions/"+actionID, ""); answer["description"] != "d" {
		t.Errorf("show: %v", answer)
	}
	if _, answer := c.do(http.MethodGet, "/api/v2/dataactions?actionId=x", ""); len(answer["data"].([]any)) != 0 {
		t.Errorf("another action: %v", answer)
	}
	if status, _ := c.do(http.MethodPost, submitPath, debugBody(goodInput)); status != http.StatusBadRequest {
		t.Errorf("the old input in the deployed workspace: %d", status)
	}
	c.workspace = "dev"
	if status, _ := c.do(http.MethodPost, submitPath, debugBody(goodInput)); status != http.StatusOK {
		t.Errorf("the old input in another workspace: %d", status)
	}
	if _, answer := c.do(http.MethodGet, "/api/v2/dataactions", ""); len(answer["data"].([]any)) != 0 {
		t.Errorf("list in another workspace: %v", answer)
	}
	if status, _ := c.do(http.MethodGet, "/api/v2/dataactions/"+actionID, ""); status != http.StatusNotFound {
		t.Errorf("show in another workspace: %d", status)
	}
}

func TestDeployRefuses(t *testing.T) {
	c := serve(t, inventory+erp)
	for body, message := range map[string]string{
		`{`:                     "the body is not a schema document: not JSON",
		`{"description":"x"}`:   "the schema document has no name",
		`{"name":"n","id":"x"}`: "the id of the schema document is not a UUID",
		`{"name":"n","errorCodes":[{"message":"m"}]}`:   "an error code is empty",
		`{"name":"n","output":{}}`:                      "the schema document has no input",
		`{"name":"n","input":{"type":7},"output":true}`: "input: not a JSON Schema: schema.type: fits none of the alternatives (expected array, got number; value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string')",
	} {
		if status, answer := c.do(http.MethodPost, "/api/v2/dataactions", body); status != http.StatusBadRequest || answer["message"] != message {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
}

func TestUnknownEndpoint(t *testing.T) {
	c := serve(t, inventory+erp)
	status, answer := c.do(http.MethodGet, "/api/v1/nope", "")
	if status != http.StatusNotFound || answer["message"] != "the tenant has no endpoint GET /api/v1/nope" {
		t.Errorf("%d %v", status, answer)
	}
}

// TestManyConnections sees that two hundred clients at once all get their own
// answer.
func TestManyConnections(t *testing.T) {
	c := serve(t, strings.Replace(inventory, "150ms", "8s", 1)+`
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
	elsewhere := strings.NewReplacer("150ms", "25s", "${mock.erp.url}", silent.URL).Replace(inventory)
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
