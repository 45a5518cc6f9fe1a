// Package hook is the built-in plugin that runs a suite's Lua scripts: the
// classifier and the hooks before and after vectors and on events. It runs in
// a process of its own, as every plugin does; the limits of package script
// keep one script's faults from the other calls in it.
//
// Start reading at New. ../README.md is what the authors of scripts read.
package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/assay-cx/assay/lua/script"
	"github.com/assay-cx/assay/plugins/sdk"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// The defaults and bounds of the settings.
const (
	defaultTimeout = time.Second
	maxTimeout     = time.Minute
	defaultMemory  = 64 // MiB
	maxMemory      = 1024
)

// plugin is the hook plugin. Configure is called once, before Call.
type plugin struct {
	suite  *script.Suite
	limits script.Limits
	seed   uint64
	// scripts is the script of each hook; hooks without one have nothing to say.
	scripts map[string]*script.Script
	log     Log
}

// Log takes what a hook's script logs, while it runs.
type Log func(ctx context.Context, hook string, line script.LogLine)

// New makes the plugin: an sdk.Hook. It logs to the process's log.
func New() sdk.Plugin { return NewLogging(writeLog) }

// NewLogging makes the plugin for use within a process, logging as it is told.
func NewLogging(log Log) sdk.Plugin { return &plugin{log: log} }

// settings are the attributes of the plugin.
type settings struct {
	Classifier string       `json:"classifier"`
	Hooks      string       `json:"hooks"`
	Seed       uint64       `json:"seed"`
	Timeout    sdk.Duration `json:"timeout"`
	MemoryMB   int64        `json:"memory_mb"`
}

// Describe says what the plugin is.
func (*plugin) Describe() sdk.Description {
	return sdk.Description{
		Name: "lua", Version: version,
		Summary: "Runs a suite's Lua scripts: its classifier and its hooks",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "classifier", Type: sdk.String, Description: "Script with the function classify, relative to the suite's folder"},
			{Name: "hooks", Type: sdk.String, Description: "Script with the functions before_vector, after_vector and on_event, each optional, relative to the suite's folder"},
			{Name: "seed", Type: sdk.Number, Default: json.RawMessage("0"), Description: "Where the scripts' random numbers come from"},
			{
				Name: "timeout", Type: sdk.String, Format: sdk.FormatDuration, Default: json.RawMessage(`"1s"`),
				Description: "Longest run of one call, at most 1m",
			},
			{
				Name: "memory_mb", Type: sdk.Number, Default: json.RawMessage("64"),
				Description: "What one call may allocate in all, in MiB, garbage included, at most 1024",
			},
		}},
	}
}

// Configure reads and compiles the scripts.
func (p *plugin) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	s := settings{Timeout: sdk.Duration(defaultTimeout), MemoryMB: defaultMemory}
	if err := config.Decode(&s); err != nil {
		return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{
			Summary: "Unusable settings", Detail: fmt.Sprintf("The settings of the Lua hooks cannot be read: %v.", err),
		}}}
	}
	problems := checkSettings(s)
	suite, err := script.Open(config.Workspace) //nolint:contextcheck // each call brings its own
	if err != nil {
		return sdk.Configured{}, fmt.Errorf("open the suite's folder: %w", err)
	}
	p.suite, p.seed, p.scripts = suite, s.Seed, map[string]*script.Script{}
	p.limits = script.Limits{Time: time.Duration(s.Timeout), Memory: s.MemoryMB << 20}
	for name, hook := range hooks {
		path := s.Classifier
		if hook.attribute == "hooks" {
			path = s.Hooks
		}
		if path == "" {
			continue
		}
		if p.scripts[name], err = suite.Load(path); err != nil {
			problems = append(problems, problem(hook.attribute, err))
		}
	}
	if problems = distinct(problems); len(problems) > 0 {
		p.scripts = nil
		_ = suite.Close() // nothing was written
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	return sdk.Configured{}, nil
}

