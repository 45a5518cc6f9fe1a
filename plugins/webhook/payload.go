package webhook

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/assay-cx/assay/plugins/sdk"
)

// payloadVersion is the version of the payload.
const payloadVersion = 1

// maxPayload bounds a payload, in bytes: Standard Webhooks asks for less than 20 KB.
const maxPayload = 20_000

// maxName bounds each name or id in a payload, in bytes.
const maxName = 256

// payload is what receivers get. It is a closed list of fields, none of which
// holds an input.
type payload struct {
	Version             int          `json:"version"`
	Event               string       `json:"event"`
	RunID               string       `json:"runId"`
	Suite               string       `json:"suite"`
	Vector              string       `json:"vector"`
	ActionID            string       `json:"actionId"`
	SessionID           string       `json:"sessionId"`
	Verdict             string       `json:"verdict"`
	Status              string       `json:"status"`
	ExecutionDurationMS int64        `json:"executionDurationMs"`
	Classification      *string      `json:"classification"` // this and the next three: null unless FAILED
	Category            *string      `json:"category"`
	Confidence          *float64     `json:"confidence"`
	CorrelationContext  *correlation `json:"correlationContext"`
	Timestamp           string       `json:"timestamp"` // ISO 8601, UTC
	Truncated           bool         `json:"truncated,omitempty"`
}

// correlation points at the step where the execution failed. The input is
// there as its hash alone.
type correlation struct {
	FailingStepID   string `json:"failingStepId"`
	FailingStepName string `json:"failingStepName"`
	InputHash       string `json:"inputHash"`
	Timestamp       string `json:"timestamp"`
	RawError        string `json:"rawError"`
	StackTrace      string `json:"stackTrace"`
}

// encode writes an event's payload, its stack and then its error shortened
// until the whole is small enough.
func encode(event sdk.Event) ([]byte, error) {
	document := newPayload(event)
	body, err := json.Marshal(document)
	for err == nil && len(body) > maxPayload && document.CorrelationContext.isLong() {
		document.Truncated = true
		document.CorrelationContext.shorten(len(body) - maxPayload)
		body, err = json.Marshal(document)
	}
	return body, err
}

// isLong reports whether there is text left to shorten.
func (c *correlation) isLong() bool {
	return c != nil && (c.StackTrace != "" || c.RawError != "")
}

// shorten takes about excess bytes of JSON, and at least one byte of text,
// from the stack, or from the error once the stack is gone.
func (c *correlation) shorten(excess int) {
	text := &c.StackTrace
	if *text == "" {
		text = &c.RawError
	}
	size := max(1, encodedSize(*text))
	*text = clip(*text, len(*text)*max(0, size-excess)/(size+1))
}

// encodedSize is how many bytes of JSON a text takes, without its quotes.
func encodedSize(text string) int {
	encoded, err := json.Marshal(text)
	if err != nil { // strings always encode
		return len(text)
	}
	return len(encoded) - len(`""`)
}

func newPayload(event sdk.Event) *payload {
	document := &payload{
		Version:             payloadVersion,
		Event:               "data_action_debug_complete",
		RunID:               clip(event.RunID, maxName),
		Suite:               clip(event.Suite, maxName),
		Vector:              clip(event.Vector, maxName),
		ActionID:            clip(event.ActionID, maxName),
		SessionID:           clip(event.SessionID, maxName),
		Verdict:             event.Verdict,
		Status:              string(event.Status),
		ExecutionDurationMS: event.DurationMS,
		Timestamp:           event.Time.UTC().Format(time.RFC3339Nano),
	}
	if event.Status != sdk.StatusFailed {
		return document
	}
	if c := event.Classification; c != nil {
		document.Classification, document.Category, document.Confidence = &c.Class, &c.Category, &c.Confidence
	}
	if c := event.Correlation; c != nil {
		document.CorrelationContext = &correlation{
			FailingStepID:   clip(c.FailingStepID, maxName),
			FailingStepName: clip(c.FailingStepName, maxName),
			InputHash:       event.InputHash,
			Timestamp:       clip(c.Timestamp, maxName),
			RawError:        c.RawError,
			StackTrace:      c.StackTrace,
		}
	}
	return document
}

// clip is the start of text, at most size bytes of it and whole characters.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
