package pluginhost

import (
	"bytes"
	"slices"
	"sync"
)

const (
	tailLines   = 100     // kept of what a plugin writes
	maxTailLine = 4 << 10 // bytes kept of one line
)

// tail keeps the last lines of a plugin.
type tail struct {
	mu    sync.Mutex
	lines []string
	log   func(line string)
}

func (t *tail) add(line string) {
	t.log(line)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	t.lines = append(t.lines, line)
}

func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

// lineWriter cuts a stream into the lines of a tail. It is for one goroutine.
type lineWriter struct {
	tail    *tail
	partial []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	rest := p
	for {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		room := maxTailLine - len(w.partial)
		w.partial = append(w.partial, line[:min(len(line), room)]...)
		if !ended {
			return len(p), nil
		}
		w.flush()
		rest = after
	}
}

// flush ends a line that has no end.
func (w *lineWriter) flush() {
	if line := bytes.TrimRight(w.partial, "\r"); len(line) > 0 {
		w.tail.add(string(line))
	}
	w.partial = w.partial[:0]
}
