package invoke

import (
	"sync"

	"golang.org/x/time/rate"
)

// Retries may add a fifth to the first tries, and ten a second on top so that
// small runs can retry at all. Without a budget a total outage is answered
// with several times the usual traffic.
const (
	retriesPerCall   = 0.2
	retriesPerSecond = 10
)

type budget struct {
	floor  *rate.Limiter
	mu     sync.Mutex
	credit float64
}

func newBudget() *budget {
	return &budget{floor: rate.NewLimiter(retriesPerSecond, retriesPerSecond)}
}

// earn counts a first try.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit += retriesPerCall
}

// spend takes a retry out of the budget, if there is one left.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.credit >= 1 {
		b.credit--
		return true
	}
	return b.floor.Allow()
}
