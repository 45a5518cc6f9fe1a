package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
