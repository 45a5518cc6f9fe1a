package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// maxText is how much of an error's texts crosses the wire, in bytes.
const maxText = 4 << 10

func configToProto(c Config) (*pluginv1.ConfigureRequest, error) {
	attributes, err := attributesToProto(c.Attributes)
	if err != nil {
		return nil, err
	}
	return &pluginv1.ConfigureRequest{Attributes: attributes, Workspace: c.Workspace, LocalHosts: c.LocalHosts}, nil
}

// attributesToProto takes a JSON object apart.
func attributesToProto(object json.RawMessage) ([]*pluginv1.Attribute, error) {
	if len(object) == 0 {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(object, &values); err != nil {
		return nil, &Error{Kind: Internal, Message: "the attributes are not a JSON object"}
	}
	attributes := make([]*pluginv1.Attribute, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		attributes = append(attributes, &pluginv1.Attribute{Name: name, Value: values[name]})
	}
	return attributes, nil
}

func problemsToProto(e *ConfigError) []*pluginv1.Problem {
	problems := make([]*pluginv1.Problem, 0, len(e.Problems))
	for _, p := range e.Problems {
		problems = append(problems, &pluginv1.Problem{
			Attribute: valid(p.Attribute), Summary: valid(p.Summary), Detail: valid(p.Detail),
		})
	}
	if len(problems) == 0 {
		// An empty list on the wire says that all is well.
		problems = append(problems, &pluginv1.Problem{Summary: "The plugin refused its settings"})
	}
	return problems
}

func pollPolicyToProto(p *PollPolicy) *pluginv1.PollPolicy {
	if p == nil {
		return nil
	}
	return &pluginv1.PollPolicy{
		InitialMs: p.Initial.Milliseconds(),
		MaxMs:     p.Max.Milliseconds(),
		Attempts:  int32(min(max(p.Attempts, 0), 1<<30)),
		TimeoutMs: p.Timeout.Milliseconds(),
	}
}

func sinkPolicyToProto(p *SinkPolicy) *pluginv1.SinkPolicy {
	if p == nil {
		return nil
	}
	policy := &pluginv1.SinkPolicy{Verdicts: p.Verdicts, IncludeInput: p.IncludeInput}
	for _, t := range p.Types {
		policy.Types = append(policy.Types, string(t))
	}
	return policy
}

func tokenToProto(t Token) *pluginv1.TokenResponse {
	return &pluginv1.TokenResponse{
		Token:           t.Value,
		ExpiresInMs:     t.ExpiresIn.Milliseconds(),
		RefreshBeforeMs: t.RefreshBefore.Milliseconds(),
	}
}

func submitToProto(r SubmitRequest) (*pluginv1.SubmitRequest, error) {
	overrides, err := attributesToProto(r.Overrides)
	if err != nil {
		return nil, err
	}
	return &pluginv1.SubmitRequest{Token: r.Token, ActionId: r.ActionID, Input: r.Input, Overrides: overrides}, nil
}

func submitResultToProto(r SubmitResult) (*pluginv1.SubmitResponse, error) {
	if (r.SessionID == "") == (r.Execution == nil) {
		return nil, &Error{Kind: Internal, Sent: true, Message: "Submit must answer a session or an execution, and not both"}
	}
	execution, err := executionToProto(r.Execution)
	if err != nil {
		return nil, err
	}
	return &pluginv1.SubmitResponse{SessionId: r.SessionID, Execution: execution}, nil
}

func pollToProto(r PollRequest) (*pluginv1.PollRequest, error) {
	overrides, err := attributesToProto(r.Overrides)
	if err != nil {
		return nil, err
	}
	return &pluginv1.PollRequest{Token: r.Token, ActionId: r.ActionID, SessionId: r.SessionID, Overrides: overrides}, nil
}

func pollResultToProto(r PollResult) (*pluginv1.PollResponse, error) {
	execution, err := executionToProto(r.Execution)
	if err != nil {
		return nil, err
	}
	return &pluginv1.PollResponse{Status: valid(r.Status), Execution: execution}, nil
}

// executionToProto is empty for nil.
func executionToProto(e *Execution) ([]byte, error) {
	if e == nil {
		return nil, nil
	}
	return encode("an execution", e)
}

func metricsPageToProto(p MetricsPage) *pluginv1.MetricsResponse {
	rows := make([]*pluginv1.MetricsRow, 0, len(p.Rows))
	for _, r := range p.Rows {
		rows = append(rows, &pluginv1.MetricsRow{
			Status: valid(r.Status), ErrorCode: valid(r.ErrorCode),
			ExecutionCount: r.ExecutionCount, ErrorCount: r.ErrorCount, AverageDurationMs: r.AverageDurationMS,
			P50DurationMs: r.P50DurationMS, P95DurationMs: r.P95DurationMS,
		})
	}
	return &pluginv1.MetricsResponse{Rows: rows, NextPageToken: p.NextPageToken}
}

func eventsToProto(events []Event) (*pluginv1.DeliverRequest, error) {
	documents := make([][]byte, len(events))
	for i := range events {
		var err error
		if documents[i], err = encode("an event", &events[i]); err != nil {
			return nil, err
		}
	}
	return &pluginv1.DeliverRequest{Events: documents}, nil
}

func partialToProto(e *PartialError) *pluginv1.DeliverResponse {
	response := &pluginv1.DeliverResponse{}
	for i, err := range e.Errs {
		if err != nil {
			failure := &pluginv1.DeliverFailure{Index: int32(i), Error: errorToProto(asError(err))} //nolint:gosec // bounded by the batch
			response.Failures = append(response.Failures, failure)
		}
	}
	return response
}

// encode writes JSON without escaping what only HTML needs escaped.
func encode(what string, v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		// The error may quote the document.
		return nil, &Error{Kind: Internal, Sent: true, Message: fmt.Sprintf("%s cannot be written as JSON", what), Cause: err}
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// statusFromError is the gRPC status of any error of a plugin, with the typed
// error in its details.
func statusFromError(err error) error {
	e := asError(err)
	code, _ := kindToProto(e.Kind)
	s, detailErr := status.New(code, valid(e.Message)).WithDetails(errorToProto(e))
	if detailErr != nil {
		return status.Error(codes.Internal, detailErr.Error())
	}
	return s.Err()
}

func errorToProto(e *Error) *pluginv1.Error {
	_, kind := kindToProto(e.Kind)
	return &pluginv1.Error{
		Kind:         kind,
		Message:      valid(e.Message),
		Sent:         e.Sent,
		RetryAfterMs: ceilMilliseconds(e.RetryAfter),
		HttpStatus:   int32(min(max(e.HTTPStatus, 0), 999)),
		Detail:       valid(e.Detail),
	}
}

// asError types the errors that a plugin did not type itself.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Sent: true, Message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Sent: true, Message: err.Error()}
	}
	return &Error{Kind: Internal, Sent: true, Message: err.Error()}
}

