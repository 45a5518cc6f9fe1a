package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DecodeOver lays layers of attributes over what v points to, each over those
// before it. Keys that v does not know are refused. The error may quote a value:
// tell Undecodable instead.
func DecodeOver(v any, layers ...json.RawMessage) error {
	for _, layer := range layers {
		if len(layer) == 0 {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(layer))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(v); err != nil {
			return err
		}
	}
	return nil
}

// Undecodable are the problems of settings that decode refuses, each found by
// decoding one attribute alone: not every error of encoding/json names one. A
// value is never quoted, since it may be a secret.
func Undecodable(settings json.RawMessage, decode func(json.RawMessage) error) []Problem {
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(settings, &attributes); err != nil {
		return []Problem{{Summary: "Wrong settings", Detail: "The settings are not an object."}}
	}
	var found []Problem
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		alone, err := json.Marshal(map[string]json.RawMessage{name: attributes[name]})
		if err == nil {
			err = decode(alone)
		}
		if err != nil {
			found = append(found, Problem{Attribute: name, Summary: "Wrong setting", Detail: withoutValue(name, err)})
		}
	}
	return found
}

func withoutValue(name string, err error) string {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return fmt.Sprintf("%s must not be a %s.", wrong.Field, wrong.Value)
	case strings.Contains(err.Error(), "unknown field"):
		return fmt.Sprintf("there is no setting %q.", name)
	}
	return name + ` holds a duration that is not written such as "1m30s".`
}
