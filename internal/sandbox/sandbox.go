// Package sandbox is an embedded CXone and the HTTP upstreams beside it. It
// speaks the contract's token, debug, analytics and data-action endpoints on
// loopback, and the test of Genesys Cloud's data actions, runs the actions'
// handlers, and fails on purpose where a spec says so.
//
// Listen takes the ports, so that the URLs are known before any expression is
// evaluated; Compile checks what the spec says of the sandbox and its mocks,
// without side effects; Serve starts and Close stops. Start reading at
// Sandbox; the tenant's endpoints are in tenant.go, Genesys Cloud's in
// genesys.go, the mocks in mock.go, the faults in fault.go.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
)

// Spec is what a sandbox is made from.
type Spec struct {
	Mocks    []*specfile.Mock
	Settings *specfile.Sandbox // nil for the defaults
	Actions  []*action.Runtime
	Vectors  []Vector // those that a fault can be for
	// Scope holds the spec's variables and functions. Values in it may be
	// unknown while a spec is validated, but then the sandbox is not served.
	Scope *hcl.EvalContext
	// Seed decides which requests the faults with a probability strike.
	Seed   uint64
	Logger *slog.Logger // nil for none
}

// Vector is what a vector submits.
type Vector struct {
	Name     string // as its block is labelled
	ActionID string
	Input    json.RawMessage
}

// Sandbox is an embedded CXone with its mocks.
type Sandbox struct {
	tenant *tenant
	mocks  []*mock
	faults []*fault
	logger *slog.Logger

	headerTimeout time.Duration // for the headers of a request

	servers []*http.Server
	cancel  context.CancelFunc
	running sync.WaitGroup // servers, requests and executions
	mutex   sync.Mutex
	closed  bool // no more requests are taken
}

// Compile checks a spec and makes a sandbox of it. It has no side effects.
func Compile(spec Spec) (*Sandbox, hcl.Diagnostics) {
	logger := spec.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	settings, faults, diags := compileSettings(spec)
	s := &Sandbox{faults: faults, logger: logger, headerTimeout: 5 * time.Second, tenant: newTenant(settings, spec.Actions, faults, time.Now)}
	for _, block := range spec.Mocks {
		compiled, problems := compileMock(block, spec.Scope, spec.Seed)
		diags = append(diags, problems...)
		s.mocks = append(s.mocks, compiled)
	}
	return s, diags
}

// Serve answers on the listeners until Close. Executions end with ctx.
func (s *Sandbox) Serve(ctx context.Context, l *Listeners) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.tenant.start(ctx, &s.running)
	s.serve(ctx, l.sandbox, s.tenant)
	for _, m := range s.mocks {
		listener := l.mocks[m.name]
		if m.refuses() {
			_ = listener.Close() // so that the kernel refuses for it
			continue
		}
		m.start(time.Now())
		s.serve(ctx, listener, m)
	}
}

func (s *Sandbox) serve(ctx context.Context, listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           s.tracked(handler),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: s.headerTimeout,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      2 * time.Minute, // longer than any answer that is slow on purpose
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.logger.LogAttrs(ctx, slog.LevelError, "sandbox stopped", slog.Any("error", err))
		}
	})
}

// MockProblems are the routes that could not be evaluated for some request, in
// the order of mocks and routes.
func (s *Sandbox) MockProblems() []MockProblem {
	var all []MockProblem
	for _, m := range s.mocks {
		m.mutex.Lock()
		for _, place := range keys(m.problems) {
			all = append(all, m.problems[place])
		}
		m.mutex.Unlock()
	}
	return all
}

// tracked counts the requests that a handler is busy with, so that Close can
// wait for them.
func (s *Sandbox) tracked(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		if s.closed {
			s.mutex.Unlock()
			panic(http.ErrAbortHandler)
		}
		s.running.Add(1)
		s.mutex.Unlock()
		defer s.running.Done()
		handler.ServeHTTP(w, r)
	})
}

// Close stops the servers and the executions, and waits until they have
// stopped or ctx ends. Connections are cut: there is nobody left to answer.
func (s *Sandbox) Close(ctx context.Context) error {
	if s.cancel == nil {
		return nil
	}
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.cancel()
	var problems []error
	for _, server := range s.servers {
		problems = append(problems, server.Close())
	}
	stopped := make(chan struct{})
	go func() {
		s.running.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return errors.Join(problems...)
	case <-ctx.Done():
		return fmt.Errorf("the sandbox did not stop: %w", ctx.Err())
	}
}
