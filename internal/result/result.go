// Package result is the documents that a run leaves behind: what happened to
// each vector and threshold, and the totals. It is a leaf that everything else
// may import; its JSON is version 1 of the result document.
//
// Start reading at Run and Vector.
package result

import (
	"encoding/json"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Version is the version of the result document.
const Version = 1

// Run is a whole run but for its vectors, which stream past.
type Run struct {
	Version    int         `json:"version"`
	RunID      string      `json:"run_id"`
	StartedAt  time.Time   `json:"started_at"`
	DurationMS int64       `json:"duration_ms"`
	Status     Status      `json:"status"`
	Seed       uint64      `json:"seed"`
	Summary    Summary     `json:"summary"`
	Thresholds []Threshold `json:"thresholds"`
	Sinks      []Sink      `json:"sinks"`
	Operations []Operation `json:"operations"`
	// Faults are the faults of the embedded tenant and its mocks.
	Faults []Fault `json:"faults,omitempty"`
	// DevPlugins ran in the place of what their blocks say, unlocked.
	DevPlugins []DevPlugin `json:"dev_plugins,omitempty"`
	// Errors are what kept the run from deciding, apart from any one vector.
	Errors []Error `json:"errors,omitempty"`
	// Warnings change no verdict.
	Warnings []Error `json:"warnings,omitempty"`
	// Interrupted says that somebody stopped the run before its end.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Summary counts the vectors by status.
type Summary struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errored int `json:"errored"`
	Skipped int `json:"skipped"`
}

// Add counts one vector.
func (s *Summary) Add(status Status) {
	s.Total++
	switch status {
	case Pass, Warn:
		s.Passed++
	case Fail:
		s.Failed++
	case Errored:
		s.Errored++
	case Skip:
		s.Skipped++
	}
}

// Vector is what happened to one vector.
type Vector struct {
	Suite          string          `json:"suite"`
	Name           string          `json:"name"`
	Action         string          `json:"action"`
	Tags           []string        `json:"tags"`
	Status         Status          `json:"status"`
	DurationMS     int64           `json:"duration_ms"`
	Execution      *Execution      `json:"execution,omitempty"`
	Classification *Classification `json:"classification,omitempty"`
	Checks         []Check         `json:"checks"`
	Error          *Error          `json:"error,omitempty"`

	// Input is what was submitted, masked, of a vector that did not pass; not
	// part of the document. A long one is a JSON string of how it begins.
	Input json.RawMessage `json:"-"`
	// Range is where the spec declares the vector; not part of the document.
	Range hcl.Range `json:"-"`
}

// FirstFailure is why a vector did not pass, in a line; empty for one that did.
func (v *Vector) FirstFailure() string {
	if v.Error != nil {
		return v.Error.Summary
	}
	for _, c := range v.Checks {
		if c.Status >= Fail {
			return c.Name + ": " + c.Message
		}
	}
	return ""
}

// Execution is an ended execution as the platform told it.
type Execution struct {
	Status     string          `json:"status,omitempty"` // COMPLETED, FAILED or REJECTED; absent where the end is not known
	SessionID  string          `json:"session_id,omitempty"`
	DurationMS int64           `json:"duration_ms"`
	Polls      int             `json:"polls"`
	InputHash  string          `json:"input_hash"` // SHA-256 in hex of the canonical input (RFC 8785)
	Output     json.RawMessage `json:"output,omitempty"`
	Error      *ExecutionError `json:"error,omitempty"`
	Trace      []Step          `json:"trace,omitempty"`
}

// ExecutionError is what the action failed with.
type ExecutionError struct {
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message"`
	Stack   string          `json:"stack,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

// Step is one step of an execution. Its input and output serve checks and
// classification; they are not part of the document.
type Step struct {
	ID        string          `json:"step_id"`
	Name      string          `json:"step_name"`
	Timestamp string          `json:"timestamp,omitempty"`
	Error     *StepError      `json:"error,omitempty"`
	Input     json.RawMessage `json:"-"`
	Output    json.RawMessage `json:"-"`
}

// StepError is why a step failed.
type StepError struct {
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
	Code    string `json:"code,omitempty"`
	Status  int    `json:"status,omitempty"` // HTTP status that the step saw
}

// FailingStep is the first step with an error, or nil.
func (e *Execution) FailingStep() *Step {
	if e == nil {
		return nil
	}
	for i := range e.Trace {
		if e.Trace[i].Error != nil {
			return &e.Trace[i]
		}
	}
	return nil
}

// The classes of failure.
const (
	ExternalDependencyOutage = "EXTERNAL_DEPENDENCY_OUTAGE"
	InternalLogicFault       = "INTERNAL_LOGIC_FAULT"
	Unknown                  = "UNKNOWN"
)

// Categories maps each category of failure to its class.
var Categories = map[string]string{
	"outage":          ExternalDependencyOutage,
	"timeout":         ExternalDependencyOutage,
	"rate_limited":    ExternalDependencyOutage,
	"auth":            ExternalDependencyOutage,
	"logic_fault":     InternalLogicFault,
	"invalid_input":   InternalLogicFault,
	"schema_mismatch": InternalLogicFault,
	"unknown":         Unknown,
}

// Classification says whose fault a failure is.
type Classification struct {
	Class      string  `json:"classification"`
	Category   string  `json:"category"`
	Confidence float64 `json:"confidence"` // 0…1
	Reason     string  `json:"reason"`     // a sentence that names the text it saw
	Source     string  `json:"source"`     // builtin, rule:NAME or script:FILE
}

// Check is one expectation or condition.
type Check struct {
	Name     string `json:"name"` // such as expect.status, or the label of a check block
	Status   Status `json:"status"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Message  string `json:"message,omitempty"`

	// Range is where the spec states the check; not part of the document.
	Range hcl.Range `json:"-"`
}

// Error is why something could not be decided.
type Error struct {
	Summary string `json:"summary"` // short and constant
	Detail  string `json:"detail"`  // what, why and what to do
}

// Threshold is one threshold, measured.
type Threshold struct {
	Suite   string   `json:"suite,omitempty"`
	Name    string   `json:"name"`
	Metric  string   `json:"metric"`
	Action  string   `json:"action,omitempty"`
	Value   *float64 `json:"value"` // nil where it could not be measured
	Min     *float64 `json:"min,omitempty"`
	Max     *float64 `json:"max,omitempty"`
	Warn    *float64 `json:"warn,omitempty"`
	Status  Status   `json:"status"`
	Message string   `json:"message,omitempty"`

	// Range is where the spec declares the threshold; not part of the document.
	Range hcl.Range `json:"-"`
}

// Sink counts what a sink did with the run's events.
type Sink struct {
	Suite     string `json:"suite,omitempty"`
	Plugin    string `json:"plugin"`
	Delivered int    `json:"delivered"`
	Queued    int    `json:"queued"` // not delivered yet
	Failed    int    `json:"failed"` // given up
	// LastError is why the last delivery failed, if one did.
	LastError string `json:"last_error,omitempty"`
}

// Fault counts how often a fault of the embedded tenant or a mock struck.
type Fault struct {
	Suite string `json:"suite,omitempty"`
	Place string `json:"place"` // such as sandbox.submit, or a mock's route
	Kind  string `json:"kind"`
	Seen  int64  `json:"seen"` // requests that it could have struck
	Hits  int64  `json:"hits"`
}

// DevPlugin is a program that --dev-plugin gave.
type DevPlugin struct {
	Suite  string `json:"suite,omitempty"`
	Plugin string `json:"plugin"` // the name of its block
	SHA256 string `json:"sha256"` // of its file, in hex
}

// Operation counts the attempts of one plugin operation.
type Operation struct {
	Suite     string `json:"suite,omitempty"`
	Plugin    string `json:"plugin"`
	Operation string `json:"operation"`
	Calls     int64  `json:"calls"`
	Attempts  int64  `json:"attempts"`
	Retries   int64  `json:"retries"`
	Trips     int64  `json:"breaker_trips"`
	Restarts  int64  `json:"restarts"` // of the plugin, because this operation found it dead
	WaitMS    int64  `json:"wait_ms"`  // spent in backoff and rate limits, summed over calls
}
