package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interrupts counts the signals that a command gets.
type interrupts struct {
	signals chan os.Signal
	done    chan struct{}
	count   int
}

// watchSignals stops a command at the first Ctrl-C and cancels it at the second.
func (p *process) watchSignals(stop func(), cancel context.CancelFunc) *interrupts {
	i := &interrupts{signals: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(i.done)
		for range i.signals {
			if i.count++; i.count > 1 {
				cancel()
				continue
			}
			stop()
			i.settle()
			fmt.Fprintln(p.stderr, "Stopping: what is in flight is finished first. Once more cancels at once.")
		}
	}()
	return i
}

// together is how close signals are that mean one: timeout(1) signals its
// child and then its child's group.
const together = 50 * time.Millisecond

// interruptible gives two contexts: now ends at the second Ctrl-C, unhurried at
// the first. release must be called at the end.
func (p *process) interruptible(ctx context.Context) (now, unhurried context.Context, release func()) {
	now, cancel := context.WithCancel(ctx)
	unhurried, stop := context.WithCancel(now)
	signals := p.watchSignals(stop, cancel)
	return now, unhurried, func() {
		signals.stop()
		stop()
		cancel()
	}
}

// settle passes over the signals that come together with the first.
func (i *interrupts) settle() {
	over := time.After(together)
	for {
		select {
		case _, open := <-i.signals:
			if !open {
				return
			}
		case <-over:
			return
		}
	}
}

// stop ends the watching and answers how many signals there were.
func (i *interrupts) stop() int {
	signal.Stop(i.signals)
	close(i.signals)
	<-i.done
	return i.count
}