func checkSettings(s settings) []sdk.Problem {
	var problems []sdk.Problem
	if timeout := time.Duration(s.Timeout); timeout <= 0 || timeout > maxTimeout {
		problems = append(problems, sdk.Problem{
			Attribute: "timeout", Summary: "Wrong time limit",
			Detail: fmt.Sprintf("The time limit of a call is %v; it must be above 0s and at most %v.", timeout, maxTimeout),
		})
	}
	if s.MemoryMB < 1 || s.MemoryMB > maxMemory {
		problems = append(problems, sdk.Problem{
			Attribute: "memory_mb", Summary: "Wrong memory limit",
			Detail: fmt.Sprintf("The memory limit of a call is %d MiB; it must be 1 to %d.", s.MemoryMB, maxMemory),
		})
	}
	return problems
}

// problem says what is wrong with a script.
func problem(attribute string, err error) sdk.Problem {
	var wrong *script.Error
	if errors.As(err, &wrong) && wrong.Line > 0 {
		return sdk.Problem{
			Attribute: attribute, Summary: "Script does not compile",
			Detail: fmt.Sprintf("%s, line %d: %s.", wrong.File, wrong.Line, wrong.Message),
		}
	}
	return sdk.Problem{Attribute: attribute, Summary: "Script cannot be used", Detail: err.Error() + "."}
}

// distinct leaves out what was said before: several hooks share a script.
func distinct(problems []sdk.Problem) []sdk.Problem {
	var kept []sdk.Problem
	seen := map[sdk.Problem]bool{}
	for _, p := range problems {
		if !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	return kept
}

// Call runs one of the hooks on a document. An error names the hook, the file
// and, where it is known, the line.
func (p *plugin) Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	hook, known := hooks[name]
	if !known {
		return nil, &sdk.Error{Kind: sdk.Unsupported, Message: fmt.Sprintf("there is no hook %q: hooks are after_vector, before_vector, classify and on_event", name)}
	}
	s := p.scripts[name]
	if s == nil {
		return json.RawMessage("null"), nil
	}
	answer, err := s.Call(ctx, script.Request{
		Function: name, Document: document, Seed: p.seed, Key: func() string { return identity(document) }, Limits: p.limits,
		Log: func(line script.LogLine) { p.log(ctx, name, line) },
	})
	if err != nil {
		return nil, failure(name, err)
	}
	checked, err := hook.check(answer.Document)
	if err != nil {
		return nil, failure(name, &script.Error{Kind: script.Failed, File: s.Name, Line: answer.Line, Message: err.Error()})
	}
	return checked, nil
}

// identity is what the random numbers of a call depend on besides the seed:
// the vector that the document is about, so that they stay the same from run
// to run, or else all of it.
func identity(document json.RawMessage) string {
	var about struct {
		Suite  string `json:"suite"`
		Vector string `json:"vector"`
		Name   string `json:"name"`
	}
	// Where vector or name is not a text, the document as a whole will do.
	if err := json.Unmarshal(document, &about); err != nil || about.Vector+about.Name == "" {
		return string(document)
	}
	return about.Suite + "\x00" + about.Vector + "\x00" + about.Name
}

// failure gives a script's error the SDK's type.
func failure(name string, err error) error {
	kind := sdk.Invalid
	var reason *script.Error
	if errors.As(err, &reason) {
		switch reason.Kind {
		case script.TimedOut:
			kind = sdk.Timeout
		case script.Canceled:
			return err // the SDK knows the context's errors
		case script.Broken:
			kind = sdk.Internal
		}
	}
	return &sdk.Error{Kind: kind, Message: fmt.Sprintf("hook %s: %s", name, err.Error()), Cause: err}
}

// Shutdown closes the suite's folder.
func (p *plugin) Shutdown(context.Context) error {
	if p.suite == nil {
		return nil
	}
	return p.suite.Close()
}

// writeLog writes a script's line to the process's standard error.
func writeLog(ctx context.Context, hook string, line script.LogLine) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(line.Level)); err != nil {
		level = slog.LevelInfo
	}
	slog.Log(ctx, level, line.Message, "hook", hook, "script", fmt.Sprintf("%s:%d", line.File, line.Line))
}
