// Package genesys is the built-in target plugin for the data actions of Genesys
// Cloud. The platform tests an action synchronously: one request runs it, for
// real, and answers how each of its operations went. So Submit answers an
// execution at once, and there is nothing to poll.
//
// Start reading at Plugin.Submit, then at parseExecution for what an answer
// becomes.
package genesys

import (
	"context"
	"net/http"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// Plugin is the genesys target. Use New. The platform has no analytics of
// single actions, and deploys contracts only together with what an action does,
// so these operations are not supported.
type Plugin struct {
	sdk.UnsupportedTarget

	client   *http.Client
	settings *settings
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{client: sdkhttp.NewClient()} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "genesys",
		Version: version,
		Summary: "Runs data actions on Genesys Cloud through their test",
		Schema:  schema(),
		Target: &sdk.TargetTraits{
			ActionIDPattern: `[0-9A-Za-z][0-9A-Za-z._-]{0,255}`,
			ActionIDHint:    `an action's id, such as "custom_-_a1b2c3d4-e5f6-4890-abcd-ef1234567890"`,
		},
	}
}

// Configure takes the settings.
func (p *Plugin) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	s, err := newSettings(config.Attributes)
	if err != nil {
		return sdk.Configured{}, &sdk.ConfigError{Problems: undecodable(config.Attributes)}
	}
	if problems := s.problems(); len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.settings = s
	return sdk.Configured{}, nil
}
