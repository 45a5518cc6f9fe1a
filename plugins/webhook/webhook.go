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
	"strings"
	"sync"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/http/httpguts"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// batch is how many events one Deliver takes, and posts at the same time.
const batch = 8

// maxAnswer bounds the receiver's answer, of which only the status counts, in bytes.
const maxAnswer = 64 << 10

// settings are the attributes of one plugin block.
type settings struct {
	URL        string            `json:"url"`
	Secret     string            `json:"secret"`
	Secrets    []string          `json:"secrets"`
	Format     string            `json:"format"`
	On         []string          `json:"on"`
	WithInput  bool              `json:"include_input"`
	Timeout    sdk.Duration      `json:"timeout"`
	AllowCIDRs []string          `json:"allow_cidrs"`
	Headers    map[string]string `json:"headers"`
}

// Plugin is the webhook sink. Use New.
type Plugin struct {
	settings settings
	client   *http.Client
	signers  []signer
	format   format
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "webhook",
		Version: version,
		Summary: "Posts each ended session to an HTTP endpoint",
		Sink:    &sdk.SinkTraits{Queued: true, Batch: batch},
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{
				Name: "url", Type: sdk.String, Required: true, Format: sdk.FormatURL,
				Description: "Where events are posted.",
			},
			{
				Name: "secret", Type: sdk.String, Sensitive: true,
				Description: "The signing secret: whsec_ and base64 (HMAC-SHA256), or whsk_ and base64 (Ed25519); unset sends no signature.",
			},
			{
				Name: "secrets", Type: sdk.List(sdk.String), Default: json.RawMessage(`[]`), Sensitive: true,
				Description: "More signing secrets that are live, such as the old one while they are rotated.",
			},
			{
				Name: "format", Type: sdk.String, Default: json.RawMessage(`"generic"`),
				Enum:        slices.Sorted(maps.Keys(formats())),
				Description: "What the endpoint reads: assay's own payload, a CloudEvent, or a message for Slack or Teams.",
			},
			{
				Name: "on", Type: sdk.List(sdk.String), Default: json.RawMessage(`[]`),
				Description: "The verdicts that are posted: pass, fail, error; unset posts each session that ended, and error also those that did not.",
			},
			{
				Name: "include_input", Type: sdk.Bool, Default: json.RawMessage(`false`),
				Description: "Post the input too, sensitive paths masked; the audit log records that it is let out.",
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
		return sdk.Configured{}, &sdk.ConfigError{Problems: sdk.Undecodable(config.Attributes, func(alone json.RawMessage) error {
			return sdk.DecodeOver(&settings{}, alone)
		})}
	}
	var problems []sdk.Problem
	add := func(attribute, summary, detail string) {
		problems = append(problems, sdk.Problem{Attribute: attribute, Summary: summary, Detail: detail})
	}
	guardian := s.guardian(add)
	signers := s.signers(add)
	s.check(add)
	s.checkEndpoint(guardian, config.LocalHosts, add)
	if len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.settings, p.signers, p.format = s, signers, formats()[s.Format]
	p.client = newClient(guardian, config.LocalHosts)
	return sdk.Configured{Sink: s.policy()}, nil
}

// policy is which events the host is to deliver.
func (s *settings) policy() *sdk.SinkPolicy {
	policy := &sdk.SinkPolicy{Types: []sdk.EventType{sdk.EventSession}, Verdicts: s.On, IncludeInput: s.WithInput}
	if slices.Contains(s.On, "error") {
		policy.Types = append(policy.Types, sdk.EventNotStarted, sdk.EventNotFinished, sdk.EventRefused)
	}
	return policy
}

func (s *settings) check(add func(attribute, summary, detail string)) {
	if s.Timeout <= 0 {
		add("timeout", "Invalid timeout", "timeout must be greater than zero.")
	}
	if formats()[s.Format].render == nil {
		add("format", "Unknown format", "format must be one of "+strings.Join(slices.Sorted(maps.Keys(formats())), ", ")+".")
	}
	for _, verdict := range s.On {
		if !slices.Contains([]string{"pass", "fail", "error"}, verdict) {
			add("on", "Unknown verdict", fmt.Sprintf("%q is no verdict: use pass, fail or error.", verdict))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(s.Headers[name]) {
			add("headers", "Invalid header", fmt.Sprintf("the header %q has a name or a value that HTTP does not allow.", name))
		}
	}
}

// Deliver posts the events that the settings ask for, all at the same time;
// others have nothing to say to a receiver and are taken without a request.
func (p *Plugin) Deliver(ctx context.Context, events []sdk.Event) error {
	wanted := p.settings.policy().Types
	errs := make([]error, len(events))
	var posting sync.WaitGroup
	for i, event := range events {
		if slices.Contains(wanted, event.Type) {
			posting.Go(func() { errs[i] = p.post(ctx, event) })
		}
	}
	posting.Wait()
	return sdk.Partial(errs)
}

func (p *Plugin) post(ctx context.Context, event sdk.Event) error {
	body, err := p.format.encode(event.ID, newPayload(event))
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
	req.Header.Set("Content-Type", p.format.contentType)
	req.Header.Set("User-Agent", "assay-webhook/"+version)
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	signature, err := sign(p.signers, id, now, body)
	if err != nil {
		return nil, &sdk.Error{Kind: sdk.Internal, Message: "the event cannot be signed", Cause: err}
	}
	if signature != "" {
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	}
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
