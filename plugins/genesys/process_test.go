package genesys

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// TestConformance runs the SDK's checks on the value and on its process.
func TestConformance(t *testing.T) {
	subject := sdktest.Subject{New: func() sdk.Plugin { return New() }, Samples: sdktest.Samples{
		Operation: sdktest.Operation{
			Target: &sdktest.TargetSample{ActionID: "a", Input: json.RawMessage(`{"text":"x"}`)},
		},
		Wrong: map[string]json.RawMessage{
			"region": json.RawMessage(`"no domain"`), "base_url": json.RawMessage(`"api"`),
			"test_path": json.RawMessage(`"x"`), "test_timeout": json.RawMessage(`"-1s"`),
		},
		Peer: &sdktest.Peer{Attribute: "base_url", Answers: map[string]sdktest.Answer{
			"POST /api/v2/integrations/actions/a/test": {Body: json.RawMessage(`{"finalResult":{"text":"x"},"success":true}`)},
		}},
	}}
	sdktest.Run(t, subject)
	subject.New, subject.Command = nil, []string{os.Args[0], "serve"}
	t.Run("process", func(t *testing.T) { sdktest.Run(t, subject) })
}
