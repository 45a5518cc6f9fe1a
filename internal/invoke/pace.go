package invoke

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// recovery is how long it takes to add the rate at which a 429 came to
	// the half of it that is left: after half of it the rate is what it was.
	recovery = 10 * time.Second
	// slowest is the rate that 429s halve no further, in attempts a second.
	slowest = 1
	// measured is the shortest time over which the rate of attempts is told.
	measured = time.Second
)

// pace is how fast a plugin may make attempts, all operations together: as
// fast as its block allows, half as fast once a 429 comes, not at all until
// its Retry-After, and then faster again bit by bit.
type pace struct {
	ceiling rate.Limit // of the block
	limiter *rate.Limiter
	sent    atomic.Int64
	slow    atomic.Bool // a 429 came, and the rate has not recovered from it

	mu     sync.Mutex
	until  time.Time  // nothing is sent before
	slowed time.Time  // the last 429 that changed the rate
	high   rate.Limit // the rate at which it came
	low    rate.Limit // what that was changed to
	since  time.Time  // when it was not slow any more
	before int64      // what was sent by then
}

func newPace(policy Policy) *pace {
	ceiling := rate.Inf
	if policy.PerSecond > 0 {
		ceiling = rate.Limit(policy.PerSecond)
	}
	return &pace{ceiling: ceiling, limiter: rate.NewLimiter(ceiling, policy.Burst), since: time.Now()}
}

// errNoTime is a caller's deadline that the rate limit does not leave room for.
var errNoTime = errors.New("the rate limit leaves no room before the deadline")

// reserve answers how long an attempt has to wait. It is an error where that
// is longer than until end.
func (p *pace) reserve(end time.Time) (time.Duration, error) {
	if !p.slow.Load() && p.ceiling == rate.Inf {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.recover(now)
	start := now
	if p.until.After(now) {
		start = p.until
	}
	if start.After(end) {
		return 0, pausedError(start.Sub(now))
	}
	reservation := p.limiter.ReserveN(start, 1)
	wait := reservation.DelayFrom(now)
	if now.Add(wait).After(end) {
		reservation.CancelAt(start)
		return 0, errNoTime
	}
	return wait, nil
}

// pausedError says that the peer asked everybody to wait for longer than there
// is time.
func pausedError(wait time.Duration) error {
	return &sdk.Error{
		Kind: sdk.RateLimited, RetryAfter: wait, HTTPStatus: 429,
		Message: fmt.Sprintf("it answered another request with 429 and asked for a pause, of which %s are left", wait.Round(100*time.Millisecond)),
	}
}

// recover lets the rate grow again.
func (p *pace) recover(now time.Time) {
	if !p.slow.Load() {
		return
	}
	resumed := p.slowed
	if p.until.After(resumed) {
		resumed = p.until
	}
	grown := p.low + p.high*rate.Limit(max(0, now.Sub(resumed).Seconds())/recovery.Seconds())
	if grown >= p.ceiling || p.ceiling == rate.Inf && grown >= 2*p.high {
		grown = p.ceiling
		p.slow.Store(false)
		p.since, p.before = now, p.sent.Load()
	}
	p.limiter.SetLimitAt(now, grown)
}

// hear slows down after a 429. One of an attempt that began before the last
// slowing down was asked for at the old rate, and says nothing of the new.
func (p *pace) hear(asked time.Duration, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if until := now.Add(min(asked, maxRetryAfter)); asked > 0 && until.After(p.until) {
		p.until = until
	}
	if !began.After(p.slowed) {
		return
	}
	p.recover(now)
	if p.high = p.limiter.Limit(); !p.slow.Load() {
		p.high = min(p.high, p.rate(now))
	}
	p.low = max(p.high/2, min(slowest, p.ceiling))
	p.slowed = now
	p.limiter.SetLimitAt(now, p.low)
	p.slow.Store(true)
}

// rate is that of the attempts since it was not slow any more.
func (p *pace) rate(now time.Time) rate.Limit {
	return rate.Limit(float64(p.sent.Load()-p.before) / max(now.Sub(p.since), measured).Seconds())
}
