package pluginhost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	startTimeout     = 10 * time.Second       // from the start to the handshake, and from there to the first answer
	configureTimeout = 30 * time.Second       // for the plugin to take its settings
	shutdownTimeout  = time.Second            // for the plugin to finish what it holds
	exitTimeout      = 500 * time.Millisecond // then, to end
	// exitWait is how long a broken connection may precede the end of the
	// process that broke it. One that lives on without it is of no use.
	exitWait = time.Second
)

// generation is one process of a plugin, from its start to its end.
type generation struct {
	process  *Process
	number   int                        // 0 for the first, else which restart since the first, or since one that lasted
	settings *pluginv1.ConfigureRequest // of a restart

	kill   func() // ends the process at once, or keeps it from starting
	killed <-chan struct{}

	ready   chan struct{} // closed when the start has ended; what follows is set by then
	err     error
	link    link
	child   *child
	wire    *goplugin.Client
	address net.Addr // of the plugin's socket

	writes atomic.Int64  // to the connection
	lost   chan struct{} // closed when the connection is gone: there is no other to this process
	lasted time.Duration // how long the connection was there; set when it is lost
	hung   atomic.Bool   // killed, because it did not answer
}

func newGeneration(p *Process, number int, settings *pluginv1.ConfigureRequest) *generation {
	killed := make(chan struct{})
	return &generation{
		process: p, number: number, settings: settings,
		killed: killed, kill: sync.OnceFunc(func() { close(killed) }),
		ready: make(chan struct{}), lost: make(chan struct{}),
	}
}

func (g *generation) isReady() bool { return isClosed(g.ready) }
func (g *generation) isLost() bool  { return isClosed(g.lost) }

// hasLasted reports whether a process that is gone was up for so long that what
// went before is forgotten.
func (g *generation) hasLasted() bool {
	renewal := g.process.host.renewal
	return g.isLost() && renewal > 0 && g.lasted >= renewal
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// giveUp ends a process that hangs.
func (g *generation) giveUp() {
	g.hung.Store(true)
	g.kill()
}

// begin starts the first process of a plugin.
func (g *generation) begin() {
	defer close(g.ready)
	began := time.Now()
	if g.err = g.start(); g.err != nil {
		return
	}
	g.process.live.Store(g)
	g.process.host.options.Logger.Debug("plugin started", "plugin", g.process.name, "pid", g.child.ID(), "duration", time.Since(began))
}

// follow starts a process in the place of one that has died.
func (g *generation) follow(dead *generation) {
	defer close(g.ready)
	why := dead.cause()
	if dead.wire != nil {
		dead.wire.Kill() // it is dead: this frees what go-plugin holds of it
	}
	began := time.Now()
	err := g.rest(restartWaits[g.number-1])
	if err == nil {
		err = g.start()
	}
	if err == nil {
		err = g.configure()
	}
	p := g.process
	switch {
	case err == nil:
		p.live.Store(g)
		p.host.options.Logger.Warn("plugin started again", "plugin", p.name, "pid", g.child.ID(), "duration", time.Since(began),
			"restart", g.number, "of", len(restartWaits), "because", why.reason())
	case p.stopping.Load():
		g.err = ErrClosed
	default:
		why.Restart = err
		g.err = why
	}
}

// rest waits, unless there is to be no process any more.
func (g *generation) rest(wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-g.killed:
		return ErrClosed
	case <-timer.C:
		return nil
	}
}

// start starts the process and connects. The folder of the socket is gone
// when it returns: the connection needs it no more, and whoever kills the
// host leaves nothing behind.
func (g *generation) start() error {
	program, err := g.process.host.command(g.process.block)
	if err != nil {
		return err
	}
	defer program.close()
	s, err := g.process.host.prepare()
	if err != nil {
		return err
	}
	dir, err := makeSocketDir(os.TempDir())
	if err != nil {
		return err
	}
	g.wire = goplugin.NewClient(g.config(program, dir, s))
	if err = g.dial(); err != nil {
		err = g.failedStart(err)
	}
	if removal := os.RemoveAll(dir); removal != nil {
		g.process.host.options.Logger.Warn("the folder of a plugin's socket is left behind", "plugin", g.process.name, "error", removal)
	}
	if err != nil {
		return err
	}
	go g.watch()
	return nil
}

