package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/sdk"
)

// everyRecord is a record of each kind of event, with nothing but what all
// have, and with whatever some have.
func everyRecord() []auditfile.Record {
	var records []auditfile.Record
	for _, event := range []sdk.EventType{
		sdk.EventSession, sdk.EventNotStarted, sdk.EventNotFinished, sdk.EventDeliveryGivenUp, sdk.EventRunStarted, sdk.EventRunEnded,
		sdk.EventSubmitting, sdk.EventRefused, sdk.EventOptIn, sdk.EventDevPlugin, sdk.EventDeploying, sdk.EventDeployed, sdk.EventPruned,
		auditfile.EventQuarantined, auditfile.EventRestored,
	} {
		records = append(records, auditfile.Record{AuditID: uuid.NewString(), Event: string(event)}, auditfile.Record{
			AuditID: uuid.NewString(), Event: string(event), RunID: uuid.NewString(), Suite: "s", Vector: "v", SessionID: "s-1",
			ActionID: actionID, InputHash: strings.Repeat("ab", 32), Status: "FAILED", Verdict: "fail", ErrorKind: "timeout", HTTPStatus: 504,
			ExecutionDurationMS: 12, Actor: &auditfile.Actor{User: "ann", Host: "build-7"}, Command: "run", Count: 3,
		}, auditfile.Record{AuditID: uuid.NewString(), Event: string(event), Status: "COMPLETED", Verdict: "pass"})
	}
	return records
}

// Every event that is exported is one of OCSF's, by its own schema: all that
// is required is there, nothing else but what it knows, with its numbers.
func TestExportIsOCSF(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("testdata/ocsf/api_activity-1.3.0.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := auditlog.Open(t.Context(), auditlog.Options{Workspace: dir, Path: ".", RetentionDays: 90})
	if err != nil {
		t.Fatal(err)
	}
	records := everyRecord()
	if err := log.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	out := run(t, dir, nil, "audit", "export", "--format", "ocsf")
	assertOutcome(t, out, 0)
	exported := 0
	for line := range strings.Lines(out.stdout) {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s\n%v", line, err)
		}
		var event struct {
			Class    int64  `json:"class_uid"`
			Activity int64  `json:"activity_id"`
			Type     int64  `json:"type_uid"`
			TypeName string `json:"type_name"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		names := map[int64]string{3: "Update", 4: "Delete", 99: "Other"}
		if event.Type != event.Class*100+event.Activity || event.TypeName != "API Activity: "+names[event.Activity] {
			t.Errorf("type %d, %q of class %d and activity %d", event.Type, event.TypeName, event.Class, event.Activity)
		}
		exported++
	}
	if exported != len(records) {
		t.Errorf("%d events of %d records", exported, len(records))
	}
}
