// Package auth is the built-in auth plugin: it gets bearer tokens with the
// OAuth 2.0 client credentials grant. Caching, early refresh and single flight
// are the host's; every Token call fetches anew.
//
// Start reading at Plugin.Token.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// version is what the plugin describes itself with.
const version = "0.1.0"

// what names the operation in messages.
const what = "fetch a token"

// Where grant_type travels.
const (
	inAuto  = "auto"
	inBody  = "body"
	inQuery = "query"
)

// settings are the attributes of one plugin block.
type settings struct {
	TokenURL      string       `json:"token_url"`
	ClientID      string       `json:"client_id"`
	ClientSecret  string       `json:"client_secret"`
	Scopes        []string     `json:"scopes"`
	RefreshBefore sdk.Duration `json:"refresh_before"`
	GrantIn       string       `json:"grant_in"`
	Timeout       sdk.Duration `json:"timeout"`
}

// Plugin is the auth plugin. Use New.
type Plugin struct {
	settings settings
	client   *http.Client
	// query remembers that the server takes grant_type in the query.
	query atomic.Bool
}

// New gives the plugin, not configured yet.
func New() *Plugin { return &Plugin{} }

// Describe says what the plugin is.
func (p *Plugin) Describe() sdk.Description {
	return sdk.Description{
		Name:    "auth",
		Version: version,
		Summary: "Gets bearer tokens with the OAuth 2.0 client credentials grant",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{
				Name: "token_url", Type: sdk.String, Required: true, Format: sdk.FormatURL,
				Description: "The token endpoint.",
			},
			{
				Name: "client_id", Type: sdk.String, Required: true,
				Description: "The client's id, sent with HTTP Basic.",
			},
			{
				Name: "client_secret", Type: sdk.String, Required: true, Sensitive: true,
				Description: "The client's secret, sent with HTTP Basic.",
			},
			{
				Name: "scopes", Type: sdk.List(sdk.String), Default: json.RawMessage(`[]`),
				Description: "The permissions to ask for.",
			},
			{
				Name: "refresh_before", Type: sdk.String, Format: sdk.FormatDuration, Default: json.RawMessage(`"60s"`),
				Description: "How long before its expiry a token is replaced.",
			},
			{
				Name: "grant_in", Type: sdk.String, Default: json.RawMessage(`"auto"`), Enum: []string{inAuto, inBody, inQuery},
				Description: "Where grant_type travels: the form body, the query, or the body and, should the server answer 400, the query.",
			},
			{
				Name: "timeout", Type: sdk.String, Format: sdk.FormatDuration, Default: json.RawMessage(`"10s"`),
				Description: "Limit of getting one token.",
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
	s.TokenURL = strings.TrimRight(s.TokenURL, "/")
	var problems []sdk.Problem
	if endpoint, err := url.Parse(s.TokenURL); err != nil || endpoint.Host == "" {
		problems = append(problems, sdk.Problem{Attribute: "token_url", Summary: "Invalid token URL", Detail: "token_url must be an absolute http or https URL."})
	}
	if s.Timeout <= 0 {
		problems = append(problems, sdk.Problem{Attribute: "timeout", Summary: "Invalid timeout", Detail: "timeout must be greater than zero."})
	}
	if s.RefreshBefore < 0 {
		problems = append(problems, sdk.Problem{Attribute: "refresh_before", Summary: "Invalid margin", Detail: "refresh_before must not be negative."})
	}
	if len(problems) > 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: problems}
	}
	p.settings = s
	p.client = &http.Client{Transport: newExchange(s.ClientID, s.ClientSecret), CheckRedirect: lastResponse}
	return sdk.Configured{}, nil
}

// Token fetches a new token, whichever was rejected.
//
// Servers differ in where they look for grant_type. Where the setting leaves
// it open, a 400 to the form body is followed by one request with the query,
// inside this one operation: it adapts to the server's dialect, which is the
// plugin's business, and what worked is used from then on.
func (p *Plugin) Token(ctx context.Context, _ string) (sdk.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.settings.Timeout))
	defer cancel()
	query := p.settings.GrantIn == inQuery || p.query.Load()
	token, err := p.fetch(ctx, query)
	if p.settings.GrantIn != inAuto || !isDialect(err) {
		return token, err
	}
	other, otherErr := p.fetch(ctx, !query)
	switch {
	case otherErr == nil:
		p.query.Store(!query)
		return other, nil
	case isDialect(otherErr):
		// Neither way is at fault: the first answer is to the standard form.
		return sdk.Token{}, err
	}
	return sdk.Token{}, otherErr
}

