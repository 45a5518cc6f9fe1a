package sdktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// peer is a platform on a loopback port, which behaves as a check wants.
type peer struct {
	server  *http.Server
	address string // host:port
	well    http.Handler

	behaviour atomic.Pointer[http.HandlerFunc]
	requests  atomic.Int64
	arrived   chan struct{} // a token for each request that hangs
	gone      chan struct{} // a token for each that its client gave up
}

// handler answers as the samples say.
func (p *Peer) handler() (handler http.Handler, err error) {
	mux := http.NewServeMux()
	defer func() {
		if wrong := recover(); wrong != nil { // http.ServeMux's way to refuse a pattern
			err = fmt.Errorf("peer.answers: %v", wrong)
		}
	}()
	for pattern, answer := range p.Answers {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for name, value := range answer.Headers {
				w.Header().Set(name, value)
			}
			if answer.Status != 0 {
				w.WriteHeader(answer.Status)
			}
			_, _ = w.Write(answer.Body)
		})
	}
	return mux, nil
}

func newPeer(ctx context.Context, p *Peer) (*peer, error) {
	well, err := p.handler()
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, undecided{fmt.Errorf("play the plugin's peer: %w", err)}
	}
	served := &peer{address: listener.Addr().String(), well: well, arrived: make(chan struct{}, 1024), gone: make(chan struct{}, 1024)}
	served.behave(well.ServeHTTP)
	served.server = &http.Server{Handler: http.HandlerFunc(served.serve), ReadHeaderTimeout: time.Minute}
	// On a connection that is used again, a client may rightly make a request
	// twice.
	served.server.SetKeepAlivesEnabled(false)
	go func() { _ = served.server.Serve(listener) }()
	return served, nil
}

func (p *peer) close() { _ = p.server.Close() }

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	_, _ = io.Copy(io.Discard, r.Body) // a server sees its client go only then
	(*p.behaviour.Load())(w, r)
}

// behave sets how requests are answered from now on.
func (p *peer) behave(as http.HandlerFunc) { p.behaviour.Store(&as) }

// hang does not answer until the client goes.
func (p *peer) hang(_ http.ResponseWriter, r *http.Request) {
	p.arrived <- struct{}{}
	<-r.Context().Done()
	p.gone <- struct{}{}
}

// hangOnce hangs at the first request, and answers the others well.
func (p *peer) hangOnce() http.HandlerFunc {
	var once sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		as := p.well.ServeHTTP
		once.Do(func() { as = p.hang })
		as(w, r)
	}
}

// refusal answers each request with a status.
func refusal(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "2")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"error":"as the check wants it"}`))
	}
}

// garbage answers with a page where JSON is due.
func garbage(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("<html><body>It works!</body></html>"))
}

// reset breaks the connection after the request.
func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		err = connection.(*net.TCPConn).SetLinger(0)
	}
	if err == nil {
		_ = connection.Close()
	}
}

var errWait = errors.New("not in time")

// await waits for a token.
func await(ctx context.Context, tokens <-chan struct{}, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-tokens:
		return nil
	case <-timer.C:
		return errWait
	case <-ctx.Done():
		return ctx.Err()
	}
}
