package invoke

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/assay-cx/assay/internal/telemetry"
	"github.com/assay-cx/assay/plugins/sdk"
)

// endSpan ends the span of an operation or an attempt with the kind of its
// error: its text may hold what a platform said.
func endSpan(span trace.Span, err error) {
	if !span.IsRecording() {
		return // and allocate nothing
	}
	kind, status := "", 0
	var open *OpenError
	var typed *sdk.Error
	switch {
	case err == nil:
	case errors.As(err, &open):
		kind = "breaker_open"
	case errors.As(err, &typed):
		kind, status = string(typed.Kind), typed.HTTPStatus
	case errors.Is(err, context.Canceled):
		kind = string(sdk.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		kind = string(sdk.Timeout)
	default:
		kind = string(sdk.Internal)
	}
	telemetry.EndCall(span, kind, status)
}
