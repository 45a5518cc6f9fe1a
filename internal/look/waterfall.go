package look

import (
	"slices"
	"time"

	"github.com/assay-cx/assay/internal/result"
)

// Waterfall is an execution's trace over time. Platforms tell when a step
// began; it is taken to last until the next one begins, the last one until the
// execution's end.
type Waterfall struct {
	Steps   []Step
	Timed   bool // the steps' times are known and make sense
	Total   string
	Omitted int // steps that are not shown
}

// Step is one step of a trace.
type Step struct {
	ID, Name    string
	Start, Took string // for people; empty where the times are not known
	// X and Width are the step's bar in percent of the whole.
	X, Width float64
	Error    *result.StepError
}

// narrowest keeps a bar visible, in percent.
const narrowest = 0.6

// waterfall lays out a trace; nil where there is none.
func waterfall(e *result.Execution) *Waterfall {
	if len(e.Trace) == 0 {
		return nil
	}
	starts, timed := startsOf(e.Trace)
	w := &Waterfall{Timed: timed}
	var total int64
	if timed {
		total = max(e.DurationMS, starts[len(starts)-1])
		w.Total = Duration(total)
	}
	failing := slices.IndexFunc(e.Trace, func(s result.Step) bool { return s.Error != nil })
	for i, s := range e.Trace {
		// The failing step shows however late it comes.
		if len(w.Steps) == maxSteps || (len(w.Steps) == maxSteps-1 && failing > i) {
			w.Omitted++
			continue
		}
		step := Step{ID: Clip(s.ID, maxLine), Name: Clip(s.Name, maxLine), Error: clipStep(s.Error)}
		if timed {
			end := total
			if i+1 < len(starts) {
				end = starts[i+1]
			}
			step.place(starts[i], end, total)
		}
		w.Steps = append(w.Steps, step)
	}
	return w
}

func (s *Step) place(start, end, total int64) {
	s.Start, s.Took = "+"+Duration(start), Duration(end-start)
	s.Width = 100
	if total > 0 {
		s.Width = max(narrowest, 100*float64(end-start)/float64(total))
		s.X = min(100-s.Width, 100*float64(start)/float64(total))
	}
}

// startsOf is when each step began, in milliseconds after the first; false
// where a time is missing, unreadable, before the one before it, or absurd.
func startsOf(trace []result.Step) ([]int64, bool) {
	starts := make([]int64, len(trace))
	var first, last time.Time
	for i, s := range trace {
		at, err := time.Parse(time.RFC3339Nano, s.Timestamp)
		if err != nil || at.Before(last) {
			return nil, false
		}
		if i == 0 {
			first = at
		}
		starts[i], last = at.Sub(first).Milliseconds(), at
	}
	return starts, last.Sub(first) < 24*time.Hour
}

func clipStep(e *result.StepError) *result.StepError {
	if e == nil {
		return nil
	}
	return &result.StepError{
		Message: Clip(e.Message, maxText), Stack: Clip(e.Stack, maxBlock),
		Code: Clip(e.Code, maxLine), Status: e.Status,
	}
}
