package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTokens bounds the memory of a tenant that is asked for tokens without end.
const maxTokens = 10_000

// shortExpiry is the lifetime, in seconds, that a token claims under the fault
// expires_in_short: less than any client's margin.
const shortExpiry = 1

// tokens are the access tokens that a tenant has given out.
type tokens struct {
	settings
	now func() time.Time

	mutex sync.Mutex
	known map[string]*token
	order []string // oldest first
}

type token struct {
	scopes  []string
	expires time.Time
	uses    int // left before it is revoked; negative for no limit
}

func newTokens(s settings, now func() time.Time) *tokens {
	return &tokens{settings: s, now: now, known: map[string]*token{}}
}

// issue makes a token that can be used as often as uses says; negative for
// without limit.
func (t *tokens) issue(scopes []string, uses int) string {
	value := rand.Text() + rand.Text()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.known[value] = &token{scopes: scopes, expires: t.now().Add(t.tokenTTL), uses: uses}
	t.order = append(t.order, value)
	for len(t.order) > maxTokens {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	return value
}

// use gives the scopes of a token that is good.
func (t *tokens) use(value string) ([]string, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	found := t.known[value]
	if found == nil || found.uses == 0 || !t.now().Before(found.expires) {
		return nil, false
	}
	if found.uses > 0 {
		found.uses--
	}
	return found.scopes, true
}

// drop revokes a token.
func (t *tokens) drop(value string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	delete(t.known, value)
}

// knows reports whether the credentials are those of a client.
func (t *tokens) knows(id, secret string) bool {
	if id == "" || secret == "" {
		return false
	}
	if len(t.clients) == 0 {
		return true
	}
	want, ok := t.clients[id]
	return ok && subtle.ConstantTimeCompare([]byte(secret), []byte(want)) == 1
}

// token answers the OAuth 2.0 client-credentials grant. The grant type and the
// scope may stand in the query or in the form body, the credentials in the
// Authorization header or in the body.
func (t *tenant) token(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, unreadable(err))
		return
	}
	c := &call{Request: r, operation: opToken, body: body}
	c.struck = t.strike(c)
	answer(w, r, c.struck, func() reply { return t.grant(c) })
}

func (t *tenant) grant(c *call) reply {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return refusedGrant(http.StatusBadRequest, "invalid_request", "the body is not a form")
	}
	for name, values := range c.URL.Query() {
		if !form.Has(name) {
			form[name] = values
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		return refusedGrant(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	}
	id, secret, ok := c.BasicAuth()
	if !ok {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if !t.tokens.knows(unescape(id), unescape(secret)) {
		return refusedGrant(http.StatusUnauthorized, "invalid_client", "client authentication failed")
	}
	return t.granted(c, strings.Fields(form.Get("scope")))
}

func (t *tenant) granted(c *call, scopes []string) reply {
	uses := -1
	for _, f := range c.struck {
		if f.kind == kindRevoke {
			uses = f.uses
		}
	}
	answer := map[string]any{
		"access_token": t.tokens.issue(slices.Clone(scopes), uses),
		"token_type":   "Bearer",
		"expires_in":   int64(t.tokenTTL / time.Second),
	}
	switch {
	case c.struck.has(kindExpiresMissing):
		delete(answer, "expires_in")
	case c.struck.has(kindExpiresShort):
		answer["expires_in"] = shortExpiry
	}
	if len(scopes) > 0 {
		answer["scope"] = strings.Join(scopes, " ")
	}
	granted := document(http.StatusOK, answer)
	granted.header = http.Header{"Cache-Control": {"no-store"}}
	return granted
}

// revoke revokes a token, as RFC 7009 says: an unknown one is revoked already.
func (t *tenant) revoke(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, unreadable(err))
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		send(w, refusedGrant(http.StatusBadRequest, "invalid_request", "the body is not a form"))
		return
	}
	t.tokens.drop(form.Get("token"))
	send(w, document(http.StatusOK, map[string]any{}))
}

// unescape undoes the form encoding that OAuth 2.0 asks for inside Basic
// credentials and that not every client does.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func refusedGrant(status int, code, description string) reply {
	return document(status, map[string]string{"error": code, "error_description": description})
}
