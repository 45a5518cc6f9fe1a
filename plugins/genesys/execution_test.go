package genesys

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

// The platform's own answers, as its documents and users show them.
const (
	untemplated = `{
		"message": "Transform failed to process result using 'successTemplate' template due to error:'Variable $Presences has not been set at successTemplate[line 1, column 20]'\n Template:'{\"PresenceArray\" : $Presences}'.",
		"code": "bad.request", "status": 400, "messageParams": {}, "contextId": "fc7c43df",
		"details": [{"errorCode": "ACTION.PROCESSING"}], "errors": []}`
	functionFailed = `{
		"message": "Internal Server Error", "code": "internal.server.error", "status": 500, "messageParams": {}, "contextId": "21178bd3",
		"details": [{"errorCode": "ACTION.REMOTE_ENDPOINT"}],
		"errors": [{"message": "REST call for action execute failed. Message: Invoked function failed.", "code": "INTERNAL_SERVER_ERROR", "status": 500, "details": [], "errors": []}]}`
	refusedCredentials = `{
		"errorCode": "INVALID_CREDENTIALS", "status": 400, "correlationId": "43436e96", "entityName": "msDynamics",
		"userMessage": "There was an issue validating the credentials.", "userParams": [],
		"details": [{"errorCode": "ACTION.AUTHENTICATION"}],
		"errors": [{"errorCode": "INVALID_CREDENTIALS", "status": 400, "userMessage": "Request to backend service failed.  Response from web service: {\"error\":\"invalid_grant\"}", "userParams": [], "details": [], "errors": []}]}`
)

func failing(told string) string {
	return `{"operations":[{"step":1,"name":"Validate input","success":true,"result":{"a":1}},` +
		`{"step":10,"name":"Apply output transformation","success":false,"result":null,"error":` + told + `}],"error":` + told + `,"success":false}`
}

