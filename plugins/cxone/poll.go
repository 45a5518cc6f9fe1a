package cxone

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// Poll asks once for a session's state.
func (p *Plugin) Poll(ctx context.Context, r sdk.PollRequest) (sdk.PollResult, error) {
	const what = "ask for a debug session"
	s, problems := p.effective(r.Overrides)
	if len(problems) > 0 {
		return sdk.PollResult{}, notSent(what, problems)
	}
	response, err := p.do(ctx, s, request{
		what:    what,
		method:  http.MethodGet,
		path:    expand(s.PollPath, r.ActionID, r.SessionID),
		token:   r.Token,
		timeout: time.Duration(s.PollTimeout),
		headers: map[string]string{s.WorkspaceHeader: s.Environment},
	})
	if err != nil {
		return sdk.PollResult{}, err
	}
	if !response.IsSuccess() {
		return sdk.PollResult{}, pollRefused(what, s, response, r)
	}
	result, err := s.parseSession(response.Body)
	if err != nil {
		return sdk.PollResult{}, sdkhttp.Unexpected(what, err.Error(), response)
	}
	return result, nil
}

func pollRefused(what string, s *settings, response *sdkhttp.Response, r sdk.PollRequest) error {
	failure := refused(what, response)
	switch response.Status {
	case http.StatusUnauthorized:
		failure.Message += ": the token was refused, or lacks a scope such as trace:read"
	case http.StatusForbidden:
		failure.Message += fmt.Sprintf(": the client is not in the workspace %q, or the action %s does not exist there", s.Environment, r.ActionID)
	case http.StatusNotFound:
		failure.Message += fmt.Sprintf(": the session %s has expired, was purged, or is not there yet", sdkhttp.Shorten(r.SessionID))
	}
	return failure
}
