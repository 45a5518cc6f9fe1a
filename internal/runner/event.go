package runner

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// event tells sinks of a vector, from its redacted result. It holds no input:
// only its hash.
func (r *Runner) event(v *plan.Vector, out *result.Vector, failure error, view redact.View) sdk.Event {
	execution := out.Execution
	event := sdk.Event{
		ID:         uuid.NewString(),
		Type:       eventType(execution, failure),
		Time:       time.Now().UTC(),
		RunID:      r.RunID,
		Suite:      r.Plan.Suite,
		Vector:     v.Name,
		ActionID:   v.Action.ID,
		ActionName: v.Action.DisplayName,
		SessionID:  execution.SessionID,
		InputHash:  execution.InputHash,
		Verdict:    out.Status.String(),
		Status:     sdk.ExecutionStatus(execution.Status),
		DurationMS: execution.DurationMS,
		Masked:     true,
	}
	if c := out.Classification; c != nil {
		event.Classification = &sdk.Classification{
			Class: c.Class, Category: c.Category, Confidence: c.Confidence, Reason: c.Reason, Source: c.Source,
		}
		event.Correlation = correlation(execution)
	}
	if failure != nil {
		event.Error = eventError(failure, view)
	}
	return event
}

// submitting tells of a submission before it is made.
func (r *Runner) submitting(v *plan.Vector, id, inputHash string) sdk.Event {
	return sdk.Event{
		ID:           uuid.NewString(),
		Type:         sdk.EventSubmitting,
		Time:         time.Now().UTC(),
		RunID:        r.RunID,
		Suite:        r.Plan.Suite,
		Vector:       v.Name,
		ActionID:     v.Action.ID,
		ActionName:   v.Action.DisplayName,
		SubmissionID: id,
		InputHash:    inputHash,
		Masked:       true,
	}
}

func eventType(e *result.Execution, failure error) sdk.EventType {
	var refused *refusedError
	switch {
	case errors.As(failure, &refused):
		return sdk.EventRefused
	case e.Status != "":
		return sdk.EventSession
	case e.SessionID != "":
		return sdk.EventNotFinished
	default:
		return sdk.EventNotStarted
	}
}

func correlation(e *result.Execution) *sdk.Correlation {
	c := &sdk.Correlation{}
	if e.Error != nil {
		c.RawError, c.StackTrace = e.Error.Message, e.Error.Stack
	}
	if step := e.FailingStep(); step != nil {
		c.FailingStepID, c.FailingStepName, c.Timestamp = step.ID, step.Name, step.Timestamp
		c.RawError = step.Error.Message
		if step.Error.Stack != "" {
			c.StackTrace = step.Error.Stack
		}
	}
	return c
}

func eventError(failure error, view redact.View) *sdk.EventError {
	e := &sdk.EventError{Kind: "internal", Message: view.Text(failure.Error())}
	var typed *sdk.Error
	if errors.As(failure, &typed) {
		e.Kind, e.HTTPStatus = string(typed.Kind), typed.HTTPStatus
	}
	if errors.Is(failure, errNoEnd) {
		e.Kind = string(sdk.Timeout)
	}
	return e
}

// redactVector masks everything in a result that comes from the platform, a
// script or an error.
func redactVector(v *result.Vector, view redact.View) {
	if e := v.Execution; e != nil {
		e.Output = view.JSON(e.Output)
		if e.Error != nil {
			e.Error.Message, e.Error.Stack = view.Text(e.Error.Message), view.Text(e.Error.Stack)
			e.Error.Code = view.Text(e.Error.Code)
			e.Error.Details = view.JSON(e.Error.Details)
		}
		for i := range e.Trace {
			// A result's document has no step inputs or outputs: let them go,
			// but for a failure's outputs, which fixtures keep for the script.
			step := &e.Trace[i]
			step.Input = nil
			if v.Classification != nil && len(step.Output) <= maxScriptOutput {
				step.Output = view.JSON(step.Output)
			} else {
				step.Output = nil
			}
			step.ID, step.Name, step.Timestamp = view.Text(step.ID), view.Text(step.Name), view.Text(step.Timestamp)
			if failure := step.Error; failure != nil {
				failure.Message, failure.Stack = view.Text(failure.Message), view.Text(failure.Stack)
				failure.Code = view.Text(failure.Code)
			}
		}
	}
	if c := v.Classification; c != nil {
		c.Reason = view.Text(c.Reason)
	}
	for i := range v.Checks {
		c := &v.Checks[i]
		c.Expected, c.Actual, c.Message = view.Text(c.Expected), view.Text(c.Actual), view.Text(c.Message)
	}
}
