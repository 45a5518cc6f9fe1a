package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/assay-cx/assay/internal/result"
)

// Condition is a check block of a vector, not evaluated.
type Condition struct {
	Name         string
	Condition    hcl.Expression
	ErrorMessage hcl.Expression // nil: the condition's own text serves
	Text         string         // the condition as written
	Scope        *hcl.EvalContext
	Range        hcl.Range
}

func evaluateConditions(conditions []Condition, s Subject) []result.Check {
	subject, err := Value(s)
	checks := make([]result.Check, len(conditions))
	for i, c := range conditions {
		if err != nil {
			checks[i] = undecided(c, err.Error())
		} else {
			checks[i] = c.evaluate(subject)
		}
		checks[i].Range = c.Range
	}
	return checks
}

func undecided(c Condition, why string) result.Check {
	return result.Check{Name: c.Name, Status: result.Errored, Expected: c.Text, Message: "could not be evaluated: " + why}
}

func (c Condition) evaluate(subject cty.Value) result.Check {
	scope := c.Scope.NewChild()
	scope.Variables = map[string]cty.Value{"result": subject}
	if missing := c.missing(scope); missing != "" {
		return c.failed(scope, missing)
	}
	value, diags := c.Condition.Value(scope)
	if diags.HasErrors() {
		return undecided(c, diags[0].Summary+": "+diags[0].Detail)
	}
	value, _ = value.Unmark()
	value, err := convert.Convert(value, cty.Bool)
	switch {
	case err != nil:
		return undecided(c, "the condition is not true or false: "+err.Error())
	case value.IsNull() || !value.IsKnown():
		return undecided(c, "the condition has no value")
	case value.True():
		return result.Check{Name: c.Name, Status: result.Pass, Expected: c.Text}
	default:
		return c.failed(scope, c.actual(scope))
	}
}

// missing names the first part of the result that the condition asks for and
// that is not there. An assertion over something absent is false: the
// platform did answer, only not with that.
func (c Condition) missing(scope *hcl.EvalContext) string {
	for _, traversal := range c.Condition.Variables() {
		if traversal.RootName() != "result" {
			continue
		}
		if _, diags := traversal.TraverseAbs(scope); diags.HasErrors() {
			return traversalText(traversal) + " is not there"
		}
	}
	return ""
}

func (c Condition) failed(scope *hcl.EvalContext, actual string) result.Check {
	message := c.Text
	if c.ErrorMessage != nil {
		if value, diags := c.ErrorMessage.Value(scope); !diags.HasErrors() {
			value, _ = value.Unmark()
			if value, err := convert.Convert(value, cty.String); err == nil && value.IsKnown() && !value.IsNull() {
				message = value.AsString()
			}
		}
	}
	return result.Check{Name: c.Name, Status: result.Fail, Expected: c.Text, Actual: actual, Message: message}
}

// actual shows what the condition looked at.
func (c Condition) actual(scope *hcl.EvalContext) string {
	var parts []string
	for _, traversal := range c.Condition.Variables() {
		if traversal.RootName() != "result" {
			continue
		}
		value, _ := traversal.TraverseAbs(scope)
		value, _ = value.UnmarkDeep()
		encoded, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			continue
		}
		parts = append(parts, traversalText(traversal)+" = "+text(json.RawMessage(encoded)))
	}
	return strings.Join(parts, ", ")
}

func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			key, err := ctyjson.Marshal(s.Key, s.Key.Type())
			if err != nil {
				key = []byte("…")
			}
			fmt.Fprintf(&b, "[%s]", key)
		}
	}
	return b.String()
}

// Value is the subject as conditions and hooks see it, under the name result.
func Value(s Subject) (cty.Value, error) {
	e := s.Execution
	output, err := fromJSON(e.Output)
	if err != nil {
		return cty.NilVal, fmt.Errorf("output: %w", err)
	}
	failure, err := errorValue(e.Error)
	if err != nil {
		return cty.NilVal, fmt.Errorf("error.details: %w", err)
	}
	trace := make([]cty.Value, len(e.Trace))
	failing := cty.NullVal(cty.DynamicPseudoType)
	failingStep := e.FailingStep()
	for i := range e.Trace {
		if trace[i], err = stepValue(&e.Trace[i]); err != nil {
			return cty.NilVal, fmt.Errorf("trace[%d]: %w", i, err)
		}
		if &e.Trace[i] == failingStep {
			failing = trace[i]
		}
	}
	attributes := map[string]cty.Value{
		"status":       cty.StringVal(e.Status),
		"output":       output,
		"error":        failure,
		"trace":        cty.TupleVal(trace),
		"duration_ms":  cty.NumberIntVal(s.Duration.Milliseconds()),
		"failing_step": failing,
	}
	maps.Copy(attributes, classificationValues(s.Classification))
	return cty.ObjectVal(attributes), nil
}

func classificationValues(c *result.Classification) map[string]cty.Value {
	if c == nil {
		return map[string]cty.Value{
			"classification": cty.NullVal(cty.String),
			"category":       cty.NullVal(cty.String),
			"confidence":     cty.NullVal(cty.Number),
		}
	}
	return map[string]cty.Value{
		"classification": cty.StringVal(c.Class),
		"category":       cty.StringVal(c.Category),
		"confidence":     cty.NumberFloatVal(c.Confidence),
	}
}

func errorValue(e *result.ExecutionError) (cty.Value, error) {
	if e == nil {
		return cty.NullVal(cty.DynamicPseudoType), nil
	}
	details, err := fromJSON(e.Details)
	if err != nil {
		return cty.NilVal, err
	}
	return cty.ObjectVal(map[string]cty.Value{
		"code":    optional(e.Code),
		"message": cty.StringVal(e.Message),
		"stack":   optional(e.Stack),
		"details": details,
	}), nil
}

func stepValue(step *result.Step) (cty.Value, error) {
	input, err := fromJSON(step.Input)
	if err != nil {
		return cty.NilVal, err
	}
	output, err := fromJSON(step.Output)
	if err != nil {
		return cty.NilVal, err
	}
	failure := cty.NullVal(cty.DynamicPseudoType)
	if e := step.Error; e != nil {
		failure = cty.ObjectVal(map[string]cty.Value{
			"message": cty.StringVal(e.Message),
			"stack":   optional(e.Stack),
			"code":    optional(e.Code),
			"status":  cty.NumberIntVal(int64(e.Status)),
		})
	}
	return cty.ObjectVal(map[string]cty.Value{
		"step_id":   cty.StringVal(step.ID),
		"step_name": cty.StringVal(step.Name),
		"timestamp": optional(step.Timestamp),
		"input":     input,
		"output":    output,
		"error":     failure,
	}), nil
}

func optional(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

func fromJSON(document json.RawMessage) (cty.Value, error) {
	if len(document) == 0 {
		return cty.NullVal(cty.DynamicPseudoType), nil
	}
	t, err := ctyjson.ImpliedType(document)
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal(document, t)
}
