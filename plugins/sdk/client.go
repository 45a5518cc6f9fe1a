package sdk

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// Client is a plugin as the host sees it: the operations of all kinds, with
// the signatures of the interfaces Plugin, Auth, Target, Sink and Hook. Errors
// are *Error, or those of the connection where it has its own. An operation
// that the plugin does not have is an error of kind Unsupported.
type Client struct {
	plugin pluginv1.PluginClient
	auth   pluginv1.AuthClient
	target pluginv1.TargetClient
	sink   pluginv1.SinkClient
	hook   pluginv1.HookClient
}

// NewClient is a client on a connection to a plugin.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{
		plugin: pluginv1.NewPluginClient(conn),
		auth:   pluginv1.NewAuthClient(conn),
		target: pluginv1.NewTargetClient(conn),
		sink:   pluginv1.NewSinkClient(conn),
		hook:   pluginv1.NewHookClient(conn),
	}
}

// Configure gives the plugin its settings. Wrong ones are a *ConfigError.
func (c *Client) Configure(ctx context.Context, config Config) (Configured, error) {
	request, err := configToProto(config)
	if err != nil {
		return Configured{}, err
	}
	response, err := c.plugin.Configure(ctx, request)
	if err != nil {
		return Configured{}, errorFromStatus(err)
	}
	if problems := response.GetProblems(); len(problems) > 0 {
		return Configured{}, problemsFromProto(problems)
	}
	return Configured{
		Poll:       pollPolicyFromProto(response.GetPoll()),
		BestEffort: response.GetBestEffort(),
		Sink:       sinkPolicyFromProto(response.GetSink()),
	}, nil
}

// Shutdown asks the plugin to finish what it holds.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := c.plugin.Shutdown(ctx, &pluginv1.ShutdownRequest{})
	return errorFromStatus(err)
}

// Token is Auth's.
func (c *Client) Token(ctx context.Context, rejected string) (Token, error) {
	response, err := c.auth.Token(ctx, &pluginv1.TokenRequest{Rejected: rejected})
	if err != nil {
		return Token{}, errorFromStatus(err)
	}
	return tokenFromProto(response)
}

// Submit is Target's.
func (c *Client) Submit(ctx context.Context, request SubmitRequest) (SubmitResult, error) {
	message, err := submitToProto(request)
	if err != nil {
		return SubmitResult{}, err
	}
	response, err := c.target.Submit(ctx, message)
	if err != nil {
		return SubmitResult{}, errorFromStatus(err)
	}
	return submitResultFromProto(response)
}

// Poll is Target's.
func (c *Client) Poll(ctx context.Context, request PollRequest) (PollResult, error) {
	message, err := pollToProto(request)
	if err != nil {
		return PollResult{}, err
	}
	response, err := c.target.Poll(ctx, message)
	if err != nil {
		return PollResult{}, errorFromStatus(err)
	}
	return pollResultFromProto(response)
}

// Metrics is Target's.
func (c *Client) Metrics(ctx context.Context, request MetricsRequest) (MetricsPage, error) {
	response, err := c.target.Metrics(ctx, &pluginv1.MetricsRequest{
		Token: request.Token, ActionId: request.ActionID, Window: request.Window, PageToken: request.PageToken,
	})
	if err != nil {
		return MetricsPage{}, errorFromStatus(err)
	}
	return metricsPageFromProto(response), nil
}

// GetSchema is Target's.
func (c *Client) GetSchema(ctx context.Context, request SchemaRequest) (json.RawMessage, error) {
	response, err := c.target.GetSchema(ctx, &pluginv1.GetSchemaRequest{Token: request.Token, ActionId: request.ActionID})
	if err != nil {
		return nil, errorFromStatus(err)
	}
	return documentFromProto(response.GetSchema())
}

// PutSchema is Target's.
func (c *Client) PutSchema(ctx context.Context, request SchemaRequest, document json.RawMessage) error {
	_, err := c.target.PutSchema(ctx, &pluginv1.PutSchemaRequest{
		Token: request.Token, ActionId: request.ActionID, Schema: document,
	})
	return errorFromStatus(err)
}

// Deliver is Sink's; a *PartialError says which of several events were taken.
func (c *Client) Deliver(ctx context.Context, events []Event) error {
	request, err := eventsToProto(events)
	if err != nil {
		return err
	}
	response, err := c.sink.Deliver(ctx, request)
	if err != nil {
		return errorFromStatus(err)
	}
	return partialFromProto(response, len(events))
}

// Call is Hook's. A hook with nothing to say answers null.
func (c *Client) Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	response, err := c.hook.Call(ctx, &pluginv1.CallRequest{Name: name, Document: document})
	if err != nil {
		return nil, errorFromStatus(err)
	}
	if len(response.GetDocument()) == 0 {
		return json.RawMessage("null"), nil
	}
	return documentFromProto(response.GetDocument())
}
