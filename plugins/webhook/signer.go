package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// keyPrefix is that of an Ed25519 key, whose public half receivers verify with.
// Secrets for HMAC begin with whsec_.
const keyPrefix = "whsk_"

// signer signs a message for one secret, with its version before it, such as
// "v1,…".
type signer func(id string, at time.Time, body []byte) (string, error)

// howToWrite finishes a problem with a secret.
const howToWrite = "must be whsec_ and base64 as the receiver shows it, or whsk_ and the base64 of an Ed25519 key: its seed of 32 bytes, or seed and public key"

var errBadKey = errors.New("not an Ed25519 key")

func newSigner(secret string) (signer, error) {
	encoded, asymmetric := strings.CutPrefix(secret, keyPrefix)
	if !asymmetric {
		hmac, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, err
		}
		return hmac.Sign, nil
	}
	key, err := parseKey(encoded)
	if err != nil {
		return nil, err
	}
	return func(id string, at time.Time, body []byte) (string, error) {
		signature := ed25519.Sign(key, fmt.Appendf(nil, "%s.%d.%s", id, at.Unix(), body))
		return "v1a," + base64.StdEncoding.EncodeToString(signature), nil
	}, nil
}

func parseKey(encoded string) (ed25519.PrivateKey, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errBadKey
	case len(raw) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), nil
	case len(raw) == ed25519.PrivateKeySize && ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(raw)):
		return raw, nil
	}
	return nil, errBadKey
}

// signers are one for each secret that is live: while secrets are rotated,
// receivers that know either of them accept the message.
func (s *settings) signers(add func(attribute, summary, detail string)) []signer {
	var all []signer
	take := func(attribute, secret, which string) {
		signer, err := newSigner(secret)
		if err != nil {
			add(attribute, "Invalid signing secret", which+" "+howToWrite+".")
			return
		}
		all = append(all, signer)
	}
	if s.Secret != "" {
		take("secret", s.Secret, "secret")
	}
	for i, secret := range s.Secrets {
		take("secrets", secret, fmt.Sprintf("the element %d of secrets", i))
	}
	return all
}

// sign is the value of webhook-signature; empty where there is no secret.
func sign(signers []signer, id string, at time.Time, body []byte) (string, error) {
	signatures := make([]string, len(signers))
	for i, signer := range signers {
		var err error
		if signatures[i], err = signer(id, at, body); err != nil {
			return "", err
		}
	}
	return strings.Join(signatures, " "), nil
}
