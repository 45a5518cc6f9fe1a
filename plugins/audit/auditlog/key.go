package auditlog

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// SignerName is the name with which verifier keys begin; it names the signer in checkpoints.
const SignerName = "assay-audit"

// shortestKey is how long a secret must be, in bytes.
const shortestKey = 32

// ErrKey says that a log cannot be written with the key at hand.
var ErrKey = errors.New("the log's key")

// signingKey is what a secret gives: a signature key for checkpoints and a key
// for hashes of inputs.
type signingKey struct {
	signer note.Signer
	public string // the verifier key, as package note writes it
	hmac   []byte
}

// newKey derives the keys from a secret of at least 32 bytes.
func newKey(secret string) (*signingKey, error) {
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
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", SignerName, keyID(public), encoded))
	if err != nil {
		return nil, err
	}
	return &signingKey{signer: signer, public: public, hmac: mac}, nil
}

// keyID is the short hash that a verifier key carries, in hex.
func keyID(public string) string {
	_, rest, _ := strings.Cut(public, "+")
	id, _, _ := strings.Cut(rest, "+")
	return id
}

// VerifierKey is the public key that belongs to a secret.
func VerifierKey(secret string) (string, error) {
	key, err := newKey(secret)
	if err != nil {
		return "", err
	}
	return key.public, nil
}

// HMAC is the keyed hash of an input's hash, in hex, and the key's id. Nobody
// without the key can tell by it which input that was, by trying.
func (l *Log) HMAC(inputHash string) (sum, id string) {
	mac := hmac.New(sha256.New, l.key.hmac)
	mac.Write([]byte(inputHash))
	return hex.EncodeToString(mac.Sum(nil)), keyID(l.key.public)
}

// takeKey derives the key from the secret that was given, from the folder's
// own, or from a new one in a folder that has no log yet.
func takeKey(folder *os.Root, secret string) (*signingKey, error) {
	known, err := readText(folder, publicName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if secret == "" {
		if secret, err = ownSecret(folder, known != ""); err != nil {
			return nil, err
		}
	}
	key, err := newKey(secret)
	if err != nil {
		return nil, err
	}
	if known == "" {
		return key, writeNew(folder, publicName, key.public+"\n")
	}
	if known != key.public {
		return nil, fmt.Errorf("%w has the id %s, and the log was begun with %s: give the former key, or set path to a folder without a log", ErrKey, keyID(key.public), keyID(known))
	}
	return key, nil
}

// ownSecret reads the folder's secret, or makes it.
func ownSecret(folder *os.Root, begun bool) (string, error) {
	secret, err := readText(folder, keyName)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if begun {
		return "", fmt.Errorf("%w is not in its folder (the file %s) and none was given: set key, restore the file, or set path to a folder without a log", ErrKey, keyName)
	}
	random := make([]byte, shortestKey)
	_, _ = rand.Read(random) // does not fail
	secret = base64.StdEncoding.EncodeToString(random)
	return secret, writeNew(folder, keyName, secret+"\n")
}

// readText reads a small file's first line.
func readText(folder *os.Root, name string) (string, error) {
	content, err := folder.ReadFile(name)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line), err
}

// writeNew writes a file whole or not at all.
func writeNew(folder *os.Root, name, content string) error {
	temporary := name + ".new"
	file, err := folder.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = folder.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(folder.Remove(temporary)))
	}
	return syncFolder(folder)
}
