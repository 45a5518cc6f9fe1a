package webhook

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-cx/assay/plugins/sdk"
)

// payloadVersion is the version of the payload.
const payloadVersion = 1

// maxPayload bounds a payload, in bytes: Standard Webhooks asks for less than 20 KB.
const maxPayload = 20_000

// maxName bounds each name or id in a payload, in bytes of JSON.
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
	Truncated           bool            `json:"truncated,omitempty"` // something is not whole
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

// shorten takes about excess bytes of JSON, and at least one character, from
// the stack, or from the error once the stack is gone.
func (c *correlation) shorten(excess int) {
	text := &c.StackTrace
	if *text == "" {
		text = &c.RawError
	}
	size := 0
	for _, r := range *text {
		size += encodedSize(r)
	}
	*text = clip(*text, size-excess)
}

// encodedSize is how many bytes of JSON a character takes, at most.
func encodedSize(r rune) int {
	switch {
	case r < ' ', strings.ContainsRune("<>&\u2028\u2029\ufffd", r):
		return len(`\u0000`)
	case r == '"', r == '\\':
		return len(`\"`)
	}
	return utf8.RuneLen(r)
}

func newPayload(event sdk.Event) *payload {
	document := &payload{
		Version:             payloadVersion,
		Event:               eventName(event.Type),
		RunID:               event.RunID,
		Suite:               event.Suite,
		Vector:              event.Vector,
		ActionID:            event.ActionID,
		SessionID:           event.SessionID,
		Verdict:             event.Verdict,
		Status:              string(event.Status),
		ExecutionDurationMS: event.DurationMS,
		Timestamp:           event.Time.UTC().Format(time.RFC3339Nano),
		Input:               event.Input,
	}
	for _, name := range []*string{&document.RunID, &document.Suite, &document.Vector, &document.ActionID, &document.SessionID} {
		*name = document.cut(*name, maxName)
	}
	if e := event.Error; e != nil {
		document.Error = &failure{Kind: document.cut(e.Kind, maxName), Message: document.cut(e.Message, maxQuote)}
	}
	if event.Status != sdk.StatusFailed {
		return document
	}
	if c := event.Classification; c != nil {
		class, category := document.cut(c.Class, maxName), document.cut(c.Category, maxName)
		document.Classification, document.Category, document.Confidence = &class, &category, &c.Confidence
	}
	if c := event.Correlation; c != nil {
		document.CorrelationContext = &correlation{
			FailingStepID:   document.cut(c.FailingStepID, maxName),
			FailingStepName: document.cut(c.FailingStepName, maxName),
			InputHash:       event.InputHash,
			Timestamp:       document.cut(c.Timestamp, maxName),
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

// cut shortens a text of the payload, and marks that where it does.
func (p *payload) cut(text string, size int) string {
	short := clip(text, size)
	p.Truncated = p.Truncated || short != text
	return short
}

// clip is the start of text, whole characters, at most size bytes of JSON.
func clip(text string, size int) string {
	for i, r := range text {
		if size -= encodedSize(r); size < 0 {
			return text[:i]
		}
	}
	return text
}
