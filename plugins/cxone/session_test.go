package cxone

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestParseSession(t *testing.T) {
	t.Parallel()
	completed := func(output string, trace ...sdk.TraceStep) *sdk.Execution {
		return &sdk.Execution{Status: sdk.StatusCompleted, Output: json.RawMessage(output), Trace: trace}
	}
	failed := func(failure sdk.ExecutionError, trace ...sdk.TraceStep) *sdk.Execution {
		return &sdk.Execution{Status: sdk.StatusFailed, Error: &failure, Trace: trace}
	}
	boom := sdk.TraceStep{ID: "2", Name: "call", Error: &sdk.StepError{Message: "ECONNREFUSED", Stack: "at call"}}
	const boomTrace = `"trace":[{"stepId":"1","stepName":"map","error":null},{"stepId":2,"stepName":"call","error":{"message":"ECONNREFUSED","stack":"at call"}}]`
	mapped := sdk.TraceStep{ID: "1", Name: "map"}

	for name, test := range map[string]struct {
		body string
		want *sdk.Execution
	}{
		"running":             {`{"status":"RUNNING","trace":[{}]}`, nil},
		"unknown word":        {`{"status":"QUEUED"}`, nil},
		"numeric word":        {`{"status":7}`, nil},
		"completed":           {`{"status":"COMPLETED","result":{"a":1}}`, completed(`{"a":1}`)},
		"lower case":          {`{"status":"completed","result":{"a":1}}`, completed(`{"a":1}`)},
		"no result":           {`{"status":"COMPLETED"}`, &sdk.Execution{Status: sdk.StatusCompleted}},
		"null result":         {`{"status":"COMPLETED","result":null,"trace":null}`, &sdk.Execution{Status: sdk.StatusCompleted}},
		"scalar result":       {`{"status":"COMPLETED","result":"ok"}`, completed(`"ok"`)},
		"list result":         {`{"status":"COMPLETED","result":[1]}`, completed(`[1]`)},
		"envelope":            {`{"status":"COMPLETED","result":{"success":true,"data":{"a":1}}}`, completed(`{"a":1}`)},
		"envelope, no error":  {`{"status":"COMPLETED","result":{"success":true,"data":{"a":1},"error":null}}`, completed(`{"a":1}`)},
		"no envelope":         {`{"status":"COMPLETED","result":{"success":true,"id":1}}`, completed(`{"success":true,"id":1}`)},
		"more than envelope":  {`{"status":"COMPLETED","result":{"success":true,"data":1,"total":5}}`, completed(`{"success":true,"data":1,"total":5}`)},
		"failure envelope":    {`{"status":"COMPLETED","result":{"success":false,"error":{"code":"C","message":"m","details":{"attempts":3}}}}`, failed(sdk.ExecutionError{Code: "C", Message: "m", Details: json.RawMessage(`{"attempts":3}`)})},
		"bare success:false":  {`{"status":"COMPLETED","result":{"success":false}}`, completed(`{"success":false}`)},
		"failed envelope":     {`{"status":"FAILED","result":{"success":false,"error":{"code":"C","message":"m"}}}`, failed(sdk.ExecutionError{Code: "C", Message: "m"})},
		"envelope and trace":  {`{"status":"FAILED","result":{"success":false,"error":{"code":"C","message":"m"}},` + boomTrace + `}`, failed(sdk.ExecutionError{Code: "C", Message: "m", Stack: "at call"}, mapped, boom)},
		"error string inside": {`{"status":"FAILED","result":{"success":false,"error":"m"}}`, failed(sdk.ExecutionError{Message: "m"})},
		"failed object":       {`{"status":"FAILED","result":{"message":"m","stack":"s","code":42}}`, failed(sdk.ExecutionError{Code: "42", Message: "m", Stack: "s"})},
		"failed string":       {`{"status":"FAILED","result":"m"}`, failed(sdk.ExecutionError{Message: "m"})},
		"top-level error":     {`{"status":"FAILED","error":{"message":"m"}}`, failed(sdk.ExecutionError{Message: "m"})},
		"failed null":         {`{"status":"FAILED","result":null,` + boomTrace + `}`, failed(sdk.ExecutionError{Message: "ECONNREFUSED", Stack: "at call"}, mapped, boom)},
		"failed missing":      {`{"status":"FAILED",` + boomTrace + `}`, failed(sdk.ExecutionError{Message: "ECONNREFUSED", Stack: "at call"}, mapped, boom)},
		"failed, odd result":  {`{"status":"FAILED","result":{"x":1},` + boomTrace + `}`, failed(sdk.ExecutionError{Message: "ECONNREFUSED", Stack: "at call"}, mapped, boom)},
		"failed, nothing":     {`{"status":"FAILED"}`, failed(sdk.ExecutionError{Message: noReason})},
		"trace object":        {`{"status":"FAILED","result":"m","trace":{"a":1}}`, failed(sdk.ExecutionError{Message: "m"})},
		"trace string":        {`{"status":"FAILED","result":"m","trace":"none"}`, failed(sdk.ExecutionError{Message: "m"})},
		"trace empty":         {`{"status":"FAILED","result":"m","trace":[]}`, failed(sdk.ExecutionError{Message: "m"})},
		"trace of junk":       {`{"status":"COMPLETED","trace":[null,1,"x",[],{}]}`, &sdk.Execution{Status: sdk.StatusCompleted, Trace: []sdk.TraceStep{{}}}},
		"first failure":       {`{"status":"FAILED","trace":[{"stepId":"1","error":"first"},{"stepId":"2","error":{"message":"second"}}]}`, failed(sdk.ExecutionError{Message: "first"}, sdk.TraceStep{ID: "1", Error: &sdk.StepError{Message: "first"}}, sdk.TraceStep{ID: "2", Error: &sdk.StepError{Message: "second"}})},
		"no errors": {`{"status":"COMPLETED","trace":[{"error":""},{"error":false},{"error":{}},{"error":null}]}`, &sdk.Execution{
			Status: sdk.StatusCompleted, Trace: []sdk.TraceStep{{}, {}, {}, {}},
		}},
		"a whole step": {`{"status":"COMPLETED","trace":[{"stepId":"s","stepName":"n","timestamp":"2026-01-02T03:04:05Z","input":{"i":1},"output":[2],"error":{"message":"m","stack":"k","code":"E","status":"503"}}]}`, &sdk.Execution{
			Status: sdk.StatusCompleted,
			Trace: []sdk.TraceStep{{
				ID: "s", Name: "n", Timestamp: "2026-01-02T03:04:05Z", Input: json.RawMessage(`{"i":1}`), Output: json.RawMessage(`[2]`),
				Error: &sdk.StepError{Message: "m", Stack: "k", Code: "E", Status: 503},
			}},
		}},
		"odd step": {`{"status":"COMPLETED","trace":[{"stepId":{"a":1},"stepName":7,"timestamp":1700000000,"error":{"message":["m"],"code":500,"status":1e9}}]}`, &sdk.Execution{
			Status: sdk.StatusCompleted,
			Trace:  []sdk.TraceStep{{Name: "7", Timestamp: "1700000000", Error: &sdk.StepError{Code: "500"}}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseSession([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Execution); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseSessionDuration(t *testing.T) {
	t.Parallel()
	for duration, want := range map[string]int64{
		`1234`: 1234, `12.6`: 13, `"1234"`: 1234, `" 7 "`: 7,
		`-1`: 0, `"x"`: 0, `null`: 0, `{}`: 0, `1e300`: 0, `"NaN"`: 0, `"Infinity"`: 0, `true`: 0,
	} {
		got, err := ParseSession(fmt.Appendf(nil, `{"status":"COMPLETED","executionDuration":%s}`, duration))
		if err != nil {
			t.Fatal(err)
		}
		if got.Execution.DurationMS != want {
			t.Errorf("%s: %d ms, want %d", duration, got.Execution.DurationMS, want)
		}
	}
}

func TestParseSessionNoSession(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, ` `, `null`, `[]`, `"COMPLETED"`, `{`, `{}`, `{"status":null}`, `{"status":""}`, `{"status":{}}`, `{"status":"FAILED"}x`} {
		if got, err := ParseSession([]byte(body)); err == nil {
			t.Errorf("%q: %+v, want an error", body, got)
		}
	}
}

// Whatever comes, the answer is a session or an error, and a session that
// ended says how.
func FuzzParseSession(f *testing.F) {
	for _, seed := range []string{
		`{"status":"FAILED","result":{"success":false,"error":{"code":"C","message":"m","details":{}}},"trace":[{"stepId":1,"error":"x"}]}`,
		`{"status":"COMPLETED","result":{"success":true,"data":{}},"executionDuration":"12","trace":[{"input":null}]}`,
		`{"status":"FAILED","error":"x","trace":{}}`, `{"status":7}`, `[`, `{"status":"COMPLETED","status":"FAILED"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseSession(body)
		if err != nil {
			if got.Execution != nil || got.Status != "" {
				t.Fatalf("an error and a result %+v", got)
			}
			return
		}
		e := got.Execution
		if e == nil {
			return
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("does not encode: %v", err)
		}
		switch e.Status {
		case sdk.StatusCompleted:
			if e.Error != nil {
				t.Fatalf("completed with an error: %+v", e.Error)
			}
		case sdk.StatusFailed:
			if e.Error == nil || e.Error.Message == "" {
				t.Fatalf("failed without a message: %+v", e.Error)
			}
		default:
			t.Fatalf("status %q", e.Status)
		}
		if e.DurationMS < 0 {
			t.Fatalf("duration %d", e.DurationMS)
		}
	})
}

func BenchmarkParseSession(b *testing.B) {
	step := `{"stepId":"s1","stepName":"sync","timestamp":"2026-01-02T03:04:05Z","input":{"sku":"SKU-1"},"output":{"ok":true},"error":null}`
	body := []byte(`{"status":"FAILED","executionDuration":120,"result":{"success":false,"error":{"code":"UPSTREAM_TIMEOUT","message":"` +
		strings.Repeat("m", 1000) + `","details":{"trace":"t","attempts":3}}},"trace":[` + strings.Repeat(step+",", 4) +
		`{"stepId":"s5","stepName":"call","error":{"message":"ETIMEDOUT","stack":"at call"}}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseSession(body); err != nil {
			b.Fatal(err)
		}
	}
}
