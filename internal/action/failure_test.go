package action

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// raw is a server that reads one request from each connection and leaves the
// answer to speak.
func raw(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				speak(connection)
			}
			connection.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}

func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return "http://" + listener.Addr().String()
}

// TestFailures sees what becomes of upstreams that fail for real.
func TestFailures(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	tests := map[string]struct {
		upstream string
		code     string
		message  string // without the address of the upstream
		errno    string
		attempts int
	}{
		"refused": {refusing(t), "GONE", "GET /x: connect ECONNREFUSED ADDRESS after 2 attempts", "ECONNREFUSED", 2},
		"reset": {
			raw(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }), "GONE",
			"GET /x: read ECONNRESET after 2 attempts", "ECONNRESET", 2,
		},
		"closed": {raw(t, func(net.Conn) {}), "GONE", "GET /x: socket hang up (ECONNRESET) after 2 attempts", "ECONNRESET", 2},
		"cut": {
			raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"at\":") }), "GONE",
			"GET /x: socket hang up (ECONNRESET) after 2 attempts", "ECONNRESET", 2,
		},
		"not HTTP": {
			raw(t, func(c net.Conn) { io.WriteString(c, "canary 220 ready\r\n") }), "UNREADABLE",
			"GET /x: parse error: the answer is not HTTP (HPE_INVALID_CONSTANT)", "HPE_INVALID_CONSTANT", 1,
		},
		"silent": {
			raw(t, func(c net.Conn) { io.Copy(io.Discard, c) }), "SLOW",
			"GET /x: timeout of 50ms exceeded (ETIMEDOUT) after 2 attempts", "ETIMEDOUT", 2,
		},
		"slow body": {raw(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"at\":")
			io.Copy(io.Discard, c)
		}), "SLOW", "GET /x: timeout of 50ms exceeded (ETIMEDOUT) after 2 attempts", "ETIMEDOUT", 2},
		"HTML": {
			raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>") }), "UNREADABLE",
			"GET /x: invalid JSON in response: SyntaxError: unexpected token or end at position 1", "", 1,
		},
		"too long": {raw(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
			io.WriteString(c, strings.Repeat("7", maxResponse+1))
		}), "UNREADABLE", "GET /x: the response is longer than 5242880 bytes", "", 1},
		"certificate": {secure.URL, "GONE", "GET /x: certificate refused: x509: certificate signed by unknown authority", "", 1},
		"not a URL":   {"canary", "OTHER", "url is not an absolute http or https URL", "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			timeout := "5s"
			if test.code == "SLOW" {
				timeout = "50ms"
			}
			client := NewClient()
			defer client.CloseIdleConnections()
			r, diags := compile(t, spec("", `
    step "get" {
      request {
        url     = "${var.upstream}/x?key=canary"
        timeout = "`+timeout+`"
      }
      retry {
        attempts   = 2
        base_delay = "1ms"
      }
    }
    output = step.get.response.json
`+allErrors), test.upstream, Options{Client: client})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			outcome := run(t, r, `{}`)
			if outcome.Error == nil || outcome.Error.Code != test.code {
				t.Fatalf("error = %+v", outcome.Error)
			}
			address := strings.TrimPrefix(test.upstream, "http://")
			e := outcome.Steps[0].Error
			if got := strings.ReplaceAll(e.Message, address, "ADDRESS"); got != test.message || e.Code != test.errno {
				t.Errorf("message = %q, code = %q", got, e.Code)
			}
			if outcome.Error.Details["attempts"] != test.attempts {
				t.Errorf("details = %v", outcome.Error.Details)
			}
			if strings.Contains(string(outcome.Envelope()), "canary") {
				t.Errorf("the envelope shows what it should not: %s", outcome.Envelope())
			}
		})
	}
}

func TestFromError(t *testing.T) {
	wrap := func(err error) error { return &url.Error{Op: "Get", URL: "http://canary", Err: err} }
	tests := map[string]struct {
		err     error
		failure Failure
		message string
		retry   bool
	}{
		"unknown host": {wrap(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "erp.test", IsNotFound: true}}), Unreachable, "getaddrinfo ENOTFOUND erp.test", true},
		"resolver":     {wrap(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "erp.test", IsTemporary: true}}), Unreachable, "getaddrinfo EAI_AGAIN erp.test", true},
		"other op":     {wrap(&net.OpError{Op: "write", Err: errors.New("canary")}), Unreachable, "write failed", true},
		"other":        {wrap(errors.New("canary")), Unreachable, "request failed", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := fromError(test.err, time.Second)
			if f.failure != test.failure || f.message != test.message || f.retryable != test.retry {
				t.Errorf("got %+v", f)
			}
		})
	}
}
