package auditfile

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// SignerName is the name with which verifier keys begin; it names the signer in checkpoints.
const SignerName = "assay-audit"

// shortestKey is how long a secret must be, in bytes.
const shortestKey = 32

// ErrKey says that a log cannot be written with the key at hand.
var ErrKey = errors.New("the log's key")

// Key is what a secret gives: a signature key for checkpoints and a key
// for hashes of inputs.
type Key struct {
	Public string // the verifier key, as package note writes it
	signer note.Signer
	hmac   []byte
}

// NewKey derives the keys from a secret of at least 32 bytes.
func NewKey(secret string) (*Key, error) {
	if len(secret) < shortestKey {
		return nil, fmt.Errorf("%w has %d bytes; give it at least %d, such as the output of openssl rand -base64 32", ErrKey, len(secret), shortestKey)
	}
	seed, err := hkdf.Key(sha256.New, []byte(secret), nil, "assay audit checkpoint signature", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, []byte(secret), nil, "assay audit input hmac", sha256.Size)
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, err := note.NewEd25519VerifierKey(SignerName, private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	const ed25519Algorithm = 1
	encoded := base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, seed...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", SignerName, KeyID(public), encoded))
	if err != nil {
		return nil, err
	}
	return &Key{Public: public, signer: signer, hmac: mac}, nil
}

// KeyID is the short hash that a verifier key carries, in hex.
func KeyID(public string) string {
	_, rest, _ := strings.Cut(public, "+")
	id, _, _ := strings.Cut(rest, "+")
	return id
}

// VerifierKey is the public key that belongs to a secret.
func VerifierKey(secret string) (string, error) {
	key, err := NewKey(secret)
	if err != nil {
		return "", err
	}
	return key.Public, nil
}

// HMAC is the keyed hash of an input's hash, in hex, and the key's id. Nobody
// without the key can tell by it which input that was, by trying.
func (k *Key) HMAC(inputHash string) (sum, id string) {
	mac := hmac.New(sha256.New, k.hmac)
	mac.Write([]byte(inputHash))
	return hex.EncodeToString(mac.Sum(nil)), KeyID(k.Public)
}
