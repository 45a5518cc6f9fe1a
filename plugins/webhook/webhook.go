// Package webhook is the built-in sink that posts each ended session to an
// HTTP endpoint, signed after the Standard Webhooks specification. The host
// queues events and delivers them at least once; receivers tell repetitions by
// the webhook-id header.
//
// Start reading at Plugin.Deliver.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/http/httpguts"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// maxAnswer bounds the receiver's answer, of which only the status counts, in bytes.
const maxAnswer = 64 << 10

// settings are the attributes of one plugin block.
type settings struct {
	URL        string            `json:"url"`
	Secret     string            `json:"secret"`
	Timeout    sdk.Duration      `json:"timeout"`
	AllowCIDRs []string          `json:"allow_cidrs"`
	Headers    map[string]string `json:"headers"`
}

// Plugin is the webhook sink. Use New.
type Plugin struct {
	settings settings
	client   *http.Client
	signer   *standardwebhooks.Webhook // nil where there is no secret
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "webhook",
		Version: version,
		Summary: "Posts each ended session to an HTTP endpoint",
		Sink:    &sdk.SinkTraits{Queued: true},
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{
				Name: "url", Type: sdk.String, Required: true, Format: sdk.FormatURL,
				Description: "Where events are posted.",
			},
			{
				Name: "secret", Type: sdk.String, Sensitive: true,
				Description: "The signing secret, whsec_ and base64; unset sends no signature.",
			},
			{
				Name: "timeout", Type: sdk.String, Format: sdk.FormatDuration, Default: json.RawMessage(`"5s"`),
				Description: "Limit of one delivery.",
			},
			{
				Name: "allow_cidrs", Type: sdk.List(sdk.String), Default: json.RawMessage(`[]`),
				Description: "Private, loopback or link-local networks that the endpoint may be in; the suite's own mocks always may.",
			},
			{
				Name: "headers", Type: sdk.Map(sdk.String), Default: json.RawMessage(`{}`), Sensitive: true,
				Description: "More headers of every request.",
			},
		}},
	}
}

// Configure takes the settings.
func (p *Plugin) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	var s settings
	if err := config.Decode(&s); err != nil {
		// The decoder may quote a value, which may be the secret.
		return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{
			Summary: "Wrong settings", Detail: `the settings do not decode: a duration must be written such as "1m30s".`,
		}}}
	}
	var problems []sdk.Problem
	add := func(attribute, summary, detail string) {
		problems = append(problems, sdk.Problem{Attribute: attribute, Summary: summary, Detail: detail})
	}
	guardian := s.guardian(add)
	signer := s.signer(add)
	s.check(add)
	s.checkEndpoint(guardian, config.LocalHosts, add)
	if len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.settings, p.signer = s, signer
	p.client = newClient(guardian, config.LocalHosts)
	return sdk.Configured{}, nil
}

// signer is nil where there is no secret.
func (s *settings) signer(add func(attribute, summary, detail string)) *standardwebhooks.Webhook {
	if s.Secret == "" {
		return nil
	}
	signer, err := standardwebhooks.NewWebhook(s.Secret)
	if err != nil {
		add("secret", "Invalid signing secret", "secret must be whsec_ followed by base64, as the receiver shows it.")
	}
	return signer
}

func (s *settings) check(add func(attribute, summary, detail string)) {
	if s.Timeout <= 0 {
		add("timeout", "Invalid timeout", "timeout must be greater than zero.")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(s.Headers[name]) {
			add("headers", "Invalid header", fmt.Sprintf("the header %q has a name or a value that HTTP does not allow.", name))
		}
	}
}

// Deliver posts the events of sessions that ended; others have nothing to say
// to a receiver and are taken without a request. Where one of several fails,
// those before it are delivered again later, under the same id.
func (p *Plugin) Deliver(ctx context.Context, events []sdk.Event) error {
	for _, event := range events {
		if event.Type != sdk.EventSession {
			continue
		}
		if err := p.post(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plugin) post(ctx context.Context, event sdk.Event) error {
	body, err := encode(event)
	if err != nil {
		return &sdk.Error{Kind: sdk.Internal, Message: "the event does not encode", Cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.settings.Timeout))
	defer cancel()
	req, err := p.request(ctx, event.ID, body)
	if err != nil {
		return err
	}
	response, err := sdkhttp.Do(p.client, req, maxAnswer)
	if err != nil {
		return explained(err)
	}
	if response.Status/100 == 2 {
		return nil
	}
	return refused(response)
}

func (p *Plugin) request(ctx context.Context, id string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.settings.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &sdk.Error{Kind: sdk.Invalid, Message: "the webhook's url is not a URL"}
	}
	for name, value := range p.settings.Headers {
		req.Header.Set(name, value)
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "assay-webhook/"+version)
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if p.signer == nil {
		return req, nil
	}
	signature, err := p.signer.Sign(id, now, body)
	if err != nil {
		return nil, &sdk.Error{Kind: sdk.Internal, Message: "the event cannot be signed", Cause: err}
	}
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return req, nil
}

// explained says what to do about an address that the guard refused.
func explained(err error) error {
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		return err
	}
	if errors.Is(failure.Cause, ssrf.ErrProhibitedIP) {
		failure.Kind = sdk.Invalid
		failure.Message = "the webhook's host has a private, loopback, link-local or metadata address: " + howToAllow
		return failure
	}
	failure.Message = "deliver the webhook: " + failure.Message
	return failure
}

// refused is the error for an answer that is not a success. It quotes nothing
// of the answer: what a receiver says of an event may repeat the event.
func refused(response *sdkhttp.Response) error {
	failure := sdkhttp.FromStatus("deliver the webhook", response)
	failure.Detail = ""
	switch {
	case response.Status/100 == 3:
		failure.Message += "; redirects are not followed, set url to where the endpoint is"
	case response.Status == http.StatusGone:
		failure.Message += ": the receiver wants no more events"
	}
	return failure
}