func (g *generation) config(program command, dir string, s *shared) *goplugin.ClientConfig {
	p := g.process
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
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: dir},
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       &lineWriter{tail: lines},
		SyncStderr:       &lineWriter{tail: lines},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(
				grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage),
				grpc.MaxCallSendMsgSize(pluginv1.MaxMessage),
			),
			grpc.WithContextDialer(g.connect),
			grpc.WithIdleTimeout(0), // a connection that is given up cannot be had again
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			g.child = newChild(program, cmd.Env, s, lines, g.killed)
			return g.child, nil
		},
	}
}

// failedStart says why there is no plugin.
func (g *generation) failedStart(err error) error {
	p := g.process
	switch {
	case p.stopping.Load():
		return ErrClosed
	case g.child == nil || g.child.ID() == "":
		return fmt.Errorf("start plugin %q: %w", p.name, err)
	}
	g.kill()
	<-g.child.exited
	if !g.child.wasKilled() {
		return g.crash(false)
	}
	lines := ""
	if last := g.child.tail.last(); len(last) > 0 {
		lines = "; " + lastLines(last)
	}
	return fmt.Errorf("plugin %q did not start: %w%s", p.name, err, lines)
}

// watch ends the process when its connection is gone.
func (g *generation) watch() {
	connected := time.Now()
	g.link.WaitForStateChange(g.link.process, connectivity.Ready)
	g.lasted = time.Since(connected)
	close(g.lost)
	g.awaitExit(exitWait)
	g.kill()
}

// awaitLoss waits a moment for the word that the connection is gone, and
// awaitExit a while for the end of the process.
func (g *generation) awaitLoss() bool                      { return await(g.lost, exitWait) }
func (g *generation) awaitExit(longest time.Duration) bool { return await(g.child.exited, longest) }

func await(c <-chan struct{}, longest time.Duration) bool {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// configure gives a restarted plugin the settings that the first one took.
func (g *generation) configure() error {
	defer time.AfterFunc(configureTimeout, g.giveUp).Stop()
	response := &pluginv1.ConfigureResponse{}
	if err := g.invoke(g.link.process, pluginv1.Plugin_Configure_FullMethodName, g.settings, response); err != nil {
		return err
	}
	for _, problem := range response.GetProblems() {
		return fmt.Errorf("it refuses the settings that it took before: %s: %s", problem.GetAttribute(), problem.GetDetail())
	}
	return nil
}

// stop ends the process, or keeps it from starting, and waits for its end.
func (g *generation) stop(ctx context.Context) {
	if !g.isReady() {
		g.kill() // nobody has used it yet
		<-g.ready
	}
	if g.link.ClientConn != nil && !g.isLost() {
		g.shutdown(ctx)
	}
	if g.wire == nil {
		return
	}
	timer := time.AfterFunc(exitTimeout, g.kill)
	defer timer.Stop()
	defer context.AfterFunc(ctx, g.kill)()
	g.wire.Kill() // asks go-plugin's server to end, and waits
}

func (g *generation) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := sdk.NewClient(g.link).Shutdown(ctx); err != nil && !g.isLost() {
		g.process.host.options.Logger.Warn("plugin did not shut down", "plugin", g.process.name, "error", err)
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

// dial starts the process, shakes hands, connects and hears a first answer.
func (g *generation) dial() (err error) {
	if g.address, err = g.wire.Start(); err != nil {
		return err
	}
	protocol, err := g.wire.Client()
	if err != nil {
		return err
	}
	dispensed, err := protocol.Dispense("plugin")
	if err != nil {
		return err
	}
	connected := dispensed.(link)
	defer time.AfterFunc(startTimeout, g.kill).Stop()
	if _, err := connected.health(connected.process, goplugin.GRPCServiceName); err != nil {
		return fmt.Errorf("it does not answer on its socket: %w", err)
	}
	g.link = connected
	return nil
}

var errLost = errors.New("the only connection to the process is gone")

// connect is gRPC's dialer.
func (g *generation) connect(ctx context.Context, _ string) (net.Conn, error) {
	if g.isReady() {
		return nil, errLost
	}
	connection, err := new(net.Dialer).DialContext(ctx, g.address.Network(), g.address.String())
	return countedConn{connection, &g.writes}, err
}

// countedConn counts what went out: a call of a broken connection, since whose
// beginning nothing did, never reached the plugin.
type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.writes.Add(1)
	}
	return n, err
}

// dialed gives the bare connection.
type dialed struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (dialed) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }

func (dialed) GRPCClient(process context.Context, _ *goplugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return link{connection, process}, nil
}
