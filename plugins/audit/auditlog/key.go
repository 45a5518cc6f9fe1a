package auditlog

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// keyName is the file of the log's own secret.
const keyName = "key"

// secretBytes is how many random bytes that has.
const secretBytes = 32

// HMAC is the keyed hash of an input's hash, in hex, and the key's id. Nobody
// without the key can tell by it which input that was, by trying.
func (l *Log) HMAC(inputHash string) (sum, id string) { return l.key.HMAC(inputHash) }

// takeKey derives the key from the secret that was given, from the folder's
// own, or from a new one in a folder that has no log yet.
func takeKey(folder *os.Root, secret string) (*auditfile.Key, error) {
	known, err := auditfile.ReadLine(folder, auditfile.PublicName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if secret == "" {
		if secret, err = ownSecret(folder, known != ""); err != nil {
			return nil, err
		}
	}
	key, err := auditfile.NewKey(secret)
	if err != nil {
		return nil, err
	}
	if known == "" {
		return key, writeNew(folder, auditfile.PublicName, key.Public+"\n")
	}
	if known != key.Public {
		return nil, fmt.Errorf("%w has the id %s, and the log was begun with %s: give the former key, or set path to a folder without a log", auditfile.ErrKey, auditfile.KeyID(key.Public), auditfile.KeyID(known))
	}
	return key, nil
}

// ownSecret reads the folder's secret, or makes it.
func ownSecret(folder *os.Root, begun bool) (string, error) {
	secret, err := auditfile.ReadLine(folder, keyName)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if begun {
		return "", fmt.Errorf("%w is not in its folder (the file %s) and none was given: set key, restore the file, or set path to a folder without a log", auditfile.ErrKey, keyName)
	}
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // does not fail
	secret = base64.StdEncoding.EncodeToString(random)
	return secret, writeNew(folder, keyName, secret+"\n")
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
		return errors.Join(err, auditfile.IgnoreMissing(folder.Remove(temporary)))
	}
	return syncFolder(folder)
}
