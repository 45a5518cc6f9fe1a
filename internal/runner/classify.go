package runner

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
)

// Classifier judges failures: the suite's script first, then its rules, then
// the built-in rules; the first that has something to say decides.
type Classifier struct {
	Script   string // the Lua file, for naming it; empty where the suite has none
	Hook     Hook   // runs the script
	Rules    classify.Rules
	Redactor *redact.Redactor
}

// Failure is a failed execution to judge.
type Failure struct {
	Vector    string
	Action    *plan.Action // nil where it is not known
	Sensitive []string     // values that scripts are not shown
	Execution *result.Execution
}

// Classify judges a failure. Its error is the script's.
func (c *Classifier) Classify(ctx context.Context, f Failure) (result.Classification, error) {
	if c.Script != "" {
		classification, decided, err := c.askScript(ctx, f)
		if err != nil {
			return result.Classification{}, &stageError{stage: "classifier script " + c.Script, err: err}
		}
		if decided {
			return classification, nil
		}
	}
	seen := f.Evidence()
	if classification, matched := c.Rules.Match(seen); matched {
		return classification, nil
	}
	return classify.Classify(seen), nil
}

// Evidence is the failure as rules see it.
func (f Failure) Evidence() classify.Failure {
	seen := classify.Failure{Execution: f.Execution}
	if f.Action != nil {
		seen.Errors = f.Action.Declared()
	}
	return seen
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
	if a == nil {
		return scriptAction{Errors: []string{}}
	}
	return scriptAction{ID: a.ID, Name: a.DisplayName, Errors: a.Codes()}
}

// Document is what the script's function classify gets of a failure. Scripts
// see failures as sinks do: without secrets and sensitive values.
func (c *Classifier) Document(f Failure) (json.RawMessage, error) {
	trace, failing := scriptSteps(f.Execution.Trace)
	document, err := json.Marshal(scriptFailure{
		Vector:      f.Vector,
		Action:      scriptActionOf(f.Action),
		Status:      f.Execution.Status,
		DurationMS:  f.Execution.DurationMS,
		Error:       f.Execution.Error,
		FailingStep: failing,
		Trace:       trace,
	})
	if err != nil {
		return nil, err
	}
	return c.Redactor.With(f.Sensitive).JSON(document), nil
}

func (c *Classifier) askScript(ctx context.Context, f Failure) (answer result.Classification, decided bool, err error) {
	document, err := c.Document(f)
	if err != nil {
		return answer, false, err
	}
	decided, err = c.Hook.ask(ctx, "classify", document, &answer)
	if err != nil || !decided {
		return answer, false, err
	}
	answer.Class = result.Categories[answer.Category]
	if answer.Class == "" {
		return answer, false, fmt.Errorf("it answered the category %q, which does not exist", answer.Category)
	}
	answer.Source = "script:" + c.Script
	return answer, true, nil
}
