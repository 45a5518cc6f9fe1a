package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// genesysCloud is an organization of Genesys Cloud that knows nothing of this
// product: it is written from what the platform documents, and holds every
// request against that. What it answers a test is the trial's.
type genesysCloud struct {
	*httptest.Server
	tb     testing.TB
	answer answerer // of tests; nil completes them
	revoke int      // the test at which the tokens issued so far are revoked

	mu     sync.Mutex
	seen   []seenRequest
	issued []string
	valid  map[string]bool
	ran    map[string]int // executions by input
}

const (
	opDraft       = "draft test"
	genesysAction = "custom_-_5b0d8f4e-9a27-4c3b-8e51-6d1f2a7c9b30"
)

func newGenesysCloud(tb testing.TB, answer answerer) *genesysCloud {
	tb.Helper()
	g := &genesysCloud{tb: tb, answer: answer, valid: map[string]bool{}, ran: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", g.serveToken)
	mux.HandleFunc("POST /api/v2/integrations/actions/"+genesysAction+"/test", g.serveTest(opSubmit))
	mux.HandleFunc("POST /api/v2/integrations/actions/"+genesysAction+"/draft/test", g.serveTest(opDraft))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g.tb.Errorf("%s %s is not an operation that a run needs", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	g.Server = httptest.NewUnstartedServer(mux)
	g.Config.ErrorLog = log.New(io.Discard, "", 0) // trials abort answers
	g.Start()
	tb.Cleanup(g.Close)
	return g
}

func (g *genesysCloud) note(operation string) (n int) {
	g.seen = append(g.seen, seenRequest{operation, time.Now()})
	for _, s := range g.seen {
		if s.operation == operation {
			n++
		}
	}
	return n
}

// times are when an operation's requests came.
func (g *genesysCloud) times(operation string) []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	var times []time.Time
	for _, s := range g.seen {
		if s.operation == operation {
			times = append(times, s.at)
		}
	}
	return times
}

func (g *genesysCloud) serveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if err := r.ParseForm(); err != nil || !ok || id != foreignClient || secret != foreignSecret {
		g.tb.Errorf("token request of %q with a secret of %d bytes: %v", id, len(secret), err)
	}
	if r.URL.RawQuery != "" || r.PostForm.Get("grant_type") != "client_credentials" || r.PostForm.Has("scope") {
		g.tb.Errorf("token request %q with the form %v", r.URL.RawQuery, r.PostForm)
	}
	g.mu.Lock()
	n := g.note(opToken)
	token := fmt.Sprintf("g3n-t0ken/canary%d", n)
	g.issued, g.valid[token] = append(g.issued, token), true
	g.mu.Unlock()
	answerJSON(w, 200, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 86400})
}

func (g *genesysCloud) serveTest(operation string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var input map[string]any
		if err != nil || json.Unmarshal(body, &input) != nil || r.Header.Get("Content-Type") != "application/json" || r.URL.RawQuery != "" {
			g.tb.Errorf("a test with the query %q, the content type %q and the body %s: %v", r.URL.RawQuery, r.Header.Get("Content-Type"), body, err)
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		g.mu.Lock()
		n := g.note(operation)
		if n == g.revoke {
			clear(g.valid)
		}
		valid := g.valid[token]
		g.mu.Unlock()
		if !valid {
			answerJSON(w, 401, genesysError(401, "bad.credentials", "Invalid login credentials for "+token))
			return
		}
		if g.answer != nil && g.answer(n, w, r) {
			return
		}
		g.run(input)
		answerJSON(w, 200, map[string]any{
			"operations": []any{
				map[string]any{"step": 1, "name": "Validate input against schema", "success": true, "result": input},
				map[string]any{"step": 2, "name": "Execute", "success": true, "result": map[string]any{"Status": 200}},
			},
			"finalResult": map[string]any{"points": 7}, "error": nil, "success": true,
		})
	}
}

func (g *genesysCloud) run(input map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ran[fmt.Sprint(input["customerId"])]++
}

// executed counts an execution and then answers as the trial says.
func executed(answer answerer) func(*genesysCloud) answerer {
	return func(g *genesysCloud) answerer {
		return func(n int, w http.ResponseWriter, r *http.Request) bool {
			g.run(map[string]any{"customerId": n})
			return answer(n, w, r)
		}
	}
}

// refusing answers without an execution.
func refusing(answer answerer) func(*genesysCloud) answerer {
	return func(*genesysCloud) answerer { return answer }
}

