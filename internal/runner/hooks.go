package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Hook runs a function of the suite's scripts on a document, and answers null
// where it is not defined or has nothing to say.
type Hook func(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error)

// ask runs a hook on a document and decodes its answer; ok is false where the
// hook is not defined or had nothing to say.
func (h Hook) ask(ctx context.Context, hook string, document, answer any) (ok bool, err error) {
	encoded, err := json.Marshal(document)
	if err != nil {
		return false, err
	}
	told, err := h(ctx, hook, encoded)
	if err != nil {
		return false, &hookError{err}
	}
	if len(told) == 0 || bytes.Equal(told, []byte("null")) {
		return false, nil
	}
	if err := json.Unmarshal(told, answer); err != nil {
		return false, &hookError{fmt.Errorf("hook %s: its answer is not understood: %w", hook, err)}
	}
	return true, nil
}

// hookError is a suite's own script that failed, or the plugin that runs it.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// Summary heads reports of the error.
func (e *hookError) Summary() string {
	var crash summarized
	if errors.As(e.err, &crash) {
		return crash.Summary()
	}
	return "A script of the suite failed"
}

// hookVector is what before_vector gets, and may answer with another input.
type hookVector struct {
	Suite  string       `json:"suite"`
	Name   string       `json:"name"`
	Action scriptAction `json:"action"`
	Tags   []string     `json:"tags"`
	Input  any          `json:"input"`
}

// beforeVector lets the suite's script change a vector's input. The script
// sees masks where the input is sensitive; masks that it leaves standing are
// the values again afterwards.
func (r *Runner) beforeVector(ctx context.Context, v *plan.Vector) (json.RawMessage, error) {
	if r.Plan.HooksScript == "" {
		return v.Input, nil
	}
	original, err := schema.Decode(v.Input)
	if err != nil {
		return nil, err
	}
	masked, _ := redact.Mask(original, v.Action.Sensitive)
	document := hookVector{Suite: r.Plan.Suite, Name: v.Name, Action: scriptActionOf(v.Action), Tags: v.Tags, Input: masked}
	var answer struct{ Input json.RawMessage }
	changed, err := r.Hook.ask(ctx, "before_vector", document, &answer)
	if err != nil || !changed || len(answer.Input) == 0 {
		return v.Input, err
	}
	decoded, err := schema.Decode(answer.Input)
	if err != nil {
		return nil, fmt.Errorf("hook before_vector: input: %w", err)
	}
	input, err := json.Marshal(redact.Unmask(decoded, original))
	if err != nil {
		return nil, err
	}
	return input, checkHookInput(v, input)
}

// checkHookInput holds changed input against the action's schema, as the
// spec's own was.
func checkHookInput(v *plan.Vector, input json.RawMessage) error {
	if v.Action.Input == nil || v.Expect.Status == string(sdk.StatusRejected) {
		return nil
	}
	problems := v.Action.Input.Check(input)
	if len(problems) == 0 {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Path + ": " + p.Message
	}
	return &refusedError{"hook before_vector made an input that breaks the action's schema: " + strings.Join(texts, "; ")}
}

// refusedError is an input that is not submitted.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// afterVector lets the suite's script add checks to a vector's result. It is
// shown the result as reports have it.
func (r *Runner) afterVector(ctx context.Context, out *result.Vector, view redact.View) error {
	if r.Plan.HooksScript == "" {
		return nil
	}
	var added []struct {
		Name    string
		Pass    bool
		Message string
	}
	if _, err := r.Hook.ask(ctx, "after_vector", out, &added); err != nil {
		return err
	}
	for _, a := range added {
		c := result.Check{Name: a.Name, Status: result.Pass, Message: view.String(a.Message), Range: out.Range}
		if !a.Pass {
			c.Status = result.Fail
		}
		out.Checks = append(out.Checks, c)
	}
	out.Status = max(out.Status, check.Status(out.Checks))
	return nil
}

// onEvent lets the suite's script drop or redact what queued sinks get; nil
// is a dropped event. Required sinks get every event as it happened.
func (r *Runner) onEvent(ctx context.Context, event sdk.Event) (*sdk.Event, error) {
	if r.Plan.HooksScript == "" {
		return &event, nil
	}
	var answer json.RawMessage
	told, err := r.Hook.ask(ctx, "on_event", event, &answer)
	switch {
	case err != nil:
		return nil, err
	case !told:
		return &event, nil
	case bytes.Equal(answer, []byte("false")):
		return nil, nil //nolint:nilnil // a dropped event
	}
	changed := sdk.Event{}
	if err := json.Unmarshal(answer, &changed); err != nil {
		return nil, fmt.Errorf("hook on_event: its answer is not an event: %w", err)
	}
	changed.ID, changed.Type = event.ID, event.Type // receivers tell redeliveries apart by them
	return &changed, nil
}
