package sdk

import (
	"context"
	"encoding/json"
	"errors"

	"google.golang.org/grpc"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// Shutdowner is a plugin that has something to finish before its process ends.
// The host waits for it for a second at most.
type Shutdowner interface {
	Shutdown(ctx context.Context) error
}

// NewServer is a gRPC server that serves p: the services of the kinds that p
// implements. Serve and Main use it; it is exported for tests in one process.
func NewServer(p Plugin, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(
		options,
		grpc.MaxRecvMsgSize(pluginv1.MaxMessage),
		grpc.MaxSendMsgSize(pluginv1.MaxMessage),
		// Goroutines with grown stacks serve the next call, too; calls beyond
		// them get goroutines of their own. A tenth of a call's cost.
		grpc.NumStreamWorkers(8),
		grpc.ChainUnaryInterceptor(new(guard).intercept),
	)...)
	pluginv1.RegisterPluginServer(server, pluginServer{plugin: p})
	if auth, ok := p.(Auth); ok {
		pluginv1.RegisterAuthServer(server, authServer{auth: auth})
	}
	if target, ok := p.(Target); ok {
		pluginv1.RegisterTargetServer(server, targetServer{target: target})
	}
	if sink, ok := p.(Sink); ok {
		pluginv1.RegisterSinkServer(server, sinkServer{sink: sink})
	}
	if hook, ok := p.(Hook); ok {
		pluginv1.RegisterHookServer(server, hookServer{hook: hook})
	}
	return server
}

type pluginServer struct {
	pluginv1.UnimplementedPluginServer
	plugin Plugin
}

func (s pluginServer) Configure(ctx context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	config, err := configFromProto(r)
	if err != nil {
		return nil, err
	}
	configured, err := s.plugin.Configure(ctx, config)
	var wrong *ConfigError
	if errors.As(err, &wrong) {
		return &pluginv1.ConfigureResponse{Problems: problemsToProto(wrong)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &pluginv1.ConfigureResponse{
		Poll:       pollPolicyToProto(configured.Poll),
		BestEffort: configured.BestEffort,
		Sink:       sinkPolicyToProto(configured.Sink),
	}, nil
}

func (s pluginServer) Shutdown(ctx context.Context, _ *pluginv1.ShutdownRequest) (*pluginv1.ShutdownResponse, error) {
	if shutdowner, ok := s.plugin.(Shutdowner); ok {
		if err := shutdowner.Shutdown(ctx); err != nil {
			return nil, err
		}
	}
	return &pluginv1.ShutdownResponse{}, nil
}

type authServer struct {
	pluginv1.UnimplementedAuthServer
	auth Auth
}

func (s authServer) Token(ctx context.Context, r *pluginv1.TokenRequest) (*pluginv1.TokenResponse, error) {
	token, err := s.auth.Token(ctx, r.GetRejected())
	if err != nil {
		return nil, err
	}
	return tokenToProto(token), nil
}

type targetServer struct {
	pluginv1.UnimplementedTargetServer
	target Target
}

func (s targetServer) Submit(ctx context.Context, r *pluginv1.SubmitRequest) (*pluginv1.SubmitResponse, error) {
	request, err := submitFromProto(r)
	if err != nil {
		return nil, err
	}
	result, err := s.target.Submit(ctx, request)
	if err != nil {
		return nil, err
	}
	return submitResultToProto(result)
}

func (s targetServer) Poll(ctx context.Context, r *pluginv1.PollRequest) (*pluginv1.PollResponse, error) {
	request, err := pollFromProto(r)
	if err != nil {
		return nil, err
	}
	result, err := s.target.Poll(ctx, request)
	if err != nil {
		return nil, err
	}
	return pollResultToProto(result)
}

func (s targetServer) Metrics(ctx context.Context, r *pluginv1.MetricsRequest) (*pluginv1.MetricsResponse, error) {
	page, err := s.target.Metrics(ctx, MetricsRequest{
		Token: r.GetToken(), ActionID: r.GetActionId(), Window: r.GetWindow(), PageToken: r.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return metricsPageToProto(page), nil
}

func (s targetServer) GetSchema(ctx context.Context, r *pluginv1.GetSchemaRequest) (*pluginv1.GetSchemaResponse, error) {
	document, err := s.target.GetSchema(ctx, SchemaRequest{Token: r.GetToken(), ActionID: r.GetActionId()})
	if err != nil {
		return nil, err
	}
	return &pluginv1.GetSchemaResponse{Schema: document}, nil
}

func (s targetServer) PutSchema(ctx context.Context, r *pluginv1.PutSchemaRequest) (*pluginv1.PutSchemaResponse, error) {
	request := SchemaRequest{Token: r.GetToken(), ActionID: r.GetActionId()}
	if err := s.target.PutSchema(ctx, request, r.GetSchema()); err != nil {
		return nil, err
	}
	return &pluginv1.PutSchemaResponse{}, nil
}

type sinkServer struct {
	pluginv1.UnimplementedSinkServer
	sink Sink
}

func (s sinkServer) Deliver(ctx context.Context, r *pluginv1.DeliverRequest) (*pluginv1.DeliverResponse, error) {
	events, err := eventsFromProto(r.GetEvents())
	if err != nil {
		return nil, err
	}
	err = s.sink.Deliver(ctx, events)
	var partial *PartialError
	if errors.As(err, &partial) {
		return partialToProto(partial), nil
	}
	if err != nil {
		return nil, err
	}
	return &pluginv1.DeliverResponse{}, nil
}

type hookServer struct {
	pluginv1.UnimplementedHookServer
	hook Hook
}

func (s hookServer) Call(ctx context.Context, r *pluginv1.CallRequest) (*pluginv1.CallResponse, error) {
	document, err := s.hook.Call(ctx, r.GetName(), json.RawMessage(r.GetDocument()))
	if err != nil {
		return nil, err
	}
	return &pluginv1.CallResponse{Document: document}, nil
}