func genesysError(status int, code, message string) map[string]any {
	return map[string]any{
		"message": message, "code": code, "status": status, "messageParams": map[string]any{}, "contextId": "c0ffee", "details": []any{}, "errors": []any{},
	}
}

// genesysFailure is the answer of a test whose execution failed.
func genesysFailure(told string) answerer {
	return always(200, `{"operations":[{"step":1,"name":"Validate input against schema","success":true,"result":{}},`+
		`{"step":9,"name":"Execute","success":false,"error":`+told+`}],"finalResult":null,"error":`+told+`,"success":false}`)
}

const genesysSuite = `
variable "client_secret" {
  type      = string
  env       = "GENESYS_CLIENT_SECRET"
  sensitive = true
}
variable "base_url" {
  type = string
  env  = "GENESYS_BASE_URL"
}
plugin "auth" {
  token_url     = "${var.base_url}/oauth/token"
  client_id     = "foreign-client"
  client_secret = var.client_secret
}
plugin "genesys" {
  auth         = plugin.auth
  base_url     = var.base_url
  test_timeout = "3s"
  retry {
    base_delay = "5ms"
    max_delay  = "20ms"
  }
}
plugin "audit" {}
action "loyalty_points" {
  id     = "` + genesysAction + `"
  input  = object({ customerId = string })
  output = object({ points = number })
}
vector "points" {
  action = action.loyalty_points
  input  = { customerId = "C-1" }
  %s
}
`

