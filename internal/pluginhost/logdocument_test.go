package pluginhost

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

func TestLongDocumentsAreShortened(t *testing.T) {
	long := logged(&pluginv1.CallRequest{Name: "x", Document: []byte(`["` + strings.Repeat(`a","`, 1000) + `"]`)})
	if len(long) > maxLogged+30 || !strings.Contains(long, "… (") {
		t.Errorf("got %d bytes: %s", len(long), long)
	}
}

// FuzzLogged finds texts that show where they must not.
func FuzzLogged(f *testing.F) {
	f.Add([]byte(`{"status":"COMPLETED","output":{"status":"canary"},"trace":[{"step_id":"s"}]}`))
	f.Add([]byte(`"canary"`))
	f.Add([]byte(`{"input":{"canary@example.com":1}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		wrapped, err := json.Marshal(map[string]any{"input": json.RawMessage(document), "message": string(document)})
		if err != nil {
			return
		}
		text := logged(&pluginv1.PollResponse{Status: "RUNNING", Execution: wrapped})
		if !strings.Contains(text, "RUNNING") && len(text) <= maxLogged {
			t.Errorf("got %s", text)
		}
		if strings.Contains(string(document), `"canary"`) && strings.Contains(text, `"canary"`) && !strings.Contains(string(document), `"canary":`) {
			t.Errorf("the canary is in %s", text)
		}
		logged(&pluginv1.CallResponse{Document: document})
	})
}
