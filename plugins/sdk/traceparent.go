package sdk

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// TraceparentKey is the gRPC metadata in which the host tells a plugin of the
// trace that a call belongs to, and the HTTP header of the same meaning.
const TraceparentKey = "traceparent"

// Traceparent is the trace that the operation with this context belongs to, as
// W3C Trace Context writes it, for the plugin's own requests; empty where the
// run is not traced. Requests through sdkhttp have it already.
func Traceparent(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, TraceparentKey)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
