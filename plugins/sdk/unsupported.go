package sdk

import (
	"context"
	"encoding/json"
)

// UnsupportedTarget answers Unsupported to the operations that a platform may
// lack. Embed it in a target: it keeps compiling when Target grows.
type UnsupportedTarget struct{}

// Poll answers Unsupported, for a platform whose Submit answers at once.
func (UnsupportedTarget) Poll(context.Context, PollRequest) (PollResult, error) {
	return PollResult{}, unsupported("polling")
}

// Metrics answers Unsupported.
func (UnsupportedTarget) Metrics(context.Context, MetricsRequest) (MetricsPage, error) {
	return MetricsPage{}, unsupported("analytics")
}

// GetSchema answers Unsupported.
func (UnsupportedTarget) GetSchema(context.Context, SchemaRequest) (json.RawMessage, error) {
	return nil, unsupported("reading schemas")
}

// PutSchema answers Unsupported.
func (UnsupportedTarget) PutSchema(context.Context, SchemaRequest, json.RawMessage) error {
	return unsupported("deploying schemas")
}

func unsupported(what string) *Error {
	return &Error{Kind: Unsupported, Message: "the plugin does not support " + what}
}
