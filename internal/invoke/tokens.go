package invoke

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Tokens caches the token of one auth plugin: fetched once however many ask
// at the same time, and anew before it expires or when a peer refused it.
type Tokens struct {
	fetch func(ctx context.Context, rejected string) (sdk.Token, error)
	// seen is told each new token before anyone uses it.
	seen func(token string)

	flight singleflight.Group

	mu        sync.Mutex
	current   string
	refreshAt time.Time // zero: until a peer refuses it
	rejected  string
	accepted  bool      // a peer knew the current one
	replaced  time.Time // when the current one came in place of one that a peer refused
	refused   error     // a sign-in that was refused: it will be again …
	retryAt   time.Time // … until then
}

// refusalHold is how long a refused sign-in is not tried again. A run's vectors
// need not all hear it from the platform; a monitor must notice that it ended.
const refusalHold = time.Minute

// fresh is how long a token that came in place of a refused one, and that no
// peer ever knew, is as good as the next would be.
const fresh = 30 * time.Second

// NewTokens builds a cache over fetch. seen is told each new token before
// anyone uses it, so that it can be kept out of what the run prints.
func NewTokens(fetch func(ctx context.Context, rejected string) (sdk.Token, error), seen func(token string)) *Tokens {
	return &Tokens{fetch: fetch, seen: seen}
}

// Do calls with a token. Where the peer answers that it does not know the
// caller, the token is fetched anew and the call repeated, once; not where that
// has just been done, in vain, for another call.
func (t *Tokens) Do(ctx context.Context, call func(token string) error) error {
	token, err := t.get(ctx)
	if err != nil {
		return err
	}
	if err = call(token); !errors.Is(err, sdk.Unauthenticated) {
		t.accept(token)
		return err
	}
	if t.reject(token) {
		if token, err = t.get(ctx); err != nil {
			return err
		}
		if err = call(token); !errors.Is(err, sdk.Unauthenticated) {
			t.accept(token)
		}
	}
	if errors.Is(err, sdk.Unauthenticated) {
		return fmt.Errorf("a token fetched just now was refused as well: the client is known to the token endpoint, "+
			"but lacks a scope or is meant for another tenant: %w", err)
	}
	return err
}

// accept notes that a peer knows a token.
func (t *Tokens) accept(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepted = t.accepted || t.current == token
}

// reject makes the next call fetch another token. It answers whether that can
// be of use.
func (t *Tokens) reject(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != token {
		return true // there is another already
	}
	if !t.accepted && time.Since(t.replaced) < fresh {
		return false
	}
	t.current, t.rejected = "", token
	return true
}

// cached answers the token that may still be used, or "" and which token a
// peer refused.
func (t *Tokens) cached() (token, rejected string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused != nil && time.Now().Before(t.retryAt) {
		return "", "", t.refused
	}
	if t.current != "" && (t.refreshAt.IsZero() || time.Now().Before(t.refreshAt)) {
		return t.current, "", nil
	}
	return "", t.rejected, nil
}

func (t *Tokens) get(ctx context.Context) (string, error) {
	if token, _, err := t.cached(); token != "" || err != nil {
		return token, err
	}
	// The fetch serves everyone who waits for it, so it outlives whoever came
	// first. It only does not wait longer than that one would.
	shared := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		shared = context.WithValue(shared, waitsEnd{}, deadline)
	}
	answer := t.flight.DoChan("", func() (any, error) { return t.refresh(shared) })
	select {
	case got := <-answer:
		if got.Err != nil {
			return "", got.Err
		}
		return got.Val.(string), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (t *Tokens) refresh(ctx context.Context) (string, error) {
	token, rejected, err := t.cached()
	if token != "" || err != nil {
		return token, err // somebody else's fetch ended between our look and our flight
	}
	fetched, err := t.fetch(ctx, rejected)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if errors.Is(err, sdk.Unauthenticated) || errors.Is(err, sdk.Forbidden) {
			t.refused, t.retryAt = err, time.Now().Add(refusalHold)
		}
		return "", err
	}
	t.refused = nil
	t.seen(fetched.Value)
	if rejected != "" {
		t.replaced = time.Now()
	}
	t.current, t.rejected, t.accepted = fetched.Value, "", false
	t.refreshAt = refreshTime(fetched, time.Now())
	return fetched.Value, nil
}

// refreshTime is when to fetch the next token. A margin longer than the
// token's life would fetch one for every call: then half the life serves.
func refreshTime(token sdk.Token, now time.Time) time.Time {
	switch {
	case token.ExpiresIn <= 0:
		return time.Time{}
	case token.RefreshBefore >= token.ExpiresIn:
		return now.Add(token.ExpiresIn / 2)
	default:
		return now.Add(token.ExpiresIn - token.RefreshBefore)
	}
}
