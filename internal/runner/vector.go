package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"

	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
	"github.com/assay-cx/assay/internal/telemetry"
	"github.com/assay-cx/assay/plugins/sdk"
)

// attempt is a vector that was tried, redacted, and its event; no event for
// one that was skipped.
type attempt struct {
	vector result.Vector
	event  *delivery.Outgoing
}

// try takes one vector from its announcement to verdict.
func (r *Runner) try(ctx context.Context, v *plan.Vector, turns *turns) attempt {
	ctx, span := telemetry.Vector(ctx, v.Name)
	tried := r.announceAndTry(ctx, v, turns)
	telemetry.EndVector(span, &tried.vector)
	return tried
}

func (r *Runner) announceAndTry(ctx context.Context, v *plan.Vector, turns *turns) attempt {
	out := r.blank(v, result.Pass)
	out.Execution = &result.Execution{}
	s := submission{id: uuid.NewString()}
	started := time.Now()
	err := r.announce(ctx, v, &s, out.Execution)
	if err == nil {
		if !turns.take(ctx) {
			return r.withdrawn(v, &s, out.Execution)
		}
		started = time.Now()
		r.Listener.Started(r.Plan.Suite, v.Name)
		err = r.execute(ctx, v, s.input, out.Execution)
		turns.giveBack()
	}
	if err == nil {
		err = r.judge(ctx, v, &out)
	}
	out.DurationMS = time.Since(started).Milliseconds()
	view := r.Redactor.With(v.Sensitive) // with what the tokens of meanwhile added
	redactVector(&out, view)
	if err == nil {
		err = r.afterVector(ctx, &out, view)
	}
	undecided(&out, err, view)
	event := &delivery.Outgoing{Event: r.event(v, &out, err, view)}
	event.Event.SubmissionID = s.id
	if event.Queued, err = r.onEvent(ctx, event.Event); err != nil {
		undecided(&out, err, view)
	}
	wanted := event.Queued != nil && r.Delivery.WantsInput()
	if wanted || out.Status >= result.Fail {
		shown := s.shown(v, view)
		if wanted {
			event.Queued.Input = shown
		}
		if out.Status >= result.Fail {
			out.Input = bounded(shown)
		}
	}
	return attempt{vector: out, event: event}
}

// withdrawn is a vector that was announced and then not submitted: the audit
// log is told, so that what it announced is not taken for sent.
func (r *Runner) withdrawn(v *plan.Vector, s *submission, execution *result.Execution) attempt {
	out := r.blank(v, result.Skip)
	told := out
	told.Execution = execution
	event := r.event(v, &told, errNoTurn, r.Redactor.With(v.Sensitive))
	event.SubmissionID = s.id
	return attempt{vector: out, event: &delivery.Outgoing{Event: event}}
}

// submission is an input on its way to the platform.
type submission struct {
	id    string
	input json.RawMessage // canonical; nil where it did not come so far
}

// shown is the input as those see it who may; nil where there is none.
func (s *submission) shown(v *plan.Vector, view redact.View) json.RawMessage {
	if s.input == nil {
		return nil
	}
	document, err := schema.Decode(s.input)
	if err != nil {
		return nil
	}
	masked, _ := redact.Mask(document, v.Action.Sensitive)
	encoded, err := json.Marshal(masked)
	if err != nil {
		return nil
	}
	return view.JSON(encoded)
}

// maxInput is how many bytes of an input a result holds, so that a run of many
// failures stays small.
const maxInput = 4 << 10

// bounded is a document, or how it begins.
func bounded(document json.RawMessage) json.RawMessage {
	if len(document) <= maxInput {
		return document
	}
	head, err := json.Marshal(strings.ToValidUTF8(string(document[:maxInput]), "") + "…")
	if err != nil {
		return nil
	}
	return head
}

// undecided makes a vector an error, if there is one.
func undecided(out *result.Vector, err error, view redact.View) {
	if err == nil {
		return
	}
	out.Status = result.Errored
	out.Error = explain(err)
	out.Error.Detail = view.Text(out.Error.Detail)
}

// announce has the audit log hold what is about to be submitted.
func (r *Runner) announce(ctx context.Context, v *plan.Vector, s *submission, execution *result.Execution) error {
	input, err := r.beforeVector(ctx, v)
	if err != nil {
		return err
	}
	canonical, err := jcs.Transform(input)
	if err != nil {
		return fmt.Errorf("input cannot be written as canonical JSON: %w", err)
	}
	sum := sha256.Sum256(canonical)
	execution.InputHash = hex.EncodeToString(sum[:])
	s.input = canonical
	if err := r.Delivery.Announce(ctx, r.submitting(v, s.id, execution.InputHash)); err != nil {
		return &recordError{err}
	}
	return nil
}

