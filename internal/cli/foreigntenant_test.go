package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// foreignTenant is a CXone that knows nothing of this product: it is written
// from the contract alone, shares no code with the embedded tenant, and holds
// every request against the contract. Its quirks are the ways in which real
// tenants differ or fail.
type foreignTenant struct {
	*httptest.Server
	tb testing.TB
	quirks

	mu       sync.Mutex
	seen     []seenRequest
	issued   []string // every token, in order
	valid    map[string]bool
	sessions []*foreignSession
}

// quirks are how a tenant differs from the plain one. The zero value does not.
type quirks struct {
	// grantIn is the only place where grant_type is looked for, "body" or
	// "query"; empty takes either.
	grantIn string
	// token changes the answer of the token endpoint.
	token func(answer map[string]any)
	// instead answers a request in the tenant's place where it returns true,
	// by operation. n counts the operation's requests, from 1.
	instead map[string]answerer
	// revokeAt is the submit at which the tokens issued so far are revoked.
	revokeAt int
	// id is the id of the nth session; nil for s-1, s-2, …
	id func(n int) string
	// accepted answers a submit that started a session.
	accepted answerer
	// session is what a poll answers.
	session func(s foreignSession) map[string]any
	// metrics is the nth page of analytics.
	metrics func(n int) map[string]any
}

// answerer answers the nth request, or returns false.
type answerer func(n int, w http.ResponseWriter, r *http.Request) bool

// seenRequest is a request that came.
type seenRequest struct {
	operation string
	at        time.Time
}

// foreignSession is a debug session.
type foreignSession struct {
	id, action string
	input      map[string]any
	polls      int // that found it, this one too
}

// The operations of the contract.
const (
	opToken   = "token"
	opSubmit  = "submit"
	opPoll    = "poll"
	opMetrics = "metrics"
)

const (
	foreignAction = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
	foreignClient = "foreign-client"
	// foreignSecret has what HTTP, URLs, JSON and shells like to mangle.
	foreignSecret = `s3cr+t/c&na=ry"<7f>\%41 end`
)

func newForeignTenant(tb testing.TB, q quirks) *foreignTenant {
	tb.Helper()
	f := &foreignTenant{tb: tb, quirks: q, valid: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/oauth/token", f.operation(opToken, f.serveToken))
	mux.HandleFunc("POST /api/v2/data-actions/{action}/debug", f.operation(opSubmit, f.authorized(f.serveSubmit)))
	mux.HandleFunc("GET /api/v2/data-actions/{action}/debug-sessions/{session}", f.operation(opPoll, f.authorized(f.servePoll)))
	mux.HandleFunc("POST /api/v2/analytics/actions/details/query", f.operation(opMetrics, f.authorized(f.serveMetrics)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.breach("%s %s is not an operation of the contract", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	f.Server = httptest.NewUnstartedServer(mux)
	f.Config.ErrorLog = log.New(io.Discard, "", 0) // quirks abort answers
	f.Start()
	tb.Cleanup(f.Close)
	return f
}

// breach is a request that the contract does not allow.
func (f *foreignTenant) breach(format string, args ...any) {
	f.tb.Errorf("the tenant got a request that breaks the contract: "+format, args...)
}

// env is what points a suite at the tenant.
func (f *foreignTenant) env() []string {
	return []string{"CXONE_BASE_URL=" + f.URL, "CXONE_CLIENT_ID=" + foreignClient, "CXONE_CLIENT_SECRET=" + foreignSecret}
}

// operation notes a request and lets the quirks answer it first.
func (f *foreignTenant) operation(name string, next func(w http.ResponseWriter, r *http.Request, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.breach("the body of %s is cut: %v", name, err)
			return
		}
		f.mu.Lock()
		f.seen = append(f.seen, seenRequest{name, time.Now()})
		n := f.count(name)
		f.mu.Unlock()
		if answer := f.instead[name]; answer != nil && answer(n, w, r) {
			return
		}
		next(w, r, body)
	}
}

// count is the number of an operation's requests; f.mu is held.
func (f *foreignTenant) count(operation string) int {
	n := 0
	for _, s := range f.seen {
		if s.operation == operation {
			n++
		}
	}
	return n
}

// requests counts the requests by operation.
func (f *foreignTenant) requests() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for _, s := range f.seen {
		counts[s.operation]++
	}
	return counts
}

// times are when an operation's requests came.
func (f *foreignTenant) times(operation string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var times []time.Time
	for _, s := range f.seen {
		if s.operation == operation {
			times = append(times, s.at)
		}
	}
	return times
}

// started are the inputs of the sessions that were started, by their sku.
func (f *foreignTenant) started() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	skus := map[string]int{}
	for _, s := range f.sessions {
		skus[fmt.Sprint(s.input["sku"])]++
	}
	return skus
}

// secrets are what no output may hold.
func (f *foreignTenant) secrets() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append(slices.Clone(f.issued), foreignSecret)
}

