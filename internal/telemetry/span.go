package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/assay-cx/assay/internal/result"
)

// scope names who made the spans.
const scope = "github.com/assay-cx/assay"

// The attributes for which OpenTelemetry has no names.
const (
	runIDKey       = attribute.Key("assay.run.id")
	seedKey        = attribute.Key("assay.run.seed")
	verdictKey     = attribute.Key("assay.run.status")
	actionKey      = attribute.Key("assay.action.name")
	sessionKey     = attribute.Key("assay.session.id")
	executionKey   = attribute.Key("assay.execution.status")
	errorCodeKey   = attribute.Key("assay.execution.error_code")
	classKey       = attribute.Key("assay.classification")
	categoryKey    = attribute.Key("assay.classification.category")
	confidenceKey  = attribute.Key("assay.classification.confidence")
	failedCheckKey = attribute.Key("assay.check.failed")
	pluginKey      = attribute.Key("assay.plugin")
	operationKey   = attribute.Key("assay.operation")
	attemptKey     = attribute.Key("assay.attempt")
)

// Run starts the span of a run, below which all others stand. commit may be
// empty.
func (t *Tracing) Run(ctx context.Context, id string, seed uint64, commit string) (context.Context, trace.Span) {
	if t == nil {
		return ctx, noop.Span{}
	}
	ctx, span := t.provider.Tracer(scope).Start(ctx, "assay run")
	span.SetAttributes(runIDKey.String(id), seedKey.Int64(int64(seed))) //nolint:gosec // seeds of runs fit
	setKnown(span, semconv.VCSRefHeadRevisionKey, commit)
	return ctx, span
}

// EndRun ends the span of a run.
func EndRun(span trace.Span, status result.Status) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(verdictKey.String(status.String()))
	end(span, status)
}

// Suite starts the span of a suite.
func Suite(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindInternal)
}

// EndSuite ends the span of a suite.
func EndSuite(span trace.Span, name string, status result.Status) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(semconv.TestSuiteName(name), suiteStatus(status))
	end(span, status)
}

// Vector starts the span of a vector.
func Vector(ctx context.Context, name string) (context.Context, trace.Span) {
	return start(ctx, name, trace.SpanKindInternal)
}

// EndVector ends the span of a vector with what came of it, redacted.
func EndVector(span trace.Span, v *result.Vector) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(semconv.TestSuiteName(v.Suite), semconv.TestCaseName(v.Name), caseStatus(v.Status), actionKey.String(v.Action))
	if len(v.Tags) > 0 {
		span.SetAttributes(attribute.StringSlice("assay.vector.tags", v.Tags))
	}
	if e := v.Execution; e != nil {
		setKnown(span, sessionKey, e.SessionID)
		setKnown(span, executionKey, e.Status)
		if e.Error != nil {
			setKnown(span, errorCodeKey, e.Error.Code)
		}
	}
	if c := v.Classification; c != nil {
		span.SetAttributes(classKey.String(c.Class), categoryKey.String(c.Category), confidenceKey.Float64(c.Confidence))
	}
	for _, c := range v.Checks {
		if c.Status >= result.Fail {
			span.SetAttributes(failedCheckKey.String(c.Name))
			break
		}
	}
	if v.Error != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(v.Error.Summary))
	}
	end(span, v.Status)
}

// Operation starts the span of an operation of a plugin.
func Operation(ctx context.Context, plugin, operation string) (context.Context, trace.Span) {
	if !tracing(ctx) {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, span := start(ctx, plugin+" "+operation, trace.SpanKindInternal)
	span.SetAttributes(pluginKey.String(plugin), operationKey.String(operation))
	return ctx, span
}

// Attempt starts the span of an attempt of an operation, the first or a later one.
func Attempt(ctx context.Context, number int) (context.Context, trace.Span) {
	if !tracing(ctx) {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, span := start(ctx, "attempt", trace.SpanKindClient)
	span.SetAttributes(attemptKey.Int(number))
	return ctx, span
}

// EndCall ends the span of an operation or an attempt. kind is that of its
// error, empty for none; status is the HTTP status that it saw, 0 for none.
func EndCall(span trace.Span, kind string, status int) {
	if !span.IsRecording() {
		return
	}
	if kind != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		span.SetStatus(codes.Error, kind)
	}
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	span.End()
}

// tracing reports whether ctx belongs to a trace. It costs no allocation.
func tracing(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// start starts a span below that of ctx; where there is none, nothing happens.
func start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent // it does nothing
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
}

func setKnown(span trace.Span, key attribute.Key, value string) {
	if value != "" {
		span.SetAttributes(key.String(value))
	}
}

func end(span trace.Span, status result.Status) {
	if status >= result.Fail {
		span.SetStatus(codes.Error, status.String())
	}
	span.End()
}

// caseStatus is a verdict in OpenTelemetry's words, and in ours where it has none.
func caseStatus(status result.Status) attribute.KeyValue {
	switch status {
	case result.Pass, result.Warn:
		return semconv.TestCaseResultStatusPass
	case result.Fail:
		return semconv.TestCaseResultStatusFail
	}
	return semconv.TestCaseResultStatusKey.String(status.String())
}

func suiteStatus(status result.Status) attribute.KeyValue {
	switch status {
	case result.Pass, result.Warn:
		return semconv.TestSuiteRunStatusSuccess
	case result.Fail:
		return semconv.TestSuiteRunStatusFailure
	case result.Skip:
		return semconv.TestSuiteRunStatusSkipped
	}
	return semconv.TestSuiteRunStatusKey.String(status.String())
}
