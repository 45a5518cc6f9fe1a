package sdk

import (
	"encoding/json"
	"time"
)

// EventType says what an event is about.
type EventType string

// The types of event.
const (
	// EventSession: a session ended, COMPLETED, FAILED or REJECTED.
	EventSession EventType = "session"
	// EventNotStarted: a session failed to start.
	EventNotStarted EventType = "not_started"
	// EventNotFinished: a session started and its end is not known.
	EventNotFinished EventType = "not_finished"
	// EventDeliveryGivenUp: an event for a queued sink was not delivered.
	EventDeliveryGivenUp EventType = "delivery_given_up"
	// EventRunStarted: a suite's run, or a deploy, begins; Actor says who runs it
	// and Command what.
	EventRunStarted EventType = "run_started"
	// EventRunEnded: a suite's run, or a deploy, is over; Verdict and Summary say
	// how it ended.
	EventRunEnded EventType = "run_ended"
	// EventSubmitting: an input is about to be submitted. It is recorded before
	// the first byte is sent; what came of it follows as EventSession,
	// EventNotStarted or EventNotFinished, with the same SubmissionID.
	EventSubmitting EventType = "submitting"
	// EventRefused: the host itself refused an input, and submitted nothing.
	EventRefused EventType = "refused"
	// EventOptIn: a plugin was let have more than it gets by default, such as
	// the input; Plugin and Setting name what was opted in to.
	EventOptIn EventType = "opt_in"
	// EventDevPlugin: a plugin runs that the lock file does not vouch for;
	// Plugin names it, SHA256 is its file's.
	EventDevPlugin EventType = "dev_plugin"
	// EventDeploying: an action's schema is about to be deployed; Plugin names
	// the target, SHA256 is the document's. It is recorded before the first byte
	// is sent; what came of it follows as EventDeployed, with the same
	// SubmissionID.
	EventDeploying EventType = "deploying"
	// EventDeployed: what came of deploying an action's schema; Verdict says
	// whether it stands (pass), does not (fail), or nobody knows (error).
	EventDeployed EventType = "deployed"
	// EventPruned: records were removed on purpose; Plugin (or Command) says
	// whose, Count how many.
	EventPruned EventType = "pruned"
)

// Event is something that happened, on its way to the sinks. The host has
// redacted it: it holds no secret, no value of a sensitive path and, but for
// sinks that opted in, no input.
type Event struct {
	ID         string    `json:"id"` // a UUID, the same at every redelivery
	Type       EventType `json:"type"`
	Time       time.Time `json:"time"`
	RunID      string    `json:"run_id"`
	Suite      string    `json:"suite"`
	Vector     string    `json:"vector,omitempty"`
	ActionID   string    `json:"action_id,omitempty"`
	ActionName string    `json:"action_name,omitempty"`
	SessionID  string    `json:"session_id,omitempty"`
	// InputHash is the SHA-256, in hex, of the canonical input (RFC 8785) as submitted.
	InputHash string `json:"input_hash,omitempty"`
	// Input is the submitted input, sensitive paths masked. Only sinks have it
	// whose settings opted in; see SinkPolicy.
	Input      json.RawMessage `json:"input,omitempty"`
	Verdict    string          `json:"verdict,omitempty"` // pass, fail, error
	Status     ExecutionStatus `json:"status,omitempty"`
	DurationMS int64           `json:"duration_ms"` // of the execution, as the platform says

	Classification *Classification `json:"classification,omitempty"` // only when FAILED
	Correlation    *Correlation    `json:"correlation,omitempty"`    // only when FAILED
	Error          *EventError     `json:"error,omitempty"`          // not_started, not_finished, refused, delivery_given_up, deployed

	// SubmissionID ties what came of a submission to its EventSubmitting, and
	// what came of a deploy to its EventDeploying.
	SubmissionID string      `json:"submission_id,omitempty"`
	Actor        *Actor      `json:"actor,omitempty"`   // run_started; any event of a command outside a run
	Command      string      `json:"command,omitempty"` // what asked for it, such as "run" or "outbox purge"
	Summary      *RunSummary `json:"summary,omitempty"` // run_ended
	Plugin       string      `json:"plugin,omitempty"`  // the plugin block that it is about
	Setting      string      `json:"setting,omitempty"` // opt_in: the attribute, such as "include_input"
	SHA256       string      `json:"sha256,omitempty"`  // hex: of a dev plugin's file, of a deployed document
	Count        int64       `json:"count,omitempty"`   // pruned: how many records
	// Masked says that the host ran its redaction over this event.
	Masked bool `json:"masked"`
}

// Actor is who runs assay, as far as the environment tells.
type Actor struct {
	User   string `json:"user,omitempty"`   // login name
	Host   string `json:"host,omitempty"`   // host name
	CI     string `json:"ci,omitempty"`     // the CI system, such as "github-actions"
	Job    string `json:"job,omitempty"`    // the CI job or run, an id or a URL without credentials
	Commit string `json:"commit,omitempty"` // of the repository, in hex
}

// RunSummary counts a run's vectors.
type RunSummary struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errored int `json:"errored"`
	Skipped int `json:"skipped"`
}

// Classification says whose fault a failure is.
type Classification struct {
	Class      string  `json:"classification"`
	Category   string  `json:"category"`
	Confidence float64 `json:"confidence"` // 0…1
	Reason     string  `json:"reason,omitempty"`
	Source     string  `json:"source,omitempty"` // builtin, rule:NAME or script:FILE
}

// Correlation points at the step where an execution failed.
type Correlation struct {
	FailingStepID   string `json:"failing_step_id"`
	FailingStepName string `json:"failing_step_name"`
	Timestamp       string `json:"timestamp,omitempty"`
	RawError        string `json:"raw_error"`
	StackTrace      string `json:"stack_trace,omitempty"`
}

// EventError is why something did not happen.
type EventError struct {
	Kind       string `json:"kind"`
	Message    string `json:"message"`
	HTTPStatus int    `json:"http_status,omitempty"`
}
