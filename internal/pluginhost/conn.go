package pluginhost

import (
	"context"
	"log/slog"
	"path"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/plugins/sdk"
)

// exitWait is how long a broken connection may precede the end of the process
// that broke it.
const exitWait = time.Second

// conn is what every call to a plugin goes through: it is logged, and where
// the process has ended the error says so.
type conn struct {
	grpc.ClientConnInterface
	process *Process
}

// Invoke makes one call.
func (c *conn) Invoke(ctx context.Context, method string, request, response any, options ...grpc.CallOption) error {
	select {
	case <-c.process.child.exited:
		return c.process.ended(false)
	default:
	}
	started := time.Now()
	err := c.ClientConnInterface.Invoke(withTraceparent(ctx), method, request, response, options...)
	c.log(ctx, path.Base(method), time.Since(started), status.Code(err))
	if isBroken(ctx, err) && c.waitForExit(ctx) {
		return c.process.ended(true)
	}
	return err
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

func (c *conn) log(ctx context.Context, operation string, took time.Duration, code codes.Code) {
	if !c.process.host.options.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	c.process.host.options.Logger.LogAttrs(
		ctx, slog.LevelDebug, "plugin call",
		slog.String("plugin", c.process.name),
		slog.String("operation", operation),
		slog.Duration("duration", took),
		slog.String("code", code.String()),
	)
}

// isBroken tells a connection that broke from a plugin that answered: the
// plugin's own errors have details.
func isBroken(ctx context.Context, err error) bool {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
	case codes.Canceled: // gRPC's word for a connection that we closed, too
		if ctx.Err() != nil {
			return false
		}
	default:
		return false
	}
	return len(s.Proto().GetDetails()) == 0
}

func (c *conn) waitForExit(ctx context.Context) bool {
	timer := time.NewTimer(exitWait)
	defer timer.Stop()
	select {
	case <-c.process.child.exited:
		return true
	case <-ctx.Done():
		return false
	case <-timer.C:
		return false
	}
}
