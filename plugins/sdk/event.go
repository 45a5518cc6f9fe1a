package sdk

import "time"

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
)

// Event is something that happened, on its way to the sinks. The host has
// redacted it: it holds no input, no secret and no value of a sensitive path.
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
	InputHash  string          `json:"input_hash,omitempty"`
	Verdict    string          `json:"verdict,omitempty"` // pass, fail, error
	Status     ExecutionStatus `json:"status,omitempty"`
	DurationMS int64           `json:"duration_ms"` // of the execution, as the platform says

	Classification *Classification `json:"classification,omitempty"` // only when FAILED
	Correlation    *Correlation    `json:"correlation,omitempty"`    // only when FAILED
	Error          *EventError     `json:"error,omitempty"`          // not_started, not_finished, delivery_given_up
	// Masked says that the host ran its redaction over this event.
	Masked bool `json:"masked"`
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
