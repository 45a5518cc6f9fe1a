package check

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
)

func completed(output string) Subject {
	return Subject{Execution: &result.Execution{Status: "COMPLETED", Output: json.RawMessage(output)}, Duration: 40 * time.Millisecond}
}

func failed(code string) Subject {
	return Subject{
		Execution: &result.Execution{
			Status: "FAILED",
			Error:  &result.ExecutionError{Code: code, Message: "it broke", Details: json.RawMessage(`{"trace":"t-1"}`)},
			Trace: []result.Step{
				{ID: "s1", Name: "receive", Output: json.RawMessage(`{"n":1}`)},
				{ID: "s2", Name: "call", Error: &result.StepError{Message: "503", Status: 503}},
			},
		},
		Classification: &result.Classification{Class: result.ExternalDependencyOutage, Category: "outage", Confidence: 0.9},
	}
}

// statuses are the checks' statuses by name.
func statuses(checks []result.Check) map[string]string {
	got := map[string]string{}
	for _, c := range checks {
		got[c.Name] = c.Status.String()
	}
	return got
}

func decoded(t *testing.T, document string) any {
	t.Helper()
	v, err := schema.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestExpectations(t *testing.T) {
	low, high := 0.5, 0.95
	for name, test := range map[string]struct {
		expect  Expect
		subject Subject
		want    map[string]string
	}{
		"completed as expected": {
			Expect{Status: "COMPLETED", MaxDuration: 40 * time.Millisecond},
			completed(`{}`),
			map[string]string{"expect.status": "pass", "expect.max_duration": "pass"},
		},
		"too slow": {
			Expect{Status: "COMPLETED", MaxDuration: 39 * time.Millisecond},
			completed(`{}`),
			map[string]string{"expect.status": "pass", "expect.max_duration": "fail"},
		},
		"failed as expected": {
			Expect{Status: "FAILED", ErrorCode: "E1", Classification: result.ExternalDependencyOutage, Category: "outage", MinConfidence: &low},
			failed("E1"),
			map[string]string{
				"expect.status": "pass", "expect.error_code": "pass", "expect.classification": "pass",
				"expect.category": "pass", "expect.min_confidence": "pass",
			},
		},
		"failed otherwise": {
			Expect{Status: "FAILED", ErrorCode: "E1", Classification: result.InternalLogicFault, Category: "timeout", MinConfidence: &high},
			failed("E2"),
			map[string]string{
				"expect.status": "pass", "expect.error_code": "fail", "expect.classification": "fail",
				"expect.category": "fail", "expect.min_confidence": "fail",
			},
		},
		"completed where a failure was expected": {
			Expect{Status: "FAILED", ErrorCode: "E1", MinConfidence: &low},
			completed(`{}`),
			map[string]string{"expect.status": "fail", "expect.error_code": "fail", "expect.min_confidence": "fail"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, statuses(Evaluate(test.expect, Contract{}, nil, test.subject))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutputSubset(t *testing.T) {
	for _, test := range []struct{ expected, output, message string }{
		{`{"a":1}`, `{"a":1.0,"b":2}`, ""},
		{`{"a":{"b":[1,{"c":true}]}}`, `{"a":{"b":[1,{"c":true,"d":0}]},"x":1}`, ""},
		{`{"a":null}`, `{}`, ""},
		{`{"a":null}`, `{"a":null}`, ""},
		{`{}`, `{"a":1}`, ""},
		{`12345678901234567890`, `12345678901234567890`, ""},
		{`{"a":1}`, `{"a":2}`, "output.a: expected 1, got 2"},
		{`{"a":1}`, `{}`, "output.a: expected 1, got nothing"},
		{`{"a":1}`, `{"a":"1"}`, `output.a: expected 1, got "1"`},
		{`{"a":[1,2]}`, `{"a":[1,2,3]}`, "output.a: expected [1,2], got [1,2,3]"},
		{`{"a":[1,2]}`, `{"a":[1,3]}`, "output.a[1]: expected 2, got 3"},
		{`{"a":{}}`, `{"a":[]}`, "output.a: expected {}, got []"},
		{`{"a":1,"b":2}`, `{"a":2,"b":1}`, "output.a: expected 1, got 2; output.b: expected 2, got 1"},
		{`12345678901234567890`, `12345678901234567891`, "output: expected 12345678901234567890, got 12345678901234567891"},
		{`{"a":1}`, ``, `output: expected {"a":1}, got null`},
		{`{"a":1}`, `<html>`, "the output is not JSON: invalid character '<' looking for beginning of value"},
	} {
		got := outputCheck(decoded(t, test.expected), json.RawMessage(test.output))
		if got.Message != test.message || (got.Status == result.Pass) != (test.message == "") {
			t.Errorf("%s in %s: %s %q, want %q", test.expected, test.output, got.Status, got.Message, test.message)
		}
	}
}

func TestPromises(t *testing.T) {
	contract := Contract{Output: schema.FromType(cty.Object(map[string]cty.Type{"ok": cty.Bool}), false), Codes: []string{"E1", "E2"}}
	for name, test := range map[string]struct {
		expect  Expect
		subject Subject
		want    map[string]string
	}{
		"kept":                        {Expect{}, completed(`{"ok":true,"more":1}`), map[string]string{}},
		"output broken":               {Expect{}, completed(`{"ok":"yes"}`), map[string]string{"action.output": "fail"}},
		"no output":                   {Expect{}, completed(``), map[string]string{"action.output": "fail"}},
		"declared code":               {Expect{}, failed("E2"), map[string]string{}},
		"undeclared code":             {Expect{}, failed("E3"), map[string]string{"action.error_code": "fail"}},
		"undeclared, expected":        {Expect{ErrorCode: "E3"}, failed("E3"), map[string]string{"expect.error_code": "pass"}},
		"no code":                     {Expect{}, failed(""), map[string]string{}},
		"breach expected by category": {Expect{Category: "schema_mismatch"}, failed("E3"), map[string]string{"expect.category": "fail"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, statuses(Evaluate(test.expect, contract, nil, test.subject))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func condition(t *testing.T, text string) Condition {
	t.Helper()
	parse := func(s string) hcl.Expression {
		expr, diags := hclsyntax.ParseExpression([]byte(s), "test.assay.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return expr
	}
	return Condition{
		Name: "c", Condition: parse(text), ErrorMessage: parse(`"status was ${result.status}"`), Text: text,
		Scope: &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{"n": cty.NumberIntVal(1)})}},
	}
}

func TestConditions(t *testing.T) {
	for _, test := range []struct {
		subject Subject
		text    string
		status  result.Status
		actual  string
	}{
		{completed(`{"n":1}`), `result.output.n == var.n`, result.Pass, ""},
		{completed(`{"n":2}`), `result.output.n == 1`, result.Fail, `result.output.n = 2`},
		{completed(`{}`), `result.output.n != null`, result.Fail, `result.output.n is not there`},
		{completed(`null`), `result.output.n != null`, result.Fail, `result.output.n is not there`},
		{completed(`{}`), `result.error == null && result.classification == null`, result.Pass, ""},
		{failed("E1"), `result.error.code == "E1" && result.error.details.trace == "t-1"`, result.Pass, ""},
		{failed("E1"), `result.failing_step.step_name == "call" && result.trace[1].error.status == 503`, result.Pass, ""},
		{failed("E1"), `result.trace[0].output.n == 1 && result.confidence >= 0.9 && result.category == "outage"`, result.Pass, ""},
		{failed("E1"), `result.trace[7].error == null`, result.Fail, `result.trace[7] is not there`},
		{completed(`{"n":"x"}`), `result.output.n > 3`, result.Errored, ""},
		{completed(`{}`), `result.status`, result.Errored, ""},
	} {
		c := condition(t, test.text)
		got := Evaluate(Expect{}, Contract{}, []Condition{c}, test.subject)[0]
		if got.Status != test.status || test.actual != "" && got.Actual != test.actual && test.status == result.Fail && got.Actual[:6] != test.actual[:6] {
			t.Errorf("%s: %s, actual %q, message %q; want %s, actual %q", test.text, got.Status, got.Actual, got.Message, test.status, test.actual)
		}
		if got.Status == result.Fail && got.Message != "status was "+test.subject.Execution.Status {
			t.Errorf("%s: message %q", test.text, got.Message)
		}
	}
}

func TestStatusIsTheGreatest(t *testing.T) {
	checks := []result.Check{{Status: result.Pass}, {Status: result.Errored}, {Status: result.Fail}}
	if got := Status(checks); got != result.Errored {
		t.Errorf("got %s", got)
	}
	if got := Status(nil); got != result.Pass {
		t.Errorf("of none: %s", got)
	}
}

func FuzzOutputCheck(f *testing.F) {
	f.Add([]byte(`{"a":[1,null,{"b":"c"}]}`), []byte(`{"a":1e400}`))
	f.Fuzz(func(t *testing.T, expected, output []byte) {
		want, err := schema.Decode(expected)
		if err != nil {
			t.Skip()
		}
		outputCheck(want, output)
		if got := outputCheck(want, expected); got.Status != result.Pass {
			t.Errorf("%s does not match itself: %s", expected, got.Message)
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	subject := completed(`{"synced":true,"lastModified":"2026-01-02T03:04:05Z","items":[1,2,3]}`)
	expect := Expect{Status: "COMPLETED", HasOutput: true, Output: map[string]any{"synced": true}}
	contract := Contract{Output: schema.FromType(cty.Object(map[string]cty.Type{"synced": cty.Bool}), false)}
	for b.Loop() {
		Evaluate(expect, contract, nil, subject)
	}
}