// understood are the error codes of RFC 6749 that a server gives only once it
// has read the grant type.
var understood = []string{"invalid_client", "unauthorized_client", "invalid_scope", "access_denied"}

// isDialect reports whether a refusal may be about where grant_type stood.
func isDialect(err error) bool {
	var refusal *oauth2.RetrieveError
	return errors.As(err, &refusal) &&
		refusal.Response.StatusCode == http.StatusBadRequest &&
		!slices.Contains(understood, refusal.ErrorCode)
}

// fetch makes one token request, with grant_type in the query or in the body.
func (p *Plugin) fetch(ctx context.Context, query bool) (sdk.Token, error) {
	config := clientcredentials.Config{
		ClientID:     p.settings.ClientID,
		ClientSecret: p.settings.ClientSecret,
		TokenURL:     p.settings.TokenURL,
		Scopes:       p.settings.Scopes,
		AuthStyle:    oauth2.AuthStyleInHeader,
	}
	if query {
		config.TokenURL = withGrantType(config.TokenURL)
		config.EndpointParams = url.Values{"grant_type": nil} // out of the body
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, p.client))
	if err != nil {
		return sdk.Token{}, p.failure(err)
	}
	if !httpguts.ValidHeaderFieldValue(token.AccessToken) {
		return sdk.Token{}, malformed("the access_token cannot stand in a header")
	}
	return sdk.Token{
		Value:         token.AccessToken,
		ExpiresIn:     lifetime(token.Expiry),
		RefreshBefore: time.Duration(p.settings.RefreshBefore),
	}, nil
}

// lifetime is what is left of a token; 0 where the server did not say.
func lifetime(expiry time.Time) time.Duration {
	if expiry.IsZero() {
		return 0
	}
	// The library adds whole seconds to its own clock reading a moment ago.
	return max(0, time.Until(expiry).Round(time.Second))
}

func withGrantType(tokenURL string) string {
	separator := "?"
	if strings.Contains(tokenURL, "?") {
		separator = "&"
	}
	return tokenURL + separator + "grant_type=client_credentials"
}

// failure types an error of the exchange. It takes no text of the library's,
// which may quote the answer.
func (p *Plugin) failure(err error) error {
	var attempt *sdk.Error
	var refusal *oauth2.RetrieveError
	switch {
	case errors.As(err, &attempt):
		attempt.Message = what + ": " + attempt.Message
		return attempt
	case errors.As(err, &refusal):
		return p.refused(refusal)
	}
	return malformed("the answer is no JSON with an access_token")
}

func malformed(why string) *sdk.Error {
	return &sdk.Error{Kind: sdk.Protocol, Message: what + ": " + why, Sent: true, HTTPStatus: http.StatusOK}
}

// refused is the error for an answer that tells of one.
func (p *Plugin) refused(refusal *oauth2.RetrieveError) error {
	response := &sdkhttp.Response{Status: refusal.Response.StatusCode, Header: refusal.Response.Header}
	failure := sdkhttp.FromStatus(what, response)
	failure.Cause = refusal
	code := refusal.ErrorCode
	switch {
	case response.Status == http.StatusBadRequest && code == "invalid_client":
		failure.Kind = sdk.Unauthenticated
	case response.Status == http.StatusBadRequest && slices.Contains(understood, code):
		failure.Kind = sdk.Forbidden
	case response.Status/100 == 3:
		failure.Message += "; redirects are not followed, set token_url to where the endpoint is"
	}
	if failure.Kind == sdk.Unauthenticated {
		failure.Message += ": the client's credentials were refused"
	}
	failure.Detail = p.redact(strings.TrimSpace(code + " " + refusal.ErrorDescription))
	return failure
}

// redact keeps the secret out of what the server said.
func (p *Plugin) redact(text string) string {
	for _, secret := range []string{p.settings.ClientSecret, url.QueryEscape(p.settings.ClientSecret)} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return sdkhttp.Shorten(text)
}
