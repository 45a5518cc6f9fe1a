// Package classify judges whose fault a failed execution is: a pure function
// from what the platform tells of a failure to its category, with a confidence
// and a sentence that says what decided.
//
// It gathers evidence rather than trying patterns in turn, from the first
// failing step. What runtimes and statuses say comes first, the innermost layer
// of the cause chain before its wrappers: in a layer a text that only one kind
// of failure produces, then an HTTP status that names its kind of failure, then
// the error's class. Where there is none of that, in this order: a refusal
// (400, 404, a validator's complaint), the action's own error code, data that
// breaks its contract, words, wrappers. The signs by which runtimes tell of
// their failures are data, in the signs files.
//
// Start reading at Classify, then at gather; a spec's own rules are Rules.
package classify

import (
	"math"

	"github.com/assay-cx/assay/internal/result"
)

// Failure is a failed execution, and what its action declares.
type Failure struct {
	Execution *result.Execution
	Errors    []DeclaredError // the error codes that the action declares; may be empty
}

// DeclaredError is an error code that an action declares, with the category of
// failure it stands for; the category may be empty.
type DeclaredError struct {
	Code     string
	Category string
}

// NoTrace is the reason given where there is nothing to judge by.
const NoTrace = "No trace data available for classification."

// Classify judges a failure by what runtimes, proxies and services are known
// to say. It is safe for concurrent use and reads at most 24 KB of each text.
func Classify(f Failure) result.Classification {
	if f.Execution == nil || len(f.Execution.Trace) == 0 {
		return builtin(unknown, 0, NoTrace)
	}
	o := observe(f)
	found := gather(f, &o)
	switch {
	case len(found) > 0:
		return builtin(found[0].Category, confidence(found), found[0].Reason())
	case len(o.texts) == 0:
		return builtin(unknown, 0.05, "No step of the trace says why it failed.")
	}
	return builtin(unknown, 0.1, "Nothing that is known to tell whose fault it is: "+o.texts[0].place+" says "+quote(o.texts[0].raw)+".")
}

// Explain gives the evidence in the order in which it counts; the first
// decides. It is empty where there is none.
func Explain(f Failure) []Evidence {
	if f.Execution == nil || len(f.Execution.Trace) == 0 {
		return nil
	}
	o := observe(f)
	return gather(f, &o)
}

func builtin(category string, confidence float64, reason string) result.Classification {
	return result.Classification{
		Class: result.Categories[category], Category: category, Confidence: confidence, Reason: reason, Source: "builtin",
	}
}

// confidence is that of the evidence that decides, raised by other kinds of
// evidence that agree and lowered by the strongest that contradicts it.
func confidence(found []Evidence) float64 {
	first := found[0]
	sure := first.Confidence
	agreed, contradicted := false, false
	for _, e := range found[1:] {
		switch {
		case e.tier < contract:
		case e.Category == first.Category:
			agreed = agreed || e.tier != first.tier || e.isStatus != first.isStatus
		case result.Categories[e.Category] != result.Categories[first.Category]:
			contradicted = true
		}
	}
	if agreed {
		sure += (1 - sure) * 0.3
	}
	if contradicted {
		sure *= 0.85
	}
	return math.Round(min(sure, 0.99)*100) / 100
}
