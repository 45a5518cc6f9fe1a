package genesys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// maxBody bounds an answer of the platform, in bytes.
const maxBody = 16 << 20

// what names the operation in messages.
const what = "test the action"

// Submit runs an action's test and answers its execution. An input that the
// platform refuses (HTTP 400) is not an error but an execution, REJECTED, with
// the platform's words.
func (p *Plugin) Submit(ctx context.Context, r sdk.SubmitRequest) (sdk.SubmitResult, error) {
	s, problems := p.effective(r.Overrides)
	if r.ActionID == "" || r.ActionID == "." || r.ActionID == ".." {
		problems = append(problems, "the action has no id")
	}
	if !isObject(r.Input) {
		problems = append(problems, "the input is not a JSON object")
	}
	if len(problems) > 0 {
		return sdk.SubmitResult{}, &sdk.Error{
			Kind: sdk.Invalid, Message: fmt.Sprintf("%s: nothing was sent: %s", what, strings.Join(problems, "; ")),
		}
	}
	response, err := p.post(ctx, s, r)
	if err != nil {
		return sdk.SubmitResult{}, err
	}
	switch {
	case response.IsSuccess():
		execution, err := parseExecution(response.Body)
		if err != nil {
			return sdk.SubmitResult{}, sdkhttp.Unexpected(what, err.Error(), response)
		}
		return sdk.SubmitResult{Execution: execution}, nil
	case response.Status == http.StatusBadRequest && !response.IsHTML():
		return sdk.SubmitResult{Execution: rejected(response)}, nil
	}
	return sdk.SubmitResult{}, refused(s, response, r.ActionID)
}

// effective are the settings of one request: the block's, with the vector's
// overrides laid over them, and all that is wrong with these.
func (p *Plugin) effective(overrides json.RawMessage) (*settings, []string) {
	if len(overrides) == 0 {
		return p.settings, nil
	}
	s, err := newSettings(value(p.settings), overrides)
	problems := undecodable(overrides)
	if err == nil {
		problems = s.problems()
	}
	var texts []string
	for _, problem := range problems {
		texts = append(texts, strings.TrimSuffix(problem.Detail, "."))
	}
	return s, texts
}

func isObject(document json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(document), []byte("{")) && json.Valid(document)
}

// post makes one attempt. Its errors are of transport; a status is the caller's.
func (p *Plugin) post(ctx context.Context, s *settings, r sdk.SubmitRequest) (*sdkhttp.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.TestTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.testURL(r.ActionID), bytes.NewReader(r.Input))
	if err != nil {
		// The error quotes the URL, in which a password may stand.
		return nil, &sdk.Error{Kind: sdk.Invalid, Message: what + ": base_url and test_path do not make a URL"}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	response, err := sdkhttp.Do(p.client, request, maxBody)
	var failure *sdk.Error
	if errors.As(err, &failure) {
		failure.Message = what + ": " + failure.Message
		if failure.Kind == sdk.Timeout {
			failure.Message += fmt.Sprintf(" (the limit of this request is %s)", time.Duration(s.TestTimeout))
		}
	}
	if err != nil {
		return nil, err
	}
	if !response.IsSuccess() && r.Token != "" {
		// What a refusal says is told to people; the peer may have echoed the token.
		response.Body = bytes.ReplaceAll(response.Body, []byte(r.Token), []byte("[token]"))
	}
	return response, nil
}

// rejected is the execution of an input that the platform refused.
func rejected(response *sdkhttp.Response) *sdk.Execution {
	told := &sdk.ExecutionError{Message: response.Words()}
	if body, ok := parseError(response.Body); ok {
		told = body.ofExecution()
	}
	if told.Message == "" {
		told.Message = "the platform refused the input and gave no reason"
	}
	return &sdk.Execution{Status: sdk.StatusRejected, Error: told}
}

// refused is the error for an answer that is neither a test's result nor a
// rejected input.
func refused(s *settings, response *sdkhttp.Response, actionID string) error {
	failure := sdkhttp.Refused(what, response)
	body, understood := parseError(response.Body)
	if understood {
		failure.Detail = sdkhttp.Shorten(body.text())
		if body.ContextID != "" { // what the platform's support asks for
			failure.Detail += fmt.Sprintf(" (contextId %s)", sdkhttp.Shorten(body.ContextID))
		}
	}
	switch {
	case response.Status/100 == 3:
		failure.Message += ", set base_url to where the API is"
	case response.Status == http.StatusUnauthorized:
		failure.Message += ": the token was refused or has expired"
	case response.Status == http.StatusForbidden:
		failure.Message += ": the client's roles lack integrations:action:execute, or do not reach the action"
	case response.Status == http.StatusNotFound && s.Draft:
		failure.Message += fmt.Sprintf(": the organization has no action %s with a draft, or region or base_url is wrong", actionID)
	case response.Status == http.StatusNotFound:
		failure.Message += fmt.Sprintf(": the organization has no action %s, or region or base_url is wrong", actionID)
	case response.Status == http.StatusTooManyRequests && failure.RetryAfter == 0 && understood:
		failure.RetryAfter = retryAfter(body.text())
	}
	return failure
}
