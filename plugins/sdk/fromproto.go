package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

func configFromProto(r *pluginv1.ConfigureRequest) (Config, error) {
	attributes, err := attributesFromProto(r.GetAttributes())
	if err != nil {
		return Config{}, err
	}
	if attributes == nil {
		attributes = json.RawMessage("{}")
	}
	return Config{Attributes: attributes, Workspace: r.GetWorkspace(), LocalHosts: r.GetLocalHosts()}, nil
}

// attributesFromProto puts a JSON object together, nil for no attributes.
func attributesFromProto(attributes []*pluginv1.Attribute) (json.RawMessage, error) {
	if len(attributes) == 0 {
		return nil, nil
	}
	values := make(map[string]json.RawMessage, len(attributes))
	for _, a := range attributes {
		values[a.GetName()] = a.GetValue()
	}
	return encode("the attributes", values)
}

func problemsFromProto(problems []*pluginv1.Problem) *ConfigError {
	wrong := &ConfigError{Problems: make([]Problem, 0, len(problems))}
	for _, p := range problems {
		wrong.Problems = append(wrong.Problems, Problem{Attribute: p.GetAttribute(), Summary: p.GetSummary(), Detail: p.GetDetail()})
	}
	return wrong
}

func pollPolicyFromProto(p *pluginv1.PollPolicy) *PollPolicy {
	if p == nil {
		return nil
	}
	return &PollPolicy{
		Initial:  milliseconds(p.GetInitialMs()),
		Max:      milliseconds(p.GetMaxMs()),
		Attempts: max(0, int(p.GetAttempts())),
		Timeout:  milliseconds(p.GetTimeoutMs()),
	}
}

func sinkPolicyFromProto(p *pluginv1.SinkPolicy) *SinkPolicy {
	if p == nil {
		return nil
	}
	policy := &SinkPolicy{Verdicts: p.GetVerdicts(), IncludeInput: p.GetIncludeInput()}
	for _, t := range p.GetTypes() {
		policy.Types = append(policy.Types, EventType(t))
	}
	return policy
}

func tokenFromProto(r *pluginv1.TokenResponse) (Token, error) {
	if r.GetToken() == "" {
		return Token{}, protocolError("a token that is empty")
	}
	return Token{
		Value:         r.GetToken(),
		ExpiresIn:     milliseconds(r.GetExpiresInMs()),
		RefreshBefore: milliseconds(r.GetRefreshBeforeMs()),
	}, nil
}

func submitFromProto(r *pluginv1.SubmitRequest) (SubmitRequest, error) {
	overrides, err := attributesFromProto(r.GetOverrides())
	if err != nil {
		return SubmitRequest{}, err
	}
	return SubmitRequest{Token: r.GetToken(), ActionID: r.GetActionId(), Input: r.GetInput(), Overrides: overrides}, nil
}

func submitResultFromProto(r *pluginv1.SubmitResponse) (SubmitResult, error) {
	if (r.GetSessionId() == "") == (len(r.GetExecution()) == 0) {
		return SubmitResult{}, protocolError("neither a session nor an execution, or both")
	}
	execution, err := executionFromProto(r.GetExecution())
	if err != nil {
		return SubmitResult{}, err
	}
	return SubmitResult{SessionID: r.GetSessionId(), Execution: execution}, nil
}

func pollFromProto(r *pluginv1.PollRequest) (PollRequest, error) {
	overrides, err := attributesFromProto(r.GetOverrides())
	if err != nil {
		return PollRequest{}, err
	}
	return PollRequest{Token: r.GetToken(), ActionID: r.GetActionId(), SessionID: r.GetSessionId(), Overrides: overrides}, nil
}

func pollResultFromProto(r *pluginv1.PollResponse) (PollResult, error) {
	execution, err := executionFromProto(r.GetExecution())
	if err != nil {
		return PollResult{}, err
	}
	return PollResult{Status: r.GetStatus(), Execution: execution}, nil
}

// executionFromProto is nil for nothing.
func executionFromProto(document []byte) (*Execution, error) {
	if len(document) == 0 {
		return nil, nil
	}
	var execution Execution
	if err := json.Unmarshal(document, &execution); err != nil {
		return nil, protocolError("an execution that cannot be read")
	}
	switch execution.Status {
	case StatusCompleted, StatusFailed, StatusRejected:
		return &execution, nil
	}
	return nil, protocolError("an execution whose status is none of COMPLETED, FAILED and REJECTED")
}

