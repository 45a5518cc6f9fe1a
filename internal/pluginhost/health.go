package pluginhost

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

const (
	// grace is how long after the deadline of a call the plugin may still be
	// busy with it.
	grace = 2 * time.Second
	// graceStep is the time between two looks at whether it still is.
	graceStep = 50 * time.Millisecond
)

// link is a connection to a plugin, and a context that ends with its process.
type link struct {
	*grpc.ClientConn
	process context.Context
}

// health asks how a service of the plugin is. Plugins need not know.
func (l link) health(ctx context.Context, service string) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	answer, err := grpc_health_v1.NewHealthClient(l).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	switch status.Code(err) {
	case codes.OK:
		return answer.GetStatus(), nil
	case codes.NotFound, codes.Unimplemented:
		return grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN, nil
	default:
		return 0, err
	}
}

// hangs reports whether a plugin that did not answer a call by its deadline is
// stuck: it answers nothing at all, or says until the grace is over that an
// operation is past its deadline. One that only was late is not.
func (g *generation) hangs(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	ticker := time.NewTicker(graceStep)
	defer ticker.Stop()
	for {
		answer, err := g.link.health(ctx, pluginv1.HealthService)
		if err != nil || answer != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
			return err != nil
		}
		<-ticker.C
	}
}
