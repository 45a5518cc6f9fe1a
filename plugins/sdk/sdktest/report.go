package sdktest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Status is what came of a check.
type Status string

// The statuses.
const (
	Passed    Status = "pass"
	Failed    Status = "fail"
	Skipped   Status = "skip"  // the samples do not hold what it needs
	Undecided Status = "error" // it could not be tried
)

// Result is what came of one check.
type Result struct {
	Check      string `json:"check"`
	Status     Status `json:"status"`
	Must       string `json:"must"` // what a plugin's author must do
	Seen       string `json:"seen"` // what the plugin did, or what the check lacks
	DurationMS int64  `json:"duration_ms"`
}

// Check runs the checks one after the other, and gives what comes of each.
// Once ctx is done the rest are Undecided.
func Check(ctx context.Context, s Subject) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		trial := newTrial(s)
		for _, c := range checks() {
			if !yield(trial.run(ctx, c)) {
				return
			}
		}
	}
}

// skip is why a check cannot be made.
type skip string

func (s skip) Error() string { return string(s) }

// undecided is an error that is not the plugin's.
type undecided struct{ error }

// run makes one check, and ends what it started.
func (t *trial) run(ctx context.Context, c check) Result {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	defer t.cleanUp()
	seen, err := c.try(t, ctx)
	r := Result{Check: c.name, Status: Passed, Must: c.must}
	var why skip
	var own undecided
	switch {
	case err == nil:
	case errors.As(err, &why):
		r.Status, seen = Skipped, string(why)
	case errors.As(err, &own), errors.Is(context.Cause(ctx), context.Canceled):
		r.Status, seen = Undecided, err.Error()
	default:
		r.Status, seen = Failed, err.Error()
	}
	r.Seen = t.mask(seen)
	r.DurationMS = time.Since(began).Milliseconds()
	return r
}

// mask hides the values of sensitive attributes.
func (t *trial) mask(text string) string {
	for _, secret := range t.secrets() {
		text = strings.ReplaceAll(text, secret, "(sensitive)")
	}
	return text
}

// failed is a check that does not hold, with what the plugin answered.
func failed(format string, args ...any) error { return fmt.Errorf(format, args...) }