func (f *foreignTenant) serveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	if id, secret, ok := r.BasicAuth(); !ok || id != foreignClient || secret != foreignSecret {
		f.breach("client %q with a secret of %d bytes", id, len(secret))
		answerJSON(w, 401, map[string]any{"error": "invalid_client", "error_description": "client authentication failed"})
		return
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/x-www-form-urlencoded" {
		f.breach("content type %q of a token request", kind)
	}
	inQuery := r.URL.Query().Get("grant_type") == "client_credentials"
	inBody := strings.Contains("&"+string(body)+"&", "&grant_type=client_credentials&")
	understood := inBody && f.grantIn != "query" || inQuery && f.grantIn != "body"
	if !understood {
		answerJSON(w, 400, map[string]any{"error": "unsupported_grant_type", "error_description": "grant_type is missing"})
		return
	}
	f.mu.Lock()
	token := fmt.Sprintf("t0k+n/canary%d==.%x", len(f.issued)+1, 7919*(len(f.issued)+1))
	f.issued = append(f.issued, token)
	f.valid[token] = true
	f.mu.Unlock()
	answer := map[string]any{"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
	if f.token != nil {
		f.token(answer)
	}
	answerJSON(w, 200, answer)
}

// authorized refuses requests without a valid token or in the wrong workspace.
func (f *foreignTenant) authorized(next func(w http.ResponseWriter, r *http.Request, body []byte)) func(w http.ResponseWriter, r *http.Request, body []byte) {
	return func(w http.ResponseWriter, r *http.Request, body []byte) {
		token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		f.mu.Lock()
		known, valid := slices.Contains(f.issued, token), f.valid[token]
		f.mu.Unlock()
		if !isBearer || !known {
			f.breach("a token that was never issued")
		}
		if action := r.PathValue("action"); action != "" && action != foreignAction {
			f.breach("action %q", action)
		}
		if workspace := r.Header.Get("x-nice-workspace-id"); workspace != "test" && r.PathValue("action") != "" {
			f.breach("workspace %q", workspace)
		}
		if !valid {
			answerJSON(w, 401, map[string]any{"message": "token is not valid: " + token})
			return
		}
		next(w, r, body)
	}
}

func (f *foreignTenant) serveSubmit(w http.ResponseWriter, r *http.Request, body []byte) {
	var payload map[string]any
	if err := json.Unmarshal(body, &payload); err != nil {
		f.breach("the body of a submit is no JSON object: %v", err)
	}
	input, isObject := payload["inputParameters"].(map[string]any)
	if len(payload) != 3 || !isObject || payload["trace"] != true || payload["versionConstraint"] != "strict" {
		f.breach("submit body %s", body)
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		f.breach("content type %q of a submit", kind)
	}
	f.mu.Lock()
	n := len(f.sessions) + 1
	s := &foreignSession{id: fmt.Sprintf("s-%d", n), action: r.PathValue("action"), input: input}
	if f.id != nil {
		s.id = f.id(n)
	}
	f.sessions = append(f.sessions, s)
	if n == f.revokeAt {
		clear(f.valid)
	}
	f.mu.Unlock()
	if f.accepted == nil || !f.accepted(n, w, r) {
		answerJSON(w, 200, map[string]any{"sessionId": s.id})
	}
}

