package classify

import (
	"slices"
	"strings"
)

// observation is what a failure shows: the first failing step, and the texts
// that speak of it.
type observation struct {
	stepID, stepName string
	status           int // that the step saw; 0 where the trace has none
	code             string
	texts            []text
}

// text is one thing that the platform says of a failure.
type text struct {
	place string // where it stands, as a reader is told
	field string // as rules name it
	raw   string
	// ofAction is set for what the action answered with, beside what the step
	// failed with: authors catch every failure into one sentence.
	ofAction bool
}

// observe gathers the texts of a failure, each once.
func observe(f Failure) observation {
	var o observation
	step := f.Execution.FailingStep()
	if step != nil {
		o.stepID, o.stepName, o.status = step.ID, step.Name, step.Error.Status
		o.add("the failing step's message", "message", step.Error.Message, false)
		o.add("the failing step's stack", "stack", step.Error.Stack, false)
		o.add("the failing step's code", "code", step.Error.Code, false)
		if step.Error.Status >= 400 {
			// What an upstream says of its failure often stands there only. What
			// it says of its successes is no evidence.
			o.add("the failing step's output", "output", string(step.Output), false)
		}
	}
	if e := f.Execution.Error; e != nil {
		o.code = e.Code
		told := len(o.texts) > 0
		o.add("the action's error", "message", e.Message, told)
		o.add("the action's stack", "stack", e.Stack, told)
		o.add("the action's error code", "code", e.Code, told)
		o.add("the details of the action's error", "details", string(e.Details), told)
	}
	return o
}

func (o *observation) add(place, field, raw string, ofAction bool) {
	raw = clip(raw)
	if strings.TrimSpace(raw) == "" {
		return
	}
	for _, t := range o.texts {
		if t.raw == raw && t.field == field {
			return
		}
	}
	o.texts = append(o.texts, text{place, field, raw, ofAction})
}

// field gives the texts that a rule's field means.
func (o *observation) field(name string) []string {
	var texts []string
	for _, t := range o.texts {
		if t.field == name || name == "" && (t.field == "message" || t.field == "stack") {
			texts = append(texts, t.raw)
		}
	}
	return texts
}

// statuses are the HTTP statuses that the failing step saw or the texts name.
func (o *observation) statuses() []int {
	var codes []int
	if o.status != 0 {
		codes = append(codes, o.status)
	}
	for _, t := range o.texts {
		folded := fold(unescape(t.raw))
		for from, to := range wordsOf(folded) {
			if code, ok := statusAt(folded, from, to); ok && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// declaredCategory says whether the action answered with a code that it does not
// declare, though it declares some, and the category of one that it does declare.
func (f Failure) declaredCategory() (category string, undeclared bool) {
	if f.Execution.Error == nil || f.Execution.Error.Code == "" || len(f.Errors) == 0 {
		return "", false
	}
	for _, e := range f.Errors {
		if e.Code == f.Execution.Error.Code {
			return e.Category, false
		}
	}
	return "", true
}
