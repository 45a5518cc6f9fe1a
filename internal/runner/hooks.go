package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Hook answers documents: a script of the suite, or a plugin of kind hook.
type Hook struct {
	Kind HookKind
	Name string // the script's file, or the plugin's name
	// Call runs the named hook, and answers null where it is not defined or has
	// nothing to say.
	Call func(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error)
}

// HookKind says what a hook is. Sources of classifications begin with it.
type HookKind string

// The kinds of hook.
const (
	HookScript HookKind = "script"
	HookPlugin HookKind = "plugin"
)

func (h Hook) String() string { return string(h.Kind) + " " + h.Name }

// ask runs a hook on a document and decodes its answer; ok is false where the
// hook is not defined or had nothing to say.
func (h Hook) ask(ctx context.Context, hook string, document, answer any) (ok bool, err error) {
	encoded, err := json.Marshal(document)
	if err != nil {
		return false, err
	}
	told, err := h.Call(ctx, hook, encoded)
	if errors.Is(err, sdk.Unsupported) {
		return false, nil
	}
	if ctx.Err() != nil && err != nil {
		return false, context.Cause(ctx) // that is no fault of the hook
	}
	if err != nil {
		return false, h.failed(hook, err)
	}
	if len(told) == 0 || bytes.Equal(told, []byte("null")) {
		return false, nil
	}
	if err := json.Unmarshal(told, answer); err != nil {
		return false, h.failed(hook, fmt.Errorf("its answer is not understood: %w", err))
	}
	return true, nil
}

func (h Hook) failed(hook string, err error) error {
	return &hookError{hook: h, name: hook, err: err}
}

// hookError is a hook that failed, or the plugin that runs it.
type hookError struct {
	hook Hook
	name string // such as on_event
	err  error
}

func (e *hookError) Error() string {
	if e.hook.Kind == HookScript {
		return fmt.Sprintf("%s: %v", e.hook, e.err) // it names the hook and the line itself
	}
	return fmt.Sprintf("hook %s of %s: %v", e.name, e.hook, e.err)
}
func (e *hookError) Unwrap() error { return e.err }

// Summary heads reports of the error.
func (e *hookError) Summary() string {
	var crash summarized
	var open *invoke.OpenError
	switch {
	case errors.As(e.err, &open):
		return circuitOpen
	case errors.As(e.err, &crash):
		return crash.Summary()
	case e.hook.Kind == HookPlugin:
		return "A hook plugin failed"
	default:
		return "A script of the suite failed"
	}
}

// hookVector is what before_vector gets, and may answer with another input.
type hookVector struct {
	Suite  string       `json:"suite"`
	Name   string       `json:"name"`
	Action scriptAction `json:"action"`
	Tags   []string     `json:"tags"`
	Input  any          `json:"input"`
}

// beforeVector lets the hooks change a vector's input, each what the one
// before made of it. They see masks where the input is sensitive; masks that
// they leave standing are the values again afterwards.
func (r *Runner) beforeVector(ctx context.Context, v *plan.Vector) (input json.RawMessage, err error) {
	input = v.Input
	for _, h := range r.Hooks {
		if input, err = r.changeInput(ctx, h, v, input); err != nil {
			return nil, err
		}
	}
	return input, nil
}

func (r *Runner) changeInput(ctx context.Context, h Hook, v *plan.Vector, input json.RawMessage) (json.RawMessage, error) {
	original, err := schema.Decode(input)
	if err != nil {
		return nil, err
	}
	masked, _ := redact.Mask(original, v.Action.Sensitive)
	document := hookVector{
		Suite: r.Plan.Suite, Name: v.Name, Action: scriptActionOf(v.Action), Tags: v.Tags,
		Input: r.Redactor.With(v.Sensitive).Cover(masked),
	}
	var answer struct{ Input json.RawMessage }
	changed, err := h.ask(ctx, "before_vector", document, &answer)
	if err != nil || !changed || len(answer.Input) == 0 {
		return input, err
	}
	decoded, err := schema.Decode(answer.Input)
	if err != nil {
		return nil, h.failed("before_vector", fmt.Errorf("input: %w", err))
	}
	made, err := json.Marshal(redact.Unmask(decoded, original))
	if err != nil {
		return nil, err
	}
	return made, checkHookInput(h, v, made)
}

// checkHookInput holds changed input against the action's schema, as the
// spec's own was.
func checkHookInput(h Hook, v *plan.Vector, input json.RawMessage) error {
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
	return &refusedError{fmt.Sprintf("hook before_vector of %s made an input that breaks the action's schema: %s", h, strings.Join(texts, "; "))}
}

// refusedError is an input that is not submitted.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// hookCheck is a check that after_vector adds.
type hookCheck struct {
	Name    string
	Pass    *bool
	Message string
}

// afterVector lets the hooks add checks to a vector's result. They are shown
// the result as reports have it, each with the checks of the one before.
func (r *Runner) afterVector(ctx context.Context, out *result.Vector, view redact.View) error {
	for _, h := range r.Hooks {
		var added []hookCheck
		if _, err := h.ask(ctx, "after_vector", out, &added); err != nil {
			return err
		}
		for _, a := range added {
			if a.Name == "" || a.Pass == nil {
				return h.failed("after_vector", errors.New("it answered a check without a name, or without pass"))
			}
			c := result.Check{Name: view.Text(a.Name), Status: result.Pass, Message: view.Text(a.Message), Range: out.Range}
			if !*a.Pass {
				c.Status = result.Fail
			}
			out.Checks = append(out.Checks, c)
		}
		out.Status = max(out.Status, check.Status(out.Checks))
	}
	return nil
}

// onEvent lets the hooks drop or redact what queued sinks get, each what the
// one before made of it; nil is a dropped event. Required sinks get every event
// as it happened.
func (r *Runner) onEvent(ctx context.Context, event sdk.Event) (*sdk.Event, error) {
	id, kind := event.ID, event.Type // receivers tell redeliveries apart by them
	for _, h := range r.Hooks {
		var answer json.RawMessage
		told, err := h.ask(ctx, "on_event", event, &answer)
		switch {
		case err != nil:
			return nil, err
		case !told:
			continue
		case bytes.Equal(answer, []byte("false")):
			return nil, nil //nolint:nilnil // a dropped event
		}
		event = sdk.Event{}
		if err := json.Unmarshal(answer, &event); err != nil {
			return nil, h.failed("on_event", fmt.Errorf("its answer is not an event: %w", err))
		}
		event.ID, event.Type = id, kind
	}
	return &event, nil
}
