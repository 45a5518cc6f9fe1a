package cxone

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// noReason is the message of a failure that the platform does not explain.
const noReason = "the execution failed and the platform gave no reason"

// ParseSession reads a debug session's document as a poll answers it, with the
// contract's names of fields and status words. Its error says what of the
// document is not a session's; it quotes nothing of it.
//
// The parts of a session that ended may be missing or of odd types: a trace
// that is not an array is empty, an id may be a number. An action's own
// envelope decides over the session's status word: {"success":false,"error":…}
// is FAILED, and of {"success":true,"data":…} the output is the data.
func ParseSession(body []byte) (sdk.PollResult, error) {
	return defaults().parseSession(body)
}

func (s *settings) parseSession(body []byte) (sdk.PollResult, error) {
	session, ok := parseDocument(s.Fields, body)
	if !ok {
		return sdk.PollResult{}, errors.New("the answer is not a JSON object")
	}
	word := session.text("status")
	if word == "" {
		return sdk.PollResult{}, fmt.Errorf("the answer holds no %s", s.Fields.of("status"))
	}
	result := sdk.PollResult{Status: sdkhttp.Shorten(word)}
	switch {
	case containsFold(s.CompletedStatuses, word):
		result.Execution = completed(session)
	case containsFold(s.FailedStatuses, word):
		result.Execution = failed(session)
	}
	return result, nil
}

func containsFold(words []string, word string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}

func completed(session document) *sdk.Execution {
	envelope, isEnvelope := session.object("result")
	if isEnvelope && envelope.text("success") == "false" && envelope.raw("error") != nil {
		return failed(session)
	}
	execution := ended(session, sdk.StatusCompleted)
	execution.Output = session.raw("result")
	if isEnvelope && envelope.text("success") == "true" && envelope.isBare() {
		execution.Output = envelope.raw("data")
	}
	return execution
}

// isBare reports whether a success envelope holds its data and nothing beside
// it, so that an output which merely has a field "success" is left whole.
func (d document) isBare() bool {
	if _, ok := d.values[d.fields.of("data")]; !ok {
		return false
	}
	expected := 2 // success and data
	if _, ok := d.values[d.fields.of("error")]; ok && d.raw("error") == nil {
		expected++
	}
	return len(d.values) == expected
}

func failed(session document) *sdk.Execution {
	execution := ended(session, sdk.StatusFailed)
	execution.Error = sessionFailure(session)
	if step := firstFailure(execution.Trace); step != nil {
		fillFrom(execution.Error, step)
	}
	if execution.Error.Message == "" {
		execution.Error.Message = noReason
	}
	return execution
}

// sessionFailure is what the result, or else the session itself, tells of the
// failure; empty where neither does.
func sessionFailure(session document) *sdk.ExecutionError {
	if result, ok := session.object("result"); ok {
		if failure := result.failure(); failure != nil {
			return failure
		}
	}
	if message := text(session.raw("result")); message != "" {
		return &sdk.ExecutionError{Message: message}
	}
	if session.raw("error") != nil {
		if failure := session.failure(); failure != nil {
			return failure
		}
	}
	return &sdk.ExecutionError{}
}

func firstFailure(trace []sdk.TraceStep) *sdk.StepError {
	for i := range trace {
		if trace[i].Error != nil {
			return trace[i].Error
		}
	}
	return nil
}

// fillFrom takes from the failing step what the result does not tell.
func fillFrom(failure *sdk.ExecutionError, step *sdk.StepError) {
	if failure.Message == "" {
		failure.Message = step.Message
	}
	if failure.Stack == "" {
		failure.Stack = step.Stack
	}
}

func ended(session document, status sdk.ExecutionStatus) *sdk.Execution {
	return &sdk.Execution{
		Status:     status,
		DurationMS: milliseconds(session),
		Trace:      steps(session),
	}
}

// milliseconds is the session's duration; 0 where it is missing or absurd.
func milliseconds(session document) int64 {
	duration, ok := session.number("executionDuration")
	if !ok || duration < 0 || duration > math.MaxInt32*1000 {
		return 0
	}
	return int64(math.Round(duration))
}

// steps are the items of the trace that are objects.
func steps(session document) []sdk.TraceStep {
	var trace []sdk.TraceStep
	for _, item := range session.list("trace") {
		if step, ok := parseDocument(session.fields, item); ok {
			trace = append(trace, sdk.TraceStep{
				ID:        step.text("stepId"),
				Name:      step.text("stepName"),
				Timestamp: step.text("timestamp"),
				Input:     step.raw("input"),
				Output:    step.raw("output"),
				Error:     stepError(step),
			})
		}
	}
	return trace
}

// stepError is a step's error, an object or a bare string, or nil where there
// is none: false, "" and {} count as none.
func stepError(step document) *sdk.StepError {
	told, ok := step.object("error")
	if !ok {
		message := step.text("error")
		if message == "" || message == "false" {
			return nil
		}
		return &sdk.StepError{Message: message}
	}
	if len(told.values) == 0 {
		return nil
	}
	return &sdk.StepError{
		Message: told.text("message"),
		Stack:   told.text("stack"),
		Code:    told.text("code"),
		Status:  httpStatus(told),
	}
}

func httpStatus(told document) int {
	status, ok := told.number("status")
	if !ok || status < 100 || status > 599 {
		return 0
	}
	return int(status)
}
