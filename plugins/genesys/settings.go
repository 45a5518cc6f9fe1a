package genesys

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
)

// settings are the attributes of one plugin block.
type settings struct {
	Region        string       `json:"region"`
	BaseURL       string       `json:"base_url"`
	Draft         bool         `json:"draft"`
	TestPath      string       `json:"test_path"`
	DraftTestPath string       `json:"draft_test_path"`
	TestTimeout   sdk.Duration `json:"test_timeout"`
}

// defaults are the public API's. The platform gives an action at most a minute,
// which is also what the host gives an attempt: this limit is just below.
func defaults() *settings {
	return &settings{
		TestPath:      "/api/v2/integrations/actions/{actionId}/test",
		DraftTestPath: "/api/v2/integrations/actions/{actionId}/draft/test",
		TestTimeout:   sdk.Duration(55 * time.Second),
	}
}

// schema is the attributes of the plugin block.
func schema() sdk.Schema {
	d := defaults()
	return sdk.Schema{Attributes: []sdk.Attribute{
		{
			Name: "region", Type: sdk.String,
			Description: "The domain of the organization's region, such as mypurecloud.de; the API is at https://api.REGION. Either this or base_url is required.",
		},
		{
			Name: "base_url", Type: sdk.String, Format: sdk.FormatURL,
			Description: "The API's base URL, in place of region.",
		},
		{
			Name: "draft", Type: sdk.Bool, Default: value(d.Draft),
			Description: "Whether actions' drafts run, in place of what is published.",
		},
		{
			Name: "test_path", Type: sdk.String, Default: value(d.TestPath),
			Description: "Where an action is tested.",
		},
		{
			Name: "draft_test_path", Type: sdk.String, Default: value(d.DraftTestPath),
			Description: "Where an action's draft is tested.",
		},
		{
			Name: "test_timeout", Type: sdk.String, Format: sdk.FormatDuration, Default: value(d.TestTimeout),
			Description: "Limit of one test, the action's own time included.",
		},
	}}
}

// value writes a default as JSON. The defaults are of types that always marshal.
func value(preset any) json.RawMessage {
	encoded, err := json.Marshal(preset)
	if err != nil {
		panic(err)
	}
	return encoded
}

// newSettings lays layers of attributes over the defaults, each over those
// before it. Unknown keys are refused.
func newSettings(layers ...json.RawMessage) (*settings, error) {
	s := defaults()
	if err := sdk.DecodeOver(s, layers...); err != nil {
		return nil, err
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	return s, nil
}

// undecodable are the attributes of a layer that newSettings cannot decode.
func undecodable(layer json.RawMessage) []sdk.Problem {
	return sdk.Undecodable(layer, func(alone json.RawMessage) error {
		_, err := newSettings(alone)
		return err
	})
}

var domain = regexp.MustCompile(`^[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)+$`)

// problems are everything wrong with the settings, at once.
func (s *settings) problems() []sdk.Problem {
	var found []sdk.Problem
	add := func(attribute, summary, format string, args ...any) {
		found = append(found, sdk.Problem{Attribute: attribute, Summary: summary, Detail: fmt.Sprintf(format, args...)})
	}
	base, err := url.Parse(s.BaseURL)
	switch {
	case s.Region == "" && s.BaseURL == "":
		add("region", "Region is missing", `region must name the organization's region, such as "mypurecloud.de", or base_url the API.`)
	case s.Region != "" && s.BaseURL != "":
		add("region", "Region and base URL", "region and base_url both say where the API is. Remove one of them.")
	case s.Region != "" && !domain.MatchString(s.Region):
		add("region", "Invalid region", `region is %q; it must be a domain without scheme and path, such as "mypurecloud.de".`, s.Region)
	case s.Region == "" && (err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != ""):
		add("base_url", "Invalid base URL", "base_url must be an absolute http or https URL without query and fragment.")
	}
	for _, path := range []struct{ attribute, path string }{{"test_path", s.TestPath}, {"draft_test_path", s.DraftTestPath}} {
		if !strings.HasPrefix(path.path, "/") || !strings.Contains(path.path, "{actionId}") {
			add(path.attribute, "Invalid path", `%s must start with "/" and hold {actionId}.`, path.attribute)
		}
	}
	if s.TestTimeout <= 0 {
		add("test_timeout", "Invalid timeout", "test_timeout must be greater than zero.")
	}
	return found
}

// testURL is where an action is tested.
func (s *settings) testURL(actionID string) string {
	base, path := s.BaseURL, s.TestPath
	if s.Region != "" {
		base = "https://api." + s.Region
	}
	if s.Draft {
		path = s.DraftTestPath
	}
	return base + strings.ReplaceAll(path, "{actionId}", url.PathEscape(actionID))
}
