// Package sdk is what an assay plugin is written with. A plugin is a Go value
// that implements Plugin and one or more of Auth, Target, Sink and Hook; its
// main function calls Serve.
//
// Every operation makes one attempt and reports what happened, typed (see
// Error). The host retries, backs off, polls, pages, limits rates, caches
// tokens and queues events, so a plugin holds no loop that waits.
//
// Start reading at Plugin, then at the interface of the kind you write.
package sdk

import (
	"context"
	"encoding/json"
	"time"
)

// Plugin is what every plugin implements.
type Plugin interface {
	// Describe says what the plugin is. It is pure: the same answer each time.
	Describe() Description
	// Configure takes the settings of one plugin block. It is called once,
	// before any operation. Problems with the settings are answered as a
	// *ConfigError, so that the host can point at the attribute.
	Configure(ctx context.Context, config Config) (Configured, error)
}

// Auth gets tokens. The host caches them.
type Auth interface {
	Plugin
	// Token fetches a new token. rejected is the token that the peer refused,
	// or empty.
	Token(ctx context.Context, rejected string) (Token, error)
}

// Target runs actions on a platform.
type Target interface {
	Plugin
	// Submit starts one execution. It is not idempotent: an error must say in
	// Sent whether the request may have reached the platform.
	Submit(ctx context.Context, request SubmitRequest) (SubmitResult, error)
	// Poll asks for a session's state once.
	Poll(ctx context.Context, request PollRequest) (PollResult, error)
	// Metrics reads one page of the platform's analytics.
	Metrics(ctx context.Context, request MetricsRequest) (MetricsPage, error)
	// GetSchema reads an action's deployed schema document, or a JSON array of
	// all that the platform has where the request names no action. A platform
	// without such a list answers that with an error of kind Unsupported.
	GetSchema(ctx context.Context, request SchemaRequest) (json.RawMessage, error)
	// PutSchema deploys an action's schema document.
	PutSchema(ctx context.Context, request SchemaRequest, document json.RawMessage) error
}

// Sink takes events out of the house.
type Sink interface {
	Plugin
	// Deliver takes events: after nil all of them are where they belong, after
	// an error none need be. A queued sink that took some of them answers
	// Partial, so that only the others are delivered again.
	Deliver(ctx context.Context, events []Event) error
}

// Hook runs a suite's scripts.
type Hook interface {
	Plugin
	// Call runs the named hook on a document. A hook that is not defined, or
	// has nothing to say, answers null.
	Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error)
}

// Kind is what a plugin can do for the host.
type Kind string

// The kinds of plugin.
const (
	KindAuth   Kind = "auth"
	KindTarget Kind = "target"
	KindSink   Kind = "sink"
	KindHook   Kind = "hook"
)

// Description is what `PLUGIN describe --json` prints.
type Description struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Summary  string `json:"summary"`
	Protocol int    `json:"protocol"` // filled in by the SDK
	Kinds    []Kind `json:"kinds"`    // filled in by the SDK
	Schema   Schema `json:"schema"`

	Sink   *SinkTraits   `json:"sink,omitempty"`
	Target *TargetTraits `json:"target,omitempty"`
}

// SinkTraits tell the host how to treat a sink.
type SinkTraits struct {
	// Required sinks hold a verdict up: where one fails the run errs.
	Required bool `json:"required"`
	// Queued sinks are delivered to behind the verdict's back, at least once.
	Queued bool `json:"queued"`
	// Batch is how many events one Deliver may take; 0 means 1.
	Batch int `json:"batch,omitempty"`
}

// TargetTraits tell the host what a target accepts, so that a wrong spec is
// found before anything is sent.
type TargetTraits struct {
	// ActionIDPattern is an RE2 expression that the whole of an action's id
	// must match; empty accepts every id.
	ActionIDPattern string `json:"action_id_pattern,omitempty"`
	// ActionIDHint finishes the sentence "id must be …".
	ActionIDHint string `json:"action_id_hint,omitempty"`
}

// Config is one plugin block, evaluated.
type Config struct {
	// Attributes is a JSON object of the schema's attributes, defaults filled in.
	Attributes json.RawMessage
	// Workspace is the suite's folder, absolute.
	Workspace string
	// LocalHosts are host:port of the suite's own mocks and sandbox.
	LocalHosts []string
}

// Decode reads the attributes into the struct that v points to, by its JSON
// tags. Durations decode into the SDK's Duration.
func (c Config) Decode(v any) error { return json.Unmarshal(c.Attributes, v) }

