package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/sdk"
)

// record is a line of the log. It is a closed list of fields: none holds free
// text of the platform's, such as a message, a stack, an input or an output,
// and that is what makes piiExcluded true. The names of suite and vector are
// the spec's own words.
type record struct {
	AuditID             string          `json:"auditId"` // a UUID, the same where an event is delivered again
	Event               string          `json:"event"`
	RunID               string          `json:"runId"`
	Suite               string          `json:"suite"`
	Vector              string          `json:"vector,omitempty"`
	SessionID           string          `json:"sessionId"`
	ActionID            string          `json:"actionId"`
	InputHash           string          `json:"inputHash"` // SHA-256 in hex of the canonical input as submitted
	Status              string          `json:"status"`
	Classification      string          `json:"classification,omitempty"` // only when FAILED
	Verdict             string          `json:"verdict,omitempty"`
	ErrorKind           string          `json:"errorKind,omitempty"`
	HTTPStatus          int             `json:"httpStatus,omitempty"`
	ExecutionDurationMS int64           `json:"executionDurationMs"`
	LoggedAt            string          `json:"loggedAt"` // ISO 8601, UTC
	ComplianceFlags     complianceFlags `json:"complianceFlags"`
}

// complianceFlags say what was really done to the record.
type complianceFlags struct {
	DataMasked    bool `json:"dataMasked"`  // the host redacted the event
	PIIExcluded   bool `json:"piiExcluded"` // see record
	RetentionDays int  `json:"retentionDays"`
}

func newRecord(event sdk.Event, now time.Time, retentionDays int) record {
	r := record{
		AuditID:             auditID(event.ID),
		Event:               identifier(string(event.Type)),
		RunID:               identifier(event.RunID),
		Suite:               clip(event.Suite),
		Vector:              clip(event.Vector),
		SessionID:           identifier(event.SessionID),
		ActionID:            identifier(event.ActionID),
		InputHash:           identifier(event.InputHash),
		Status:              identifier(string(event.Status)),
		Verdict:             identifier(event.Verdict),
		ExecutionDurationMS: event.DurationMS,
		LoggedAt:            now.Format(time.RFC3339Nano),
		ComplianceFlags: complianceFlags{
			DataMasked:    event.Masked,
			PIIExcluded:   true,
			RetentionDays: retentionDays,
		},
	}
	if event.Classification != nil {
		r.Classification = identifier(event.Classification.Class)
	}
	if event.Error != nil {
		r.ErrorKind = clip(event.Error.Kind)
		r.HTTPStatus = event.Error.HTTPStatus
	}
	return r
}

// auditID is the event's own id, so that an event which is delivered again can
// be told, or a new one where that is not a UUID.
func auditID(id string) string {
	if parsed, err := uuid.Parse(id); err == nil {
		return parsed.String()
	}
	return uuid.NewString()
}

// identifierPattern is what ids and words of a closed set look like.
var identifierPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// identifier lets through what looks like an id. Anything else the platform
// may give as one could be a person's name or address: its digest stands for it.
func identifier(id string) string {
	if id == "" || identifierPattern.MatchString(id) {
		return id
	}
	digest := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(digest[:])
}

// maxName bounds a name of the spec's, in bytes.
const maxName = 256

func clip(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxName)], "")
}