func TestParseExecution(t *testing.T) {
	t.Parallel()
	passed := sdk.TraceStep{ID: "1", Name: "Validate input", Output: json.RawMessage(`{"a":1}`)}
	failed := func(told sdk.ExecutionError, step sdk.StepError) sdk.Execution {
		return sdk.Execution{Status: sdk.StatusFailed, Error: &told, Trace: []sdk.TraceStep{
			passed, {ID: "10", Name: "Apply output transformation", Error: &step},
		}}
	}
	const (
		template = "Transform failed to process result using 'successTemplate' template due to error:'Variable $Presences has not been set at successTemplate[line 1, column 20]'\n Template:'{\"PresenceArray\" : $Presences}'."
		function = "Internal Server Error: REST call for action execute failed. Message: Invoked function failed."
		sign     = `There was an issue validating the credentials.: Request to backend service failed.  Response from web service: {"error":"invalid_grant"}`
	)
	for name, test := range map[string]struct {
		body string
		want sdk.Execution
	}{
		"success": {
			`{"operations":[{"step":1,"name":"Validate input","success":true,"result":{"a":1},"error":null}],"finalResult":{"b":[2]},"error":null,"success":true}`,
			sdk.Execution{Status: sdk.StatusCompleted, Output: json.RawMessage(`{"b":[2]}`), Trace: []sdk.TraceStep{passed}},
		},
		"success without a result": {`{"success":true,"finalResult":null}`, sdk.Execution{Status: sdk.StatusCompleted}},
		"a template that fails": {failing(untemplated), failed(
			sdk.ExecutionError{Code: "bad.request", Message: template, Details: json.RawMessage(`{"contextId":"fc7c43df","errorCode":"ACTION.PROCESSING"}`)},
			// The 400 is the platform's own: nobody else was asked.
			sdk.StepError{Code: "ACTION.PROCESSING", Message: template},
		)},
		"a service that fails": {failing(functionFailed), failed(
			sdk.ExecutionError{Code: "internal.server.error", Message: function, Details: json.RawMessage(`{"contextId":"21178bd3","errorCode":"ACTION.REMOTE_ENDPOINT"}`)},
			sdk.StepError{Code: "ACTION.REMOTE_ENDPOINT", Message: function, Status: 500},
		)},
		"credentials, in the older form": {failing(refusedCredentials), failed(
			sdk.ExecutionError{Code: "INVALID_CREDENTIALS", Message: sign, Details: json.RawMessage(`{"contextId":"43436e96","errorCode":"ACTION.AUTHENTICATION"}`)},
			sdk.StepError{Code: "ACTION.AUTHENTICATION", Message: sign},
		)},
		"a 400 that the service answered": {
			failing(`{"message":"m","code":"bad.request","status":400,"details":[{"errorCode":"ACTION.REMOTE_ENDPOINT"}]}`),
			failed(
				sdk.ExecutionError{Code: "bad.request", Message: "m", Details: json.RawMessage(`{"errorCode":"ACTION.REMOTE_ENDPOINT"}`)},
				sdk.StepError{Code: "ACTION.REMOTE_ENDPOINT", Message: "m", Status: 400},
			),
		},
		"an error in its code alone": {failing(`{"code":"gateway.timeout","status":504}`), failed(
			sdk.ExecutionError{Code: "gateway.timeout", Message: "gateway.timeout"}, sdk.StepError{Code: "gateway.timeout", Message: "gateway.timeout", Status: 504},
		)},
		"a bare sentence": {failing(`"it broke"`), failed(sdk.ExecutionError{Message: "it broke"}, sdk.StepError{Message: "it broke"})},
		"no reason":       {failing(`null`), failed(sdk.ExecutionError{Message: noStepReason}, sdk.StepError{Message: noStepReason})},
		"the step's reason alone": {
			`{"operations":[{"step":1,"name":"Execute","success":false,"error":{"message":"m","code":"c"}}],"success":false}`,
			sdk.Execution{Status: sdk.StatusFailed, Error: &sdk.ExecutionError{Code: "c", Message: "m"}, Trace: []sdk.TraceStep{
				{ID: "1", Name: "Execute", Error: &sdk.StepError{Code: "c", Message: "m"}},
			}},
		},
		"no operations": {`{"success":false}`, sdk.Execution{Status: sdk.StatusFailed, Error: &sdk.ExecutionError{Message: noReason}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseExecution([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Errors within errors are told as far as a person reads, each once.
func TestErrorText(t *testing.T) {
	t.Parallel()
	deep := `{"message":"m"}`
	for range 1000 {
		deep = `{"message":"m","errors":[` + deep + `,{"message":"n"}]}`
	}
	body, ok := parseError([]byte(deep))
	if !ok || body.text() != "m: n" {
		t.Errorf("%v", body.text())
	}
	wide, _ := parseError([]byte(`{"errors":[` + strings.TrimSuffix(strings.Repeat(`{"messageWithParams":"a"},`, 9), ",") + `]}`))
	if got := wide.text(); got != "a" {
		t.Errorf("%q", got)
	}
}

func FuzzParseExecution(f *testing.F) {
	for _, told := range []string{untemplated, functionFailed, refusedCredentials, `"x"`, `null`, `[]`} {
		f.Add([]byte(failing(told)))
	}
	f.Add([]byte(succeeded))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseExecution(body)
		if err != nil {
			return
		}
		if (got.Status == sdk.StatusFailed) != (got.Error != nil) {
			t.Fatalf("%s with error %v", got.Status, got.Error)
		}
		if got.Error != nil && got.Error.Message == "" {
			t.Fatal("a failure without a message")
		}
		for _, step := range got.Trace {
			if step.Error != nil && step.Error.Message == "" {
				t.Fatal("a failing step without a message")
			}
		}
	})
}

func FuzzParseError(f *testing.F) {
	for _, told := range []string{untemplated, functionFailed, refusedCredentials, throttled} {
		f.Add([]byte(told))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		body, ok := parseError(document)
		if !ok {
			return
		}
		if text := body.text(); retryAfter(text) < 0 {
			t.Fatal("a negative wait")
		}
	})
}
