// Package audit is the built-in sink that keeps the audit log: one JSON line
// an event, on disk and under a signed Merkle root before Deliver returns,
// safe among processes that write to the same folder.
//
// Start reading at Plugin.Deliver, then at newRecord for what a line holds.
// Package auditlog is the log itself.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/sdk"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// batch is how many events one Deliver takes: they share one write and one sync.
const batch = 64

// The modes.
const (
	modeStrict     = "strict"      // what is not audited does not count: the run errs
	modeBestEffort = "best_effort" // the host warns, and the run goes on
)

// Settings are the attributes of one plugin block.
type Settings struct {
	Path          string `json:"path"`
	RetentionDays int    `json:"retention_days"`
	Key           string `json:"key"`
	Mode          string `json:"mode"`
}

// Options are the log that the settings describe, in the suite's folder.
func (s Settings) Options(workspace string) auditlog.Options {
	return auditlog.Options{Workspace: workspace, Path: s.Path, Key: s.Key, RetentionDays: s.RetentionDays}
}

// Plugin is the audit sink. Use New.
type Plugin struct {
	settings Settings
	options  auditlog.Options
	log      *auditlog.Log // nil: it could not be opened, in best_effort mode
	why      error         // why not
	pruning  pruning
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "audit",
		Version: version,
		Summary: "Keeps a tamper-evident audit log of JSON lines in the suite's folder",
		Sink:    &sdk.SinkTraits{Required: true, Batch: batch},
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{
				Name: "path", Type: sdk.String, Default: json.RawMessage(`".assay/audit"`),
				Description: "The folder of the log, in the suite's tree.",
			},
			{
				Name: "retention_days", Type: sdk.Number, Default: json.RawMessage(`90`),
				Description: "How many days records are kept; written into each of them, and enforced by each run and by assay audit prune.",
			},
			{
				Name: "key", Type: sdk.String, Sensitive: true,
				Description: "The secret that signs the log, of 32 bytes or more; by default one is made at first use and kept in the log's folder.",
			},
			{
				Name: "mode", Type: sdk.String, Default: json.RawMessage(`"strict"`), Enum: []string{modeStrict, modeBestEffort},
				Description: "What a record that cannot be written does: strict makes the vector an error, best_effort a warning.",
			},
		}},
	}
}

// Configure takes the settings, makes the log's folder and sees that it can be
// written to.
func (p *Plugin) Configure(ctx context.Context, config sdk.Config) (sdk.Configured, error) {
	s, problems := readSettings(config)
	if len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.settings, p.options = s, s.Options(config.Workspace)
	opened, err := auditlog.Open(ctx, p.options)
	switch {
	case errors.Is(err, auditfile.ErrKey):
		return sdk.Configured{}, problem("key", "Wrong audit key", err.Error()+".")
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR):
		return sdk.Configured{}, problem("path", "Audit log not writable",
			fmt.Sprintf("the audit log cannot be kept in %s: %s.", s.Path, auditlog.Explain(err)))
	case err != nil && s.Mode != modeBestEffort:
		return sdk.Configured{}, p.failure(err)
	}
	p.log, p.why = opened, err
	return sdk.Configured{BestEffort: s.Mode == modeBestEffort}, nil
}

// readSettings reads the settings and answers all that is wrong with them.
func readSettings(config sdk.Config) (s Settings, problems []sdk.Problem) {
	add := func(attribute, summary, detail string) {
		problems = append(problems, sdk.Problem{Attribute: attribute, Summary: summary, Detail: detail})
	}
	if err := config.Decode(&s); err != nil {
		add("retention_days", "Invalid retention", "retention_days must be a whole number.")
	} else if s.RetentionDays < 1 {
		add("retention_days", "Invalid retention", fmt.Sprintf("retention_days is %d; it must be at least 1.", s.RetentionDays))
	}
	if !filepath.IsLocal(s.Path) {
		add("path", "Audit log not writable", fmt.Sprintf("path is %q; it must be a folder in the suite's tree.", s.Path))
	}
	if s.Key != "" {
		if _, err := auditfile.VerifierKey(s.Key); err != nil {
			add("key", "Wrong audit key", err.Error()+".")
		}
	}
	return s, problems
}

func problem(attribute, summary, detail string) error {
	return &sdk.ConfigError{Problems: []sdk.Problem{{Attribute: attribute, Summary: summary, Detail: detail}}}
}

// Deliver appends a line for each event and syncs them to disk. After an error
// none of them stands in the log.
func (p *Plugin) Deliver(ctx context.Context, events []sdk.Event) error {
	if p.log == nil {
		return p.failure(p.why)
	}
	records := make([]auditfile.Record, len(events))
	for i := range events {
		records[i] = p.newRecord(&events[i])
	}
	if err := p.log.Append(ctx, records); err != nil {
		return p.failure(err)
	}
	for i := range records {
		if records[i].Event == string(sdk.EventRunStarted) {
			p.startPruning(ctx, records[i].Command, records[i].Actor)
		}
	}
	return nil
}

// Shutdown waits for what is pruned and closes the log. What was delivered is
// on disk already.
func (p *Plugin) Shutdown(ctx context.Context) error {
	if p.log == nil {
		return nil
	}
	if err := p.endPruning(ctx); err != nil {
		return err
	}
	return p.log.Close()
}

// failure says why the log cannot be written, and what to do.
func (p *Plugin) failure(err error) error {
	kind := sdk.Unavailable
	var altered *auditfile.AlteredError
	switch {
	case errors.As(err, &altered):
		kind = sdk.Invalid // trying again does not help
	case errors.Is(err, context.DeadlineExceeded):
		kind = sdk.Timeout
	case errors.Is(err, context.Canceled):
		kind = sdk.Canceled
	}
	return &sdk.Error{
		Kind:    kind,
		Message: fmt.Sprintf("the audit log %s cannot be written: %s", p.options.Path, auditlog.Explain(err)),
		Cause:   err,
	}
}
