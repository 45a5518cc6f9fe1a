package classify_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

func TestNoTraceIsUnknown(t *testing.T) {
	want := result.Classification{
		Class: "UNKNOWN", Category: "unknown", Confidence: 0, Reason: "No trace data available for classification.", Source: "builtin",
	}
	for name, e := range map[string]*result.Execution{
		"no execution": nil,
		"no trace":     {Status: "FAILED", Error: &result.ExecutionError{Message: "connect ECONNREFUSED 10.0.0.4:443"}},
		"empty trace":  {Status: "FAILED", Trace: []result.Step{}},
	} {
		if got := classify.Classify(classify.Failure{Execution: e}); got != want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestThinEvidenceIsUnsure(t *testing.T) {
	for name, f := range map[string]classify.Failure{
		"no failing step":  {Execution: &result.Execution{Trace: []result.Step{{ID: "s1"}}}},
		"an empty error":   failed(result.StepError{}),
		"says nothing":     failed(result.StepError{Message: "Something went wrong"}),
		"a class alone":    failed(result.StepError{Message: "boom", Stack: "OrderHandlerError: boom"}),
		"a wrapper alone":  failed(result.StepError{Message: "Request failed", Stack: "AxiosError: Request failed"}),
		"a 200 and a boom": failed(result.StepError{Message: "boom", Status: 200}),
	} {
		if got := classify.Classify(f); got.Confidence > 0.5 {
			t.Errorf("%s: got %s at %v: %s", name, got.Category, got.Confidence, got.Reason)
		}
	}
}

func TestWhatDecides(t *testing.T) {
	refused := result.StepError{Message: "fetch failed", Stack: "TypeError: fetch failed\n  [cause]: Error: connect ECONNREFUSED 10.0.0.4:443"}
	nullRead := result.StepError{Message: "Cannot read properties of null (reading 'id')"}
	declared := []classify.DeclaredError{{Code: "SLOW", Category: "timeout"}, {Code: "BAD", Category: "invalid_input"}, {Code: "ANY"}}
	answered := func(e result.StepError, code string) classify.Failure {
		f := failed(e)
		f.Execution.Error = &result.ExecutionError{Code: code, Message: "External service did not respond within threshold"}
		f.Errors = declared
		return f
	}
	for _, test := range []struct {
		name, want, says string
		failure          classify.Failure
	}{
		{"the innermost cause before the wrapper", "outage", "ECONNREFUSED", failed(refused)},
		{"the cause before the action's code", "outage", "ECONNREFUSED", answered(refused, "SLOW")},
		{"the script's error before the action's code", "logic_fault", "Cannot read propert", answered(nullRead, "SLOW")},
		{"the action's code where the step says little", "invalid_input", "BAD", answered(result.StepError{Message: "step failed"}, "BAD")},
		{"an undeclared code", "schema_mismatch", "OTHER", answered(result.StepError{Message: "step failed"}, "OTHER")},
		{"the action's words where its code has no category", "timeout", "did not respond within", answered(result.StepError{Message: "step failed"}, "ANY")},
		{"a status before words", "rate_limited", "429", failed(result.StepError{Message: "provider unavailable", Status: 429})},
		{"a status in words", "outage", "503", failed(result.StepError{Message: "Request failed with status code 503"})},
		{"a number that is no status", "invalid_input", "404", failed(result.StepError{Message: "order 503 was not found", Status: 404})},
		{"quota before 403", "rate_limited", "Quota exceeded", failed(result.StepError{Message: "Quota exceeded for project", Status: 403})},
		{"Retry-After before 403", "rate_limited", "Retry-After:", failed(result.StepError{Message: "Forbidden. Retry-After: 30", Status: 403})},
		{"a code fault before 400", "logic_fault", "requestTemplate", failed(result.StepError{Message: "$input.id not set in requestTemplate", Status: 400})},
		{"a gateway's page before its parser", "outage", "502", failed(result.StepError{Message: `Unexpected token '<', "<html>" is not valid JSON`, Status: 502})},
		{"the part of the platform, where that is all", "outage", "ACTION.REMOTE_ENDPOINT", failed(result.StepError{Message: "step failed", Code: "ACTION.REMOTE_ENDPOINT"})},
		{"the action's own part", "logic_fault", "ACTION.PROCESSING", failed(result.StepError{Message: "step failed", Code: "ACTION.PROCESSING"})},
		{"the template before the part", "schema_mismatch", "successTemplate", failed(result.StepError{Message: "Variable $x has not been set at successTemplate[line 1]", Code: "ACTION.PROCESSING"})},
		{"a status before the part", "invalid_input", "404", failed(result.StepError{Message: "Request to backend service failed", Code: "ACTION.REMOTE_ENDPOINT", Status: 404})},
		{"the upstream's own words", "rate_limited", "quota", withOutput(result.StepError{Message: "403 Forbidden", Status: 403}, `{"headers":{"x-ratelimit-limit":"9"},"json":{"error":"daily quota reached"}}`)},
		{"not the words of an answer", "logic_fault", "Cannot read propert", withOutput(nullRead, `{"json":{"error":"quota exceeded"}}`)},
		{"not the names of headers", "invalid_input", "400", withOutput(result.StepError{Message: "400 Bad Request", Status: 400}, `{"headers":{"X-RateLimit-Limit":"9","x-rate-limit-reset":"1"}}`)},
		{"the step's code", "timeout", "ETIMEDOUT", failed(result.StepError{Message: "call failed", Code: "ETIMEDOUT"})},
		{"a validator's complaint", "invalid_input", "is required", failed(result.StepError{Message: "sku is required"})},
		{"a validator's complaint about an answer", "schema_mismatch", "is required", failed(result.StepError{Message: "sku is required", Status: 200})},
		{"a name, not an event", "logic_fault", "is not defined", failed(result.StepError{Message: "ECONNREFUSED is not defined"})},
		{"a value, not an event", "invalid_input", "must be one of", failed(result.StepError{Message: `status must be one of ["timeout", "done"]`})},
	} {
		got := classify.Classify(test.failure)
		if got.Category != test.want || !strings.Contains(got.Reason, test.says) {
			t.Errorf("%s: want %s because of %q, got %s: %s", test.name, test.want, test.says, got.Category, got.Reason)
		}
	}
}

func withOutput(e result.StepError, output string) classify.Failure {
	f := failed(e)
	f.Execution.FailingStep().Output = json.RawMessage(output)
	return f
}

// The outer error is the surer sign in each of these; the inner one decides.
func TestInnermostCauseDecides(t *testing.T) {
	for name, e := range map[string]result.StepError{
		"Node":   {Message: "connection refused", Stack: "Error: connection refused\n    at x {\n  [cause]: Error: timed out after 5 s"},
		"Java":   {Message: "connection refused", Stack: "IOException: connection refused\n\tat x\nCaused by: IOException: Read timed out\n\t... 2 more"},
		".NET":   {Message: "connection refused", Stack: "IOException: connection refused\n ---> IOException: timed out after 5 s"},
		"Spring": {Message: "connection refused; nested exception is IOException: Read timed out"},
		"Python": {
			Message: "connection refused",
			Stack: "Traceback (most recent call last):\nOSError: timed out after 5 s\n\nThe above exception was the direct cause of the following exception:\n\n" +
				"Traceback (most recent call last):\nOSError: connection refused",
		},
		"a wrapper before a colon": {Message: "authentication failed: upstream answered 504"},
		"a status within":          {Message: "quota exceeded", Stack: "Error: quota exceeded\n  [cause]: Error: Request failed with status code 504"},
	} {
		if got := classify.Classify(failed(e)); got.Category != "timeout" {
			t.Errorf("%s: got %s: %s", name, got.Category, got.Reason)
		}
	}
}

func TestFirstFailingStepDecides(t *testing.T) {
	f := classify.Failure{Execution: &result.Execution{Trace: []result.Step{
		{ID: "s1", Name: "receive"},
		{ID: "s2", Name: "call", Error: &result.StepError{Message: "connect ECONNREFUSED 10.0.0.4:443"}},
		{ID: "s3", Name: "map", Error: &result.StepError{Message: "Cannot read properties of undefined (reading 'items')"}},
	}}}
	if got := classify.Classify(f); got.Category != "outage" {
		t.Errorf("got %s: %s", got.Category, got.Reason)
	}
}

func TestAgreementRaisesAndContradictionLowersConfidence(t *testing.T) {
	confidence := func(e result.StepError) float64 { return classify.Classify(failed(e)).Confidence }
	alone := confidence(result.StepError{Message: "connect ECONNREFUSED 10.0.0.4:443"})
	agreed := confidence(result.StepError{Message: "connect ECONNREFUSED 10.0.0.4:443", Status: 502})
	contradicted := confidence(result.StepError{Message: "connect ECONNREFUSED 10.0.0.4:443", Stack: "TypeError: x is not a function"})
	if alone >= agreed || contradicted >= alone || contradicted >= 0.9 {
		t.Errorf("alone %v, agreed %v, contradicted %v", alone, agreed, contradicted)
	}
}

func TestReasonIsOneShortSentence(t *testing.T) {
	long := strings.Repeat("a very long word ", 50)
	for _, e := range []result.StepError{
		{Message: "connect ECONNREFUSED 10.0.0.4:443"},
		{Message: long},
		{Message: "line one\nline two \"quoted\""},
	} {
		got := classify.Classify(failed(e)).Reason
		_, quoted, _ := strings.Cut(got, `"`)
		if !strings.HasSuffix(got, ".") || strings.Contains(got, "\n") || len(quoted) > 80+len(`".`) {
			t.Errorf("got %q", got)
		}
	}
}

func TestExplainBeginsWithWhatDecides(t *testing.T) {
	f := failed(result.StepError{Message: "fetch failed", Stack: "TypeError: fetch failed\n  [cause]: connect ETIMEDOUT 10.0.0.4:443", Status: 504})
	found := classify.Explain(f)
	if len(found) < 3 {
		t.Fatalf("got %+v", found)
	}
	first := found[0]
	if first.Category != "timeout" || first.Tier != "cause" || first.Depth != 1 || first.Text != `"ETIMEDOUT"` || first.Place != "the failing step's stack" {
		t.Errorf("got %+v", first)
	}
	if got := classify.Classify(f).Reason; got != first.Reason() {
		t.Errorf("decided by %q, explained by %q", got, first.Reason())
	}
	if found := classify.Explain(classify.Failure{}); found != nil {
		t.Errorf("explained nothing as %+v", found)
	}
}

func TestTheEndOfALongTextIsRead(t *testing.T) {
	noise := strings.Repeat("    noise of a very long log\n", 1<<20/29)
	got := classify.Classify(failed(result.StepError{Message: "step failed", Stack: noise + "Caused by: java.net.UnknownHostException: erp"}))
	if got.Category != "outage" {
		t.Errorf("got %s: %s", got.Category, got.Reason)
	}
}

// page is a failure of about 1 KB in a trace of five steps.
func page() classify.Failure {
	frames := strings.Repeat("    at com.acme.connector.Client.call(Client.java:120)\n", 8)
	f := failed(result.StepError{
		Message: "Step sync failed: I/O error on POST request for https://erp.example.com/v1/inventory/sync while processing the order of the customer in warehouse W-1",
		Stack: "org.springframework.web.client.ResourceAccessException: I/O error on POST request: Connection refused\n" + frames +
			"Caused by: java.net.ConnectException: Connection refused (Connection refused)\n" + frames,
		Status: 502,
	})
	f.Execution.Trace = append(f.Execution.Trace, result.Step{ID: "s3"}, result.Step{ID: "s4"}, result.Step{ID: "s5"})
	return f
}

func BenchmarkClassify(b *testing.B) {
	f := page()
	b.ReportAllocs()
	for b.Loop() {
		classify.Classify(f)
	}
}

// Prose without frames: every word is looked up.
func BenchmarkClassifyProse(b *testing.B) {
	f := failed(result.StepError{Message: strings.Repeat("the request of the caller could not be handled by any of the services that exceeded what they may do ", 10)})
	b.ReportAllocs()
	for b.Loop() {
		classify.Classify(f)
	}
}

func BenchmarkClassifyMegabyte(b *testing.B) {
	f := failed(result.StepError{Message: strings.Repeat("exceeded column invalid character ", 1<<20/34)})
	b.ReportAllocs()
	for b.Loop() {
		classify.Classify(f)
	}
}
