package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

var (
	errNotConfigured = &Error{Kind: Internal, Message: "the plugin is not configured"}
	errConfigured    = &Error{Kind: Internal, Message: "the plugin is configured already"}
)

// guard stands before every operation: it keeps the order of calls, gives the
// operation a deadline that leaves time to answer, and turns whatever comes
// out of the plugin, a panic too, into a typed error.
type guard struct {
	configured atomic.Bool
	overdue    atomic.Int64 // operations that are past their deadline
}

func (g *guard) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (response any, err error) {
	service, operation := path.Split(info.FullMethod)
	if !strings.HasPrefix(service, "/assay.plugin.v1.") {
		if asked, ok := request.(*grpc_health_v1.HealthCheckRequest); ok && asked.GetService() == pluginv1.HealthService {
			return g.health(), nil
		}
		return handler(ctx, request) // go-plugin's own
	}
	defer func() {
		if value := recover(); value != nil {
			fmt.Fprintf(os.Stderr, "panic in %s: %v\n%s", operation, value, debug.Stack())
			response, err = nil, statusFromError(panicked(operation, value))
		}
	}()
	if err := g.inOrder(operation); err != nil {
		return nil, statusFromError(err)
	}
	ctx, cancel := withTimeToAnswer(ctx)
	defer cancel()
	defer g.watch(ctx)()
	response, err = handler(ctx, request)
	if err != nil {
		return nil, statusFromError(err)
	}
	if configured, ok := response.(*pluginv1.ConfigureResponse); ok && len(configured.GetProblems()) == 0 {
		g.configured.Store(true)
	}
	return response, nil
}

// watch counts the operation as overdue from the end of ctx to its own.
func (g *guard) watch(ctx context.Context) (end func()) {
	stop := context.AfterFunc(ctx, func() { g.overdue.Add(1) })
	return func() {
		if !stop() {
			g.overdue.Add(-1)
		}
	}
}

// health tells the host whether an operation ignores its deadline: a plugin
// that goes on saying so is killed.
func (g *guard) health() *grpc_health_v1.HealthCheckResponse {
	if g.overdue.Load() > 0 {
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
}

func (g *guard) inOrder(operation string) error {
	configured := g.configured.Load()
	switch {
	case operation == "Shutdown":
		return nil
	case operation == "Configure" && configured:
		return errConfigured
	case operation != "Configure" && !configured:
		return errNotConfigured
	}
	return nil
}

// panicked quotes the runtime's own panics only: what else was thrown may be
// anything, a secret too.
func panicked(operation string, value any) *Error {
	failure := &Error{Kind: Internal, Sent: true, Message: fmt.Sprintf("the plugin panicked in %s; its stack is in assay's log at --log-level debug", operation)}
	var fault runtime.Error
	if err, ok := value.(error); ok && errors.As(err, &fault) {
		failure.Detail = fault.Error()
	}
	return failure
}

// answerTime is how much earlier than the host the plugin's deadline is, so
// that the host hears from the plugin whether the request was sent, instead of
// giving up on it.
const answerTime = 100 * time.Millisecond

func withTimeToAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-min(answerTime, time.Until(deadline)/10)))
}
