package look

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/assay-cx/assay/internal/result"
)

// Vector is a vector as the template "vector" shows it, within bounds.
type Vector struct {
	ID       string // of the element; empty for none
	Suite    string
	Name     string
	Action   string
	Tags     []string
	Status   string
	Ended    string // such as FAILED UPSTREAM_TIMEOUT
	Duration string
	Place    string // in the spec
	First    string // why it did not pass, in a line

	Error          *result.Error
	Checks         []result.Check // those that do not hold
	Held           string         // names of those that do
	Omitted        int            // checks that are not shown
	Classification *result.Classification
	Confidence     int // percent
	Failure        *result.ExecutionError
	Input, Output  string
	Trace          *Waterfall

	SessionID, InputHash, Took string
	Polls                      int
}

// The bounds of what a vector shows, in bytes but for the numbers of things.
const (
	maxLine   = 300
	maxText   = 1200
	maxBlock  = 2400
	maxChecks = 20
	maxSteps  = 30
)

// VectorOf is a vector as it shows.
func VectorOf(v result.Vector) Vector {
	view := Vector{
		Suite: Clip(v.Suite, maxLine), Name: Clip(v.Name, maxLine), Action: Clip(v.Action, maxLine), Status: v.Status.String(),
		Ended: Clip(Ended(v), maxLine), Duration: Duration(v.DurationMS), First: Clip(v.FirstFailure(), maxLine),
	}
	if v.Status == result.Skip {
		view.Duration = ""
	}
	for _, tag := range v.Tags[:min(len(v.Tags), maxChecks)] {
		view.Tags = append(view.Tags, Clip(tag, 60))
	}
	if v.Range.Filename != "" {
		view.Place = fmt.Sprintf("%s:%d", Clip(v.Range.Filename, maxLine), v.Range.Start.Line)
	}
	if v.Error != nil {
		view.Error = &result.Error{Summary: Clip(v.Error.Summary, maxLine), Detail: Clip(v.Error.Detail, maxText)}
	}
	view.checks(v.Checks)
	if c := v.Classification; c != nil {
		view.Classification = &result.Classification{
			Class: Clip(c.Class, maxLine), Category: Clip(c.Category, maxLine),
			Reason: Clip(c.Reason, maxText), Source: Clip(c.Source, maxLine),
		}
		view.Confidence = int(math.Round(100 * min(1, max(0, c.Confidence))))
	}
	view.Input = inputOf(v.Input)
	if v.Execution != nil {
		view.execution(v.Execution)
	}
	return view
}

// inputOf is an input for people, or how a long one begins.
func inputOf(input json.RawMessage) string {
	var head string
	if json.Unmarshal(input, &head) == nil {
		return Clip(plain(head), maxBlock)
	}
	return Indented(input)
}

// Ended is how a vector's execution ended, and with which error code.
func Ended(v result.Vector) string {
	if v.Execution == nil {
		return ""
	}
	if e := v.Execution.Error; e != nil {
		return strings.TrimSpace(v.Execution.Status + " " + e.Code)
	}
	return v.Execution.Status
}

func (view *Vector) checks(checks []result.Check) {
	var held []string
	for _, c := range checks {
		switch {
		case c.Status < result.Fail:
			held = append(held, c.Name)
		case len(view.Checks) == maxChecks:
			view.Omitted++
		default:
			if strings.HasPrefix(c.Name, "expect.") && c.Expected+c.Actual != "" {
				c.Message = "" // it only repeats the two
			}
			c.Name, c.Message = Clip(c.Name, maxLine), Clip(c.Message, maxText)
			c.Expected, c.Actual = Clip(c.Expected, maxText), Clip(c.Actual, maxText)
			view.Checks = append(view.Checks, c)
		}
	}
	view.Held = Clip(strings.Join(held, ", "), maxText)
}

func (view *Vector) execution(e *result.Execution) {
	view.SessionID, view.InputHash, view.Polls = Clip(e.SessionID, maxLine), Clip(e.InputHash, maxLine), e.Polls
	if e.Status != "" {
		view.Took = Duration(e.DurationMS)
	}
	if e.Error != nil {
		view.Failure = &result.ExecutionError{
			Code: Clip(e.Error.Code, maxLine), Message: Clip(e.Error.Message, maxText),
			Stack: Clip(ownStack(e), maxBlock), Details: json.RawMessage(Indented(e.Error.Details)),
		}
	}
	view.Output = Indented(e.Output)
	view.Trace = waterfall(e)
}

// ownStack is the stack of an execution's error, unless its failing step shows
// the same.
func ownStack(e *result.Execution) string {
	if step := e.FailingStep(); step != nil && step.Error.Stack == e.Error.Stack {
		return ""
	}
	return e.Error.Stack
}

// Indented is a JSON document for people, within bounds; what is too long is not
// laid out.
func Indented(document json.RawMessage) string {
	var b bytes.Buffer
	if len(document) > maxBlock || json.Indent(&b, document, "", "  ") != nil {
		return Clip(string(document), maxBlock)
	}
	return Clip(plain(b.String()), maxBlock)
}

// escaped is what encoding/json writes of <, > and &, or a backslash that
// stands for itself.
var escaped = regexp.MustCompile(`\\\\|\\u003[ce]|\\u0026`)

// plain is a JSON document with <, > and & as such: the template escapes them.
func plain(document string) string {
	return escaped.ReplaceAllStringFunc(document, func(match string) string {
		switch match {
		case `\u003c`:
			return "<"
		case `\u003e`:
			return ">"
		case `\u0026`:
			return "&"
		default:
			return match
		}
	})
}
