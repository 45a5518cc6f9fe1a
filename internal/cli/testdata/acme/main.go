// Command acme is a third party's plugin, for tests: a sink whose version and behaviour
// are set when it is built.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/assay-cx/assay/plugins/sdk"
)

// version is set by the linker.
var version = "1.0.0"

type acme struct {
	settings struct {
		File string `json:"file"`
	}
	workspace string
}

func (*acme) Describe() sdk.Description {
	return sdk.Description{
		Name: "acme", Version: version, Summary: "Keeps the vectors' names in a file.",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "file", Type: sdk.String, Required: true, Description: "Where the names go."},
		}},
		Sink: &sdk.SinkTraits{Required: true},
	}
}

func (a *acme) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	a.workspace = config.Workspace
	return sdk.Configured{}, config.Decode(&a.settings)
}

func (a *acme) Deliver(_ context.Context, events []sdk.Event) error {
	file, err := os.OpenFile(filepath.Join(a.workspace, a.settings.File), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, event := range events {
		if _, err := file.WriteString(version + " " + string(event.Type) + " " + event.Vector + "\n"); err != nil {
			return err
		}
	}
	return file.Close()
}

func main() { sdk.Serve(new(acme)) }