// TestForeignGenesys is what organizations and the network between do to a
// test, and whose fault it is. No trial may end in a second execution.
func TestForeignGenesys(t *testing.T) {
	t.Parallel()
	throttled := genesysError(429, "too.many.requests", "Rate limit exceeded the maximum. Retry the request in [1] seconds")
	for name, test := range map[string]struct {
		vector    string // more of the vector
		answer    func(*genesysCloud) answerer
		revoke    int
		code      int
		status    string
		execution string // status and category
		says      []string
		tokens    int // 0 is 1
		tests     int // 0 is 1
		ran       int
	}{
		"plain":    {status: "pass", execution: "COMPLETED", ran: 1},
		"draft":    {vector: `with = { draft = true }`, status: "pass", execution: "COMPLETED", ran: 1},
		"revoked":  {revoke: 1, status: "pass", execution: "COMPLETED", tokens: 2, tests: 2, ran: 1},
		"throttle": {answer: refusing(first(1, func(_ int, w http.ResponseWriter, _ *http.Request) bool { answerJSON(w, 429, throttled); return true })), status: "pass", execution: "COMPLETED", tests: 2, ran: 1},
		"throttle for a day": {
			answer: refusing(always(429, `{"message":"Retry the request in [86400] seconds"}`)), status: "error", code: 3,
			says: []string{"limits the rate", "Retry the request in [86400] seconds"},
		},
		"maintenance": {answer: refusing(first(2, always(503, `{"message":"down","code":"service.unavailable"}`))), status: "pass", execution: "COMPLETED", tests: 3, ran: 1},
		"no answer":   {answer: executed(hanging()), status: "error", code: 3, says: []string{"in time", "the submit was not repeated"}, ran: 1},
		"reset":       {answer: executed(reset()), status: "error", code: 3, says: []string{"not available", "the submit was not repeated"}, ran: 1},
		"cut":         {answer: executed(cut(`{"operations":[`)), status: "error", code: 3, says: []string{"the submit was not repeated"}, ran: 1},
		"gateway":     {answer: executed(always(504, `{"message":"The request timed out"}`)), status: "error", code: 3, says: []string{"HTTP 504", "the submit was not repeated"}, ran: 1},
		"login page":  {answer: refusing(loginPage()), status: "error", code: 3, says: []string{"not understood", "text/html"}},
		"redirect":    {answer: refusing(always(307, ``, "Location", "https://login.example/sso?next=x")), status: "error", code: 3, says: []string{"login.example"}},
		"no role":     {answer: refusing(always(403, `{"message":"You must have at least one of the following permissions: [integrations:action:execute]"}`)), status: "error", code: 3, says: []string{"Access was refused", "integrations:action:execute"}},
		"no action":   {answer: refusing(always(404, `{"message":"Action not found"}`)), status: "error", code: 3, says: []string{"Not found", genesysAction}},
		"rejected":    {answer: refusing(always(400, `{"message":"customerId: too long","code":"bad.request"}`)), status: "fail", code: 1, execution: "REJECTED", says: []string{"too long"}},

		// The failures as the platform words them.
		"template": {
			answer: executed(genesysFailure(`{"message":"Transform failed to process result using 'successTemplate' template due to error:'Variable $Points has not been set at successTemplate[line 1, column 20]'","code":"bad.request","status":400,"details":[{"errorCode":"ACTION.PROCESSING"}]}`)),
			status: "fail", code: 1, execution: "FAILED schema_mismatch", ran: 1,
		},
		"function": {
			answer: executed(genesysFailure(`{"message":"Internal Server Error","code":"internal.server.error","status":500,"details":[{"errorCode":"ACTION.REMOTE_ENDPOINT"}],"errors":[{"message":"REST call for action execute failed. Message: Invoked function failed.","code":"INTERNAL_SERVER_ERROR","status":500}]}`)),
			status: "fail", code: 1, execution: "FAILED outage", ran: 1,
		},
		"credentials": {
			answer: executed(genesysFailure(`{"errorCode":"INVALID_CREDENTIALS","status":400,"userMessage":"There was an issue validating the credentials.","details":[{"errorCode":"ACTION.AUTHENTICATION"}],"errors":[{"errorCode":"INVALID_CREDENTIALS","status":400,"userMessage":"Request to backend service failed.  Response from web service: {\"error\":\"invalid_grant\"}"}]}`)),
			status: "fail", code: 1, execution: "FAILED auth", ran: 1,
		},
		"service throttles": {
			answer: executed(genesysFailure(`{"message":"Too Many Requests","code":"too.many.requests","status":429,"details":[{"errorCode":"ACTION.REMOTE_ENDPOINT"}]}`)),
			status: "fail", code: 1, execution: "FAILED rate_limited", ran: 1,
		},
		"service times out": {
			answer: executed(genesysFailure(`{"message":"The request timed out","code":"gateway.timeout","status":504,"details":[{"errorCode":"ACTION.REMOTE_ENDPOINT"}]}`)),
			status: "fail", code: 1, execution: "FAILED timeout", ran: 1,
		},
		"contract": {
			answer: executed(genesysFailure(`{"message":"The output does not match the output schema: object has missing required properties ([\"points\"])","code":"bad.request","status":400,"details":[{"errorCode":"ACTION.PROCESSING"}]}`)),
			status: "fail", code: 1, execution: "FAILED schema_mismatch", ran: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGenesysCloud(t, nil)
			g.revoke = test.revoke
			if test.answer != nil {
				g.answer = test.answer(g)
			}
			dir := suite(t, "genesys.assay.hcl", fmt.Sprintf(genesysSuite, test.vector))
			out := run(t, dir, []string{"GENESYS_BASE_URL=" + g.URL, "GENESYS_CLIENT_SECRET=" + foreignSecret}, "run", ".", "--report", "json=result.json")
			texts := everything(t, dir)
			texts["stdout"], texts["stderr"] = out.stdout, out.stderr
			assertNoSecrets(t, append(slices.Clone(g.issued), foreignSecret), texts)
			v := readDocument(t, dir).Vectors[0]
			execution := strings.TrimSpace(v.Execution.Status + " " + v.Classification.Category)
			if out.code != test.code || v.Status != test.status || execution != test.execution || v.Execution.SessionID != "" || v.Execution.Polls != 0 {
				t.Errorf("exit status %d, %+v\n%s%s", out.code, v, out.stdout, out.stderr)
			}
			for _, word := range test.says {
				if !strings.Contains(out.stdout, word) {
					t.Errorf("the output does not say %q:\n%s", word, out.stdout)
				}
			}
			tests := len(g.times(opSubmit)) + len(g.times(opDraft))
			if tokens := len(g.times(opToken)); tokens != max(1, test.tokens) || tests != max(1, test.tests) {
				t.Errorf("%d tokens and %d tests, want %d and %d", tokens, tests, max(1, test.tokens), max(1, test.tests))
			}
			ran := 0
			for _, n := range g.ran {
				ran += n
			}
			if ran != test.ran {
				t.Errorf("the action ran %d times, want %d", ran, test.ran)
			}
			if at := g.times(opSubmit); name == "throttle" && at[1].Sub(at[0]) < time.Second {
				t.Errorf("%s between the tests, want a second", at[1].Sub(at[0]))
			}
			if drafts := len(g.times(opDraft)); (drafts > 0) != (name == "draft") {
				t.Errorf("%d drafts were tested", drafts)
			}
		})
	}
}
