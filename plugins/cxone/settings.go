package cxone

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/assay-cx/assay/plugins/sdk"
)

// uuidPattern is the plain form of a UUID: no braces, no urn, no bare digits.
const uuidPattern = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`

var uuid = regexp.MustCompile("^" + uuidPattern + "$")

// environments are the workspaces that the contract knows.
var environments = []string{"dev", "test", "prod"}

// settings are the attributes of one plugin block.
type settings struct {
	BaseURL     string `json:"base_url"`
	Environment string `json:"environment"`
	Poll        poll   `json:"poll"`

	SubmitPath          string            `json:"submit_path"`
	PollPath            string            `json:"poll_path"`
	MetricsPath         string            `json:"metrics_path"`
	SchemaPath          string            `json:"schema_path"`
	AuthorizationHeader string            `json:"authorization_header"`
	WorkspaceHeader     string            `json:"workspace_header"`
	Headers             map[string]string `json:"headers"`
	Fields              fields            `json:"fields"`
	Metrics             []string          `json:"metrics"`
	CompletedStatuses   []string          `json:"completed_statuses"`
	FailedStatuses      []string          `json:"failed_statuses"`
	VersionConstraint   string            `json:"version_constraint"`
	Trace               bool              `json:"trace"`

	SubmitTimeout  sdk.Duration `json:"submit_timeout"`
	PollTimeout    sdk.Duration `json:"poll_timeout"`
	MetricsTimeout sdk.Duration `json:"metrics_timeout"`
	SchemaTimeout  sdk.Duration `json:"schema_timeout"`
}

// poll is how the host should poll a session.
type poll struct {
	Initial  sdk.Duration `json:"initial"`
	Max      sdk.Duration `json:"max"`
	Attempts int          `json:"attempts"`
	Timeout  sdk.Duration `json:"timeout"`
}

func (p poll) policy() *sdk.PollPolicy {
	return &sdk.PollPolicy{
		Initial:  time.Duration(p.Initial),
		Max:      time.Duration(p.Max),
		Attempts: p.Attempts,
		Timeout:  time.Duration(p.Timeout),
	}
}

// fields maps the contract's names of fields to the tenant's, where they differ.
type fields map[string]string

// of is the tenant's name of a field that the contract calls name.
func (f fields) of(name string) string {
	if other, ok := f[name]; ok {
		return other
	}
	return name
}

// contractFields are the names that fields may rename.
var contractFields = []string{
	"inputParameters", "trace", "versionConstraint", "sessionId",
	"status", "result", "executionDuration",
	"stepId", "stepName", "timestamp", "input", "output", "error",
	"code", "message", "stack", "details", "success", "data",
	"interval", "groupBy", "filter", "metrics", "actionId", "errorCode",
	"executionCount", "errorCount", "averageDuration", "p50Duration", "p95Duration", "nextPageToken",
}

// defaults are the contract's values.
func defaults() *settings {
	return &settings{
		Poll: poll{
			Initial:  sdk.Duration(200 * time.Millisecond),
			Max:      sdk.Duration(3 * time.Second),
			Attempts: 60,
			Timeout:  sdk.Duration(2 * time.Minute),
		},
		SubmitPath:          "/api/v2/data-actions/{actionId}/debug",
		PollPath:            "/api/v2/data-actions/{actionId}/debug-sessions/{sessionId}",
		MetricsPath:         "/api/v2/analytics/actions/details/query",
		SchemaPath:          "/api/v2/dataactions",
		AuthorizationHeader: "Authorization",
		WorkspaceHeader:     "x-nice-workspace-id",
		Headers:             map[string]string{},
		Fields:              fields{},
		Metrics:             []string{"executionCount", "errorCount", "averageDuration"},
		CompletedStatuses:   []string{"COMPLETED"},
		FailedStatuses:      []string{"FAILED"},
		VersionConstraint:   "strict",
		Trace:               true,
		SubmitTimeout:       sdk.Duration(10 * time.Second),
		PollTimeout:         sdk.Duration(8 * time.Second),
		MetricsTimeout:      sdk.Duration(15 * time.Second),
		SchemaTimeout:       sdk.Duration(15 * time.Second),
	}
}

// newSettings lays a vector's overrides over the block's attributes over the
// defaults; headers and fields merge by key. Unknown keys are refused.
func newSettings(layers ...json.RawMessage) (*settings, error) {
	s := defaults()
	if err := sdk.DecodeOver(s, layers...); err != nil {
		return nil, err
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	return s, nil
}

// undecodable are the attributes of a layer that newSettings cannot decode.
func undecodable(layer json.RawMessage) []sdk.Problem {
	return sdk.Undecodable(layer, func(alone json.RawMessage) error {
		_, err := newSettings(alone)
		return err
	})
}

// problems are everything wrong with the settings, at once.
func (s *settings) problems() []sdk.Problem {
	var found []sdk.Problem
	add := func(attribute, summary, format string, args ...any) {
		found = append(found, sdk.Problem{Attribute: attribute, Summary: summary, Detail: fmt.Sprintf(format, args...)})
	}
	if base, err := url.Parse(s.BaseURL); err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		add("base_url", "Invalid base URL", "base_url must be an absolute http or https URL without query and fragment.")
	}
	if !slices.Contains(environments, s.Environment) {
		add("environment", "Unknown environment", "environment is %q; it must be one of %s.", s.Environment, strings.Join(environments, ", "))
	}
	for _, path := range s.paths() {
		if missing := path.missing(); missing != "" {
			add(path.attribute, "Invalid path", "%s %s.", path.attribute, missing)
		}
	}
	s.headerProblems(add)
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		if !slices.Contains(contractFields, name) {
			add("fields", "Unknown field", "fields renames %q, which no operation uses; known are %s.", name, strings.Join(contractFields, ", "))
		}
	}
	for _, name := range defaults().Metrics {
		if !slices.Contains(s.Metrics, name) {
			add("metrics", "Metric missing", "metrics lacks %q, without which there is nothing to judge; fields renames it where the tenant has another name for it.", name)
		}
	}
	s.limitProblems(add)
	return found
}

func (s *settings) headerProblems(add func(attribute, summary, format string, args ...any)) {
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(s.Headers[name]) {
			add("headers", "Invalid header", "the header %q has a name or a value that HTTP does not allow.", name)
		}
	}
	for attribute, name := range map[string]string{
		"authorization_header": s.AuthorizationHeader,
		"workspace_header":     s.WorkspaceHeader,
	} {
		if !httpguts.ValidHeaderFieldName(name) {
			add(attribute, "Invalid header", "%q is not the name of an HTTP header.", name)
		}
	}
}

func (s *settings) limitProblems(add func(attribute, summary, format string, args ...any)) {
	for attribute, timeout := range map[string]sdk.Duration{
		"submit_timeout":  s.SubmitTimeout,
		"poll_timeout":    s.PollTimeout,
		"metrics_timeout": s.MetricsTimeout,
		"schema_timeout":  s.SchemaTimeout,
	} {
		if timeout <= 0 {
			add(attribute, "Invalid timeout", "%s must be greater than zero.", attribute)
		}
	}
	if s.Poll.Initial <= 0 || s.Poll.Max < s.Poll.Initial || s.Poll.Attempts < 1 || s.Poll.Timeout <= 0 {
		add("poll", "Invalid poll settings", "poll needs initial above zero, max at least initial, attempts at least 1 and timeout above zero.")
	}
	if len(s.CompletedStatuses) == 0 {
		add("completed_statuses", "No status words", "completed_statuses must name at least one status word, or no session ever ends well.")
	}
	if len(s.FailedStatuses) == 0 {
		add("failed_statuses", "No status words", "failed_statuses must name at least one status word, or no session ever fails.")
	}
}

// pathTemplate is a configurable path and the placeholders it cannot do without.
type pathTemplate struct {
	attribute, path string
	placeholders    []string
}

func (s *settings) paths() []pathTemplate {
	return []pathTemplate{
		{"submit_path", s.SubmitPath, []string{"{actionId}"}},
		{"poll_path", s.PollPath, []string{"{sessionId}"}},
		{"metrics_path", s.MetricsPath, nil},
		{"schema_path", s.SchemaPath, nil},
	}
}

// missing finishes the sentence "this path …", or is empty.
func (t pathTemplate) missing() string {
	if !strings.HasPrefix(t.path, "/") {
		return `must start with "/"`
	}
	for _, placeholder := range t.placeholders {
		if !strings.Contains(t.path, placeholder) {
			return "must hold " + placeholder
		}
	}
	return ""
}

// expand fills a path's placeholders, each value as one escaped segment.
func expand(path, actionID, sessionID string) string {
	return strings.NewReplacer(
		"{actionId}", url.PathEscape(actionID),
		"{sessionId}", url.PathEscape(sessionID),
	).Replace(path)
}
