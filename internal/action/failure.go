package action

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Failure is a way in which a handler fails: a key of its errors attribute.
type Failure string

// The failures.
const (
	// InvalidInput: the input breaks the input schema, or an expression that
	// reads nothing but the input cannot be computed from it.
	InvalidInput Failure = "invalid_input"
	// Timeout: no answer in the request's time, or a step that ran too long.
	Timeout Failure = "timeout"
	// Unreachable: no connection, an unknown host, or a connection that broke.
	Unreachable Failure = "unreachable"
	// RateLimited: status 429.
	RateLimited Failure = "rate_limited"
	// UpstreamError: status 5xx.
	UpstreamError Failure = "upstream_error"
	// Rejected: any other status that is not expected, such as 404 or 422.
	Rejected Failure = "rejected"
	// Decode: the response is not HTTP or not the JSON that the handler reads,
	// or lacks what an expression takes from it.
	Decode Failure = "decode"
	// InvalidOutput: the output breaks the output schema.
	InvalidOutput Failure = "invalid_output"
	// Default stands for every failure that the handler does not name.
	Default Failure = "default"
)

// failures are the known ones, in the order in which they are listed.
var failures = []Failure{
	InvalidInput, Timeout, Unreachable, RateLimited, UpstreamError, Rejected, Decode, InvalidOutput, Default,
}

// failed is how a step or one try of a request ended badly.
type failed struct {
	failure  Failure
	title    string // method and path of the request, which may hold input values
	message  string // what happened, fit for the log: without any input value
	detail   string // more of it, which may hold input values
	code     string // of the system, such as ECONNREFUSED
	status   int    // HTTP status, 0 for none
	attempts int
	details  map[string]any

	retryable  bool
	retryAfter string // the header as it came
}

// text is all that is known of the failure.
func (f *failed) text() string {
	parts := []string{f.title, f.message, f.detail}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// fromError makes a failure of what the HTTP client answered instead of a
// response, in the words that a Node.js runtime would use, because those are
// what people and classifiers know. The error's own text is not used: it may
// hold the URL with its query.
func fromError(err error, timeout time.Duration) *failed {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return &failed{failure: Default, message: "canceled"}
	case isTimeout(err):
		return &failed{
			failure: Timeout, code: "ETIMEDOUT", retryable: true,
			message: fmt.Sprintf("timeout of %s exceeded (ETIMEDOUT)", timeout),
		}
	case errors.As(err, &dns):
		return unresolved(dns)
	case errors.As(err, &certificate):
		return &failed{failure: Unreachable, message: "certificate refused: " + certificate.Err.Error()}
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "malformed MIME"):
		return &failed{failure: Decode, message: "parse error: the answer is not HTTP (HPE_INVALID_CONSTANT)", code: "HPE_INVALID_CONSTANT"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failed{failure: Unreachable, message: "socket hang up (ECONNRESET)", code: "ECONNRESET", retryable: true}
	case errors.As(err, &network):
		return broken(network)
	default:
		return &failed{failure: Unreachable, message: "request failed", retryable: true}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func unresolved(err *net.DNSError) *failed {
	code := "ENOTFOUND"
	if err.IsTemporary {
		code = "EAI_AGAIN"
	}
	return &failed{failure: Unreachable, message: "getaddrinfo " + code + " " + err.Name, code: code, retryable: true}
}

// errnos are the names of the system errors of a connection.
var errnos = map[syscall.Errno]string{
	syscall.ECONNREFUSED: "ECONNREFUSED",
	syscall.ECONNRESET:   "ECONNRESET",
	syscall.ECONNABORTED: "ECONNABORTED",
	syscall.EPIPE:        "EPIPE",
	syscall.EHOSTUNREACH: "EHOSTUNREACH",
	syscall.ENETUNREACH:  "ENETUNREACH",
}

func broken(err *net.OpError) *failed {
	doing := err.Op
	if doing == "dial" {
		doing = "connect"
	}
	f := &failed{failure: Unreachable, message: doing + " failed", retryable: true}
	var errno syscall.Errno
	if errors.As(err, &errno) && errnos[errno] != "" {
		f.code = errnos[errno]
		f.message = doing + " " + f.code
	}
	if doing == "connect" && err.Addr != nil {
		f.message += " " + err.Addr.String()
	}
	return f
}

// fromStatus makes a failure of a status that the step does not expect.
func fromStatus(status int, header http.Header) *failed {
	f := &failed{status: status, message: strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))}
	switch {
	case status == http.StatusTooManyRequests:
		f.failure, f.retryable = RateLimited, true
		f.retryAfter = strings.TrimSpace(header.Get("Retry-After"))
	case status >= http.StatusInternalServerError:
		f.failure, f.retryable = UpstreamError, true
	default:
		f.failure = Rejected
	}
	return f
}
