package cli

import (
	"context"
	"net/url"
	"strings"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/telemetry"
)

// startTracing opens the way to the OTLP receiver that the environment names;
// nil without --otel, and where OpenTelemetry's own variables turn it off.
func (e *execution) startTracing(ctx context.Context) (*telemetry.Tracing, error) {
	first := e.process.firstOf
	off := strings.EqualFold(first([]string{"OTEL_SDK_DISABLED"}), "true") || first([]string{"OTEL_TRACES_EXPORTER"}) == "none"
	if !e.otel || off {
		return nil, nil //nolint:nilnil // no tracing
	}
	for _, headers := range []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"} {
		text, _ := e.process.lookupEnv(headers)
		e.redactor.Add(headerSecrets(text)...)
	}
	tracing, err := telemetry.Start(ctx, telemetry.Options{
		Endpoint: first([]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}),
		Protocol: first([]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}),
		QueueSet: first([]string{"OTEL_BSP_MAX_QUEUE_SIZE"}) != "",
		Version:  version,
	})
	if err != nil {
		return nil, usageError("--otel: %w", err)
	}
	return tracing, nil
}

// headerSecrets are the values in OpenTelemetry's list of headers, such as
// authorization=Bearer%20abc: receivers want keys there.
func headerSecrets(list string) []string {
	var secrets []string
	for pair := range strings.SplitSeq(list, ",") {
		_, value, _ := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		secrets = append(secrets, strings.Fields(value)...)
	}
	return secrets
}

// endTracing sends what is left. Spans that were lost are a warning: no
// verdict depends on them.
func (e *execution) endTracing(ctx context.Context) []result.Error {
	if err := e.tracing.Close(ctx); err != nil {
		return []result.Error{{Summary: "The trace is not complete", Detail: e.redactor.With(nil).Text(err.Error())}}
	}
	return nil
}
