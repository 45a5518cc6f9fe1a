package page

import (
	"context"
	"strconv"
	"sync"

	"github.com/assay-cx/assay/internal/history"
)

// latest is how many of the latest runs pages look at.
const latest = history.Window

// archive is the suite's history: opened once there is one, and again where
// another takes its place.
type archive struct {
	dir string

	mu      sync.Mutex
	history *history.History // nil for none
	opened  int
	held    *digest
}

// digest is what many pages need of the history, as of one version of it.
type digest struct {
	version string
	runs    []history.Run // the latest, the newest first
	broken  []history.Broken
	flaky   []history.Flaky
	tallies []history.Tally // of the same runs
}

// open answers the history; nil where the suite has none.
func (a *archive) open(ctx context.Context) (*history.History, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current(ctx)
}

// current is open with a.mu held.
func (a *archive) current(ctx context.Context) (*history.History, error) {
	if a.history != nil && a.history.Current() {
		return a.history, nil
	}
	if a.history != nil {
		_ = a.history.Close() // only read
		a.history = nil
	}
	if !history.Exists(a.dir) {
		return nil, nil
	}
	h, err := history.Open(ctx, a.dir)
	if err != nil {
		return nil, err
	}
	a.history = h
	a.opened++
	return h, nil
}

// version differs from the one before where the history does.
func (a *archive) version(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.versionOf(ctx)
}

func (a *archive) versionOf(ctx context.Context) (string, error) {
	h, err := a.current(ctx)
	if h == nil || err != nil {
		return "", err
	}
	version, err := h.Version(ctx)
	return strconv.Itoa(a.opened) + "." + strconv.FormatInt(version, 10), err
}

// digest reads what many pages need, once for each version. It is nil where
// the suite has no history.
func (a *archive) digest(ctx context.Context) (*digest, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	version, err := a.versionOf(ctx)
	if err != nil || a.history == nil {
		return nil, err
	}
	if a.held != nil && a.held.version == version {
		return a.held, nil
	}
	d := &digest{version: version}
	if d.runs, err = a.history.Runs(ctx, latest); err != nil {
		return nil, err
	}
	if d.broken, err = a.history.Broken(ctx); err != nil {
		return nil, err
	}
	if d.flaky, err = a.history.Flaky(ctx, latest); err != nil {
		return nil, err
	}
	if d.tallies, err = a.history.Tallies(ctx, latest); err != nil {
		return nil, err
	}
	a.held = d
	return d, nil
}

func (a *archive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.history == nil {
		return nil
	}
	return a.history.Close()
}
