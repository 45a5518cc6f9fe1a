package sandbox

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

// testPermission is what a test needs on Genesys Cloud, there of a role, here
// of a scope.
const testPermission = "integrations:action:execute"

// testResult is what the test of an action answers.
type testResult struct {
	Operations  []testOperation `json:"operations"`
	FinalResult json.RawMessage `json:"finalResult,omitempty"`
	Error       *errorBody      `json:"error,omitempty"`
	Success     bool            `json:"success"`
}

// testOperation is one operation of a test: the input's check, then the
// handler's steps.
type testOperation struct {
	Step    int             `json:"step"`
	Name    string          `json:"name"`
	Success bool            `json:"success"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *errorBody      `json:"error,omitempty"`
}

// errorBody is how Genesys Cloud tells an error.
type errorBody struct {
	Message       string            `json:"message"`
	Code          string            `json:"code"`
	Status        int               `json:"status"`
	MessageParams map[string]string `json:"messageParams"`
	ContextID     string            `json:"contextId,omitempty"`
	Details       []errorDetail     `json:"details"`
	Errors        []errorBody       `json:"errors"`
}

type errorDetail struct {
	ErrorCode string `json:"errorCode,omitempty"`
	FieldName string `json:"fieldName,omitempty"`
}

// The parts of the platform that a failure can be of.
const (
	remoteEndpoint = "ACTION.REMOTE_ENDPOINT"
	processing     = "ACTION.PROCESSING"
)

func newErrorBody(status int, message, contextID string) *errorBody {
	return &errorBody{
		Message: message, Status: status, ContextID: contextID, MessageParams: map[string]string{},
		Code:    strings.ToLower(strings.ReplaceAll(http.StatusText(status), " ", ".")),
		Details: []errorDetail{}, Errors: []errorBody{},
	}
}

// problem is the refusal of an operation, as its platform words one.
func (op operation) problem(status int, message string) reply {
	if op != opTest {
		return problem(status, message)
	}
	return document(status, newErrorBody(status, message, uuid.NewString()))
}

// test runs an action, or its draft, which is the same here, and answers how
// its operations went. The action runs to its end whether or not the caller
// waits for it.
func (t *tenant) test(c *call) reply {
	runtime := t.actions[c.action]
	if runtime == nil {
		return opTest.problem(http.StatusNotFound, fmt.Sprintf("the action %s does not exist", c.action))
	}
	if problems := t.checkTestInput(c); problems != nil {
		return refusedInput(problems)
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-t.ctx.Done():
		return opTest.problem(http.StatusServiceUnavailable, "the sandbox stops")
	}
	outcome := runtime.Run(t.ctx, c.body)
	return document(http.StatusOK, tested(&outcome))
}

func (t *tenant) checkTestInput(c *call) []schema.Problem {
	value, err := schema.Decode(c.body)
	if err != nil {
		return []schema.Problem{{Message: "not JSON"}}
	}
	if _, ok := value.(map[string]any); !ok {
		return []schema.Problem{{Message: "expected an object"}}
	}
	if input := t.catalog.spec[c.action]; input != nil {
		return input.CheckValue(value)
	}
	return nil
}

func refusedInput(problems []schema.Problem) reply {
	const status = http.StatusBadRequest
	body := newErrorBody(status, "The input does not match the action's input contract", uuid.NewString())
	for _, p := range problems {
		body.Details = append(body.Details, errorDetail{FieldName: p.Path})
		body.Errors = append(body.Errors, *newErrorBody(status, p.At("input"), ""))
	}
	return document(status, body)
}

// tested is the answer for an outcome. An action of Genesys Cloud declares no
// codes of its own: its error is that of the operation that failed.
func tested(outcome *action.Outcome) testResult {
	result := testResult{
		Operations:  []testOperation{{Step: 1, Name: "Validate input", Success: true}},
		FinalResult: outcome.Output, Success: outcome.Error == nil,
	}
	for i, step := range outcome.Steps {
		operation := testOperation{Step: i + 2, Name: step.Name, Success: step.Error == nil, Result: step.Output}
		if step.Error != nil {
			operation.Error = failedOperation(step, outcome.TraceID)
			result.Error = operation.Error
		}
		result.Operations = append(result.Operations, operation)
	}
	return result
}

// failedOperation is the error of a step: the service's, where one was asked
// and did not answer well, or else the platform's own.
func failedOperation(step action.Step, contextID string) *errorBody {
	status := remoteStatus(step.Error)
	if status == 0 {
		body := newErrorBody(http.StatusBadRequest, "Transform failed to process result due to error:'"+step.Error.Message+"'", contextID)
		body.Details = append(body.Details, errorDetail{ErrorCode: processing})
		return body
	}
	body := newErrorBody(status, http.StatusText(status), contextID)
	body.Details = append(body.Details, errorDetail{ErrorCode: remoteEndpoint})
	inner := newErrorBody(status, "REST call for action execute failed. Message: "+step.Error.Message, "")
	inner.Code = strings.ToUpper(strings.ReplaceAll(inner.Code, ".", "_")) // as the service's client has it
	body.Errors = append(body.Errors, *inner)
	return body
}

// remoteStatus is the status by which the platform tells of a service that
// failed, or 0 where the failure is the action's own.
func remoteStatus(e *action.StepError) int {
	switch {
	case e.Status >= http.StatusBadRequest:
		return e.Status
	case e.Status != 0, e.Code == "", strings.HasPrefix(e.Code, "HPE_"): // it answered
		return 0
	case e.Code == "ETIMEDOUT":
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// reason is what a refusal says that a fault makes. Genesys Cloud says in words
// how long to wait.
func (f *fault) reason(now time.Time) string {
	if f.operation != opTest || f.status != http.StatusTooManyRequests {
		return "the sandbox's " + f.kind + " fault struck"
	}
	seconds, err := strconv.Atoi(f.retryAfter)
	if err != nil {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		seconds = max(1, int(math.Ceil(f.quotaAt.Add(f.window).Sub(now).Seconds())))
	}
	return fmt.Sprintf("Rate limit exceeded the maximum. Retry the request in [%d] seconds", seconds)
}