func kindToProto(k ErrorKind) (codes.Code, pluginv1.Error_Kind) {
	switch k {
	case Unauthenticated:
		return codes.Unauthenticated, pluginv1.Error_KIND_UNAUTHENTICATED
	case Forbidden:
		return codes.PermissionDenied, pluginv1.Error_KIND_FORBIDDEN
	case NotFound:
		return codes.NotFound, pluginv1.Error_KIND_NOT_FOUND
	case Invalid:
		return codes.InvalidArgument, pluginv1.Error_KIND_INVALID
	case RateLimited:
		return codes.ResourceExhausted, pluginv1.Error_KIND_RATE_LIMITED
	case Unavailable:
		return codes.Unavailable, pluginv1.Error_KIND_UNAVAILABLE
	case Timeout:
		return codes.DeadlineExceeded, pluginv1.Error_KIND_TIMEOUT
	case Protocol:
		return codes.DataLoss, pluginv1.Error_KIND_PROTOCOL
	case Unsupported:
		return codes.Unimplemented, pluginv1.Error_KIND_UNSUPPORTED
	case Canceled:
		return codes.Canceled, pluginv1.Error_KIND_CANCELED
	default:
		return codes.Internal, pluginv1.Error_KIND_INTERNAL
	}
}

// ceilMilliseconds rounds up: a peer is never asked earlier than it wants.
func ceilMilliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
}

// valid is text as protobuf takes it, and of a size that suits an error.
func valid(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}
