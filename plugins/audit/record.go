package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/sdk"
)

// newRecord is an event as the log keeps it. No free text of the platform's
// goes into it, and of persons at most the login name of who runs assay:
// piiExcluded says whether that is there. The names of suite and vector are
// the spec's own words.
func (p *Plugin) newRecord(event *sdk.Event) auditlog.Record {
	r := auditlog.Record{
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
		ComplianceFlags: auditlog.ComplianceFlags{
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
		r.Actor = &auditlog.Actor{User: clip(a.User), Host: clip(a.Host), CI: clip(a.CI), Job: clip(a.Job), Commit: identifier(a.Commit)}
	}
	if s := event.Summary; s != nil {
		summary := auditlog.Summary(*s)
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
