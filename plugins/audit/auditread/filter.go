package auditread

import (
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// Filter says which records are wanted. Its zero value wants all.
type Filter struct {
	Since, Until time.Time // by loggedAt; Until itself is not wanted
	Action       string    // actionId
	Class        string    // classification
	Session      string    // sessionId
	Vector       string    // its whole name, or the name that its for_each instances share
	Run          string    // runId
	Event        string
}

// Match reports whether a record is wanted.
func (f *Filter) Match(r *auditfile.Record) bool {
	return f.matchTime(r) && equal(f.Action, r.ActionID) && equal(f.Class, r.Classification) &&
		equal(f.Session, r.SessionID) && equal(f.Run, r.RunID) && equal(f.Event, r.Event) &&
		(equal(f.Vector, r.Vector) || len(r.Vector) > len(f.Vector) && r.Vector[:len(f.Vector)+1] == f.Vector+"[")
}

func equal(wanted, got string) bool { return wanted == "" || wanted == got }

func (f *Filter) matchTime(r *auditfile.Record) bool {
	if f.Since.IsZero() && f.Until.IsZero() {
		return true
	}
	at, err := time.Parse(time.RFC3339Nano, r.LoggedAt)
	return err == nil && !at.Before(f.Since) && (f.Until.IsZero() || at.Before(f.Until))
}
