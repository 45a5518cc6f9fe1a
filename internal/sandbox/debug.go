package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

// submission is the body of a debug request.
type submission struct {
	InputParameters   json.RawMessage `json:"inputParameters"`
	Trace             bool            `json:"trace"`
	VersionConstraint string          `json:"versionConstraint"`
}

// answerDocument is what a poll of a session answers. result is the handler's
// envelope.
type answerDocument struct {
	SessionID         string          `json:"sessionId"`
	ActionID          string          `json:"actionId"`
	Status            string          `json:"status"`
	Result            json.RawMessage `json:"result,omitempty"`
	Trace             *[]traceItem    `json:"trace,omitempty"`
	ExecutionDuration *int64          `json:"executionDuration,omitempty"` // ms
}

type traceItem struct {
	StepID    string            `json:"stepId"`
	StepName  string            `json:"stepName"`
	Timestamp string            `json:"timestamp"`
	ActionID  string            `json:"actionId"`
	Input     json.RawMessage   `json:"input"`
	Output    json.RawMessage   `json:"output"`
	Error     *action.StepError `json:"error,omitempty"`
}

// The words for a session's state.
const (
	statusQueued    = "QUEUED"
	statusRunning   = "RUNNING"
	statusCompleted = "COMPLETED"
	statusFailed    = "FAILED"
)

// timestampFormat is ISO 8601 with milliseconds, as Node.js writes it.
const timestampFormat = "2006-01-02T15:04:05.000Z07:00"

// workspaceOf checks what every debug request must name: a workspace and an
// action that exists there.
func (t *tenant) workspaceOf(c *call) (*action.Runtime, reply, bool) {
	switch {
	case !uuidPattern.MatchString(c.action):
		return nil, problem(http.StatusBadRequest, "the action id is not a UUID"), false
	case c.workspace == "":
		return nil, problem(http.StatusBadRequest, "the header x-nice-workspace-id is missing"), false
	case !slices.Contains(workspaces, c.workspace):
		return nil, problem(http.StatusBadRequest, "the header x-nice-workspace-id must be one of dev, test and prod"), false
	}
	found := t.actions[c.action]
	if found == nil {
		return nil, problem(http.StatusForbidden, fmt.Sprintf("no access: the action %s does not exist in the workspace %s, or the client is not a member of it", c.action, c.workspace)), false
	}
	return found, reply{}, true
}

// submit starts a debug session.
func (t *tenant) submit(c *call) reply {
	runtime, refused, ok := t.workspaceOf(c)
	if !ok {
		return refused
	}
	var body submission
	if err := json.Unmarshal(c.body, &body); err != nil {
		return problem(http.StatusBadRequest, "the body is not a debug request: "+jsonFault(err))
	}
	if problems := t.checkInput(c, body); problems != nil {
		return invalid(problems)
	}
	switch {
	case c.struck.has(kindLost):
		return started(uuid.NewString())
	case c.struck.has(kindDuplicate) && t.sessions.newest() != "":
		return started(t.sessions.newest())
	}
	opened := t.sessions.open(c.action, c.workspace, body.InputParameters, body.Trace)
	if opened == nil {
		return problem(http.StatusServiceUnavailable, "too many debug sessions are running")
	}
	slow := c.struck.has(kindSlowStep)
	t.running.Go(func() { t.execute(t.ctx, opened, runtime, slow) })
	return started(opened.id)
}

func started(id string) reply {
	return document(http.StatusOK, map[string]string{"sessionId": id, "status": statusRunning})
}

// strictConstraint is the version constraint under which the platform itself
// holds the input against the schema. Under any other the handler does.
const strictConstraint = "strict"

// checkInput holds the input against the schema deployed in the workspace, or
// else the spec's.
func (t *tenant) checkInput(c *call, body submission) []schema.Problem {
	document, err := schema.Decode(body.InputParameters)
	if err != nil {
		return []schema.Problem{{Message: "inputParameters is missing or not JSON"}}
	}
	if _, ok := document.(map[string]any); !ok {
		return []schema.Problem{{Message: "expected an object"}}
	}
	input := t.catalog.input(c.workspace, c.action)
	if input == nil || body.VersionConstraint != strictConstraint {
		return nil
	}
	return input.CheckValue(document)
}

