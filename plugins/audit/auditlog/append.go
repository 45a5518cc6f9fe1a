package auditlog

import (
	"context"
	"slices"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// write is records that wait for their turn. err counts once done is closed.
type write struct {
	records []auditfile.Record
	done    chan struct{}
	err     error
}

// Append writes records and syncs them. After an error none of them stands in
// the log. Writes that wait while another is under way go together, in one
// write and one sync.
func (l *Log) Append(ctx context.Context, records []auditfile.Record) error {
	if len(records) == 0 {
		return nil
	}
	w := &write{records: records, done: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return l.giveUp(w, ctx.Err())
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
		return l.giveUp(w, l.locked(ctx, l.writeWaiting))
	}
}

// giveUp answers why a write that still waits was not written, or what became
// of it where somebody has taken it.
func (l *Log) giveUp(w *write, why error) error {
	l.mu.Lock()
	at := slices.Index(l.waiting, w)
	if at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	l.mu.Unlock()
	if at >= 0 {
		return why
	}
	<-w.done
	return w.err
}

// writeWaiting commits everything that waits.
func (l *Log) writeWaiting() error {
	l.mu.Lock()
	writes := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	var records []auditfile.Record
	for _, w := range writes {
		records = append(records, w.records...)
	}
	var err error
	if len(records) > 0 {
		err = l.commit(records)
	}
	for _, w := range writes {
		w.err = err
		close(w.done)
	}
	return nil
}
