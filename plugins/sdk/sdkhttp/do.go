// Package sdkhttp makes one HTTP attempt for a plugin and says what happened
// in the SDK's words: a *sdk.Error whose Sent is exact, so that the host knows
// what it may replay.
//
// Start reading at Do, then at FromStatus for answers that are not a success.
package sdkhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	// Body is what the peer sent, cut after the limit where the status is not
	// a success.
	Body []byte
}

// Do makes one attempt and reads at most limit bytes of the answer. Every
// status is a success of Do; see FromStatus. Redirects are followed, or not,
// as the client's CheckRedirect says.
//
// Its errors are *sdk.Error: Timeout where the context's deadline or a timeout
// of the client passed, Canceled where the context was canceled, Protocol for
// an answer that is not HTTP, a redirect that the client refused or a success
// longer than limit, Unavailable otherwise. Sent is false only where no byte
// of the request reached the peer. The message names the method and the host,
// never the path, the query or the headers, since these may hold secrets.
//
// Where the run is traced the request carries a traceparent header.
//
// The transport itself replays a request only where nothing of it was written,
// or where it is idempotent: do not set Idempotency-Key on one that is not.
func Do(client *http.Client, req *http.Request, limit int64) (*Response, error) {
	var sent sentTracker
	ctx := httptrace.WithClientTrace(req.Context(), sent.trace(req))
	answer, err := client.Do(traced(req.WithContext(ctx)))
	if err != nil {
		return nil, transportError(req, answer, err, sent.get())
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	success := answer.StatusCode/100 == 2
	if err != nil && success {
		return nil, transportError(req, answer, err, true)
	}
	if int64(len(body)) > limit {
		if success {
			return nil, protocolError(req, answer, fmt.Errorf("the answer is longer than %d bytes", limit))
		}
		body = body[:limit]
	}
	return &Response{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// traced adds the header that lets the peer's spans stand below assay's, where
// the run is traced and the caller did not set it.
func traced(req *http.Request) *http.Request {
	parent := sdk.Traceparent(req.Context())
	if parent == "" || req.Header.Get(sdk.TraceparentKey) != "" {
		return req
	}
	req.Header = req.Header.Clone() // the caller's stays as it is
	req.Header.Set(sdk.TraceparentKey, parent)
	return req
}

// sentTracker knows whether a byte of a request may have left. The trace hooks
// run on the transport's goroutines too.
type sentTracker struct{ sent, answered atomic.Bool }

func (t *sentTracker) get() bool { return t.sent.Load() }

func (t *sentTracker) trace(req *http.Request) *httptrace.ClientTrace {
	replayable := isReplayable(req)
	return &httptrace.ClientTrace{
		// A second connection for a request that is not replayable, before any
		// answer, means that nothing was written to the first: it was an idle
		// one that the peer had closed. After an answer it is a redirect.
		GetConn: func(string) {
			if !replayable && !t.answered.Load() {
				t.sent.Store(false)
			}
		},
		// Dialed, and its TLS handshake done: the next thing is the request.
		GotConn:              func(httptrace.GotConnInfo) { t.sent.Store(true) },
		GotFirstResponseByte: func() { t.answered.Store(true) },
	}
}

// isReplayable is net/http's own rule for the requests that its transport may
// send a second time although bytes of the first were written.
func isReplayable(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, xkey := req.Header["X-Idempotency-Key"]
	return key || xkey
}

// transportError tells why there is no answer, or only a part of one.
func transportError(req *http.Request, answer *http.Response, err error, sent bool) *sdk.Error {
	var wrapped *url.Error // holds the whole URL
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	failure := newError(req, err)
	failure.Sent = sent
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		failure.Kind = sdk.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		failure.Kind = sdk.Timeout
	case answer != nil && answer.StatusCode/100 == 3, strings.Contains(err.Error(), "Location header"):
		// The client refused the redirect, or cannot read it; its reason may
		// quote the target.
		return protocolError(req, answer, errors.New("a redirect that is not followed"))
	case strings.Contains(err.Error(), "malformed HTTP"):
		// The peer's own bytes are in err: they are not for the message.
		return protocolError(req, answer, errors.New("the answer is not HTTP"))
	case strings.Contains(err.Error(), "malformed MIME"):
		// Likewise; but an answer cut in its header looks the same.
		failure = newError(req, errors.New("the answer's header is cut or is not HTTP"))
		failure.Kind, failure.Sent = sdk.Unavailable, sent
	default:
		failure.Kind = sdk.Unavailable
	}
	if answer != nil {
		failure.HTTPStatus = answer.StatusCode
	}
	return failure
}

func protocolError(req *http.Request, answer *http.Response, why error) *sdk.Error {
	failure := newError(req, why)
	failure.Kind, failure.Sent = sdk.Protocol, true
	if answer != nil {
		failure.HTTPStatus = answer.StatusCode
	}
	return failure
}

func newError(req *http.Request, cause error) *sdk.Error {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	return &sdk.Error{
		Message: fmt.Sprintf("%s %s://%s: %v", method, req.URL.Scheme, req.URL.Host, cause),
		Cause:   cause,
	}
}
