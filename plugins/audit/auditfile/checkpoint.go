package auditfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// originPrefix begins the name of every log; a UUID of its own follows.
const originPrefix = "assay-audit/"

// Checkpoint is what a writer signed: that the log with this many records has
// this root.
type Checkpoint struct {
	Origin string    // the log's name
	Size   int64     // how many records
	Root   tlog.Hash // of the tree over them
	Time   time.Time // when it was signed, in UTC
	Note   string    // the signed text
}

// NewOrigin is a name for a new log.
func NewOrigin() string { return originPrefix + uuid.NewString() }

// Sign makes a checkpoint, as https://c2sp.org/tlog-checkpoint has it, with
// the time as an extension line.
func (k *Key) Sign(origin string, tree *Tree, at time.Time) (Checkpoint, error) {
	c := Checkpoint{Origin: origin, Size: tree.Size, Root: tree.Root(), Time: at.UTC().Truncate(time.Millisecond)}
	text := fmt.Sprintf("%s\n%d\n%s\n%s\n", c.Origin, c.Size, c.Root, c.Time.Format(time.RFC3339Nano))
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	c.Note = string(signed)
	return c, err
}

// OpenCheckpoint checks a signed checkpoint with a verifier key and reads it.
func OpenCheckpoint(signed, public string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the verifier key cannot be read: %w", err)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("not signed by key %s: %w", KeyID(public), err)
	}
	return parseCheckpoint(signed, opened.Text)
}

// UncheckedCheckpoint reads a signed checkpoint without its signature; the zero
// Checkpoint where it is none.
func UncheckedCheckpoint(signed string) Checkpoint {
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := parseCheckpoint(signed, text+"\n")
	if err != nil {
		return Checkpoint{}
	}
	return c
}

func parseCheckpoint(signed, text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], originPrefix) {
		return Checkpoint{}, fmt.Errorf("not a checkpoint of an audit log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, fmt.Errorf("the checkpoint's size is not a number")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's root: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, lines[3])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's time: %w", err)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root, Time: at, Note: signed}, nil
}
