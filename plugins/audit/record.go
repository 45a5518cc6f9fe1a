package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/sdk"
)

// newRecord is an event as the log keeps it. No free text of the platform's
// goes into it, and of persons at most the login name of who runs assay:
// piiExcluded says whether that is there. The names of suite and vector are
// the spec's own words.
func (p *Plugin) newRecord(event *sdk.Event) auditfile.Record {
	r := auditfile.Record{
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
		SubmissionID:        identifier(event.SubmissionID),
		Command:             clip(event.Command),
		Plugin:              clip(event.Plugin),
		Setting:             clip(event.Setting),
		SHA256:              identifier(event.SHA256),
		Count:               event.Count,
		ComplianceFlags: auditfile.ComplianceFlags{
			DataMasked:    event.Masked,
			PIIExcluded:   event.Actor == nil || event.Actor.User == "",
			RetentionDays: p.settings.RetentionDays,
		},
	}
	if r.InputHash != "" {
		r.InputHMAC, r.HMACKeyID = p.log.HMAC(r.InputHash)
	}
	if event.Classification != nil {
		r.Classification = identifier(event.Classification.Class)
	}
	if event.Error != nil {
		r.ErrorKind = clip(event.Error.Kind)
		r.HTTPStatus = event.Error.HTTPStatus
	}
	if a := event.Actor; a != nil {
		r.Actor = &auditfile.Actor{User: clip(a.User), Host: clip(a.Host), CI: clip(a.CI), Job: clip(a.Job), Commit: identifier(a.Commit)}
	}
	if s := event.Summary; s != nil {
		summary := auditfile.Summary(*s)
		r.Summary = &summary
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

// maxIdentifier is the length of the longest id, in bytes.
const maxIdentifier = 128

// isIdentifier reports whether a text looks like an id or a word of a closed
// set: letters, digits, and . _ : - but at its start.
func isIdentifier(text string) bool {
	if len(text) > maxIdentifier || strings.IndexByte("._:-", text[0]) >= 0 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

// identifier lets through what looks like an id. Anything else the platform
// may give as one could be a person's name or address: its digest stands for it.
func identifier(id string) string {
	if id == "" || isIdentifier(id) {
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