// execute submits the vector's input and polls until the end. After an error
// the execution holds what is known.
func (r *Runner) execute(ctx context.Context, v *plan.Vector, input json.RawMessage, execution *result.Execution) error {
	target := r.Targets[v.Action.Target.Name]
	submitted := time.Now()
	answer, err := target.submit(ctx, sdk.SubmitRequest{ActionID: v.Action.ID, Input: input, Overrides: v.Overrides})
	if err != nil {
		return &stageError{stage: "submit", err: err}
	}
	execution.SessionID = answer.SessionID
	ended := answer.Execution
	if ended == nil {
		session := session{
			target:  target,
			request: sdk.PollRequest{ActionID: v.Action.ID, SessionID: answer.SessionID, Overrides: v.Overrides},
			started: submitted,
		}
		ended, err = session.poll(ctx)
		execution.Polls = session.polls
		if err != nil {
			return &stageError{stage: "poll", session: answer.SessionID, err: err}
		}
	}
	fill(execution, ended)
	if execution.DurationMS == 0 {
		execution.DurationMS = time.Since(submitted).Milliseconds()
	}
	return nil
}

// ExecutionOf is an ended execution as results have it.
func ExecutionOf(ended *sdk.Execution) *result.Execution {
	execution := &result.Execution{}
	fill(execution, ended)
	return execution
}

// fill copies what the platform told of an ended execution.
func fill(to *result.Execution, from *sdk.Execution) {
	to.Status = string(from.Status)
	to.DurationMS = from.DurationMS
	to.Output = from.Output
	if e := from.Error; e != nil {
		to.Error = &result.ExecutionError{Code: e.Code, Message: e.Message, Stack: e.Stack, Details: e.Details}
	}
	to.Trace = make([]result.Step, len(from.Trace))
	for i, step := range from.Trace {
		to.Trace[i] = result.Step{ID: step.ID, Name: step.Name, Timestamp: step.Timestamp, Input: step.Input, Output: step.Output}
		if e := step.Error; e != nil {
			to.Trace[i].Error = &result.StepError{Message: e.Message, Stack: e.Stack, Code: e.Code, Status: e.Status}
		}
	}
}

// judge classifies a failure and checks the execution. Its error means that
// no verdict is possible.
func (r *Runner) judge(ctx context.Context, v *plan.Vector, out *result.Vector) error {
	if out.Execution.Status == string(sdk.StatusFailed) {
		classification, err := r.classifier().Classify(ctx, Failure{
			Vector: v.Name, Action: v.Action, Sensitive: v.Sensitive, Execution: out.Execution,
		})
		if err != nil {
			return err
		}
		out.Classification = &classification
	}
	out.Checks = check.Evaluate(v.Expect, v.Contract(), v.Conditions, check.Subject{
		Execution:      out.Execution,
		Classification: out.Classification,
		Duration:       time.Duration(out.Execution.DurationMS) * time.Millisecond,
	})
	out.Status = check.Status(out.Checks)
	return nil
}

func (r *Runner) classifier() *Classifier {
	return &Classifier{Hooks: r.Classifiers, Rules: r.Plan.Rules, Redactor: r.Redactor}
}

// stageError says in which stage of a vector's way an operation failed.
type stageError struct {
	stage   string // submit, poll or classify
	session string
	err     error
}

func (e *stageError) Error() string {
	if e.session != "" {
		return fmt.Sprintf("%s of session %s: %v", e.stage, e.session, e.err)
	}
	return fmt.Sprintf("%s: %v", e.stage, e.err)
}

func (e *stageError) Unwrap() error { return e.err }

// recordError is a record that had to stand before its submission and does not.
type recordError struct{ err error }

func (e *recordError) Error() string {
	return "nothing was submitted, because the audit log does not hold it: " + e.err.Error()
}
func (e *recordError) Unwrap() error { return e.err }

// Summary heads reports of the error.
func (e *recordError) Summary() string { return auditLost }

// summarized is an error that knows its heading: a plugin that crashed, a
// script that failed.
type summarized interface{ Summary() string }

// explain words an error for the person who reads the report.
func explain(err error) *result.Error {
	var open *invoke.OpenError
	var typed *sdk.Error
	var named summarized
	summary := "The vector could not be decided"
	switch {
	case errors.As(err, &named):
		summary = named.Summary()
	case errors.Is(err, errTimeout):
		summary = "The suite's timeout is over"
	case errors.Is(err, context.Canceled):
		summary = "The run was cancelled"
	case errors.As(err, &open):
		summary = circuitOpen
	case errors.Is(err, errNoEnd):
		summary = "The session did not end in time"
	case errors.As(err, &typed):
		summary = summaries[typed.Kind]
	}
	return &result.Error{Summary: summary, Detail: err.Error()}
}

const circuitOpen = "Circuit breaker is open"

var summaries = map[sdk.ErrorKind]string{
	sdk.Unauthenticated: "Sign-in was refused",
	sdk.Forbidden:       "Access was refused",
	sdk.NotFound:        "Not found on the platform",
	sdk.Invalid:         "The platform refused the request",
	sdk.RateLimited:     "The platform limits the rate",
	sdk.Unavailable:     "The platform is not available",
	sdk.Timeout:         "The platform did not answer in time",
	sdk.Protocol:        "The platform's answer is not understood",
	sdk.Internal:        "A plugin failed",
	sdk.Unsupported:     "The plugin does not do this",
}
