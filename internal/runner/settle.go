package runner

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// settler makes verdicts count: it has what was tried recorded by the required
// sinks, in batches, and only then tells the listener. It runs beside the
// workers, so that none waits for a disk.
type settler struct {
	runner   *Runner
	finished chan attempt
	stop     chan struct{} // closed where no further vector is to be tried
	halt     func()        // closes stop: what is in flight finishes, nothing else starts

	outcome   Outcome
	durations map[string][]int64 // of ended executions, in ms, by action
	ended     map[string]*endings
}

// endings counts how the executions of one action ended.
type endings struct{ executions, failed, classified, unknown, passed, verdicts int64 }

func newSettler(r *Runner) *settler {
	stop := make(chan struct{})
	return &settler{
		runner:    r,
		finished:  make(chan attempt, 2*r.Plan.Parallel),
		stop:      stop,
		halt:      sync.OnceFunc(func() { close(stop) }),
		outcome:   Outcome{Status: result.Skip},
		durations: map[string][]int64{},
		ended:     map[string]*endings{},
	}
}

func (s *settler) run(ctx context.Context) {
	size := s.runner.Delivery.Batch()
	for first := range s.finished {
		s.settle(ctx, delivery.Gather(first, s.finished, size))
	}
}

func (s *settler) settle(ctx context.Context, batch []attempt) {
	events := make([]delivery.Outgoing, 0, len(batch))
	for _, a := range batch {
		if a.event != nil {
			events = append(events, *a.event)
		}
	}
	var failure *result.Error
	if len(events) > 0 {
		if err := s.runner.Delivery.Record(ctx, events); err != nil {
			failure = &result.Error{Summary: SummaryOf(err), Detail: s.runner.Redactor.With(nil).Text(err.Error())}
			s.outcome.Errors = appendOnce(s.outcome.Errors, *failure)
			s.halt()
		}
	}
	for _, a := range batch {
		if failure != nil && a.event != nil {
			a.vector.Status = result.Errored
			if a.vector.Error == nil {
				a.vector.Error = failure
			}
		}
		s.count(a.vector)
		s.runner.Listener.Finished(a.vector)
	}
}

// auditLost heads reports of a required sink that failed.
const auditLost = "Audit record could not be written"

// SummaryOf heads reports of an error of delivery.
func SummaryOf(err error) string {
	var outbox *delivery.OutboxError
	if errors.As(err, &outbox) {
		return "Outbox could not be written"
	}
	return auditLost
}

// appendOnce keeps the first error of a kind: those of later batches only
// follow from it.
func appendOnce(errs []result.Error, e result.Error) []result.Error {
	if slices.ContainsFunc(errs, func(known result.Error) bool { return known.Summary == e.Summary }) {
		return errs
	}
	return append(errs, e)
}

func (s *settler) count(v result.Vector) {
	s.outcome.Summary.Add(v.Status)
	s.outcome.Status = max(s.outcome.Status, v.Status)
	if s.runner.FailFast && v.Status >= result.Fail {
		s.halt()
		if s.runner.OnFailFast != nil {
			s.runner.OnFailFast()
		}
	}
	if v.Status == result.Skip {
		return
	}
	e := s.ended[v.Action]
	if e == nil {
		e = &endings{}
		s.ended[v.Action] = e
	}
	e.verdicts++
	if v.Status == result.Pass {
		e.passed++
	}
	if v.Execution == nil || v.Execution.Status == "" {
		return
	}
	e.executions++
	s.durations[v.Action] = append(s.durations[v.Action], v.Execution.DurationMS)
	if v.Execution.Status != string(sdk.StatusCompleted) {
		e.failed++
	}
	if v.Classification != nil {
		e.classified++
		if v.Classification.Class == result.Unknown {
			e.unknown++
		}
	}
}
