// Package serve is the monitor's HTTP server: the health of a suite's actions
// for people's clients and for Prometheus, the alert rules that go with it, and
// the way to the pages of package page.
//
// A Monitor is one http.Handler made from Options, the facts of a suite, a
// cache of figures and the pages; it holds nothing else. Start reading at New
// for what there is at which path, at guard for who may read it, then at Run for
// how it meets the network.
package serve

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/page"
	"github.com/assay-cx/assay/internal/result"
)

// Options are what a monitor shows, and to whom.
type Options struct {
	Suite   string
	Version string
	Actions []health.Action
	Health  *health.Cache
	// BurnRates asks for the windows that the alert rules on burn rates need.
	BurnRates bool
	// Operations counts the calls of the plugins so far.
	Operations func() []result.Operation
	// Breaker is the state of a plugin operation's breaker: closed, half-open or open.
	Breaker func(plugin, operation string) string
	// Token must be in the Authorization header of a request, or be what a
	// browser signed in with; empty for none.
	Token string
	// LocalOnly refuses requests to a name that is not this machine's: a page
	// of a stranger whose name leads here must not read what only stands on loopback.
	LocalOnly bool
	Logger    *slog.Logger
	// Dir is the suite's folder, of whose history the pages tell.
	Dir string
	// Embedded are the platforms that run inside the monitor.
	Embedded []string
}

// Monitor serves a suite's health.
type Monitor struct {
	Options
	handler http.Handler
	pages   *page.Page
	door    *door
	ending  chan struct{} // closed when the monitor is about to stop
}

// New makes a monitor, which must be closed.
func New(o Options) *Monitor {
	m := &Monitor{Options: o, ending: make(chan struct{}), door: newDoor(o.Token)}
	m.pages = page.New(page.Options{
		Suite: o.Suite, Dir: o.Dir, Actions: o.Actions, Health: o.Health, Embedded: o.Embedded,
		SignOut: o.Token != "", Ending: m.ending,
	})
	metrics := newMetrics(m)
	mux := http.NewServeMux()
	guarded := func(pattern, name string, handler http.Handler) {
		mux.Handle(pattern, m.guard(metrics.instrument(name, handler)))
	}
	guarded("GET /health", "health", http.HandlerFunc(m.health))
	guarded("GET /metrics", "metrics", metrics.handler())
	for pattern, handler := range m.pages.Routes() {
		guarded(pattern, "page", handler)
	}
	mux.Handle("GET /events", m.guard(http.HandlerFunc(m.pages.Events))) // not timed: it ends when the browser goes
	guarded("/", "other", http.HandlerFunc(nothing))
	mux.HandleFunc("GET /icon.svg", page.Icon)
	mux.Handle("POST /sign-in", m.local(http.HandlerFunc(m.signIn)))
	mux.Handle("POST /sign-out", m.local(http.HandlerFunc(m.signOut)))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", m.readyz)
	m.handler = http.MaxBytesHandler(mux, maxBody)
	return m
}

// Close lets the history go. No request may be under way.
func (m *Monitor) Close() error { return m.pages.Close() }

// maxBody bounds the body of a request: only signing in has one.
const maxBody = 16 << 10

func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// guard lets through who may read. A browser that may not is asked to sign in.
func (m *Monitor) guard(next http.Handler) http.Handler {
	return m.local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case m.Token == "" || m.door.opens(r):
			next.ServeHTTP(w, r)
		case wantsPage(r):
			m.pages.SignIn(w, r.URL.RequestURI(), false)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "send the monitor's token as: Authorization: Bearer TOKEN")
		}
	}))
}

// local refuses names that may be a stranger's.
func (m *Monitor) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if m.LocalOnly && !isLocal(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this monitor has no token, so it answers to localhost and to IP addresses alone; start it with a token to serve it under a name")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal reports whether a Host header names this machine by an address or
// as localhost: no other name can be trusted to.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

// readyz is 503 once the monitor is about to stop.
func (m *Monitor) readyz(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-m.ending:
		plain(w, http.StatusServiceUnavailable, "stopping")
	default:
		plain(w, http.StatusOK, "ok")
	}
}

func nothing(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "this monitor is only read: use GET")
		return
	}
	refuse(w, http.StatusNotFound, "there is nothing here: see / in a browser, /health?action_id=ID, /metrics, /livez and /readyz")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// refusal is the document of an answer that is not the one asked for.
type refusal struct {
	Detail string `json:"detail"`
	Reason string `json:"reason,omitempty"` // what the platform said
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, refusal{Detail: fmt.Sprintf(format, args...)})
}

func answer(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, `{"detail":"the answer cannot be written"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