// Configured is what a plugin tells the host once it knows its settings.
type Configured struct {
	// Poll is how to poll a target's sessions; nil for the host's defaults.
	Poll *PollPolicy
	// BestEffort lets a required sink fail: the host warns where the run would
	// err otherwise.
	BestEffort bool
	// Sink is which events a queued sink wants; nil for all of them.
	Sink *SinkPolicy
}

// SinkPolicy is what a queued sink's settings ask of the host. The zero value
// asks for every event, without inputs.
type SinkPolicy struct {
	Types    []EventType // those that it wants; none for all of them
	Verdicts []string    // pass, fail, error: those whose events it wants; none for all of them
	// IncludeInput says that somebody opted in to the sink's getting inputs.
	// The host masks sensitive paths in them, and has the opt-in audited.
	IncludeInput bool
}

// PollPolicy bounds the polling of one session.
type PollPolicy struct {
	Initial  time.Duration // first wait between two polls
	Max      time.Duration // longest wait between two polls
	Attempts int           // polls of one session
	Timeout  time.Duration // from submit to the end of the session
}

// Token is a bearer token.
type Token struct {
	Value         string
	ExpiresIn     time.Duration // 0: the peer did not say
	RefreshBefore time.Duration // margin before the expiry at which to fetch the next
}

// SubmitRequest is one vector on its way to the platform.
type SubmitRequest struct {
	Token     string
	ActionID  string
	Input     json.RawMessage // a JSON object
	Overrides json.RawMessage // attributes that this vector overrides, a JSON object; nil for none
}

// SubmitResult is a session to poll or, for a synchronous platform or an input
// that the platform refuses, the end at once. Exactly one is set.
type SubmitResult struct {
	SessionID string
	Execution *Execution
}

// PollRequest asks for the state of a session.
type PollRequest struct {
	Token     string
	ActionID  string
	SessionID string
	Overrides json.RawMessage
}

// PollResult is a session's state.
type PollResult struct {
	Status    string     // the platform's own word
	Execution *Execution // nil while the session runs
}

// ExecutionStatus is how an execution ended.
type ExecutionStatus string

// The execution statuses.
const (
	StatusCompleted ExecutionStatus = "COMPLETED"
	StatusFailed    ExecutionStatus = "FAILED"
	StatusRejected  ExecutionStatus = "REJECTED" // the platform refused the input
)

// Execution is an ended execution.
type Execution struct {
	Status     ExecutionStatus `json:"status"`
	DurationMS int64           `json:"duration_ms"`
	Output     json.RawMessage `json:"output,omitempty"`
	Error      *ExecutionError `json:"error,omitempty"`
	Trace      []TraceStep     `json:"trace,omitempty"`
}

// ExecutionError is what the action failed with.
type ExecutionError struct {
	Code    string          `json:"code,omitempty"` // the action's declared code
	Message string          `json:"message"`
	Stack   string          `json:"stack,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

// TraceStep is one step of an execution.
type TraceStep struct {
	ID        string          `json:"step_id"`
	Name      string          `json:"step_name"`
	Timestamp string          `json:"timestamp,omitempty"` // as the platform wrote it
	Input     json.RawMessage `json:"input,omitempty"`
	Output    json.RawMessage `json:"output,omitempty"`
	Error     *StepError      `json:"error,omitempty"`
}

// StepError is why a step failed.
type StepError struct {
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
	Code    string `json:"code,omitempty"`
	Status  int    `json:"status,omitempty"` // HTTP status that the step saw; 0 for none
}

// MetricsRequest asks for one page of an action's analytics.
type MetricsRequest struct {
	Token     string
	ActionID  string
	Window    string // ISO 8601 duration that ends now
	PageToken string
}

// MetricsPage is one page of analytics.
type MetricsPage struct {
	Rows          []MetricsRow
	NextPageToken string // empty on the last page
}

// MetricsRow counts the executions of one status and error code.
type MetricsRow struct {
	Status            string
	ErrorCode         string
	ExecutionCount    int64
	ErrorCount        int64
	AverageDurationMS float64
	// P50DurationMS and P95DurationMS are nil where the platform does not tell them.
	P50DurationMS, P95DurationMS *float64
}

// SchemaRequest names an action's schema document.
type SchemaRequest struct {
	Token    string
	ActionID string // empty, in GetSchema only: all actions
}

// Duration is a time.Duration that reads and writes as a string such as "200ms".
type Duration time.Duration

// UnmarshalText reads a duration such as "1m30s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText writes the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
