package pluginhost

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// restartWaits are the waits before each restart of a plugin. There are no
// more restarts than that: what dies again and again does not get well. See
// Host.Renew for the exception.
var restartWaits = [...]time.Duration{0, 100 * time.Millisecond, 500 * time.Millisecond}

// Process is a plugin that was launched. When its process ends of itself, or
// hangs, the next call has another one started and configured as the first.
type Process struct {
	name   string
	block  pluginsource.Block
	host   *Host
	client *sdk.Client
	first  *generation

	// live is the last generation that was ready for calls; nil before the first.
	live     atomic.Pointer[generation]
	stopping atomic.Bool // set under mu

	mu         sync.Mutex
	latest     *generation                // ready or not
	configured *pluginv1.ConfigureRequest // what the plugin took; nil before
	restarts   map[string]int64           // by the operation that needed them
}

func newProcess(h *Host, block pluginsource.Block) *Process {
	p := &Process{name: block.Name, block: block, host: h, restarts: map[string]int64{}}
	p.client = sdk.NewClient(&conn{process: p})
	p.first = newGeneration(p, 0, nil)
	p.latest = p.first
	return p
}

// Client is the plugin, once it has started. A plugin that did not start, or
// that ctx gave up waiting for, is an error. The client outlives the process:
// an operation whose process ends is a *CrashError, and the next one goes to
// another process, unless there were too many.
func (p *Process) Client(ctx context.Context) (*sdk.Client, error) {
	select {
	case <-p.first.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for plugin %q to start: %w", p.name, ctx.Err())
	}
	if p.first.err != nil {
		return nil, p.first.err
	}
	return p.client, nil
}

// Restarts counts how often the plugin was started again, by the operation
// that found it dead, such as "submit".
func (p *Process) Restarts() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.restarts)
}

// generation is the one that a call goes to.
func (p *Process) generation(ctx context.Context, method string) (*generation, error) {
	if g := p.live.Load(); g != nil && !g.isLost() {
		return g, nil
	}
	g, err := p.successor(method)
	if err != nil {
		return nil, err
	}
	select {
	case <-g.ready:
		return g, g.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for plugin %q to start again: %w", p.name, ctx.Err())
	}
}

// successor follows a generation that is dead, once however many calls find
// it so.
func (p *Process) successor(method string) (*generation, error) {
	last, next := p.succeed(method)
	switch {
	case next != nil:
		return next, nil
	case p.stopping.Load():
		return nil, ErrClosed
	case last.err != nil:
		return nil, last.err
	default:
		return nil, last.crash(false)
	}
}

// succeed answers the last generation and the one that calls are to wait for,
// nil where there is to be none.
func (p *Process) succeed(method string) (last, next *generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last = p.latest
	if !last.isReady() || last.err == nil && !last.isLost() {
		return last, last
	}
	spent := last.number
	if last.hasLasted() {
		spent = 0
	}
	if p.stopping.Load() || p.configured == nil || spent == len(restartWaits) {
		return last, nil
	}
	p.latest = newGeneration(p, spent+1, p.configured)
	p.restarts[operationOf(method)]++
	go p.latest.follow(last)
	return last, p.latest
}

// took remembers the settings that a restarted plugin gets.
func (p *Process) took(request *pluginv1.ConfigureRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.configured = request
}

// stop ends the plugin for good and waits for the end of its process.
func (p *Process) stop(ctx context.Context) {
	p.mu.Lock()
	p.stopping.Store(true)
	g := p.latest
	p.mu.Unlock()
	g.stop(ctx)
}
