package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
)

// standard are the waits before each further attempt, after the Standard
// Webhooks specification.
var standard = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// maxRetryAfter caps what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// jitter is the most that a wait is lengthened by, as a part of it.
	jitter = 0.2
)

// schedule is when a letter is tried again. Its zero value is the standard
// one; a retry block changes what it sets.
type schedule struct {
	attempts  int           // before a letter is dead
	baseDelay time.Duration // first wait, doubled each time
	maxDelay  time.Duration // longest wait
}

func scheduleOf(p invoke.Policy) schedule {
	return schedule{attempts: p.Attempts, baseDelay: p.BaseDelay, maxDelay: p.MaxDelay}
}

// wait is how long after the given number of attempts the next is due. ok is
// false where there is to be none.
func (s schedule) wait(attempts int, retryAfter time.Duration) (wait time.Duration, ok bool) {
	last := s.attempts
	if last == 0 {
		last = len(standard) + 1
	}
	if attempts >= last {
		return 0, false
	}
	wait = standard[min(attempts, len(standard))-1]
	if s.baseDelay > 0 {
		wait = s.baseDelay << min(attempts-1, 20)
	}
	if s.maxDelay > 0 {
		wait = min(wait, s.maxDelay)
	}
	wait += time.Duration(rand.Float64() * jitter * float64(wait)) //nolint:gosec // jitter, not a secret
	return max(wait, min(retryAfter, maxRetryAfter)), true
}
