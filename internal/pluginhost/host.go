// Package pluginhost finds plugins, starts them as processes of their own,
// talks to them and stops them. Whatever a plugin does (crash, hang, flood its
// output, outlive its welcome), the host stays right: a call ends in an error
// that says what happened, and no process or socket file is left behind.
//
// Start reading at Host, then at Process, which is supervised, and generation,
// one process of it. child.go holds what the operating system sees of a plugin,
// conn.go what every call goes through.
package pluginhost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// ErrClosed is what a plugin answers once its host is closed.
var ErrClosed = errors.New("the plugin host is closed")

// Options is what a host needs to know.
type Options struct {
	// Executable is the path of assay itself, which serves the built-in
	// plugins with `plugin serve NAME`. It is not checked against a checksum:
	// it is the code that would do the checking. On Linux /proc/self/exe is
	// the very file that runs, though another may stand at its path by now.
	Executable string
	// Builtins are the built-in plugins by name.
	Builtins map[string]sdk.Plugin
	// Finder finds all others, and vouches for them.
	Finder pluginsource.Finder
	// Environ is the host's environment, of which plugins get an allow-list.
	Environ []string
	// Logger gets each call, with the shape of its documents, and each line
	// that a plugin writes, at debug level.
	Logger *slog.Logger
}

// Host runs plugins. It must be closed.
type Host struct {
	options Options
	renewal time.Duration // see Renew

	open   sync.Once // at the first launch: a host that only describes leaves nothing
	shared *shared
	err    error // why there is no shared

	mu        sync.Mutex
	closed    bool
	processes []*Process
}

// shared is what the processes of a host have in common.
type shared struct {
	environ []string
	forker  *forker
	// certificate is what the plugins know the host by.
	certificate tls.Certificate
	// lifeline is a pipe that nobody writes to. Plugins inherit the reading
	// end, and see its end when the host's death closes the writing one.
	lifeline, lifelineHeld *os.File
}

// New is a host without plugins.
func New(options Options) *Host { return &Host{options: options} }

// Renew lets a plugin whose process has been up that long be restarted as often
// as at first: for a host that is to live for days. It is called before the
// first launch.
func (h *Host) Renew(after time.Duration) { h.renewal = after }

// Launch starts a plugin that no block has to name: a built-in one.
func (h *Host) Launch(name, source string) *Process {
	return h.LaunchBlock(pluginsource.Block{Name: name, Source: source})
}

// LaunchBlock starts the plugin of a block in the background and returns at
// once. What goes wrong, Process.Client tells.
func (h *Host) LaunchBlock(block pluginsource.Block) *Process {
	p := newProcess(h, block)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		p.first.err = ErrClosed
		close(p.first.ready)
		return p
	}
	h.processes = append(h.processes, p)
	go p.first.begin()
	return p
}

// Close stops all plugins at the same time: each is asked to finish what it
// holds, and killed where it has not within 1.5 s, or when ctx is done. A
// second Close does nothing.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	processes, closed := h.processes, h.closed
	h.processes, h.closed = nil, true
	h.mu.Unlock()
	if closed {
		return nil
	}

	var stopping sync.WaitGroup
	for _, p := range processes {
		stopping.Go(func() { p.stop(ctx) })
	}
	stopping.Wait()

	h.open.Do(func() { h.err = ErrClosed }) // where nothing was launched
	if h.shared == nil {
		return nil
	}
	return h.shared.close()
}

// prepare makes what the processes share, once.
func (h *Host) prepare() (*shared, error) {
	h.open.Do(func() { h.shared, h.err = newShared(h.options.Environ) })
	return h.shared, h.err
}

func newShared(environ []string) (*shared, error) {
	certificate, err := pluginv1.NewCertificate()
	if err != nil {
		return nil, err
	}
	lifeline, held, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the plugins' lifeline: %w", err)
	}
	return &shared{
		environ: allowed(environ), certificate: certificate, forker: newForker(),
		lifeline: lifeline, lifelineHeld: held,
	}, nil
}

func (s *shared) close() error {
	s.forker.close()
	return errors.Join(s.lifelineHeld.Close(), s.lifeline.Close())
}
