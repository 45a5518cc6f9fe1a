package sandbox

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/assay-cx/assay/hcl/specfile"
)

// AnyPort is the address of a free loopback port.
const AnyPort = "127.0.0.1:0"

// Listeners are the ports of a sandbox and its mocks. Connections are accepted
// from the start and answered once Serve is called.
type Listeners struct {
	sandbox net.Listener
	mocks   map[string]net.Listener
}

// Listen takes a port for the sandbox, at address, and free loopback ports for
// the mocks.
func Listen(ctx context.Context, address string, mocks []*specfile.Mock) (*Listeners, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	l := &Listeners{sandbox: listener, mocks: make(map[string]net.Listener, len(mocks))}
	for _, m := range mocks {
		listener, err := config.Listen(ctx, "tcp", AnyPort)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("mock %q: %w", m.Name, err)
		}
		l.mocks[m.Name] = listener
	}
	return l, nil
}

// SandboxURL is the tenant's base URL.
func (l *Listeners) SandboxURL() string { return "http://" + l.sandbox.Addr().String() }

// MockURL is the base URL of a mock, or empty where there is no such mock.
func (l *Listeners) MockURL(name string) string {
	listener := l.mocks[name]
	if listener == nil {
		return ""
	}
	return "http://" + listener.Addr().String()
}

// Hosts are the host:port of the sandbox and of all mocks.
func (l *Listeners) Hosts() []string {
	hosts := []string{l.sandbox.Addr().String()}
	for _, listener := range l.mocks {
		hosts = append(hosts, listener.Addr().String())
	}
	slices.Sort(hosts)
	return hosts
}

// Close gives the ports back. It is not needed after Sandbox.Close, and does
// no harm then.
func (l *Listeners) Close() {
	_ = l.sandbox.Close()
	for _, listener := range l.mocks {
		_ = listener.Close()
	}
}
