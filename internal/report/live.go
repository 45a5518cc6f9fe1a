package report

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// live shows, below what was written, a line for each vector that has been
// running for a moment, and the progress of the whole.
type live struct {
	to       io.Writer
	progress *mpb.Progress
	total    *mpb.Bar

	mu      sync.Mutex
	running map[string]*line
}

// line is the line of one running vector.
type line struct {
	timer *time.Timer // until it shows
	bar   *mpb.Bar    // nil until then
}

// showAfter keeps vectors that end at once from flickering by.
const showAfter = 150 * time.Millisecond

func newLive(to io.Writer, total int) *live {
	l := &live{to: to, running: map[string]*line{}}
	l.progress = mpb.New(mpb.WithOutput(to), mpb.WithAutoRefresh(), mpb.WithWidth(40))
	l.total = l.progress.AddBar(int64(total),
		mpb.BarPriority(1<<30),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d vectors")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	return l
}

// Write puts finished lines above the live ones.
func (l *live) Write(p []byte) (int, error) { return l.progress.Write(p) }

func (l *live) started(suite, vector string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := suite + "/" + vector
	shown := &line{}
	shown.timer = time.AfterFunc(showAfter, func() { l.show(name, shown) })
	l.running[name] = shown
}

func (l *live) show(name string, shown *line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[name] != shown {
		return
	}
	shown.bar = l.progress.New(0, mpb.SpinnerStyle(),
		mpb.BarRemoveOnComplete(), mpb.BarWidth(1),
		mpb.AppendDecorators(decor.Name(plain(name)), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
}

func (l *live) finished(suite, vector string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := suite + "/" + vector
	if shown := l.running[name]; shown != nil {
		shown.timer.Stop()
		if shown.bar != nil {
			shown.bar.Abort(true)
		}
		delete(l.running, name)
	}
	l.total.Increment()
}

// close takes the live lines away and answers the stream below them.
func (l *live) close() io.Writer {
	l.mu.Lock()
	for name, shown := range l.running {
		shown.timer.Stop()
		if shown.bar != nil {
			shown.bar.Abort(true)
		}
		delete(l.running, name)
	}
	l.mu.Unlock()
	l.total.Abort(true)
	l.progress.Wait()
	return l.to
}
