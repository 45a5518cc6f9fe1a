package invoke

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Retries may add a fifth to the first tries, and ten a second on top. The
// first ten are advanced, so that small runs can retry at all. Without a budget
// a total outage is answered with several times the usual traffic.
const (
	retriesPerCall   = 0.2
	retriesAdvanced  = 10
	retriesPerSecond = 10
)

type budget struct {
	calls, retries atomic.Int64 // of operations that may be retried
	extra          *rate.Limiter
}

func newBudget() *budget {
	b := &budget{extra: rate.NewLimiter(retriesPerSecond, retriesPerSecond)}
	b.extra.AllowN(time.Now(), retriesPerSecond) // nothing is saved up at the start
	return b
}

// earn counts a first try.
func (b *budget) earn() { b.calls.Add(1) }

// spend takes a retry out of the budget, if there is one left.
func (b *budget) spend() bool { return b.take() || b.extra.Allow() }

// await is spend for who can wait until end: it answers for how long.
func (b *budget) await(end time.Time) (wait time.Duration, ok bool) {
	if b.take() {
		return 0, true
	}
	reservation := b.extra.Reserve()
	wait = reservation.Delay()
	if time.Until(end) < wait {
		reservation.Cancel()
		return 0, false
	}
	return wait, true
}

func (b *budget) take() bool {
	for {
		retries := b.retries.Load()
		if float64(retries+1) > max(retriesAdvanced, retriesPerCall*float64(b.calls.Load())) {
			return false
		}
		if b.retries.CompareAndSwap(retries, retries+1) {
			return true
		}
	}
}
