// Package runner takes a plan's vectors through submit, poll, classification
// and checks, and hands what came out to the sinks and to a listener. It sees
// operations, not processes, and does not know which tenant it runs against.
//
// Start reading at Run, then at Runner.try for one vector's way.
package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Target is a platform to run vectors on, and how to treat it.
type Target struct {
	Operations Operations
	Stack      *invoke.Stack
	Tokens     *invoke.Tokens // nil where the target takes no token
	Poll       sdk.PollPolicy

	sessions sync.Map // ids of the sessions that vectors have
}

// Operations are what the runner asks of a target plugin.
type Operations interface {
	Submit(ctx context.Context, request sdk.SubmitRequest) (sdk.SubmitResult, error)
	Poll(ctx context.Context, request sdk.PollRequest) (sdk.PollResult, error)
	Metrics(ctx context.Context, request sdk.MetricsRequest) (sdk.MetricsPage, error)
}

// DefaultPoll is used for what a target does not say of its polling.
var DefaultPoll = sdk.PollPolicy{
	Initial:  200 * time.Millisecond,
	Max:      3 * time.Second,
	Attempts: 60,
	Timeout:  2 * time.Minute,
}

// Listener is told what happens. Started may be called by many goroutines at
// once, Finished by one.
type Listener interface {
	Started(suite, vector string)
	Finished(v result.Vector)
}

// Runner is everything that one suite's run needs.
type Runner struct {
	Plan    *plan.Plan
	RunID   string
	Targets map[string]*Target // by plugin name
	// Classifiers are asked to classify, Hooks for all else, in their orders.
	Classifiers, Hooks []Hook

	Delivery *delivery.Fanout
	Redactor *redact.Redactor
	Listener Listener
	FailFast bool
	// Partial says that a filter left some of the suite's vectors out.
	Partial bool
	// OnFailFast tells other suites of the run to stop as well; may be nil.
	OnFailFast func()
}

// Outcome is a suite's run but for its vectors, which went to the listener.
type Outcome struct {
	Summary    result.Summary
	Thresholds []result.Threshold
	Errors     []result.Error
	Warnings   []result.Error
	Status     result.Status
}

// errTimeout is why a suite's context ended when its time was up.
var errTimeout = errors.New("the suite's timeout is over")

// Run runs the plan. Closing stop lets what is in flight finish and skips the
// rest; the end of ctx cancels at once.
func (r *Runner) Run(ctx context.Context, stop <-chan struct{}) Outcome {
	if r.Plan.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.Plan.Timeout, errTimeout)
		defer cancel()
	}
	s := newSettler(r)
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		s.run(context.WithoutCancel(ctx))
	}()
	r.dispatch(ctx, stop, s)
	close(s.finished)
	<-settled
	outcome := s.outcome
	if errors.Is(context.Cause(ctx), errTimeout) {
		outcome.Errors = append(outcome.Errors, result.Error{
			Summary: "The suite's timeout is over",
			Detail:  "Not every vector was tried within " + r.Plan.Timeout.String() + ". Raise the timeout of the suite block or --timeout, or select fewer vectors.",
		})
	}
	outcome.Warnings = r.unmatchedRules(outcome.Summary)
	if len(outcome.Errors) > 0 {
		outcome.Status = result.Errored
	}
	if ctx.Err() == nil {
		outcome.Thresholds = r.thresholds(ctx, s)
		for _, t := range outcome.Thresholds {
			outcome.Status = max(outcome.Status, t.Status)
		}
	}
	return outcome
}

// dispatch tries the vectors, as many at a time as the plan allows. While these
// are on the platform, as many others are announced: what the audit log takes
// to hold them costs no time then. With FailFast nothing is announced that may
// not be submitted, and one at a time go in their order.
func (r *Runner) dispatch(ctx context.Context, stop <-chan struct{}, s *settler) {
	next := make(chan *plan.Vector)
	ahead := 2
	if r.FailFast || r.Plan.Parallel == 1 {
		ahead = 1
	}
	turns := turns{free: make(chan struct{}, r.Plan.Parallel), stop: stop, halt: s.stop}
	var workers sync.WaitGroup
	for range min(ahead*r.Plan.Parallel, len(r.Plan.Vectors)) {
		workers.Go(func() {
			for v := range next {
				s.finished <- r.tryUnlessHalted(ctx, v, s, &turns)
			}
		})
	}
	for i, v := range r.Plan.Vectors {
		if !offer(ctx, stop, s.stop, next, v) {
			for _, left := range r.Plan.Vectors[i:] {
				s.finished <- attempt{vector: r.blank(left, result.Skip)}
			}
			break
		}
	}
	close(next)
	workers.Wait()
}

// tryUnlessHalted tries a vector. With FailFast one that does not pass keeps
// its worker from starting another, also before its verdict is recorded.
func (r *Runner) tryUnlessHalted(ctx context.Context, v *plan.Vector, s *settler, turns *turns) attempt {
	select {
	case <-s.stop:
		return attempt{vector: r.blank(v, result.Skip)}
	default:
	}
	tried := r.try(ctx, v, turns)
	if r.FailFast && tried.vector.Status >= result.Fail {
		s.halt()
	}
	return tried
}

// turns bounds how many vectors are on the platform.
type turns struct {
	free       chan struct{} // has room for as many
	stop, halt <-chan struct{}
}

// errNoTurn is why a vector that was announced is not submitted after all.
var errNoTurn = errors.New("the run ended before it was submitted")

// take waits for a turn. There is none once the run is to stop, even where one
// is free.
func (t *turns) take(ctx context.Context) bool {
	select {
	case t.free <- struct{}{}:
	case <-t.stop:
		return false
	case <-t.halt:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-t.stop:
	case <-t.halt:
	case <-ctx.Done():
	default:
		return true
	}
	t.giveBack()
	return false
}

func (t *turns) giveBack() { <-t.free }

// offer hands a vector to a worker unless the run is to stop; a stop counts
// even where a worker is free.
func offer(ctx context.Context, stop, halt <-chan struct{}, next chan<- *plan.Vector, v *plan.Vector) bool {
	select {
	case <-stop:
		return false
	case <-halt:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	select {
	case next <- v:
		return true
	case <-stop:
	case <-halt:
	case <-ctx.Done():
	}
	return false
}

func (r *Runner) blank(v *plan.Vector, status result.Status) result.Vector {
	return result.Vector{
		Suite:  r.Plan.Suite,
		Name:   v.Name,
		Action: v.Action.Name,
		Tags:   v.Tags,
		Status: status,
		Checks: []result.Check{},
		Range:  v.Range,
	}
}

// unmatchedRules warns of classifier rules that matched nothing, where every
// vector of the suite was tried: they may be misspelled, or out of date.
func (r *Runner) unmatchedRules(s result.Summary) []result.Error {
	if r.Partial || s.Skipped+s.Errored > 0 {
		return nil
	}
	var warnings []result.Error
	for _, name := range r.Plan.Rules.Unmatched() {
		warnings = append(warnings, result.Error{
			Summary: "A classifier rule matched nothing",
			Detail:  fmt.Sprintf("The rule %q of suite %s matched no failure of this run. Mend its match, or take it out.", name, r.Plan.Suite),
		})
	}
	return warnings
}
