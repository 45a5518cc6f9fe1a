package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assay-cx/assay/internal/action"
)

// workspaces are the environments of a tenant.
var workspaces = []string{"dev", "test", "prod"}

// uuidPattern is the plain form of a UUID.
var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// tenant is the embedded CXone, which answers the tests of Genesys Cloud too.
type tenant struct {
	settings
	actions   map[string]*action.Runtime // by lower-case id
	faults    []*fault
	mux       *http.ServeMux
	tokens    *tokens
	sessions  *sessions
	analytics *analytics
	catalog   *catalog
	now       func() time.Time

	// Of a tenant that serves.
	ctx     context.Context // executions outlive the request that starts them
	running *sync.WaitGroup
	slots   chan struct{} // bounds the executions at a time
}

// maxRunning is how many executions run at a time; others wait for their turn.
const maxRunning = 256

func newTenant(s settings, actions []*action.Runtime, faults []*fault, now func() time.Time) *tenant {
	t := &tenant{
		settings: s, faults: faults, now: now,
		actions:   make(map[string]*action.Runtime, len(actions)),
		mux:       http.NewServeMux(),
		tokens:    newTokens(s, now),
		sessions:  newSessions(s, now),
		analytics: newAnalytics(now),
		catalog:   newCatalog(actions),
		slots:     make(chan struct{}, maxRunning),
	}
	for _, a := range actions {
		t.actions[strings.ToLower(a.Definition().ID)] = a
	}
	t.mux.HandleFunc("POST /api/v2/oauth/token", t.token)
	t.mux.HandleFunc("POST /api/v2/oauth/revoke", t.revoke)
	t.mux.HandleFunc("POST /api/v2/data-actions/{action}/debug", t.guard(opSubmit, "data:execute", t.submit))
	t.mux.HandleFunc("GET /api/v2/data-actions/{action}/debug-sessions/{session}", t.guard(opPoll, "data:read", t.poll))
	t.mux.HandleFunc("POST /api/v2/analytics/actions/details/query", t.guard(opAnalytics, "analytics:read", t.query))
	t.mux.HandleFunc("POST /api/v2/dataactions", t.guard(opDeploy, "dataactions:write", t.deploy))
	t.mux.HandleFunc("GET /api/v2/dataactions", t.guard(opDeploy, "dataactions:read", t.list))
	t.mux.HandleFunc("GET /api/v2/dataactions/{action}", t.guard(opDeploy, "dataactions:read", t.show))
	t.mux.HandleFunc("POST /oauth/token", t.token)
	t.mux.HandleFunc("POST /api/v2/integrations/actions/{action}/test", t.guard(opTest, testPermission, t.test))
	t.mux.HandleFunc("POST /api/v2/integrations/actions/{action}/draft/test", t.guard(opTest, testPermission, t.test))
	t.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		send(w, problem(http.StatusNotFound, fmt.Sprintf("the tenant has no endpoint %s %s", r.Method, r.URL.Path)))
	})
	return t
}

// start readies the tenant to run actions, until ctx ends.
func (t *tenant) start(ctx context.Context, running *sync.WaitGroup) {
	t.ctx, t.running = ctx, running
	for _, f := range t.faults {
		f.started = t.now()
	}
}

func (t *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.mux.ServeHTTP(w, r) }

// call is an authorized request, read to its end.
type call struct {
	*http.Request
	operation operation
	action    string // id from the path, in lower case
	workspace string
	body      []byte
	ended     bool // a poll of a session that has ended
	struck    hits // the faults that strike it
}

// guard reads a request and checks its token before work answers it, with the
// operation's faults in the way.
func (t *tenant) guard(op operation, scope string, work func(*call) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			send(w, unreadable(err))
			return
		}
		c := &call{
			Request: r, operation: op, body: body,
			action: strings.ToLower(r.PathValue("action")), workspace: r.Header.Get("x-nice-workspace-id"),
		}
		c.struck = t.strike(c)
		answer(w, r, c.struck, func() reply {
			if refused, ok := t.authorize(c, scope); !ok {
				return refused
			}
			return work(c)
		})
	}
}

// authorize checks the bearer token of a request.
func (t *tenant) authorize(c *call, scope string) (reply, bool) {
	token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return c.unauthorized("the request carries no bearer token"), false
	}
	scopes, ok := t.tokens.use(token)
	if !ok {
		return c.unauthorized("the token is unknown, expired or revoked"), false
	}
	if t.enforceScopes && !slices.Contains(scopes, scope) {
		return c.operation.problem(http.StatusForbidden, fmt.Sprintf("the token lacks the scope %s", scope)), false
	}
	return reply{}, true
}

func (c *call) unauthorized(message string) reply {
	answer := c.operation.problem(http.StatusUnauthorized, message)
	answer.header = http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}
	return answer
}

// strike finds the faults that strike a call: those of an end once its session
// is known to have ended, the others before.
func (t *tenant) strike(c *call) hits {
	var faults []*fault
	for _, f := range t.faults {
		if f.operation == c.operation && f.meets(c) {
			faults = append(faults, f)
		}
	}
	if faults == nil {
		return nil
	}
	about := t.subject(c)
	faults = slices.DeleteFunc(faults, func(f *fault) bool { return !f.concerns(about) })
	return strike(faults, hashOf(string(c.operation), about.action, string(about.input)), t.now())
}

// subject is what a call is about, as far as faults can ask for it.
type subject struct {
	action string // id, in lower case; empty where the operation has none
	input  json.RawMessage
}

func (t *tenant) subject(c *call) subject {
	about := subject{action: c.action, input: c.body}
	switch c.operation {
	case opSubmit:
		var body submission
		if json.Unmarshal(c.body, &body) == nil {
			about.input = body.InputParameters
		}
	case opPoll:
		about.input = nil
		if s := t.sessions.find(c.PathValue("session")); s != nil {
			about.input = s.input
		}
	case opAnalytics:
		var body details
		if json.Unmarshal(c.body, &body) == nil {
			about.action = strings.ToLower(body.Filter.Value)
		}
	case opDeploy:
		var body published
		switch {
		case c.action != "":
		case c.Method == http.MethodGet:
			about.action = strings.ToLower(c.URL.Query().Get("actionId"))
		case json.Unmarshal(c.body, &body) == nil:
			about.action = strings.ToLower(body.ID)
		}
	}
	return about
}

// document makes a reply of a JSON document.
func document(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil {
		return problem(http.StatusInternalServerError, "the answer cannot be written")
	}
	return reply{status: status, body: body}
}
