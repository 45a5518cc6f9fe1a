package action

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// throttledDelay is the wait after a 429 that does not say how long to wait.
const throttledDelay = 2 * time.Second

// wait is how long to wait after a failed attempt, counted from 1. An upstream
// that says how long is taken at its word. Elsewhere the wait is drawn from a
// range that doubles with every attempt (full jitter).
func (q *request) wait(f *failed, attempt int, random *rand.Rand) time.Duration {
	if f.failure == RateLimited {
		if asked, ok := parseRetryAfter(f.retryAfter, time.Now()); ok {
			return asked
		}
		return min(throttledDelay, q.maxDelay)
	}
	ceiling := q.maxDelay
	if shift := attempt - 1; shift < 32 && q.baseDelay < q.maxDelay>>shift {
		ceiling = q.baseDelay << shift
	}
	if ceiling <= 0 {
		return 0
	}
	return time.Duration(random.Int64N(int64(ceiling) + 1))
}

// parseRetryAfter reads a Retry-After header: seconds or an HTTP date. A
// header that is absent, negative or neither does not count.
func parseRetryAfter(header string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		if seconds < 0 {
			return 0, false
		}
		return time.Duration(min(seconds, int64(24*time.Hour/time.Second))) * time.Second, true
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}

// sleep waits, and reports whether it did so to the end. It does not begin a
// wait that is longer than the time that ctx has left.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tally ends a message with the number of attempts and what the upstream asked
// for.
func (f *failed) tally() string {
	text := ""
	if f.attempts > 1 {
		text = fmt.Sprintf(" after %d attempts", f.attempts)
	}
	if f.retryAfter != "" {
		text += fmt.Sprintf(" (Retry-After %.40s)", f.retryAfter)
	}
	return text
}
