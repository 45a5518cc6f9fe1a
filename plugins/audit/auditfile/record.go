package auditfile

// Record is a line of the log. It is a closed list of fields: none holds free
// text of the platform's, such as a message, a stack, an input or an output.
type Record struct {
	Seq                 int64           `json:"seq"`      // its number, from 0 on; given by the log
	LoggedAt            string          `json:"loggedAt"` // ISO 8601, UTC; given by the log
	AuditID             string          `json:"auditId"`  // a UUID, the same where an event is delivered again
	Event               string          `json:"event"`
	RunID               string          `json:"runId"`
	Suite               string          `json:"suite"`
	Vector              string          `json:"vector,omitempty"`
	SessionID           string          `json:"sessionId"`
	ActionID            string          `json:"actionId"`
	InputHash           string          `json:"inputHash"` // SHA-256 in hex of the canonical input as submitted
	InputHMAC           string          `json:"inputHmac,omitempty"`
	HMACKeyID           string          `json:"hmacKeyId,omitempty"`
	Status              string          `json:"status"`
	Classification      string          `json:"classification,omitempty"` // only when FAILED
	Verdict             string          `json:"verdict,omitempty"`
	ErrorKind           string          `json:"errorKind,omitempty"`
	HTTPStatus          int             `json:"httpStatus,omitempty"`
	ExecutionDurationMS int64           `json:"executionDurationMs"`
	SubmissionID        string          `json:"submissionId,omitempty"` // ties an outcome to what was about to be submitted
	Actor               *Actor          `json:"actor,omitempty"`
	Command             string          `json:"command,omitempty"`
	Summary             *Summary        `json:"summary,omitempty"`
	Plugin              string          `json:"plugin,omitempty"`
	Setting             string          `json:"setting,omitempty"`
	SHA256              string          `json:"sha256,omitempty"`
	Count               int64           `json:"count,omitempty"`
	Pruned              *Pruned         `json:"pruned,omitempty"`
	Quarantined         *Quarantined    `json:"quarantined,omitempty"`
	Restored            *Restored       `json:"restored,omitempty"`
	ComplianceFlags     ComplianceFlags `json:"complianceFlags"`
}

// ComplianceFlags say what was really done to the record.
type ComplianceFlags struct {
	DataMasked    bool `json:"dataMasked"`  // the host redacted the event
	PIIExcluded   bool `json:"piiExcluded"` // it names no person
	RetentionDays int  `json:"retentionDays"`
}

// Actor is who ran assay.
type Actor struct {
	User   string `json:"user,omitempty"`
	Host   string `json:"host,omitempty"`
	CI     string `json:"ci,omitempty"`
	Job    string `json:"job,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// Summary counts a run's vectors.
type Summary struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errored int `json:"errored"`
	Skipped int `json:"skipped"`
}

// The events that the log itself records.
const (
	EventPruned      = "pruned"
	EventQuarantined = "quarantined"
	EventRestored    = "restored"
)

// Pruned says that the text of all records before one was removed, as retention asks.
type Pruned struct {
	Before int64 `json:"before"` // the number of the first record that was kept
}

// Quarantined says that bytes which no writer had committed were put aside.
type Quarantined struct {
	From  string `json:"from"` // the file in which they stood
	File  string `json:"file"` // the file that holds them now
	Bytes int64  `json:"bytes"`
}

// Restored says that committed records were copied out of the journal again,
// because a crash or somebody had taken them from their segment.
type Restored struct {
	From  int64 `json:"from"`  // the first record
	Count int64 `json:"count"` // how many
}
