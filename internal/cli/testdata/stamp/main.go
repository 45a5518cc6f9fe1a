// Command stamp is a third party's hook plugin, for tests: it puts its mark on whatever
// passes, and keeps what it was shown in a file.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

type stamp struct {
	settings struct {
		Mark  string `json:"mark"`
		Blame string `json:"blame"`
		Crash string `json:"crash"`
	}
	workspace string
}

func (*stamp) Describe() sdk.Description {
	return sdk.Description{
		Name: "stamp", Version: "1.0.0", Summary: "Marks whatever passes.",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "mark", Type: sdk.String, Required: true, Description: "What is put on everything."},
			{Name: "blame", Type: sdk.String, Default: json.RawMessage(`""`), Description: "Failures that hold this anywhere are outages."},
			{Name: "crash", Type: sdk.String, Default: json.RawMessage(`""`), Description: "The vector before which the process ends."},
		}},
	}
}

func (s *stamp) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	s.workspace = config.Workspace
	return sdk.Configured{}, config.Decode(&s.settings)
}

func (s *stamp) Call(_ context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	if err := s.keep(name, document); err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(document, &object); err != nil {
		return nil, &sdk.Error{Kind: sdk.Invalid, Message: "no object", Cause: err}
	}
	mark := s.settings.Mark
	switch name {
	case "before_vector":
		if object["name"] == s.settings.Crash {
			fmt.Fprintln(os.Stderr, "stamp is dry")
			os.Exit(4)
		}
		input := object["input"].(map[string]any)
		input["seen"] = fmt.Sprint(input["seen"], " ", mark)
		return json.Marshal(object)
	case "classify":
		if blame := s.settings.Blame; blame != "" && strings.Contains(string(document), blame) {
			return json.Marshal(map[string]any{"category": "outage", "confidence": 0.75, "reason": mark + " says so"})
		}
	case "after_vector":
		checks := object["checks"].([]any)
		return json.Marshal([]any{map[string]any{"name": fmt.Sprintf("%s saw %d checks", mark, len(checks)), "pass": true}})
	case "on_event":
		object["session_id"] = fmt.Sprint(object["session_id"], " ", mark)
		return json.Marshal(object)
	}
	return json.RawMessage("null"), nil
}

func (s *stamp) keep(name string, document json.RawMessage) error {
	file, err := os.OpenFile(filepath.Join(s.workspace, s.settings.Mark+".txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(file, "%s %s\n", name, document); err != nil {
		return err
	}
	return file.Close()
}

func main() { sdk.Serve(new(stamp)) }
