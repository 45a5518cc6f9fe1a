package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
)

// maxBody is how many bytes of a request's body are read.
const maxBody = 10 << 20

// mock is an HTTP upstream: routes with what they answer.
type mock struct {
	name   string
	routes []*route
	mux    *http.ServeMux
	scope  *hcl.EvalContext
	seed   uint64

	mutex    sync.Mutex
	problems map[string]MockProblem
}

// MockProblem is a route that could not be evaluated for a request.
type MockProblem struct {
	Mock  string
	Route string
	Text  string
	Count int
}

// compileMock checks a mock block. Its patterns have been checked when the
// spec was read.
func compileMock(block *specfile.Mock, scope *hcl.EvalContext, seed uint64) (*mock, hcl.Diagnostics) {
	m := &mock{name: block.Name, mux: http.NewServeMux(), scope: scope, seed: seed, problems: map[string]MockProblem{}}
	var diags hcl.Diagnostics
	byPattern := map[string][]*route{}
	for _, r := range block.Routes {
		compiled, problems := m.compileRoute(r)
		diags = append(diags, problems...)
		m.routes = append(m.routes, compiled)
		byPattern[r.Pattern] = append(byPattern[r.Pattern], compiled)
	}
	for pattern, routes := range byPattern {
		m.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { m.answer(w, r, routes) })
	}
	if byPattern["/"] == nil {
		m.mux.HandleFunc("/", m.notFound)
	}
	return m, diags
}

func (m *mock) compileRoute(block *specfile.Route) (*route, hcl.Diagnostics) {
	r := &route{Route: block, wildcards: wildcards(block.Pattern)}
	reader := &faultReader{scope: m.scope}
	if block.Delay != nil {
		reader.latency(block.Delay, &r.delay)
	}
	diags := reader.diags
	if block.Fault != nil {
		place := fmt.Sprintf("mock.%s %q", m.name, block.Pattern)
		var problems hcl.Diagnostics
		r.fault, problems = newFaultReader(opMock, place, block.Range, m.scope, m.seed).read(faultOf(block.Fault), block.Range)
		diags = append(diags, problems...)
	}
	if block.JSON != nil && block.Body != nil {
		diags = append(diags, action.Wrong(block.Body, "More than one body", "A route answers either json or body. Remove one of them."))
	}
	return r, append(diags, r.check(withVariable(m.scope, "request", unknownRequest(r.wildcards)))...)
}

// faultOf reads fault = "hang" as fault = { kind = "hang" }.
func faultOf(expr hcl.Expression) hcl.Attributes {
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		return attributesOf(pairs)
	}
	return hcl.Attributes{"kind": {Name: "kind", Expr: expr, Range: expr.Range(), NameRange: expr.Range()}}
}

// wildcards are the names in braces of a pattern.
func wildcards(pattern string) []string {
	var found []string
	for _, part := range strings.Split(pattern, "{")[1:] {
		name, _, _ := strings.Cut(part, "}")
		if name = strings.TrimSuffix(name, "..."); name != "" && name != "$" {
			found = append(found, name)
		}
	}
	return found
}

// refuses reports whether the mock takes no connections at all.
func (m *mock) refuses() bool {
	for _, r := range m.routes {
		if r.When != nil || r.fault == nil || r.fault.kind != kindRefuse || !r.fault.unconditional() {
			return false
		}
	}
	return len(m.routes) > 0
}

func (m *mock) start(now time.Time) {
	for _, r := range m.routes {
		if r.fault != nil {
			r.fault.started = now
		}
	}
}

func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// answer lets the first route whose condition holds answer.
func (m *mock) answer(w http.ResponseWriter, r *http.Request, routes []*route) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, unreadable(err))
		return
	}
	scope := withVariable(m.scope, "request", requestValue(r, body, routes[0].wildcards))
	for _, route := range routes {
		holds, err := route.holds(scope)
		if err != nil {
			send(w, m.broken(route, err))
			return
		}
		if holds {
			m.play(w, r, route, scope, body)
			return
		}
	}
	m.notFound(w, r)
}

func (m *mock) play(w http.ResponseWriter, r *http.Request, route *route, scope *hcl.EvalContext, body []byte) {
	key := hashOf(r.Method, r.URL.RequestURI(), string(body))
	struck := hits{}
	if route.fault != nil {
		struck = strike([]*fault{route.fault}, key, time.Now())
	}
	if wait := route.delay.draw(rand.New(rand.NewPCG(m.seed, key))); !pause(r.Context(), wait) {
		panic(http.ErrAbortHandler)
	}
	answer(w, r, struck, func() reply {
		answer, err := route.render(scope)
		if err != nil {
			return m.broken(route, err)
		}
		return answer
	})
}

// broken answers for a route that cannot be evaluated, and takes note of it.
func (m *mock) broken(r *route, err error) reply {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	p := MockProblem{Mock: m.name, Route: r.Pattern, Text: err.Error()}
	p.Count = m.problems[r.Range.String()].Count + 1
	m.problems[r.Range.String()] = p
	return problem(http.StatusInternalServerError, fmt.Sprintf("mock %q, route %q: %v", m.name, r.Pattern, err))
}

func (m *mock) notFound(w http.ResponseWriter, r *http.Request) {
	patterns := make([]string, len(m.routes))
	for i, route := range m.routes {
		patterns[i] = route.Pattern
	}
	body, _ := json.Marshal(map[string]any{
		"error": fmt.Sprintf("mock %q has no route that answers %s %s", m.name, r.Method, r.URL.Path), "routes": patterns,
	})
	send(w, reply{status: http.StatusNotFound, body: body})
}

func unreadable(err error) reply {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", tooLarge.Limit))
	}
	return problem(http.StatusBadRequest, "the body cannot be read")
}

// problem is an error as the tenant and the mocks answer it.
func problem(status int, message string) reply {
	body, _ := json.Marshal(map[string]any{"status": status, "error": http.StatusText(status), "message": message})
	return reply{status: status, body: body}
}
