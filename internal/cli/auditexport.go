package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// recordWriter writes records in one format. flush follows the last.
type recordWriter struct {
	write func(*auditfile.Record) error
	flush func() error
}

// exportFormats are what --format takes.
func exportFormats(w io.Writer) map[string]func() recordWriter {
	return map[string]func() recordWriter{
		"jsonl": func() recordWriter { return jsonLines(w, func(r *auditfile.Record) any { return r }) },
		"ocsf":  func() recordWriter { return jsonLines(w, ocsf) },
		"csv":   func() recordWriter { return csvRecords(w) },
	}
}

func newAuditExport(p *process) *cobra.Command {
	f := &auditFilter{}
	format := "jsonl"
	command := &cobra.Command{
		Use:   "export --format jsonl|ocsf|csv [DIR]",
		Short: "Write records of a log for other programs",
		Long: `Write the records of an audit log that all given filters want to stdout, oldest
first: as jsonl, as they stand in the log; as ocsf, events of the Open
Cybersecurity Schema Framework 1.3, class API Activity, one a line; as csv, one row
a record with a header.`,
		Example: `  # Into a SIEM
  assay audit export --format ocsf --since 24h ./specs/inventory | ship-to-siem

  # Into a spreadsheet
  assay audit export --format csv ./specs/inventory > audit.csv`,
		Args: atMostOneDir,
		RunE: func(command *cobra.Command, args []string) error {
			open := exportFormats(p.stdout)[format]
			if open == nil {
				return usageError("--format %s: use jsonl, ocsf or csv", format)
			}
			writer := open()
			err := f.each(command.Context(), p, args, writer.write)
			return errors.Join(err, writer.flush())
		},
	}
	f.register(command)
	command.Flags().StringVar(&format, "format", format, "the `FORMAT`: jsonl, ocsf or csv")
	return command
}

func jsonLines(w io.Writer, document func(*auditfile.Record) any) recordWriter {
	encoder := json.NewEncoder(w)
	return recordWriter{
		write: func(r *auditfile.Record) error { return encoder.Encode(document(r)) },
		flush: func() error { return nil },
	}
}

// csvColumns are the columns of the csv format.
var csvColumns = []struct {
	name string
	of   func(*auditfile.Record) string
}{
	{"seq", func(r *auditfile.Record) string { return strconv.FormatInt(r.Seq, 10) }},
	{"loggedAt", func(r *auditfile.Record) string { return r.LoggedAt }},
	{"auditId", func(r *auditfile.Record) string { return r.AuditID }},
	{"event", func(r *auditfile.Record) string { return r.Event }},
	{"runId", func(r *auditfile.Record) string { return r.RunID }},
	{"suite", func(r *auditfile.Record) string { return r.Suite }},
	{"vector", func(r *auditfile.Record) string { return r.Vector }},
	{"sessionId", func(r *auditfile.Record) string { return r.SessionID }},
	{"actionId", func(r *auditfile.Record) string { return r.ActionID }},
	{"inputHash", func(r *auditfile.Record) string { return r.InputHash }},
	{"inputHmac", func(r *auditfile.Record) string { return r.InputHMAC }},
	{"hmacKeyId", func(r *auditfile.Record) string { return r.HMACKeyID }},
	{"status", func(r *auditfile.Record) string { return r.Status }},
	{"classification", func(r *auditfile.Record) string { return r.Classification }},
	{"verdict", func(r *auditfile.Record) string { return r.Verdict }},
	{"errorKind", func(r *auditfile.Record) string { return r.ErrorKind }},
	{"executionDurationMs", func(r *auditfile.Record) string { return strconv.FormatInt(r.ExecutionDurationMS, 10) }},
	{"user", func(r *auditfile.Record) string { return actorOf(r).User }},
	{"host", func(r *auditfile.Record) string { return actorOf(r).Host }},
	{"ci", func(r *auditfile.Record) string { return actorOf(r).CI }},
	{"job", func(r *auditfile.Record) string { return actorOf(r).Job }},
	{"commit", func(r *auditfile.Record) string { return actorOf(r).Commit }},
	{"plugin", func(r *auditfile.Record) string { return r.Plugin }},
	{"setting", func(r *auditfile.Record) string { return r.Setting }},
	{"dataMasked", func(r *auditfile.Record) string { return strconv.FormatBool(r.ComplianceFlags.DataMasked) }},
	{"piiExcluded", func(r *auditfile.Record) string { return strconv.FormatBool(r.ComplianceFlags.PIIExcluded) }},
	{"retentionDays", func(r *auditfile.Record) string { return strconv.Itoa(r.ComplianceFlags.RetentionDays) }},
}