func (f *foreignTenant) servePoll(w http.ResponseWriter, r *http.Request, _ []byte) {
	f.mu.Lock()
	i := slices.IndexFunc(f.sessions, func(s *foreignSession) bool {
		return s.id == r.PathValue("session") && s.action == r.PathValue("action")
	})
	var s foreignSession
	if i >= 0 {
		f.sessions[i].polls++
		s = *f.sessions[i]
	}
	f.mu.Unlock()
	switch {
	case i < 0:
		f.breach("a poll of the unknown session %q", r.PathValue("session"))
		http.NotFound(w, r)
	case f.session != nil:
		answerJSON(w, 200, f.session(s))
	default:
		answerJSON(w, 200, completedDocument(map[string]any{"synced": true}))
	}
}

func (f *foreignTenant) serveMetrics(w http.ResponseWriter, _ *http.Request, body []byte) {
	var query map[string]any
	if err := json.Unmarshal(body, &query); err != nil {
		f.breach("the body of an analytics query is no JSON object: %v", err)
	}
	filter, _ := query["filter"].(map[string]any)
	if query["interval"] != "PT24H" || filter["type"] != "equals" || filter["path"] != "actionId" || filter["value"] != foreignAction {
		f.breach("analytics query %s", body)
	}
	f.mu.Lock()
	n, sessions := f.count(opMetrics), len(f.sessions)
	f.mu.Unlock()
	if f.metrics != nil {
		answerJSON(w, 200, f.metrics(n))
		return
	}
	answerJSON(w, 200, metricsPage("", metricsRow("COMPLETED", sessions, 0)))
}

func metricsPage(next string, rows ...any) map[string]any {
	page := map[string]any{"data": rows}
	if next != "" {
		page["nextPageToken"] = next
	}
	return page
}

func metricsRow(status string, executions, failures int) map[string]any {
	return map[string]any{"status": status, "executionCount": executions, "errorCount": failures, "averageDuration": 12.5}
}

// completedDocument is a session that completed with a result.
func completedDocument(result any) map[string]any {
	return map[string]any{
		"status": "COMPLETED", "result": result, "executionDuration": 12,
		"trace": []any{map[string]any{
			"stepId": "s1", "stepName": "sync", "timestamp": "2026-01-02T03:04:05Z",
			"input": map[string]any{}, "output": map[string]any{},
		}},
	}
}

// failedDocument is a session that failed with a code and a message.
func failedDocument(code, message string) map[string]any {
	return map[string]any{
		"status": "FAILED", "executionDuration": 12,
		"result": map[string]any{"success": false, "error": map[string]any{
			"code": code, "message": message, "details": map[string]any{"trace": "tr-1"},
		}},
		"trace": []any{map[string]any{
			"stepId": "s1", "stepName": "sync", "timestamp": "2026-01-02T03:04:05Z", "input": map[string]any{},
			"error": map[string]any{"message": message, "stack": "Error: " + message + "\n    at sync (action.js:3:7)"},
		}},
	}
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// always answers every request with a status and a body. headers are name,
// value pairs.
func always(status int, body string, headers ...string) answerer {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// loginPage is HTML with status 200, as a proxy or a login wall answers.
func loginPage() answerer {
	return always(200, "<!DOCTYPE html><html><body>Please sign in</body></html>", "Content-Type", "text/html; charset=utf-8")
}

// first lets an answer happen to the first k requests only.
func first(k int, answer answerer) answerer {
	return func(n int, w http.ResponseWriter, r *http.Request) bool { return n <= k && answer(n, w, r) }
}

// from lets an answer happen to the kth request and all after it.
func from(k int, answer answerer) answerer {
	return func(n int, w http.ResponseWriter, r *http.Request) bool { return n >= k && answer(n, w, r) }
}

// hanging holds the request until the client gives up.
func hanging() answerer {
	return func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
}

// reset breaks the connection, the request read, as a crashing peer does.
func reset() answerer {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_ = connection.(*net.TCPConn).SetLinger(0) // a reset, not a close
		_ = connection.Close()
		return true
	}
}

// cut announces more than it sends.
func cut(body string) answerer {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
		_, _ = io.WriteString(w, body)
		panic(http.ErrAbortHandler)
	}
}