// invalid refuses an input, in words and by path.
func invalid(problems []schema.Problem) reply {
	type detail struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	}
	details := make([]detail, len(problems))
	for i, p := range problems {
		details[i] = detail{p.Path, p.Message}
	}
	return document(http.StatusBadRequest, map[string]any{
		"status":  http.StatusBadRequest,
		"error":   http.StatusText(http.StatusBadRequest),
		"message": "inputParameters do not match the latest published schema: " + problems[0].At("input"),
		"details": details,
	})
}

// jsonFault words a decoding error without the text that was decoded.
func jsonFault(err error) string {
	if _, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // as Unmarshal returns it
		return "a field has the wrong type"
	}
	return "not JSON"
}

// execute runs the handler of a session, when there is a slot for it.
func (t *tenant) execute(ctx context.Context, s *session, runtime *action.Runtime, slow bool) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return
	}
	outcome := runtime.Run(ctx, s.input)
	if slow {
		outcome = overran(runtime, outcome)
	}
	if ctx.Err() != nil {
		return
	}
	answer := render(s, &outcome)
	body, err := json.Marshal(answer)
	if err != nil {
		return
	}
	status, code := answer.Status, ""
	if outcome.Error != nil {
		code = outcome.Error.Code
	}
	t.analytics.count(s.action, status, code, outcome.Duration)
	s.ended.Store(&body)
}

func render(s *session, outcome *action.Outcome) answerDocument {
	duration := outcome.Duration.Milliseconds()
	answer := answerDocument{
		SessionID: s.id, ActionID: s.action, Status: statusCompleted,
		Result: outcome.Envelope(), ExecutionDuration: &duration,
	}
	if outcome.Error != nil {
		answer.Status = statusFailed
	}
	if s.traced {
		items := make([]traceItem, len(outcome.Steps))
		for i, step := range outcome.Steps {
			items[i] = traceItem{
				StepID: step.ID, StepName: step.Name, ActionID: s.action,
				Timestamp: step.Started.UTC().Format(timestampFormat),
				Input:     step.Input, Output: step.Output, Error: step.Error,
			}
		}
		answer.Trace = &items
	}
	return answer
}

// poll answers a session's state.
func (t *tenant) poll(c *call) reply {
	if _, refused, ok := t.workspaceOf(c); !ok {
		return refused
	}
	found := t.sessions.find(c.PathValue("session"))
	if found == nil || found.workspace != c.workspace || found.action != c.action {
		return problem(http.StatusNotFound, "the debug session does not exist: it expired, or belongs to another action or workspace")
	}
	ended := found.ended.Load()
	switch {
	case c.struck.has(kindBackwards):
		return pending(found, statusQueued)
	case ended == nil, c.struck.has(kindStuck):
		return pending(found, statusRunning)
	}
	c.ended = true
	if struck := t.strike(c); len(struck) > 0 {
		return spoilTrace(*ended, struck)
	}
	return reply{status: http.StatusOK, body: *ended}
}

func pending(s *session, status string) reply {
	return document(http.StatusOK, answerDocument{SessionID: s.id, ActionID: s.action, Status: status})
}

// spoilTrace changes an ending as the faults want it.
func spoilTrace(ended []byte, struck hits) reply {
	var answer answerDocument
	if err := json.Unmarshal(ended, &answer); err != nil {
		return problem(http.StatusInternalServerError, "the session cannot be read back")
	}
	switch {
	case struck.has(kindTraceMissing):
		answer.Trace = nil
	case struck.has(kindTraceEmpty):
		answer.Trace = &[]traceItem{}
	case struck.has(kindTraceUnordered) && answer.Trace != nil:
		slices.Reverse(*answer.Trace)
	}
	if struck.has(kindUndeclaredCode) {
		answer.Status = statusFailed
		answer.Result = json.RawMessage(`{"success":false,"error":{"code":"E_INTERNAL_7731","message":"unexpected","details":{}}}`)
	}
	return document(http.StatusOK, answer)
}

// overran makes an outcome of one whose step ran into the platform's limit.
func overran(runtime *action.Runtime, outcome action.Outcome) action.Outcome {
	const limit = 30 * time.Second
	outcome.Duration += limit
	message := fmt.Sprintf("step exceeded the platform's limit of %s (ETIMEDOUT)", limit)
	outcome.Output = nil
	outcome.Error = runtime.Declared(action.Timeout, map[string]any{"trace": outcome.TraceID, "attempts": 1, "reason": message})
	if n := len(outcome.Steps); n > 0 {
		outcome.Steps[n-1].Error = &action.StepError{Message: message, Code: "ETIMEDOUT"}
		outcome.Steps[n-1].Output = nil
	}
	return outcome
}
