package cxone

import (
	"encoding/json"

	"github.com/assay-cx/assay/plugins/sdk"
)

// schema is the attributes of the plugin block.
func schema() sdk.Schema {
	d := defaults()
	return sdk.Schema{Attributes: []sdk.Attribute{
		{
			Name: "base_url", Type: sdk.String, Required: true, Format: sdk.FormatURL,
			Description: "The tenant's API base URL.",
		},
		{
			Name: "environment", Type: sdk.String, Required: true, Enum: environments,
			Description: "The workspace that actions run in.",
		},
		{
			Name: "poll",
			Type: sdk.Object(map[string]sdk.Type{
				"initial": sdk.String, "max": sdk.String, "attempts": sdk.Number, "timeout": sdk.String,
			}, "initial", "max", "attempts", "timeout"),
			Default:     value(d.Poll),
			Description: "How a session is polled: the first wait, the longest wait, how often and how long in all.",
		},
		path("submit_path", d.SubmitPath, "Where a debug session is started."),
		path("poll_path", d.PollPath, "Where a debug session is asked for."),
		path("metrics_path", d.MetricsPath, "Where analytics are queried."),
		path("schema_path", d.SchemaPath, "Where schema documents are read and deployed."),
		{
			Name: "authorization_header", Type: sdk.String, Default: value(d.AuthorizationHeader),
			Description: "The header that carries the bearer token.",
		},
		{
			Name: "workspace_header", Type: sdk.String, Default: value(d.WorkspaceHeader),
			Description: "The header that names the environment.",
		},
		{
			Name: "headers", Type: sdk.Map(sdk.String), Default: value(d.Headers), Sensitive: true,
			Description: "More headers of every request.",
		},
		{
			Name: "fields", Type: sdk.Map(sdk.String), Default: value(d.Fields),
			Description: "The tenant's names of fields, by the contract's, where they differ: { sessionId = \"id\" }.",
		},
		{
			Name: "metrics", Type: sdk.List(sdk.String), Default: value(d.Metrics),
			Description: "What is asked of the analytics. Add \"p50Duration\" and \"p95Duration\" where the tenant has them.",
		},
		statusWords("completed_statuses", d.CompletedStatuses, "Status words of a session that ended well."),
		statusWords("failed_statuses", d.FailedStatuses, "Status words of a session that failed. Every other word means that it runs."),
		{
			Name: "version_constraint", Type: sdk.String, Default: value(d.VersionConstraint),
			Description: "How strictly the platform holds the input against the published schema.",
		},
		{
			Name: "trace", Type: sdk.Bool, Default: value(d.Trace),
			Description: "Whether the platform records a trace; failures are not classified without.",
		},
		duration("submit_timeout", d.SubmitTimeout, "Limit of one submit request."),
		duration("poll_timeout", d.PollTimeout, "Limit of one poll request."),
		duration("metrics_timeout", d.MetricsTimeout, "Limit of one analytics request."),
		duration("schema_timeout", d.SchemaTimeout, "Limit of one request for schema documents."),
	}}
}

func path(name, preset, description string) sdk.Attribute {
	return sdk.Attribute{Name: name, Type: sdk.String, Default: value(preset), Description: description}
}

func statusWords(name string, preset []string, description string) sdk.Attribute {
	return sdk.Attribute{Name: name, Type: sdk.List(sdk.String), Default: value(preset), Description: description}
}

func duration(name string, preset sdk.Duration, description string) sdk.Attribute {
	return sdk.Attribute{Name: name, Type: sdk.String, Format: sdk.FormatDuration, Default: value(preset), Description: description}
}

// value writes a default as JSON. The defaults are constants of this package,
// of types that always marshal.
func value(preset any) json.RawMessage {
	encoded, err := json.Marshal(preset)
	if err != nil {
		panic(err)
	}
	return encoded
}