func actorOf(r *auditfile.Record) auditfile.Actor {
	if r.Actor == nil {
		return auditfile.Actor{}
	}
	return *r.Actor
}

func csvRecords(w io.Writer) recordWriter {
	writer := csv.NewWriter(w)
	row := make([]string, len(csvColumns))
	for i, column := range csvColumns {
		row[i] = column.name
	}
	err := writer.Write(row)
	return recordWriter{
		write: func(r *auditfile.Record) error {
			for i, column := range csvColumns {
				row[i] = harmless(column.of(r))
			}
			return errors.Join(err, writer.Write(row))
		},
		flush: func() error {
			writer.Flush()
			return errors.Join(err, writer.Error())
		},
	}
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// OCSF 1.3, class API Activity: https://schema.ocsf.io/1.3.0/classes/api_activity
const (
	ocsfVersion     = "1.3.0"
	ocsfCategory    = 6 // Application Activity
	ocsfClass       = 6003
	ocsfUpdate      = 3
	ocsfDelete      = 4
	ocsfOther       = 99
	ocsfInformation = 1
	ocsfMedium      = 3
	ocsfUnknown     = 0
	ocsfSuccess     = 1
	ocsfFailure     = 2
)

// ocsf is a record as an OCSF event. What OCSF has no attribute for stands in
// unmapped.
func ocsf(r *auditfile.Record) any {
	at, _ := time.Parse(time.RFC3339Nano, r.LoggedAt) // a record's own, so it parses
	activity, activityName := ocsfActivity(r.Event)
	statusID, severity, severityName := ocsfOutcome(r)
	actor := actorOf(r)
	who := map[string]any{"app_name": "assay"}
	if actor.User != "" {
		who["user"] = map[string]any{"name": actor.User}
	}
	where := map[string]any{"name": "assay"}
	if actor.Host != "" {
		where["hostname"] = actor.Host
	}
	api := map[string]any{"operation": r.Event, "service": map[string]any{"name": "CXone Data Actions"}}
	if r.SessionID != "" {
		api["request"] = map[string]any{"uid": r.SessionID}
	}
	metadata := map[string]any{
		"version": ocsfVersion, "uid": r.AuditID, "sequence": r.Seq,
		"product": map[string]any{"name": "assay", "vendor_name": "assay", "version": version},
	}
	if r.RunID != "" {
		metadata["correlation_uid"] = r.RunID
	}
	event := map[string]any{
		"metadata":     metadata,
		"category_uid": ocsfCategory, "category_name": "Application Activity",
		"class_uid": ocsfClass, "class_name": "API Activity",
		"activity_id": activity, "activity_name": activityName,
		"type_uid": ocsfClass*100 + activity, "type_name": "API Activity: " + ocsfCaptions[activity],
		"time": at.UnixMilli(), "severity_id": severity, "severity": severityName,
		"status_id": statusID, "duration": r.ExecutionDurationMS,
		"actor": who, "src_endpoint": where, "api": api,
		"unmapped": r,
	}
	if r.Status != "" {
		event["status_code"] = r.Status
	}
	if r.ActionID != "" {
		event["resources"] = []any{map[string]any{"uid": r.ActionID, "type": "data action"}}
	}
	return event
}

// ocsfCaptions are the activities' names in OCSF; activity_name says more of
// others.
var ocsfCaptions = map[int]string{ocsfUpdate: "Update", ocsfDelete: "Delete", ocsfOther: "Other"}

func ocsfActivity(event string) (id int, name string) {
	switch event {
	case "deployed":
		return ocsfUpdate, ocsfCaptions[ocsfUpdate]
	case auditfile.EventPruned:
		return ocsfDelete, ocsfCaptions[ocsfDelete]
	default:
		return ocsfOther, event
	}
}

func ocsfOutcome(r *auditfile.Record) (status, severity int, name string) {
	switch {
	case r.Verdict == "fail" || r.Verdict == "error" || r.ErrorKind != "":
		return ocsfFailure, ocsfMedium, "Medium"
	case r.Verdict == "pass":
		return ocsfSuccess, ocsfInformation, "Informational"
	default:
		return ocsfUnknown, ocsfInformation, "Informational"
	}
}
