package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

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
