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

// Classifier judges failures: the hooks first, then the suite's rules, then the
// built-in rules; the first that has something to say decides.
type Classifier struct {
	Hooks    []Hook // in this order
	Rules    classify.Rules
	Redactor *redact.Redactor
}

// Failure is a failed execution to judge.
type Failure struct {
	Vector    string
	Action    *plan.Action // nil where it is not known
	Sensitive []string     // values that hooks are not shown
	Execution *result.Execution
}

// Classify judges a failure. Its error is a hook's.
func (c *Classifier) Classify(ctx context.Context, f Failure) (result.Classification, error) {
	if len(c.Hooks) > 0 {
		classification, decided, err := c.askHooks(ctx, f)
		if err != nil || decided {
			return classification, err
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

// scriptFailure is what the hook classify gets.
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

// Document is what the hook classify gets of a failure. Hooks see failures as
// sinks do: without secrets and sensitive values.
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

// askHooks asks one hook after the other until one has an answer.
func (c *Classifier) askHooks(ctx context.Context, f Failure) (answer result.Classification, decided bool, err error) {
	document, err := c.Document(f)
	if err != nil {
		return answer, false, err
	}
	for _, h := range c.Hooks {
		var told hookClassification
		decided, err = h.ask(ctx, "classify", document, &told)
		if err == nil && decided {
			answer, err = told.check()
			answer.Source = string(h.Kind) + ":" + h.Name
			if err != nil {
				err = h.failed("classify", err)
			}
		}
		if err != nil || decided {
			return answer, decided, err
		}
	}
	return answer, false, nil
}

// hookClassification is what classify answers: a category, or an object.
type hookClassification struct {
	Category   string
	Confidence *float64
	Reason     string
}

// UnmarshalJSON reads either form.
func (c *hookClassification) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &c.Category)
	}
	type object hookClassification
	return json.Unmarshal(text, (*object)(c))
}

// defaultConfidence is that of a hook that does not say how sure it is.
const defaultConfidence = 0.9

func (c *hookClassification) check() (result.Classification, error) {
	checked := result.Classification{Class: result.Categories[c.Category], Category: c.Category, Confidence: defaultConfidence, Reason: c.Reason}
	if checked.Class == "" {
		return checked, fmt.Errorf("it answered the category %q, which does not exist", c.Category)
	}
	if c.Confidence != nil {
		checked.Confidence = *c.Confidence
	}
	if checked.Confidence < 0 || checked.Confidence > 1 {
		return checked, fmt.Errorf("it answered the confidence %v; it must be from 0 to 1", checked.Confidence)
	}
	return checked, nil
}
