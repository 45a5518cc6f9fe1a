package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is a monitor that listens on loopback until the test stops it.
func running(t *testing.T, m *Monitor) (url string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopping := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- m.Run(t.Context(), stopping, listener, nil) }()
	return "http://" + listener.Addr().String(), func() error {
		close(stopping)
		return <-ended
	}
}

// What is under way when the monitor is stopped is finished; nobody new is let in.
func TestStop(t *testing.T) {
	t.Parallel()
	p := &platform{hold: make(chan struct{})}
	m := New(options(t, p))
	url, stop := running(t, m)
	answered := make(chan int, 1)
	go func() {
		response, _ := get(t, url+"/health?action_id=sync")
		answered <- response.StatusCode
	}()
	for p.asked() == 0 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break // nobody listens any more
		}
		_ = connection.Close()
	}
	select {
	case err := <-stopped:
		t.Errorf("it ended with a request under way: %v", err)
	default:
	}
	if status, body := ask(m, "/readyz"); status != http.StatusServiceUnavailable || body != "stopping\n" {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, _ := ask(m, "/livez"); status != http.StatusOK {
		t.Errorf("livez: %d", status)
	}
	close(p.hold)
	if status := <-answered; status != 200 {
		t.Errorf("status %d", status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// The end of ctx is the second Ctrl-C: what is under way is cut off.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	p := &platform{hold: make(chan struct{})}
	o := options(t, p)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopping := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- New(o).Run(ctx, stopping, listener, nil) }()
	go func() {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/health?action_id=sync", nil)
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	for p.asked() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(stopping)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(p.hold)
}

func TestClientsThatDoNotBehave(t *testing.T) {
	t.Parallel()
	url, stop := running(t, New(options(t, &platform{})))
	var all sync.WaitGroup
	for name, test := range map[string]struct{ sends, gets string }{
		"a header without end": {"GET / HTTP/1.1\r\nHost: x\r\nX: ", ""},
		"nothing":              {"", ""},
		"long headers":         {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"garbage":              {"\x16\x03\x01\x02\x00\r\n\r\n", "HTTP/1.1 400 "},
		"a long body":          {"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", "HTTP/1.1 405 "},
	} {
		all.Go(func() {
			connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer connection.Close()
			// Written behind: a server that refuses does not read to the end.
			go func() { _, _ = io.WriteString(connection, test.sends) }()
			_ = connection.SetReadDeadline(time.Now().Add(time.Minute))
			answer, err := io.ReadAll(connection) // a reset is an end as well
			if errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(string(answer), test.gets) {
				t.Errorf("%s: %v, %.100q", name, err, answer)
			}
		})
	}
	all.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Whoever comes when there are enough connections waits for one to end.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	url, stop := running(t, New(options(t, &platform{})))
	ask := func() net.Conn {
		connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if _, err := io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return connection
	}
	answered := func(connection net.Conn, within time.Duration) error {
		_ = connection.SetReadDeadline(time.Now().Add(within))
		_, err := connection.Read(make([]byte, 1))
		return err
	}
	var last net.Conn
	for range maxConnections {
		last = ask()
		if err := answered(last, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	late := ask()
	if err := answered(late, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one connection too many: %v", err)
	}
	_ = last.Close()
	if err := answered(late, time.Minute); err != nil {
		t.Errorf("its turn: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
