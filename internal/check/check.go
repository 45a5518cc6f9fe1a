// Package check holds an ended execution against what a vector expects of it.
// It is pure: no clock, no input or output.
//
// A check fails where an assertion is false; it errs where that cannot be
// told. Start reading at Evaluate.
package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
)

// Expect is a vector's expect block, evaluated. Zero fields expect nothing.
type Expect struct {
	Status         string
	Output         any // a JSON document, as encoding/json decodes it with UseNumber; see HasOutput
	HasOutput      bool
	ErrorCode      string
	Classification string
	Category       string
	MinConfidence  *float64
	MaxDuration    time.Duration
	Range          hcl.Range
}

// Contract is what the action promises whatever the vector expects.
type Contract struct {
	Output *schema.Schema // nil: anything
	Codes  []string       // declared error codes; none: anything
}

// Subject is what is checked.
type Subject struct {
	Execution      *result.Execution
	Classification *result.Classification // nil unless FAILED
	Duration       time.Duration          // of the execution
}

// Evaluate holds the subject against the expectations, the action's contract
// and the conditions, in this order.
func Evaluate(e Expect, contract Contract, conditions []Condition, s Subject) []result.Check {
	checks := expectations(e, s)
	checks = append(checks, promises(contract, e, s)...)
	if len(conditions) > 0 {
		checks = append(checks, evaluateConditions(conditions, s)...)
	}
	for i := range checks {
		if checks[i].Range == (hcl.Range{}) {
			checks[i].Range = e.Range
		}
	}
	return checks
}

// Status is the greatest status of the checks; Pass where there are none.
func Status(checks []result.Check) result.Status {
	status := result.Pass
	for _, c := range checks {
		status = max(status, c.Status)
	}
	return status
}

func expectations(e Expect, s Subject) []result.Check {
	var checks []result.Check
	add := func(name, expected, actual string) {
		if expected != "" {
			checks = append(checks, compare(name, expected, actual, expected == actual))
		}
	}
	add("expect.status", e.Status, s.Execution.Status)
	if e.HasOutput {
		checks = append(checks, outputCheck(e.Output, s.Execution.Output))
	}
	add("expect.error_code", e.ErrorCode, errorCode(s.Execution))
	classification := result.Classification{}
	if s.Classification != nil {
		classification = *s.Classification
	}
	add("expect.classification", e.Classification, classification.Class)
	add("expect.category", e.Category, classification.Category)
	if e.MinConfidence != nil {
		checks = append(checks, compare("expect.min_confidence", "≥ "+number(*e.MinConfidence),
			number(classification.Confidence), s.Classification != nil && classification.Confidence >= *e.MinConfidence))
	}
	if e.MaxDuration > 0 {
		checks = append(checks, compare("expect.max_duration", "≤ "+e.MaxDuration.String(),
			s.Duration.Round(time.Millisecond).String(), s.Duration <= e.MaxDuration))
	}
	return checks
}

func compare(name, expected, actual string, holds bool) result.Check {
	c := result.Check{Name: name, Status: result.Pass, Expected: expected, Actual: actual}
	if !holds {
		if actual == "" {
			actual = "none"
		}
		c.Status = result.Fail
		c.Actual = actual
		c.Message = fmt.Sprintf("expected %s, got %s", expected, actual)
	}
	return c
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

func errorCode(e *result.Execution) string {
	if e.Error == nil {
		return ""
	}
	return e.Error.Code
}

// promises checks what the action declares of itself. A vector that expects
// the breach (an undeclared code by name, or the category schema_mismatch) is
// there to see it, so it is not failed for it.
func promises(contract Contract, e Expect, s Subject) []result.Check {
	if e.Category == "schema_mismatch" {
		return nil
	}
	var checks []result.Check
	if contract.Output != nil && s.Execution.Status == "COMPLETED" {
		if problems := contract.Output.Check(s.Execution.Output); len(problems) > 0 {
			texts := make([]string, len(problems))
			for i, p := range problems {
				texts[i] = strings.TrimPrefix(p.Path+": ", ": ") + p.Message
			}
			checks = append(checks, result.Check{
				Name: "action.output", Status: result.Fail,
				Expected: "the declared output", Actual: strings.Join(texts, "; "),
				Message: "the output breaks the action's schema: " + strings.Join(texts, "; "),
			})
		}
	}
	code := errorCode(s.Execution)
	if s.Execution.Status == "FAILED" && code != "" && code != e.ErrorCode &&
		len(contract.Codes) > 0 && !slices.Contains(contract.Codes, code) {
		checks = append(checks, result.Check{
			Name: "action.error_code", Status: result.Fail,
			Expected: "one of " + strings.Join(contract.Codes, ", "), Actual: code,
			Message: fmt.Sprintf("the action answered %s, an error code that it does not declare: "+
				"add an error block for it, or mend the action", code),
		})
	}
	return checks
}
