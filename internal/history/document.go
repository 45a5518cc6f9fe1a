package history

import (
	"encoding/json"
	"slices"

	"github.com/assay-cx/assay/internal/result"
)

// maxDocument is how many bytes are kept of a vector's part of the result
// document.
const maxDocument = 32 << 10

// kept is a vector's part of the result document, and its input.
type kept struct {
	result.Vector
	Input json.RawMessage `json:"input,omitempty"`
}

// Decode is the vector of a document that the history keeps, with its input.
func Decode(document json.RawMessage) (result.Vector, error) {
	var k kept
	err := json.Unmarshal(document, &k)
	k.Vector.Input = k.Input
	return k.Vector, err
}

// document is a vector's part of the result document, and its input. Of a large
// one goes what is least missed, step by step: what the action answered, then
// the stacks, then the checks and the trace but for the failing step, and the
// input. It is nil where the rest is still too large.
func document(v result.Vector) []byte {
	for _, trim := range []func(*result.Vector){nil, withoutOutput, withoutStacks, bare} {
		if trim != nil {
			trim(&v)
		}
		encoded, err := json.Marshal(kept{v, v.Input})
		if err != nil {
			return nil // an output that is not JSON; the columns are kept
		}
		if len(encoded) <= maxDocument {
			return encoded
		}
	}
	return nil
}

func withoutOutput(v *result.Vector) {
	if v.Execution == nil {
		return
	}
	e := *v.Execution // others read the vector too
	e.Output = nil
	if e.Error != nil {
		failure := *e.Error
		failure.Details = nil
		e.Error = &failure
	}
	v.Execution = &e
}

func withoutStacks(v *result.Vector) {
	e := v.Execution
	if e == nil {
		return
	}
	if e.Error != nil {
		e.Error.Stack = "" // a copy by now
	}
	e.Trace = slices.Clone(e.Trace)
	for i, step := range e.Trace {
		if step.Error != nil {
			failure := *step.Error
			failure.Stack = ""
			e.Trace[i].Error = &failure
		}
	}
}

func bare(v *result.Vector) {
	v.Checks, v.Input = []result.Check{}, nil
	if e := v.Execution; e != nil {
		if step := e.FailingStep(); step != nil {
			e.Trace = []result.Step{*step}
		} else {
			e.Trace = nil
		}
	}
}
