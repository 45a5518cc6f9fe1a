package sdkhttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/metadata"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func post(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func asError(t *testing.T, err error) *sdk.Error {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %#v, want a *sdk.Error", err)
	}
	return e
}

// rawServer gives each connection to serve, with its number from 1.
func rawServer(t *testing.T, serve func(n int, conn *net.TCPConn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(n, conn.(*net.TCPConn))
		}
	}()
	return listener.Addr().String()
}

// deadAddress is a port of loopback that nobody listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestDoAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Method", r.Method)
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	response, err := sdkhttp.Do(newClient(t), post(t, server.URL), 3)
	if err != nil {
		t.Fatal(err)
	}
	if response.Status != http.StatusTeapot || string(response.Body) != `{"a` || response.Header.Get("X-Method") != "POST" {
		t.Errorf("got %+v", response)
	}
}

func TestDoLimitsSuccess(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "12345")
	}))
	defer server.Close()
	for limit, want := range map[int64]bool{4: false, 5: true, 6: true} {
		response, err := sdkhttp.Do(newClient(t), post(t, server.URL), limit)
		if want {
			if err != nil || string(response.Body) != "12345" {
				t.Errorf("limit %d: got %v, %v", limit, response, err)
			}
			continue
		}
		if e := asError(t, err); e.Kind != sdk.Protocol || !e.Sent || e.HTTPStatus != 200 {
			t.Errorf("limit %d: got %#v", limit, e)
		}
	}
}

func TestDoTransportErrors(t *testing.T) {
	reset := func(_ int, conn *net.TCPConn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_ = conn.SetLinger(0)
		conn.Close()
	}
	write := func(text string) func(int, *net.TCPConn) {
		return func(_ int, conn *net.TCPConn) {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}
	tests := map[string]struct {
		url    string
		kind   sdk.ErrorKind
		sent   bool
		status int
	}{
		"refused":       {url: "http://" + deadAddress(t), kind: sdk.Unavailable},
		"no such host":  {url: "http://nowhere.invalid", kind: sdk.Unavailable},
		"tls to plain":  {url: "https://" + rawServer(t, write("HTTP/1.1 400 Bad Request\r\n\r\n")), kind: sdk.Unavailable},
		"reset":         {url: "http://" + rawServer(t, reset), kind: sdk.Unavailable, sent: true},
		"closed":        {url: "http://" + rawServer(t, write("")), kind: sdk.Unavailable, sent: true},
		"not HTTP":      {url: "http://" + rawServer(t, write("220 mail.example ESMTP\r\n")), kind: sdk.Protocol, sent: true},
		"cut body":      {url: "http://" + rawServer(t, write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")), kind: sdk.Unavailable, sent: true, status: 200},
		"bad redirect":  {url: "http://" + rawServer(t, write("HTTP/1.1 307 X\r\nLocation: http://secret.example/?k=v\r\nContent-Length: 0\r\n\r\n")), kind: sdk.Protocol, sent: true, status: 307},
		"half a header": {url: "http://" + rawServer(t, write("HTTP/1.1 200 OK\r\nContent-")), kind: sdk.Unavailable, sent: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := newClient(t)
			client.CheckRedirect = func(to *http.Request, _ []*http.Request) error { return fmt.Errorf("not to %s", to.URL) }
			_, err := sdkhttp.Do(client, post(t, test.url+"/path-secret?query-secret"), 100)
			e := asError(t, err)
			if e.Kind != test.kind || e.Sent != test.sent || e.HTTPStatus != test.status {
				t.Errorf("got kind %q, sent %v, status %d: %v", e.Kind, e.Sent, e.HTTPStatus, e)
			}
			if strings.Contains(e.Error(), "secret") {
				t.Errorf("the message tells too much: %v", e)
			}
		})
	}
}

func TestDoTimeouts(t *testing.T) {
	// Accepts into its backlog, never answers.
	silent := "http://" + rawServer(t, func(_ int, conn *net.TCPConn) {
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}()
	})
	client := newClient(t)
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, err := sdkhttp.Do(client, post(t, silent).WithContext(ctx), 100)
		if e := asError(t, err); e.Kind != sdk.Timeout || !e.Sent || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %#v", e)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err := sdkhttp.Do(client, post(t, silent).WithContext(ctx), 100)
		if e := asError(t, err); e.Kind != sdk.Canceled || !e.Sent || !errors.Is(err, context.Canceled) {
			t.Errorf("got %#v", e)
		}
	})
	t.Run("client's own", func(t *testing.T) {
		hasty := *client
		hasty.Timeout = 30 * time.Millisecond
		_, err := sdkhttp.Do(&hasty, post(t, silent), 100)
		if e := asError(t, err); e.Kind != sdk.Timeout || !e.Sent {
			t.Errorf("got %#v", e)
		}
	})
	t.Run("while dialing", func(t *testing.T) {
		slow := newClient(t)
		slow.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, err := sdkhttp.Do(slow, post(t, silent).WithContext(ctx), 100)
		if e := asError(t, err); e.Kind != sdk.Timeout || e.Sent {
			t.Errorf("got %#v", e)
		}
	})
}

