package genesys

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/assay-cx/assay/plugins/sdk"
)

// testResult is what a test answers.
type testResult struct {
	Operations  []operationResult `json:"operations"`
	FinalResult json.RawMessage   `json:"finalResult"`
	Error       json.RawMessage   `json:"error"`
	Success     *bool             `json:"success"`
}

// operationResult is how one operation of a test went.
type operationResult struct {
	Step    int             `json:"step"`
	Name    string          `json:"name"`
	Success *bool           `json:"success"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// The messages of failures that the platform does not explain.
const (
	noReason     = "the execution failed and the platform gave no reason"
	noStepReason = "the operation failed and the platform gave no reason"
)

// parseExecution makes an execution of a test's answer. Its error says what of
// the answer is not a test's result; it quotes nothing of it.
func parseExecution(body []byte) (*sdk.Execution, error) {
	var result testResult
	if err := json.Unmarshal(body, &result); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, fmt.Errorf("%s is not what the API says", wrong.Field)
		}
		return nil, errors.New("the answer is not a JSON object")
	}
	if result.Success == nil {
		return nil, errors.New("the answer does not say whether the test was a success")
	}
	execution := &sdk.Execution{Status: sdk.StatusCompleted, Output: set(result.FinalResult)}
	for _, operation := range result.Operations {
		execution.Trace = append(execution.Trace, operation.step())
	}
	if !*result.Success {
		execution.Status = sdk.StatusFailed
		execution.Error = result.failure(execution.Trace)
	}
	return execution, nil
}

func (o operationResult) step() sdk.TraceStep {
	step := sdk.TraceStep{ID: strconv.Itoa(o.Step), Name: o.Name, Output: set(o.Result)}
	told := set(o.Error)
	switch {
	case o.Success != nil && *o.Success:
	case told != nil:
		step.Error = stepError(told)
	case o.Success != nil:
		step.Error = &sdk.StepError{Message: noStepReason}
	}
	return step
}

func stepError(told json.RawMessage) *sdk.StepError {
	body, ok := parseError(told)
	if !ok {
		return &sdk.StepError{Message: cmp.Or(text(told), noStepReason)}
	}
	return body.ofStep()
}

// failure is what a failed test tells of its failure, or else what its first
// failed operation does.
func (r *testResult) failure(trace []sdk.TraceStep) *sdk.ExecutionError {
	if body, ok := parseError(r.Error); ok {
		return body.ofExecution()
	}
	if message := text(r.Error); message != "" {
		return &sdk.ExecutionError{Message: message}
	}
	for i, step := range trace {
		if step.Error == nil {
			continue
		}
		if body, ok := parseError(r.Operations[i].Error); ok {
			return body.ofExecution()
		}
		return &sdk.ExecutionError{Message: step.Error.Message}
	}
	return &sdk.ExecutionError{Message: noReason}
}

// set is a value, or nil where it is missing or null.
func set(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}

// text is a JSON string's, or empty.
func text(value json.RawMessage) string {
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return ""
	}
	return s
}
