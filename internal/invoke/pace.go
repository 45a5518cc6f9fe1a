package invoke

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// recovery is how long it takes to double the rate after a 429.
	recovery = 5 * time.Second
	// slowest is the rate that 429s halve no further, in attempts a second.
	slowest = 5
	// window is the shortest time that says something of a rate. Peers count
	// by the second or longer: a 429 that soon after another is of the same count.
	window = time.Second
)

// pace is how fast a plugin may make attempts, all operations together: as
// fast as its block allows. A 429 stops all of them until its Retry-After, for
// a second where it has none; then they go on half as fast, and faster bit by
// bit.
type pace struct {
	ceiling rate.Limit // of the block
	burst   int
	sent    atomic.Int64
	changes atomic.Int64
	slow    atomic.Bool // a 429 came, and the rate has not recovered from it

	mu sync.Mutex
	// limiter gives turns. A 429 brings another: the turns given before are void.
	limiter *rate.Limiter
	until   time.Time  // nothing is sent before
	slowed  time.Time  // the last 429 that changed the rate
	low     rate.Limit // what that was changed to
	top     rate.Limit // the rate when the first of them came
	since   time.Time  // when it was not slow any more
	before  int64      // what was sent by then
}

func newPace(policy Policy) *pace {
	ceiling := rate.Inf
	if policy.PerSecond > 0 {
		ceiling = rate.Limit(policy.PerSecond)
	}
	return &pace{ceiling: ceiling, burst: policy.Burst, limiter: rate.NewLimiter(ceiling, policy.Burst), since: time.Now()}
}

// errNoTime is a caller's deadline that the rate limit does not leave room for.
var errNoTime = errors.New("the rate limit leaves no room before the deadline")

// wait waits for an attempt's turn. It is an error where that comes later than
// end. sleep is how to wait.
func (p *pace) wait(end time.Time, sleep func(time.Duration) error) error {
	for p.holds() {
		changes := p.changes.Load() // a 429 makes the turns void that were given before
		wait, err := p.reserve(end)
		if err != nil {
			return err
		}
		if wait > 0 {
			if err := sleep(wait); err != nil {
				return err
			}
		}
		if changes == p.changes.Load() {
			break
		}
	}
	return nil
}

// holds reports whether there are turns to wait for at all.
func (p *pace) holds() bool { return p.slow.Load() || p.ceiling != rate.Inf }

func (p *pace) reserve(end time.Time) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.recover(now)
	start := later(now, p.until)
	if start.After(end) {
		return 0, &PausedError{start.Sub(now)}
	}
	reservation := p.limiter.ReserveN(start, 1)
	wait := reservation.DelayFrom(now)
	if now.Add(wait).After(end) {
		reservation.CancelAt(start)
		return 0, errNoTime
	}
	return wait, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// PausedError says that nothing was attempted, because the peer asked everybody
// to wait for longer than there is time. It is a *sdk.Error of kind RateLimited
// to errors.As.
type PausedError struct{ Wait time.Duration }

func (e *PausedError) Error() string {
	return fmt.Sprintf("it answered another request with 429 and asked for a pause, of which %s are left", e.Wait.Round(100*time.Millisecond))
}

// Unwrap types the error as the SDK does.
func (e *PausedError) Unwrap() error {
	return &sdk.Error{Kind: sdk.RateLimited, RetryAfter: e.Wait, Message: e.Error()}
}

// recover lets the rate grow again.
func (p *pace) recover(now time.Time) {
	if !p.slow.Load() {
		return
	}
	slow := max(0, now.Sub(later(p.slowed, p.until)).Seconds())
	grown := p.low * rate.Limit(math.Exp2(slow/recovery.Seconds()))
	if grown >= p.ceiling || p.ceiling == rate.Inf && grown >= 2*p.top {
		grown = p.ceiling
		p.slow.Store(false)
		p.since, p.before = now, p.sent.Load()
	}
	p.limiter.SetLimitAt(now, grown)
}

// hear slows down after a 429. One of an attempt that began before the last
// slowing down, or hardly later, says nothing of the new rate.
func (p *pace) hear(asked time.Duration, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.recover(now)
	allowed := p.limiter.Limit()
	if !began.Before(p.slowed.Add(window)) {
		asked = cmp.Or(asked, window)
		if !p.slow.Load() {
			allowed = min(allowed, p.rate(now))
			p.top = allowed
		}
		allowed = max(allowed/2, min(slowest, p.ceiling))
		p.low, p.slowed = allowed, now
	}
	p.until = later(p.until, now.Add(min(asked, maxRetryAfter)))
	p.limiter = rate.NewLimiter(allowed, p.burst)
	p.changes.Add(1)
	p.slow.Store(true)
}

// rate is that of the attempts since it was not slow any more.
func (p *pace) rate(now time.Time) rate.Limit {
	return rate.Limit(float64(p.sent.Load()-p.before) / max(now.Sub(p.since), window).Seconds())
}
