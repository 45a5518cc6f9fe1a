package classify_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

// edit gives a copy of a failure whose step fails otherwise.
func edit(f classify.Failure, change func(*result.StepError)) classify.Failure {
	e := *f.Execution
	e.Error = nil
	e.Trace = append([]result.Step(nil), e.Trace...)
	for i := range e.Trace {
		if e.Trace[i].Error != nil {
			failed := *e.Trace[i].Error
			change(&failed)
			e.Trace[i].Error = &failed
			break
		}
	}
	return classify.Failure{Execution: &e, Errors: f.Errors}
}

func asJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// same are edits that leave it as it was whose fault a failure is.
var same = map[string]func(*result.StepError){
	"upper case": func(e *result.StepError) { e.Message, e.Stack = strings.ToUpper(e.Message), strings.ToUpper(e.Stack) },
	"lower case": func(e *result.StepError) { e.Message, e.Stack = strings.ToLower(e.Message), strings.ToLower(e.Stack) },
	"windows line ends": func(e *result.StepError) {
		e.Stack = strings.ReplaceAll(e.Stack, "\n", "\r\n")
	},
	"wrapped as Go does": func(e *result.StepError) { e.Message = "run step call: " + e.Message },
	"wrapped as an error": func(e *result.StepError) {
		e.Message = "Error: step call failed: " + e.Message
	},
	"wrapped as Node does": func(e *result.StepError) {
		e.Stack = "Error: step failed\n    at run (/var/task/action.js:3:9) {\n  [cause]: " + text(e) + "\n}"
		e.Message = "step failed"
	},
	"wrapped in a failed fetch": func(e *result.StepError) {
		e.Stack = "TypeError: fetch failed\n    at node:internal/deps/undici/undici:13510:13 {\n  [cause]: " + text(e) + "\n}"
		e.Message = "fetch failed"
	},
	"wrapped as Java does": func(e *result.StepError) {
		e.Stack = "java.lang.RuntimeException: step failed\n\tat com.acme.Action.run(Action.java:22)\nCaused by: " + text(e) + "\n\t... 12 more"
		e.Message = "step failed"
	},
	"wrapped as .NET does": func(e *result.StepError) {
		e.Stack = "System.AggregateException: One or more errors occurred.\n ---> " + text(e) + "\n   --- End of inner exception stack trace ---"
		e.Message = "One or more errors occurred."
	},
	"wrapped as Python does": func(e *result.StepError) {
		e.Stack = "Traceback (most recent call last):\n  File \"/app/erp.py\", line 3, in call\n    raise timeout\n" + text(e) +
			"\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n" +
			"  File \"/app/action.py\", line 9, in run\n    retry(rate_limit)\nRuntimeError: step failed"
		e.Message = "step failed"
	},
	"in a JSON body": func(e *result.StepError) { e.Message = `{"error":{"message":` + asJSON(text(e)) + `}}` },
	"in a JSON body in a JSON body": func(e *result.StepError) {
		e.Message, e.Stack = `{"body":`+asJSON(`{"message":`+asJSON(text(e))+`}`)+`}`, ""
	},
	"frames of the stack in another order": func(e *result.StepError) { e.Stack = shuffleFrames(e.Stack) },
	"frames added": func(e *result.StepError) {
		e.Stack += "\n    at gatewayTimeout (/var/task/handlers/404-unauthorized.js:5:3)\n\tat com.acme.RateLimiter.throttle(RateLimiter.java:429)"
	},
}

// text is what a runtime prints of an error: its stack, which holds its message.
func text(e *result.StepError) string {
	switch {
	case e.Stack == "":
		return e.Message
	case strings.Contains(e.Stack, e.Message):
		return e.Stack
	}
	head, rest, _ := strings.Cut(e.Stack, "\n")
	return head + ": " + e.Message + "\n" + rest
}

func shuffleFrames(stack string) string {
	lines := strings.Split(stack, "\n")
	var frames []int
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "at ") && !strings.HasPrefix(line, "at ") {
			frames = append(frames, i)
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(frames), func(i, j int) {
		a, b := frames[i], frames[j]
		lines[a], lines[b] = lines[b], lines[a]
	})
	return strings.Join(lines, "\n")
}

func TestWrappersAndWritingDoNotMatter(t *testing.T) {
	for name, change := range same {
		t.Run(name, func(t *testing.T) {
			for _, file := range corpora {
				for _, l := range readLabelled(t, file) {
					plain := edit(l.Session.failure(), func(*result.StepError) {})
					want := classify.Classify(plain)
					if want.Confidence < 0.6 {
						continue // a wrapper may well add to what says little
					}
					changed := edit(plain, change)
					if got := classify.Classify(changed); got.Category != want.Category {
						step := changed.Execution.FailingStep().Error
						t.Errorf("%s: %s became %s\nbefore: %s\nafter:  %s\nmessage %q\nstack %q", l.ID, want.Category, got.Category, want.Reason, got.Reason, step.Message, step.Stack)
					}
				}
			}
		})
	}
}

func failed(e result.StepError) classify.Failure {
	return classify.Failure{Execution: &result.Execution{Trace: []result.Step{{ID: "s1"}, {ID: "s2", Name: "call", Error: &e}}}}
}

func FuzzClassify(f *testing.F) {
	f.Add("fetch failed", "TypeError: fetch failed\n [cause]: connect ECONNREFUSED", "ECONNREFUSED", 0)
	f.Add(`{\"a\\":\u0027timeout\u00`, "  File \"x\"\n    y\n   ^", "\\", 503)
	f.Add("https://\xff\xfe/undefined? :// ://", "---> ---> caused by:", "'", 99999)
	f.Fuzz(func(t *testing.T, message, stack, code string, status int) {
		failure := failed(result.StepError{Message: message, Stack: stack, Code: code, Status: status})
		failure.Execution.Error = &result.ExecutionError{Code: code, Message: stack, Details: json.RawMessage(message)}
		failure.Errors = []classify.DeclaredError{{Code: "A", Category: "timeout"}}
		got := classify.Classify(failure)
		class, known := result.Categories[got.Category]
		switch {
		case !known || class != got.Class:
			t.Errorf("category %q has class %q", got.Category, got.Class)
		case got.Confidence < 0 || got.Confidence > 1:
			t.Errorf("confidence %v", got.Confidence)
		case got.Reason == "" || len(got.Reason) > 400 || !utf8.ValidString(got.Reason) || strings.Contains(got.Reason, "\n"):
			t.Errorf("reason %q", got.Reason)
		}
		evidence := classify.Explain(failure)
		if len(evidence) > 0 && evidence[0].Category != got.Category {
			t.Errorf("%q decided, but %q is explained", got.Category, evidence[0].Category)
		}
	})
}
