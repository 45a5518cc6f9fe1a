package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/result"
)

// classify asks the suite's script first, then its rules, then the built-in
// rules; the first that has something to say decides.
func (r *Runner) classify(ctx context.Context, v *plan.Vector, execution *result.Execution) (result.Classification, error) {
	if r.Plan.ClassifyScript != "" {
		classification, decided, err := r.askScript(ctx, v, execution)
		if err != nil {
			return result.Classification{}, &stageError{stage: "classifier script " + r.Plan.ClassifyScript, err: err}
		}
		if decided {
			return classification, nil
		}
	}
	failure := classify.Failure{Execution: execution, Errors: v.Action.Declared()}
	if classification, matched := r.Plan.Rules.Match(failure); matched {
		return classification, nil
	}
	return classify.Classify(failure), nil
}

// scriptFailure is what the Lua function classify gets.
type scriptFailure struct {
	Vector      string                 `json:"vector"`
	Action      scriptAction           `json:"action"`
	Status      string                 `json:"status"`
	DurationMS  int64                  `json:"duration_ms"`
	Error       *result.ExecutionError `json:"error,omitempty"`
	FailingStep *scriptStep            `json:"failing_step,omitempty"`
	Trace       []scriptStep           `json:"trace"`
}

// scriptStep is a step with its output: what an upstream says of a failure in
// its own words often stands there and nowhere else.
type scriptStep struct {
	result.Step
	Output json.RawMessage `json:"output,omitempty"`
}

// maxScriptOutput is how many bytes of a step's output a script gets; longer
// ones are left out.
const maxScriptOutput = 64 << 10

func scriptSteps(trace []result.Step) (all []scriptStep, failing *scriptStep) {
	all = make([]scriptStep, len(trace))
	for i, step := range trace {
		all[i].Step = step
		if len(step.Output) <= maxScriptOutput {
			all[i].Output = step.Output
		}
		if failing == nil && step.Error != nil {
			failing = &all[i]
		}
	}
	return all, failing
}

type scriptAction struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Errors []string `json:"errors"`
}

func scriptActionOf(a *plan.Action) scriptAction {
	return scriptAction{ID: a.ID, Name: a.DisplayName, Errors: a.Codes()}
}

func (r *Runner) askScript(ctx context.Context, v *plan.Vector, execution *result.Execution) (c result.Classification, decided bool, err error) {
	trace, failing := scriptSteps(execution.Trace)
	document, err := json.Marshal(scriptFailure{
		Vector:      v.Name,
		Action:      scriptActionOf(v.Action),
		Status:      execution.Status,
		DurationMS:  execution.DurationMS,
		Error:       execution.Error,
		FailingStep: failing,
		Trace:       trace,
	})
	if err != nil {
		return c, false, err
	}
	// Scripts see failures as sinks do: without secrets and sensitive values.
	decided, err = r.ask(ctx, "classify", r.Redactor.With(v.Sensitive).JSON(document), &c)
	if err != nil || !decided {
		return c, false, err
	}
	c.Class = result.Categories[c.Category]
	if c.Class == "" {
		return c, false, fmt.Errorf("it answered the category %q, which does not exist", c.Category)
	}
	c.Source = "script:" + r.Plan.ClassifyScript
	return c, true, nil
}
