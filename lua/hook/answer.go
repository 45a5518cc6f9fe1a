package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// hooks are the functions that a suite's scripts may define, by name.
var hooks = map[string]struct {
	attribute string // the setting that names its script
	// check looks at what it answered, and gives what the host is told.
	check func(answer json.RawMessage) (json.RawMessage, error)
}{
	"classify":      {"classifier", checkClassification},
	"before_vector": {"hooks", checkVector},
	"after_vector":  {"hooks", checkChecks},
	"on_event":      {"hooks", checkEvent},
}

// categories are what a failure may be.
var categories = []string{
	"outage", "timeout", "rate_limited", "auth", "logic_fault", "invalid_input", "schema_mismatch", "unknown",
}

// defaultConfidence is that of a script that does not say how sure it is.
const defaultConfidence = 0.9

// classification is what classify answers.
type classification struct {
	Category   string   `json:"category"`
	Confidence *float64 `json:"confidence"`
	Reason     string   `json:"reason,omitempty"`
}

func isNull(answer json.RawMessage) bool { return bytes.Equal(answer, []byte("null")) }

// checkClassification takes a category, or an object with one.
func checkClassification(answer json.RawMessage) (json.RawMessage, error) {
	if isNull(answer) {
		return answer, nil
	}
	var c classification
	if answer[0] == '"' {
		if err := json.Unmarshal(answer, &c.Category); err != nil {
			return nil, err
		}
	} else if err := decodeStrictly(answer, &c); err != nil {
		return nil, fmt.Errorf("answered something other than a category or { category =, confidence =, reason = }: %w", err)
	}
	if !slices.Contains(categories, c.Category) {
		return nil, fmt.Errorf("answered the category %q, which does not exist; use one of %s", c.Category, strings.Join(categories, ", "))
	}
	if c.Confidence == nil {
		confidence := defaultConfidence
		c.Confidence = &confidence
	}
	if *c.Confidence < 0 || *c.Confidence > 1 {
		return nil, fmt.Errorf("answered the confidence %v; it must be from 0 to 1", *c.Confidence)
	}
	return json.Marshal(c)
}

// checkVector takes the vector's document, changed or not.
func checkVector(answer json.RawMessage) (json.RawMessage, error) {
	if !isNull(answer) && answer[0] != '{' {
		return nil, errors.New("answered something other than the vector (a table with fields) or nil")
	}
	return answer, nil
}

// check is one check that after_vector adds.
type check struct {
	Name    string `json:"name"`
	Pass    *bool  `json:"pass"`
	Message string `json:"message,omitempty"`
}

// checkChecks takes a list of checks.
func checkChecks(answer json.RawMessage) (json.RawMessage, error) {
	if isNull(answer) || bytes.Equal(answer, []byte("{}")) {
		return json.RawMessage("null"), nil
	}
	var checks []check
	if err := decodeStrictly(answer, &checks); err != nil {
		return nil, fmt.Errorf("answered something other than a list of { name =, pass =, message = } or nil: %w", err)
	}
	for i, c := range checks {
		if c.Name == "" || c.Pass == nil {
			return nil, fmt.Errorf("answered a check (number %d) without a name or without pass = true or false", i+1)
		}
	}
	return json.Marshal(checks)
}

// checkEvent takes the event's document, or false to drop the event.
func checkEvent(answer json.RawMessage) (json.RawMessage, error) {
	if !isNull(answer) && answer[0] != '{' && !bytes.Equal(answer, []byte("false")) {
		return nil, errors.New("answered something other than the event (a table with fields), false to drop it, or nil")
	}
	return answer, nil
}

// decodeStrictly refuses fields that v does not have. Its errors speak of Lua.
func decodeStrictly(answer json.RawMessage, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s is of type %s", wrong.Field, wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("it is of type %s", wrong.Value)
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
