package cxone

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

// document is a JSON object of the platform, read field by field: a field that
// is missing, null or of an odd type reads as its zero value.
type document struct {
	fields fields
	values map[string]json.RawMessage
}

// parseDocument reports whether body is a JSON object.
func parseDocument(names fields, body []byte) (document, bool) {
	d := document{fields: names}
	if err := json.Unmarshal(body, &d.values); err != nil || d.values == nil {
		return document{}, false
	}
	return d, true
}

// raw is a field's JSON, or nil where it is missing or null. name is the contract's.
func (d document) raw(name string) json.RawMessage {
	value := d.values[d.fields.of(name)]
	if string(value) == "null" {
		return nil
	}
	return value
}

// text is a field's string; a number or boolean reads as it is written.
func (d document) text(name string) string { return text(d.raw(name)) }

func (d document) object(name string) (document, bool) {
	return parseDocument(d.fields, d.raw(name))
}

// list is a field's array, or nil.
func (d document) list(name string) []json.RawMessage {
	var items []json.RawMessage
	if err := json.Unmarshal(d.raw(name), &items); err != nil {
		return nil
	}
	return items
}

// number is a field's number, which may stand in a string. It is finite.
func (d document) number(name string) (float64, bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(d.text(name)), 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return 0, false
	}
	return number, true
}

// failure is the error that an object tells, in itself or in its field
// "error", or nil. What else such an object holds is kept as its details.
func (d document) failure() *sdk.ExecutionError {
	told := d
	if inner, ok := d.object("error"); ok {
		told = inner
	} else if message := d.text("error"); message != "" && d.raw("message") == nil {
		return &sdk.ExecutionError{Code: d.text("code"), Message: message, Details: d.raw("details")}
	}
	failure := sdk.ExecutionError{
		Code:    told.text("code"),
		Message: told.text("message"),
		Stack:   told.text("stack"),
		Details: told.raw("details"),
	}
	if failure.Code == "" && failure.Message == "" && failure.Stack == "" && failure.Details == nil {
		return nil
	}
	return &failure
}

// text is a JSON scalar as a string, without quotes. Objects and arrays read
// as empty.
func text(value json.RawMessage) string {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(value)
}
