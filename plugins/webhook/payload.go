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
// holds an input but the one that somebody opted in to.
type payload struct {
	Version             int             `json:"version"`
	Event               string          `json:"event"`
	RunID               string          `json:"runId"`
	Suite               string          `json:"suite"`
	Vector              string          `json:"vector"`
	ActionID            string          `json:"actionId"`
	SessionID           string          `json:"sessionId"`
	Verdict             string          `json:"verdict"`
	Status              string          `json:"status"`
	ExecutionDurationMS int64           `json:"executionDurationMs"`
	Classification      *string         `json:"classification"` // this and the next three: null unless FAILED
	Category            *string         `json:"category"`
	Confidence          *float64        `json:"confidence"`
	CorrelationContext  *correlation    `json:"correlationContext"`
	Timestamp           string          `json:"timestamp"`           // ISO 8601, UTC
	Error               *failure        `json:"error,omitempty"`     // why there is no end, or no verdict
	Input               json.RawMessage `json:"input,omitempty"`     // only with include_input
	Truncated           bool            `json:"truncated,omitempty"` // input, stack or error are not whole
}

// failure is why something did not happen.
type failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
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

// isLong reports whether there is text left to shorten.
func (p *payload) isLong() bool {
	c := p.CorrelationContext
	return p.Input != nil || c != nil && (c.StackTrace != "" || c.RawError != "")
}

// shorten drops the input, or else takes from the correlation's texts.
func (p *payload) shorten(excess int) {
	if p.Input != nil {
		p.Input = nil
		return
	}
	p.CorrelationContext.shorten(excess)
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
		Event:               eventName(event.Type),
		RunID:               clip(event.RunID, maxName),
		Suite:               clip(event.Suite, maxName),
		Vector:              clip(event.Vector, maxName),
		ActionID:            clip(event.ActionID, maxName),
		SessionID:           clip(event.SessionID, maxName),
		Verdict:             event.Verdict,
		Status:              string(event.Status),
		ExecutionDurationMS: event.DurationMS,
		Timestamp:           event.Time.UTC().Format(time.RFC3339Nano),
		Input:               event.Input,
	}
	if e := event.Error; e != nil {
		document.Error = &failure{Kind: e.Kind, Message: clip(e.Message, maxQuote)}
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

// eventName is the contract's word for a session that ended, and one of its
// kind for one whose end is not known.
func eventName(t sdk.EventType) string {
	if t == sdk.EventSession {
		return "data_action_debug_complete"
	}
	return "data_action_debug_error"
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
