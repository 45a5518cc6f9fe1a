package result

import (
	"encoding/json"
	"fmt"
)

// Status is a verdict. Statuses are ordered by how much they matter, so that
// the status of many is the greatest of theirs.
type Status int

// The statuses. Fail means that an assertion is false, Errored that we could
// not tell.
const (
	Skip Status = iota
	Pass
	Warn
	Fail
	Errored
)

var statusNames = [...]string{Skip: "skip", Pass: "pass", Warn: "warn", Fail: "fail", Errored: "error"}

func (s Status) String() string { return statusNames[s] }

// MarshalJSON writes the status as its word.
func (s Status) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads a status from its word.
func (s *Status) UnmarshalJSON(data []byte) error {
	var word string
	if err := json.Unmarshal(data, &word); err != nil {
		return err
	}
	for i, name := range statusNames {
		if name == word {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q", word)
}
