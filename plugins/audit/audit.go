// Package audit is the built-in sink that keeps the audit log: one JSON line
// an event, in a file a day (UTC), on disk before Deliver returns, safe among
// processes that write to the same folder.
//
// Start reading at Plugin.Deliver, then at record for what a line holds.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// batch is how many events one Deliver takes: they share one write and one sync.
const batch = 64

// settings are the attributes of one plugin block.
type settings struct {
	Path          string `json:"path"`
	RetentionDays int    `json:"retention_days"`
}

// Plugin is the audit sink. Use New.
type Plugin struct {
	settings settings
	log      *log
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "audit",
		Version: version,
		Summary: "Keeps an audit log of JSON lines in the suite's folder",
		Sink:    &sdk.SinkTraits{Required: true, Batch: batch},
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{
				Name: "path", Type: sdk.String, Default: json.RawMessage(`".assay/audit"`),
				Description: "The folder of the log, in the suite's tree.",
			},
			{
				Name: "retention_days", Type: sdk.Number, Default: json.RawMessage(`90`),
				Description: "How many days records are to be kept; written into each of them.",
			},
		}},
	}
}

// Configure takes the settings, makes the log's folder and sees that it can be
// written to.
func (p *Plugin) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	var s settings
	if err := config.Decode(&s); err != nil {
		return sdk.Configured{}, problem("retention_days", "Invalid retention", "path must be a string and retention_days a whole number.")
	}
	if s.RetentionDays < 1 {
		return sdk.Configured{}, problem("retention_days", "Invalid retention",
			fmt.Sprintf("retention_days is %d; it must be at least 1.", s.RetentionDays))
	}
	opened, err := openLog(config.Workspace, s.Path)
	if err != nil {
		return sdk.Configured{}, problem("path", "Audit log not writable",
			fmt.Sprintf("the audit log cannot be kept in %s: %s.", s.Path, reason(err)))
	}
	p.settings, p.log = s, opened
	return sdk.Configured{}, nil
}

func problem(attribute, summary, detail string) error {
	return &sdk.ConfigError{Problems: []sdk.Problem{{Attribute: attribute, Summary: summary, Detail: detail}}}
}

// Deliver appends a line for each event and syncs them to disk. After an error
// none of them stands in the log.
func (p *Plugin) Deliver(ctx context.Context, events []sdk.Event) error {
	now := time.Now().UTC()
	var lines []byte
	for _, event := range events {
		line, err := json.Marshal(newRecord(event, now, p.settings.RetentionDays))
		if err != nil {
			return &sdk.Error{Kind: sdk.Internal, Message: "the audit record does not encode", Cause: err}
		}
		lines = append(append(lines, line...), '\n')
	}
	if len(lines) == 0 {
		return nil
	}
	return p.log.append(ctx, fileName(now), lines)
}

func fileName(day time.Time) string { return day.Format("audit-20060102.jsonl") }