// A server that reads the second request of a connection and resets it: the
// transport would replay a GET, and must not replay a POST.
func TestDoNeverReplaysAPost(t *testing.T) {
	var requests atomic.Int32
	address := rawServer(t, func(_ int, conn *net.TCPConn) {
		go func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for range 2 {
				req, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				if requests.Add(1) == 2 {
					_ = conn.SetLinger(0)
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}()
	})
	client := newClient(t)
	if _, err := sdkhttp.Do(client, post(t, "http://"+address), 100); err != nil {
		t.Fatal(err)
	}
	_, err := sdkhttp.Do(client, post(t, "http://"+address), 100)
	if e := asError(t, err); e.Kind != sdk.Unavailable || !e.Sent {
		t.Errorf("got %#v", e)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("the server saw %d requests, want 2", n)
	}
}

// A reused connection whose first write fails, with nothing written: the
// transport dials again, for a POST too.
func TestDoRetriedByTransportThenRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	client := newClient(t)
	var broken atomic.Bool
	var dials atomic.Int32
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &breakable{Conn: conn, broken: &broken}, nil
	}
	if _, err := sdkhttp.Do(client, post(t, server.URL), 100); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	server.Listener.Close()
	_, err := sdkhttp.Do(client, post(t, server.URL), 100)
	if e := asError(t, err); e.Sent {
		t.Errorf("got %#v", e)
	}
	if dials.Load() != 2 {
		t.Errorf("%d dials, want 2: the test no longer tests what it says", dials.Load())
	}
	server.CloseClientConnections()
	server.Close()
}

// breakable is a connection that refuses to write once broken.
type breakable struct {
	net.Conn
	broken *atomic.Bool
}

func (c *breakable) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

func TestDoSentStaysAcrossRedirects(t *testing.T) {
	dead := deadAddress(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+dead+"/", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	_, err := sdkhttp.Do(newClient(t), post(t, server.URL), 100)
	if e := asError(t, err); !e.Sent || e.Kind != sdk.Unavailable {
		t.Errorf("got %#v", e)
	}
}

// A request of a traced operation lets the peer know; one of any other is as
// the plugin made it.
func TestTraceparent(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, test := range map[string]struct{ told, own, want string }{
		"not traced":        {"", "", ""},
		"traced":            {parent, "", parent},
		"the plugin's own":  {parent, "00-mine", "00-mine"},
		"a header's ending": {"00\r\nX-Evil: 1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent") }))
			defer server.Close()
			ctx := t.Context()
			if test.told != "" {
				ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(sdk.TraceparentKey, test.told))
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.own != "" {
				request.Header.Set(sdk.TraceparentKey, test.own)
			}
			if _, err := sdkhttp.Do(server.Client(), request, 100); err != nil && test.want != "" {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("the peer got %q, want %q", got, test.want)
			}
			if request.Header.Get(sdk.TraceparentKey) != test.own {
				t.Error("the caller's request was changed")
			}
		})
	}
}