func metricsPageFromProto(r *pluginv1.MetricsResponse) MetricsPage {
	page := MetricsPage{NextPageToken: r.GetNextPageToken()}
	for _, row := range r.GetRows() {
		page.Rows = append(page.Rows, MetricsRow{
			Status: row.GetStatus(), ErrorCode: row.GetErrorCode(),
			ExecutionCount: row.GetExecutionCount(), ErrorCount: row.GetErrorCount(), AverageDurationMS: row.GetAverageDurationMs(),
			P50DurationMS: row.P50DurationMs, P95DurationMS: row.P95DurationMs,
		})
	}
	return page
}

func eventsFromProto(documents [][]byte) ([]Event, error) {
	events := make([]Event, len(documents))
	for i, document := range documents {
		if err := json.Unmarshal(document, &events[i]); err != nil {
			return nil, &Error{Kind: Invalid, Message: "an event that cannot be read", Cause: err}
		}
	}
	return events, nil
}

// partialFromProto is nil where all of n events were taken.
func partialFromProto(r *pluginv1.DeliverResponse, n int) error {
	errs := make([]error, n)
	for _, failure := range r.GetFailures() {
		i := int(failure.GetIndex())
		if i < 0 || i >= n {
			return protocolError(fmt.Sprintf("a failure of event %d of %d", i, n))
		}
		errs[i] = errorFromProto(failure.GetError())
	}
	return Partial(errs)
}

func documentFromProto(document []byte) (json.RawMessage, error) {
	if !json.Valid(document) {
		return nil, protocolError("a document that is not JSON")
	}
	return document, nil
}

// errorFromStatus is nil for nil. Errors that are not of gRPC, such as a
// connection's own, stay as they are.
func errorFromStatus(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range s.Details() {
		if e, ok := detail.(*pluginv1.Error); ok {
			return errorFromProto(e)
		}
	}
	return untypedStatus(s)
}

func errorFromProto(e *pluginv1.Error) *Error {
	kind := kindFromProto(e.GetKind())
	return &Error{
		Kind:       kind,
		Message:    e.GetMessage(),
		Sent:       e.GetSent(),
		RetryAfter: milliseconds(e.GetRetryAfterMs()),
		HTTPStatus: max(0, int(e.GetHttpStatus())),
		Detail:     e.GetDetail(),
		Cause:      causeOf(kind),
	}
}

// untypedStatus is what gRPC itself says, or a plugin that does not type its
// errors.
func untypedStatus(s *status.Status) *Error {
	e := &Error{Sent: true}
	switch s.Code() {
	case codes.DeadlineExceeded:
		e.Kind, e.Message = Timeout, "the plugin did not answer in time"
	case codes.Canceled:
		e.Kind, e.Message = Canceled, "canceled while the plugin was at it"
	case codes.Unimplemented:
		e.Kind, e.Sent, e.Message = Unsupported, false, "the plugin does not have this operation"
	case codes.ResourceExhausted:
		e.Kind, e.Message = Protocol, "a message of the plugin protocol is too large: "+s.Message()
	default:
		e.Kind = Internal
		e.Message = fmt.Sprintf("the plugin answered %s: %s", s.Code(), s.Message())
	}
	e.Cause = causeOf(e.Kind)
	return e
}

// causeOf makes errors.Is find the caller's own cancel on the host's side. A
// timeout has no such cause: it may be the plugin's, not the caller's.
func causeOf(kind ErrorKind) error {
	if kind == Canceled {
		return context.Canceled
	}
	return nil
}

func kindFromProto(k pluginv1.Error_Kind) ErrorKind {
	switch k {
	case pluginv1.Error_KIND_UNAUTHENTICATED:
		return Unauthenticated
	case pluginv1.Error_KIND_FORBIDDEN:
		return Forbidden
	case pluginv1.Error_KIND_NOT_FOUND:
		return NotFound
	case pluginv1.Error_KIND_INVALID:
		return Invalid
	case pluginv1.Error_KIND_RATE_LIMITED:
		return RateLimited
	case pluginv1.Error_KIND_UNAVAILABLE:
		return Unavailable
	case pluginv1.Error_KIND_TIMEOUT:
		return Timeout
	case pluginv1.Error_KIND_PROTOCOL:
		return Protocol
	case pluginv1.Error_KIND_UNSUPPORTED:
		return Unsupported
	case pluginv1.Error_KIND_CANCELED:
		return Canceled
	default:
		return Internal
	}
}

func protocolError(what string) *Error {
	return &Error{Kind: Protocol, Sent: true, Message: "the plugin answered " + what}
}

// milliseconds is never negative and never wraps round.
func milliseconds(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}
