// Package cxone is the built-in target plugin: it speaks the Data Action debug
// API of NICE CXone. It starts debug sessions, asks for their state, reads the
// platform's analytics and reads and deploys schema documents, one HTTP request
// an operation.
//
// Tenants differ in paths, headers, field names and status words, so each is an
// attribute of the plugin block, with the contract's value as its default.
//
// Start reading at Plugin.Submit, then at ParseSession for what a session's
// document may look like.
package cxone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// maxBody bounds an answer of the platform, in bytes.
const maxBody = 16 << 20

// Plugin is the cxone target. Use New.
type Plugin struct {
	client     *http.Client
	attributes json.RawMessage // as configured, the ground that overrides are laid on
	settings   *settings
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{client: sdkhttp.NewClient()} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "cxone",
		Version: version,
		Summary: "Runs Data Actions on NICE CXone through debug sessions",
		Schema:  schema(),
		Target: &sdk.TargetTraits{
			ActionIDPattern: uuidPattern,
			ActionIDHint:    `a UUID in its plain form, such as "a1b2c3d4-e5f6-4890-abcd-ef1234567890"`,
		},
	}
}

// Configure takes the settings and answers how the host should poll.
func (p *Plugin) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	s, err := newSettings(config.Attributes)
	if err != nil {
		return sdk.Configured{}, &sdk.ConfigError{Problems: undecodable(config.Attributes)}
	}
	if problems := s.problems(); len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.attributes, p.settings = config.Attributes, s
	return sdk.Configured{Poll: s.Poll.policy()}, nil
}

// request is one HTTP request to the tenant.
type request struct {
	what    string // the operation, for messages
	method  string
	path    string // under the base URL, escaped, with its query
	token   string
	body    []byte // JSON; nil for none
	timeout time.Duration
	headers map[string]string
}

// do makes one attempt. Its errors are of transport; a status is the caller's.
func (p *Plugin) do(ctx context.Context, s *settings, r request) (*sdkhttp.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, s.BaseURL+r.path, bytes.NewReader(r.body))
	if err != nil {
		// The error quotes the URL, in which a password may stand.
		return nil, &sdk.Error{Kind: sdk.Invalid, Message: "base_url and the path of the operation do not make a URL"}
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	if r.token != "" {
		req.Header.Set(s.AuthorizationHeader, "Bearer "+r.token)
	}
	req.Header.Set("Accept", "application/json")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	response, err := sdkhttp.Do(p.client, req, maxBody)
	if err != nil {
		return nil, named(err, r)
	}
	if !response.IsSuccess() && r.token != "" {
		// What a refusal says is told to people; the peer may have echoed the token.
		response.Body = bytes.ReplaceAll(response.Body, []byte(r.token), []byte("[token]"))
	}
	return response, nil
}

// named puts the operation in front of a transport error's message.
func named(err error, r request) error {
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		return err
	}
	failure.Message = r.what + ": " + failure.Message
	if failure.Kind == sdk.Timeout {
		failure.Message += fmt.Sprintf(" (the limit of this request is %s)", r.timeout)
	}
	return failure
}

// refused is the error for an answer that is not a success.
func refused(what string, response *sdkhttp.Response) *sdk.Error {
	failure := sdkhttp.Refused(what, response)
	if response.Status/100 == 3 {
		failure.Message += ", set base_url to where the API is"
	}
	return failure
}
