package action

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/schema"
)

// SchemaViolation is the code of an error that the action does not declare:
// a failure that its handler maps to no code.
const SchemaViolation = "SCHEMA_VIOLATION"

// Outcome is what one execution of a handler came to.
type Outcome struct {
	TraceID  string
	Output   json.RawMessage // nil where there is an error
	Error    *Error          // nil for a success
	Steps    []Step          // up to the failing one
	Duration time.Duration
}

// Error is what a handler failed with.
type Error struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details"` // always holds trace and attempts
}

// Step is one step of an execution. Where something besides the steps failed,
// such as the input's check, that is a step of its own.
type Step struct {
	ID       string
	Name     string
	Started  time.Time
	Duration time.Duration
	Input    json.RawMessage // what was sent, without headers; sensitive values masked
	Output   json.RawMessage // what came back
	Error    *StepError
}

// StepError is why a step failed.
type StepError struct {
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
	Code    string `json:"code,omitempty"`   // of the system, such as ECONNREFUSED
	Status  int    `json:"status,omitempty"` // last HTTP status that the step saw
}

// Envelope is the outcome as the handler answers it: {"success":true,"data":…}
// or {"success":false,"error":{…}}.
func (o *Outcome) Envelope() json.RawMessage {
	envelope := struct {
		Success bool            `json:"success"`
		Data    json.RawMessage `json:"data,omitempty"`
		Error   *Error          `json:"error,omitempty"`
	}{o.Error == nil, o.Output, o.Error}
	document, err := json.Marshal(envelope)
	if err != nil {
		panic(fmt.Sprintf("envelope: %v", err)) // it is made of JSON and strings
	}
	return document
}

// execution is one run of a handler.
type execution struct {
	*Runtime
	outcome Outcome
	log     *slog.Logger
	input   cty.Value
	values  map[string]cty.Value // of the steps so far
	context *hcl.EvalContext
	random  *rand.Rand
}

// Run executes the handler on an input, a JSON document.
func (r *Runtime) Run(ctx context.Context, input json.RawMessage) Outcome {
	started := time.Now()
	trace := uuid.NewString()
	e := &execution{
		Runtime: r, outcome: Outcome{TraceID: trace}, values: map[string]cty.Value{},
		log:    r.options.Logger.With(slog.String("trace", trace), slog.String("action", r.definition.Name)),
		random: rand.New(rand.NewPCG(r.options.Seed, hash(input))),
	}
	if f := e.run(ctx, input); f != nil {
		e.outcome.Error = e.declared(f)
		e.log.LogAttrs(ctx, slog.LevelError, "Execution failed: "+f.message, slog.String("code", e.outcome.Error.Code))
	}
	e.outcome.Duration = time.Since(started)
	return e.outcome
}

func hash(input []byte) uint64 {
	h := fnv.New64a()
	h.Write(input)
	return h.Sum64()
}

func (e *execution) run(ctx context.Context, input json.RawMessage) *failed {
	if e.definition.Handler == nil {
		return e.part("handler", "Run handler", func() *failed {
			return &failed{failure: Default, message: fmt.Sprintf("action %q has no handler block to run", e.definition.Name)}
		})
	}
	if f := e.takeInput(input); f != nil {
		return e.part("input", "Check input", func() *failed { return f })
	}
	for _, s := range e.steps {
		e.context = e.child(e.input, e.values)
		if f := e.step(ctx, s); f != nil {
			return f
		}
	}
	e.context = e.child(e.input, e.values)
	if f := e.makeOutput(); f != nil {
		return e.part("output", "Build output", func() *failed { return f })
	}
	return nil
}

// part records something that failed and is not one of the handler's steps.
func (e *execution) part(id, name string, run func() *failed) *failed {
	f := run()
	stack := fmt.Sprintf("%s\n    at %s (%s:%d)", f.text(), e.definition.Name, e.definition.Range.Filename, e.definition.Range.Start.Line)
	e.outcome.Steps = append(e.outcome.Steps, Step{
		ID: id, Name: name, Started: time.Now(),
		Error: &StepError{Message: f.text(), Stack: stack, Code: f.code, Status: f.status},
	})
	return f
}

func (e *execution) takeInput(input json.RawMessage) *failed {
	document, err := schema.Decode(input)
	if err != nil {
		return &failed{failure: InvalidInput, message: "input validation failed", detail: err.Error()}
	}
	constraint := cty.DynamicPseudoType
	if s := e.definition.Input; s != nil {
		if problems := s.CheckValue(document); problems != nil {
			return invalidInput(problems)
		}
		constraint = s.Type()
	}
	e.input, err = toValue(document, constraint, e.sensitive)
	if err != nil {
		return &failed{failure: InvalidInput, message: "input validation failed", detail: err.Error()}
	}
	return nil
}

func invalidInput(problems []schema.Problem) *failed {
	var lines []string
	missing := []string{}
	for _, p := range problems {
		lines = append(lines, p.At("input"))
		if p.Missing {
			missing = append(missing, p.Path)
		}
	}
	return &failed{
		failure: InvalidInput,
		message: "input validation failed",
		detail:  strings.Join(lines, "; "),
		details: map[string]any{"missing_fields": missing},
	}
}

func (e *execution) makeOutput() *failed {
	if e.output == nil {
		e.outcome.Output = json.RawMessage("{}")
		return nil
	}
	value, f := e.evaluate(e.output)
	if f != nil {
		return f
	}
	document, err := EncodeValue(value)
	if err != nil {
		return &failed{failure: InvalidOutput, message: "output", detail: err.Error()}
	}
	if s := e.definition.Output; s != nil {
		if problems := s.Check(document); problems != nil {
			return &failed{failure: InvalidOutput, message: "output schema mismatch", detail: problems[0].At("output")}
		}
	}
	e.outcome.Output = document
	return nil
}

// evaluate computes an expression. Where that fails, what it reads says whose
// fault it is: what an upstream answered, else the input, else the handler.
func (e *execution) evaluate(expr hcl.Expression) (cty.Value, *failed) {
	value, diags := expr.Value(e.context)
	if !diags.HasErrors() {
		return value, nil
	}
	f := &failed{failure: Default, message: "expression failed"}
	switch {
	case reads(expr, "step"):
		f.failure, f.message = Decode, "response schema mismatch"
	case reads(expr, "input"):
		f.failure, f.message = InvalidInput, "input validation failed"
	}
	f.message += ": " + diags[0].Summary
	f.detail = diags[0].Detail
	return cty.NilVal, f
}

// declared turns a failure into the error that the action declares for it.
func (e *execution) declared(f *failed) *Error {
	details := map[string]any{"trace": e.outcome.TraceID, "attempts": f.attempts, "reason": f.text()}
	if f.status != 0 {
		details["status"] = f.status
	}
	if steps := e.outcome.Steps; len(steps) > 0 {
		details["step"] = steps[len(steps)-1].ID
	}
	for name, value := range f.details {
		details[name] = value
	}
	return e.Declared(f.failure, details)
}

// Declared is the error that the action declares for a failure, or a schema
// violation where its handler maps the failure to none.
func (r *Runtime) Declared(failure Failure, details map[string]any) *Error {
	for _, f := range []Failure{failure, Default} {
		if code, ok := r.codes[f]; ok {
			return &Error{Code: code.Code, Message: code.Message, Details: details}
		}
	}
	return &Error{Code: SchemaViolation, Details: details, Message: fmt.Sprintf(
		"schema validation failed: the failure %q maps to no declared error code; name it, or default, in the handler's errors", failure)}
}
