package pluginhost

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// operations are the operations by the name of their RPC.
var operations = map[string]string{
	"Token": invoke.Token.Name, "Submit": invoke.Submit.Name, "Poll": invoke.Poll.Name, "Metrics": invoke.Metrics.Name,
	"GetSchema": invoke.GetSchema.Name, "PutSchema": invoke.PutSchema.Name, "Deliver": invoke.Deliver.Name, "Call": invoke.Call.Name,
}

func operationOf(method string) string { return operations[path.Base(method)] }

// conn is what every call to a plugin goes through: it finds the process that
// lives.
type conn struct {
	grpc.ClientConnInterface // streams are not part of the protocol
	process                  *Process
}

// Invoke makes one call. One that did not reach its process any more goes to
// the next.
func (c *conn) Invoke(ctx context.Context, method string, request, response any, options ...grpc.CallOption) error {
	for {
		g, err := c.process.generation(ctx, method)
		if err != nil {
			return err
		}
		if settings, ok := request.(*pluginv1.ConfigureRequest); ok {
			return c.configure(ctx, g, settings, response.(*pluginv1.ConfigureResponse))
		}
		err = g.invoke(ctx, method, request, response, options...)
		if crash := new(CrashError); err == nil || !errors.As(err, &crash) || crash.Sent {
			return err
		}
	}
}

func (c *conn) configure(ctx context.Context, g *generation, settings *pluginv1.ConfigureRequest, response *pluginv1.ConfigureResponse) error {
	ctx, cancel := context.WithTimeout(ctx, configureTimeout)
	defer cancel()
	err := g.invoke(ctx, pluginv1.Plugin_Configure_FullMethodName, settings, response)
	if err == nil && len(response.GetProblems()) == 0 {
		c.process.took(settings)
	}
	return err
}

// invoke makes one call of this process.
func (g *generation) invoke(ctx context.Context, method string, request, response any, options ...grpc.CallOption) error {
	logger, writes := g.process.host.options.Logger, g.writes.Load()
	if !logger.Enabled(ctx, slog.LevelDebug) {
		return g.judge(ctx, g.link.Invoke(withTraceparent(ctx), method, request, response, options...), writes)
	}
	started := time.Now()
	err := g.link.Invoke(withTraceparent(ctx), method, request, response, options...)
	attrs := []slog.Attr{
		slog.String("plugin", g.process.name),
		slog.String("operation", path.Base(method)),
		slog.Duration("duration", time.Since(started)),
		slog.String("code", status.Code(err).String()),
		slog.String("request", logged(request)),
	}
	if err == nil {
		attrs = append(attrs, slog.String("response", logged(response)))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "plugin call", attrs...)
	return g.judge(ctx, err, writes)
}

// withTraceparent has a plugin learn of the trace that a call belongs to, if
// any, so that its peer can, too.
func withTraceparent(ctx context.Context) context.Context {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return metadata.AppendToOutgoingContext(ctx, sdk.TraceparentKey, carrier.Get(sdk.TraceparentKey))
}

// judge says what became of a call that began after so many writes. Where the
// process has ended the error says so, and whether it may have had the call;
// where it does not answer, it is ended.
func (g *generation) judge(ctx context.Context, err error, writes int64) error {
	switch {
	case err == nil:
		return nil
	case isUnanswered(ctx, err) && g.hangs(context.WithoutCancel(ctx)):
		g.giveUp()
		return g.crash(true)
	case isBroken(ctx, err) && g.awaitLoss():
		return g.crash(g.writes.Load() != writes)
	default:
		return err
	}
}

// isAnswer tells what a plugin answered from what the connection says: the
// plugin's own errors have details.
func isAnswer(err error) bool { return len(status.Convert(err).Proto().GetDetails()) > 0 }

// isUnanswered tells a call whose deadline passed without an answer.
func isUnanswered(ctx context.Context, err error) bool {
	return status.Code(err) == codes.DeadlineExceeded && !isAnswer(err) && !errors.Is(ctx.Err(), context.Canceled)
}

// isBroken tells what may be a connection that broke.
func isBroken(ctx context.Context, err error) bool {
	switch status.Code(err) {
	case codes.Unavailable:
	case codes.Canceled: // gRPC's word for a connection that we closed, too
		if ctx.Err() != nil {
			return false
		}
	default:
		return false
	}
	return !isAnswer(err)
}
