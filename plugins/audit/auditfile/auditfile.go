// Package auditfile says what the files of an audit log hold: JSON lines in
// segments, under a Merkle tree whose root is signed after every write.
//
// A log is a folder:
//
//	audit-SEQ-DAY.jsonl  the records; SEQ is the first one's number, DAY is in UTC
//	hashes               the tree's hashes, as golang.org/x/mod/sumdb/tlog numbers them
//	journal              the last writes, each with its signed checkpoint
//	key, key.pub         the secret that signs, where none was given, and its verifier key
//	quarantine-HASH.txt  what stood in the log and no writer had committed
//
// Package auditlog writes them, package auditread reads and verifies them.
// Start reading at Record, then at Frame, Tree and Checkpoint.
package auditfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// The files that every log has.
const (
	JournalName = "journal"
	HashesName  = "hashes"
	PublicName  = "key.pub"
)

// LongestLine bounds a record's line, in bytes.
const LongestLine = 256 << 10

// AlteredError says that the log is not what its writers left: they do not
// write on.
type AlteredError struct{ What string }

func (e *AlteredError) Error() string {
	return "the log has been altered: " + e.What
}

// Altered makes an *AlteredError.
func Altered(format string, args ...any) error {
	return &AlteredError{What: fmt.Sprintf(format, args...)}
}

// SegmentName is the name of the segment that begins with a record on a day.
func SegmentName(first int64, day time.Time) string {
	return fmt.Sprintf("audit-%012d-%s.jsonl", first, day.UTC().Format("20060102"))
}

// ParseSegmentName answers the first record's number and the day in a
// segment's name; ok is false where it is not a segment's.
func ParseSegmentName(name string) (first int64, day string, ok bool) {
	if _, err := fmt.Sscanf(name, "audit-%012d-%8s.jsonl", &first, &day); err != nil || first < 0 {
		return 0, "", false
	}
	at, err := time.Parse("20060102", day)
	return first, day, err == nil && SegmentName(first, at) == name
}

// ReadLine reads a small file's first line.
func ReadLine(folder *os.Root, name string) (string, error) {
	content, err := folder.ReadFile(name)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line), err
}

// IgnoreMissing makes nothing of the error that a file is not there.
func IgnoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
