// Package telemetry traces a run with OpenTelemetry: a span for the run, each
// suite, vector, operation of a plugin and attempt of one. Spans go to an OTLP
// receiver behind the run's back: one that is dead or slow costs spans, never
// a verdict. They hold names, ids, statuses and classes, and no text that a
// platform, a script or an error wrote.
//
// Start reading at Start, for where spans go, and at span.go for what they say.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const (
	// queue is how many ended spans may wait for the receiver; those of a run of
	// some 3,000 vectors.
	queue = 1 << 14
	// grace is how long the end of a run waits for the receiver.
	grace = 5 * time.Second
	// maxCause is how many bytes are told of why spans were lost.
	maxCause = 300
)

// Options say where spans go. What is not here, OpenTelemetry's own
// environment variables say.
type Options struct {
	// Endpoint is OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or
	// OTEL_EXPORTER_OTLP_ENDPOINT; empty for the one on this machine.
	Endpoint string
	// Protocol is that of the same two: http/protobuf, the default, http/json
	// or grpc.
	Protocol string
	// QueueSet says that OTEL_BSP_MAX_QUEUE_SIZE is set.
	QueueSet bool
	Version  string // assay's
}

// Tracing is where the spans of a run go. Nil traces nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider
	exporter *exporter
	ended    *counter
	endpoint string
}

// Start opens the way to the receiver; it does not wait for it. Its errors are
// options that cannot be meant.
func Start(ctx context.Context, o Options) (*Tracing, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	wrong := &complaints{}
	otel.SetLogger(logr.New(wrong))
	inner, err := o.exporter(ctx)
	if err == nil {
		err = wrong.err()
	}
	if err != nil {
		return nil, err
	}
	about, err := resource.New(
		ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("assay"), semconv.ServiceVersion(o.Version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES count more
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	t := &Tracing{exporter: &exporter{SpanExporter: inner}, ended: &counter{}, endpoint: o.Endpoint}
	var batching []sdktrace.BatchSpanProcessorOption
	if !o.QueueSet {
		batching = append(batching, sdktrace.WithMaxQueueSize(queue))
	}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithSpanProcessor(t.ended),
		sdktrace.WithBatcher(t.exporter, batching...),
	)
	// OpenTelemetry would write to stderr, past the redaction.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.exporter.remember))
	return t, nil
}

func (o Options) check() error {
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("the OTLP endpoint of the environment is not a URL such as http://localhost:4318: see OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	return nil
}

func (o Options) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch o.Protocol {
	case "", "http/protobuf", "http/json":
		return otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retry)))
	case "grpc":
		return otlptracegrpc.New(ctx, otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(retry)))
	}
	return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: use http/protobuf, http/json or grpc", o.Protocol)
}

// retry is shorter than OpenTelemetry's own, which outlasts the grace.
var retry = struct {
	Enabled         bool
	InitialInterval time.Duration
	MaxInterval     time.Duration
	MaxElapsedTime  time.Duration
}{true, 200 * time.Millisecond, time.Second, 3 * time.Second}

// Close sends the spans that are left, and waits for the receiver no more than
// 5 s, or until ctx ends. Its error says how many were lost, and why.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := t.provider.Shutdown(ctx)
	ended, exported := t.ended.n.Load(), t.exporter.exported.Load()
	if cause := t.exporter.failure.Load(); cause != nil {
		err = *cause
	}
	switch {
	case exported >= ended && err == nil:
		return nil
	case err == nil:
		err = errors.New("they came faster than the receiver takes them: OTEL_BSP_MAX_QUEUE_SIZE makes room")
	}
	return fmt.Errorf("%d of %d spans were lost on the way to %s: %s", ended-exported, ended, t.receiver(), cause(err))
}

// receiver names the receiver without user, path and query.
func (t *Tracing) receiver() string {
	u, err := url.Parse(t.endpoint)
	if err != nil || u.Host == "" {
		return "the OTLP receiver on this machine (OTEL_EXPORTER_OTLP_ENDPOINT names another)"
	}
	return u.Scheme + "://" + u.Host
}

// cause is an error's text without the URL that it may hold.
func cause(err error) string {
	var wrapped *url.Error
	switch {
	case errors.As(err, &wrapped):
		err = wrapped.Err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("it did not take them within %s", grace)
	}
	text := err.Error()
	return text[:min(len(text), maxCause)]
}

// exporter knows how many spans the receiver took, and why it did not take
// the others.
type exporter struct {
	sdktrace.SpanExporter
	exported atomic.Int64
	failure  atomic.Pointer[error] // the last
}

// ExportSpans sends a batch.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.remember(err)
		return nil
	}
	e.exported.Add(int64(len(spans)))
	return nil
}

func (e *exporter) remember(err error) { e.failure.Store(&err) }

// counter counts the spans that have ended and are to be exported.
type counter struct{ n atomic.Int64 }

// OnStart does nothing.
func (*counter) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd counts.
func (c *counter) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		c.n.Add(1)
	}
}

// Shutdown does nothing.
func (*counter) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (*counter) ForceFlush(context.Context) error { return nil }
