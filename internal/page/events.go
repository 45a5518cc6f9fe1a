package page

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"github.com/assay-cx/assay/internal/health"
)

const (
	maxStreams = 64               // browsers that follow at a time
	lookEvery  = time.Second      // for changes, for each of them
	beatEvery  = 15 * time.Second // so that a dead connection is noticed
	sendWithin = 10 * time.Second // or the browser is given up
)

// version names what the pages show now: it is another one where anything
// changed, or the monitor was started again.
func (p *Page) version(ctx context.Context) string {
	digest := fnv.New64a()
	version, err := p.archive.version(ctx)
	fmt.Fprint(digest, version, err)
	for _, a := range p.Actions {
		for _, window := range a.Windows() {
			r := p.Health.Peek(a.Question(window))
			fmt.Fprint(digest, r.At.UnixNano(), r.Err)
		}
	}
	return fmt.Sprintf("%s-%x", p.nonce, digest.Sum64())
}

// Events streams, as server-sent events, the version of what the pages show
// whenever it changes. It begins with the current one, unless the browser
// says that it has it.
func (p *Page) Events(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many browsers follow this monitor: reload the page to see what is new", http.StatusServiceUnavailable)
		return
	}
	seen := r.URL.Query().Get("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		seen = id
	}
	s := stream{w, http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies pass events on at once
	err := s.send("retry: 3000\n\n")
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	sent := time.Now()
	for err == nil {
		p.refresh(r.Context())
		if now := p.version(r.Context()); now != seen && r.Context().Err() == nil {
			seen, sent = now, time.Now()
			err = s.send("id: %[1]s\nevent: change\ndata: %[1]s\n\n", now)
		} else if time.Since(sent) >= beatEvery {
			sent = time.Now()
			err = s.send(": still here\n\n")
		}
		select {
		case <-look.C:
		case <-r.Context().Done():
			return
		case <-p.Ending:
			return
		}
	}
}

// stream sends events.
type stream struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

func (s stream) send(format string, args ...any) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(sendWithin))
	if _, err := fmt.Fprintf(s.to, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}

// refresh has figures that are due read, for as long as somebody looks. The
// cache asks a platform at most once a minute.
func (p *Page) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	p.readings(ctx, p.Actions)
}

// readings are the actions' figures by window, in the actions' order.
func (p *Page) readings(ctx context.Context, actions []health.Action) []map[string]health.Reading {
	all := make([]map[string]health.Reading, len(actions))
	var done sync.WaitGroup
	for i, a := range actions {
		done.Go(func() { all[i] = p.Health.Readings(ctx, a, a.Windows()) })
	}
	done.Wait()
	return all
}
