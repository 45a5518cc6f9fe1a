package cxone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// maxSessionID bounds a session's id, in bytes: it goes into URLs and records.
const maxSessionID = 512

// Submit starts a debug session. An input that the platform refuses (HTTP 400)
// is not an error but an execution, REJECTED, with the platform's words.
//
// Everything wrong with the request itself is told at once, as Invalid, before
// anything is sent.
func (p *Plugin) Submit(ctx context.Context, r sdk.SubmitRequest) (sdk.SubmitResult, error) {
	const what = "start a debug session"
	s, problems := p.effective(r.Overrides)
	problems = append(problems, payloadProblems(r.ActionID, r.Input)...)
	if len(problems) > 0 {
		return sdk.SubmitResult{}, notSent(what, problems)
	}
	response, err := p.do(ctx, s, request{
		what:    what,
		method:  http.MethodPost,
		path:    expand(s.SubmitPath, r.ActionID, ""),
		token:   r.Token,
		body:    submitBody(s, r.Input),
		timeout: time.Duration(s.SubmitTimeout),
		headers: map[string]string{s.WorkspaceHeader: s.Environment},
	})
	if err != nil {
		return sdk.SubmitResult{}, err
	}
	switch {
	case response.IsSuccess():
		id, err := sessionID(what, s, response)
		return sdk.SubmitResult{SessionID: id}, err
	case response.Status == http.StatusBadRequest && !response.IsHTML():
		return sdk.SubmitResult{Execution: rejected(s, response)}, nil
	}
	return sdk.SubmitResult{}, submitRefused(what, s, response, r)
}

// effective are the settings of one request: the block's, with the vector's
// overrides laid over them, and all that is wrong with these.
func (p *Plugin) effective(overrides json.RawMessage) (*settings, []string) {
	if len(overrides) == 0 {
		return p.settings, nil
	}
	s, err := newSettings(p.attributes, overrides)
	if err != nil {
		return p.settings, details(undecodable(overrides))
	}
	problems := details(s.problems())
	if s.Poll != p.settings.Poll {
		problems = append(problems, "poll holds for the whole plugin block and cannot be overridden")
	}
	return s, problems
}

func details(problems []sdk.Problem) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.TrimSuffix(problem.Detail, "."))
	}
	return texts
}

// payloadProblems are everything wrong with a request before it is sent. They
// quote the id, which the spec holds, but nothing of the input.
func payloadProblems(actionID string, input json.RawMessage) []string {
	var problems []string
	if !uuid.MatchString(actionID) {
		problems = append(problems, fmt.Sprintf("the action's id %q is not a plain UUID", sdkhttp.Shorten(actionID)))
	}
	if !isObject(input) {
		problems = append(problems, "the input is not a JSON object")
	}
	return problems
}

func notSent(what string, problems []string) *sdk.Error {
	return &sdk.Error{
		Kind:    sdk.Invalid,
		Message: fmt.Sprintf("%s: nothing was sent: %s", what, strings.Join(problems, "; ")),
	}
}

func isObject(document json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(document), []byte("{")) && json.Valid(document)
}

func submitBody(s *settings, input json.RawMessage) []byte {
	return value(map[string]any{
		s.Fields.of("inputParameters"):   input,
		s.Fields.of("trace"):             s.Trace,
		s.Fields.of("versionConstraint"): s.VersionConstraint,
	})
}

func sessionID(what string, s *settings, response *sdkhttp.Response) (string, error) {
	answer, ok := parseDocument(s.Fields, response.Body)
	if !ok {
		return "", sdkhttp.Unexpected(what, "the answer is not a JSON object", response)
	}
	id := answer.text("sessionId")
	if id == "" || len(id) > maxSessionID || id == "." || id == ".." {
		return "", sdkhttp.Unexpected(what, fmt.Sprintf("the answer holds no usable %s; a session may be running all the same", s.Fields.of("sessionId")), response)
	}
	return id, nil
}

// rejected is the execution of an input that the platform refused.
func rejected(s *settings, response *sdkhttp.Response) *sdk.Execution {
	var refusal sdk.ExecutionError
	if answer, ok := parseDocument(s.Fields, response.Body); ok {
		if told := answer.failure(); told != nil {
			refusal = *told
		}
	}
	if refusal.Message == "" {
		refusal.Message = response.Words()
	}
	if refusal.Message == "" {
		refusal.Message = "the platform refused the input and gave no reason"
	}
	return &sdk.Execution{Status: sdk.StatusRejected, Error: &refusal}
}

func submitRefused(what string, s *settings, response *sdkhttp.Response, r sdk.SubmitRequest) error {
	failure := refused(what, response)
	switch response.Status {
	case http.StatusUnauthorized:
		failure.Message += ": the token was refused, or lacks a scope such as data:execute"
	case http.StatusForbidden:
		failure.Message += fmt.Sprintf(": the client is not in the workspace %q, or the action %s does not exist there", s.Environment, r.ActionID)
	case http.StatusNotFound:
		failure.Message += fmt.Sprintf(": the platform does not know the action %s, or base_url or submit_path is wrong", r.ActionID)
	case http.StatusInternalServerError:
		failure.Message += ": a syntax error in the action's script, or input of the wrong type"
	}
	return failure
}
