package pluginhost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	startTimeout    = 10 * time.Second       // from the start to the handshake
	shutdownTimeout = time.Second            // for the plugin to finish what it holds
	exitTimeout     = 500 * time.Millisecond // then, to end
)

// Process is a plugin that was launched.
type Process struct {
	name  string
	block pluginsource.Block
	host  *Host

	stopping atomic.Bool
	kill     func() // ends the process at once, or keeps it from starting
	killed   <-chan struct{}

	ready  chan struct{} // closed when the start has ended; the rest is set by then
	err    error
	client *sdk.Client
	child  *child
	wire   *goplugin.Client
}

func newProcess(h *Host, block pluginsource.Block) *Process {
	killed := make(chan struct{})
	return &Process{
		name: block.Name, block: block, host: h,
		killed: killed, kill: sync.OnceFunc(func() { close(killed) }),
		ready: make(chan struct{}),
	}
}

// Client is the plugin, once it has started. A plugin that did not start, or
// that ctx gave up waiting for, is an error; one that ended of itself since is
// a *CrashError, here and from every operation.
func (p *Process) Client(ctx context.Context) (*sdk.Client, error) {
	select {
	case <-p.ready:
		return p.client, p.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for plugin %q to start: %w", p.name, ctx.Err())
	}
}

func (p *Process) start() {
	defer close(p.ready)
	program, err := p.host.command(p.block)
	if err != nil {
		p.err = err
		return
	}
	defer program.close()
	s, err := p.host.prepare()
	if err != nil {
		p.err = err
		return
	}
	began := time.Now()
	p.wire = goplugin.NewClient(p.config(program, s))
	connection, err := dial(p.wire)
	if err != nil {
		p.err = p.failedStart(err)
		return
	}
	p.client = sdk.NewClient(&conn{ClientConnInterface: connection, process: p})
	p.host.options.Logger.Debug("plugin started", "plugin", p.name, "pid", p.child.ID(), "duration", time.Since(began))
}

func (p *Process) config(program command, s *shared) *goplugin.ClientConfig {
	lines := &tail{log: func(line string) { logLine(p.host.options.Logger, p.name, line) }}
	return &goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{pluginv1.Version: {"plugin": dialed{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        clientTLS(s.certificate),
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: s.socketDir},
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       &lineWriter{tail: lines},
		SyncStderr:       &lineWriter{tail: lines},
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage),
			grpc.MaxCallSendMsgSize(pluginv1.MaxMessage),
		)},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			p.child = newChild(program, cmd.Env, s, lines, p.killed)
			return p.child, nil
		},
	}
}

// failedStart says why there is no plugin.
func (p *Process) failedStart(err error) error {
	switch {
	case p.stopping.Load():
		return ErrClosed
	case p.child == nil || p.child.ID() == "":
		return fmt.Errorf("start plugin %q: %w", p.name, err)
	}
	<-p.child.exited // go-plugin has killed it
	if !p.child.wasKilled() {
		return p.ended(false)
	}
	lines := ""
	if last := p.child.tail.last(); len(last) > 0 {
		lines = "; " + lastLines(last)
	}
	return fmt.Errorf("plugin %q did not start: %w%s", p.name, err, lines)
}

// ended is the error of a call to a process that has ended.
func (p *Process) ended(sent bool) error {
	if p.stopping.Load() {
		return ErrClosed
	}
	return &CrashError{Plugin: p.name, ExitStatus: p.child.exitStatus(), Stderr: p.child.tail.last(), Sent: sent}
}

// stop ends the process and waits for its end.
func (p *Process) stop(ctx context.Context) {
	p.stopping.Store(true)
	select {
	case <-p.ready:
	default:
		p.kill() // nobody has used it yet
		<-p.ready
	}
	if p.client != nil {
		p.shutdown(ctx)
	}
	if p.wire == nil {
		return
	}
	timer := time.AfterFunc(exitTimeout, p.kill)
	defer timer.Stop()
	defer context.AfterFunc(ctx, p.kill)()
	p.wire.Kill() // asks go-plugin's server to end, and waits
}

func (p *Process) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := p.client.Shutdown(ctx); err != nil && !errors.Is(err, ErrClosed) {
		p.host.options.Logger.Warn("plugin did not shut down", "plugin", p.name, "error", err)
	}
}

// clientTLS is the host's half of AutoMTLS. go-plugin adds the certificate that
// the plugin names in the handshake, as the only root.
func clientTLS(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS13,
		ServerName:   pluginv1.ServerName,
		RootCAs:      x509.NewCertPool(), // no plugin is trusted that names none
	}
}

// dial starts the process, shakes hands and connects.
func dial(wire *goplugin.Client) (grpc.ClientConnInterface, error) {
	protocol, err := wire.Client()
	if err != nil {
		return nil, err
	}
	connection, err := protocol.Dispense("plugin")
	if err != nil {
		return nil, err
	}
	return connection.(grpc.ClientConnInterface), nil
}

// dialed gives the bare connection.
type dialed struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (dialed) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }

func (dialed) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}
