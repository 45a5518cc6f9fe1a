package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

// call makes one call of an operation with a token, where the target takes one.
func (t *Target) call(ctx context.Context, op invoke.Operation, attempt func(ctx context.Context, token string) error) error {
	withToken := func(token string) error {
		return t.Stack.Do(ctx, op, func(ctx context.Context) error { return attempt(ctx, token) })
	}
	if t.Tokens == nil {
		return withToken("")
	}
	return t.Tokens.Do(ctx, withToken)
}

// submit starts a session within the time that the session as a whole has, so
// that a platform that asks to wait a day does not hold the run.
func (t *Target) submit(ctx context.Context, request sdk.SubmitRequest) (answer sdk.SubmitResult, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.Poll.Timeout, fmt.Errorf("%w: no session within %s", errNoEnd, t.Poll.Timeout))
	defer cancel()
	var failed error // of the last attempt
	err = t.call(ctx, invoke.Submit, func(ctx context.Context, token string) error {
		request.Token = token
		answer, failed = t.Operations.Submit(ctx, request)
		return failed
	})
	switch {
	case err != nil && mayHaveStarted(failed):
		return answer, fmt.Errorf("%w; whether the action was started is not known, so the submit was not repeated", err)
	case err != nil:
		return answer, err
	case answer.Execution != nil:
		return answer, nil
	case answer.SessionID == "":
		return answer, &sdk.Error{Kind: sdk.Protocol, Message: "the platform accepted the submit, but named no session", Sent: true}
	}
	if _, taken := t.sessions.LoadOrStore(answer.SessionID, true); taken {
		return answer, &sdk.Error{Kind: sdk.Protocol, Sent: true, Message: fmt.Sprintf(
			"the platform answered with session %s, which belongs to another vector of this run: what it tells is not about this one", answer.SessionID)}
	}
	return answer, nil
}

// mayHaveStarted reports whether a submit that failed so may have started a
// session: it was sent, and no answer of the platform says otherwise.
func mayHaveStarted(err error) bool {
	var typed *sdk.Error
	if !errors.As(err, &typed) || !typed.Sent {
		return false
	}
	switch typed.Kind {
	case sdk.RateLimited, sdk.Unauthenticated, sdk.Forbidden, sdk.NotFound, sdk.Invalid, sdk.Unsupported:
		return false
	}
	status := typed.HTTPStatus
	return status == 0 || status/100 == 2 || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// errNoEnd marks a session that did not end within its limits.
var errNoEnd = errors.New("no end in time")

// settling is how long after the submit a platform may not know its session yet.
const settling = 5 * time.Second

// session is one session being polled. Polling is its own retry: a poll that
// fails in passing is followed by the next, so no traffic multiplies.
type session struct {
	target  *Target
	request sdk.PollRequest
	started time.Time // the submit

	polls int
	last  string // what the last poll told: a status word, or an error
}

// poll asks until the session ends or its limits are reached. The first poll
// follows at once; the waits between polls grow.
func (s *session) poll(ctx context.Context) (*sdk.Execution, error) {
	policy := s.target.Poll
	deadline := s.started.Add(policy.Timeout)
	ctx = invoke.WithPatience(ctx, deadline)
	interval := policy.Initial
	for {
		s.polls++
		ended, wait, err := s.once(ctx)
		if ended != nil || err != nil {
			return ended, err
		}
		wait = max(wait, s.target.Stack.Jitter(interval))
		if s.polls >= policy.Attempts || time.Now().Add(wait).After(deadline) {
			return nil, s.noEnd()
		}
		if err := invoke.Sleep(ctx, wait); err != nil {
			return nil, err
		}
		interval = min(2*interval, policy.Max)
	}
}

// once polls once. Without an execution and an error the session goes on, and
// is to be asked again after wait at the earliest.
func (s *session) once(ctx context.Context) (ended *sdk.Execution, wait time.Duration, err error) {
	var answer sdk.PollResult
	err = s.target.call(ctx, invoke.Poll, func(ctx context.Context, token string) (err error) {
		s.request.Token = token
		answer, err = s.target.Operations.Poll(ctx, s.request)
		return err
	})
	if err == nil {
		s.last = "status " + answer.Status
		return answer.Execution, 0, nil
	}
	var open *invoke.OpenError
	var paused *invoke.PausedError
	var typed *sdk.Error
	if errors.As(err, &paused) && s.last != "" {
		s.polls-- // it was not asked
		return nil, paused.Wait, nil
	}
	if ctx.Err() != nil || errors.As(err, &open) || !errors.As(err, &typed) {
		return nil, 0, err
	}
	s.last = err.Error()
	if typed.RetryAfter > 0 {
		s.last += fmt.Sprintf(" (it asks to wait %s)", typed.RetryAfter.Round(time.Second))
	}
	switch {
	case errors.Is(err, sdk.NotFound) && time.Since(s.started) < settling,
		errors.Is(err, sdk.RateLimited), errors.Is(err, sdk.Unavailable), errors.Is(err, sdk.Timeout):
		return nil, min(typed.RetryAfter, maxWait), nil
	default:
		return nil, 0, err
	}
}

// maxWait caps what a platform may ask for between two polls.
const maxWait = 5 * time.Minute

func (s *session) noEnd() error {
	return fmt.Errorf("%w: session %s was asked %d times in %.1f s; last answer: %s. "+
		"Look the session up on the platform, or raise poll.timeout and poll.attempts of the target plugin",
		errNoEnd, s.request.SessionID, s.polls, time.Since(s.started).Seconds(), s.last)
}
