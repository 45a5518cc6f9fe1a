package sdk

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Schema is the attributes that a plugin block may hold.
type Schema struct {
	Attributes []Attribute `json:"attributes"`
}

// Attribute is one setting.
type Attribute struct {
	Name        string          `json:"name"`
	Type        Type            `json:"type"`
	Required    bool            `json:"required,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"` // JSON, of Type
	Sensitive   bool            `json:"sensitive,omitempty"`
	Enum        []string        `json:"enum,omitempty"`   // the only strings allowed
	Format      Format          `json:"format,omitempty"` // what a string must look like
	Description string          `json:"description"`
}

// Format is what a string attribute must look like; the host checks it.
type Format string

// The formats.
const (
	FormatDuration Format = "duration" // Go's, such as "1m30s"
	FormatURL      Format = "url"      // absolute, http or https
)

// Type is the type of an attribute, written in JSON as HCL's type system
// writes it: "string", ["list","string"], ["object",{"max":"string"},["max"]].
type Type struct{ json any }

// The simple types. Any takes every value.
var (
	String = Type{"string"}
	Number = Type{"number"}
	Bool   = Type{"bool"}
	Any    = Type{"dynamic"}
)

// List is a list of elements of one type.
func List(element Type) Type { return Type{[]any{"list", element.json}} }

// Map is a map from strings to elements of one type.
func Map(element Type) Type { return Type{[]any{"map", element.json}} }

// Object is an object with these attributes, those named in optional being
// allowed to be absent.
func Object(attributes map[string]Type, optional ...string) Type {
	types := make(map[string]any, len(attributes))
	for name, t := range attributes {
		types[name] = t.json
	}
	slices.Sort(optional)
	return Type{[]any{"object", types, optional}}
}

// MarshalJSON writes the type as HCL's type system does.
func (t Type) MarshalJSON() ([]byte, error) { return json.Marshal(t.json) }

// UnmarshalJSON reads what MarshalJSON wrote. What is no type is an error here,
// since libraries of types may panic on it.
func (t *Type) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &t.json); err != nil {
		return err
	}
	if !isType(t.json) {
		return fmt.Errorf(`%.100s is no type: a type is such as "string", "number", "bool", ["list","string"] or ["object",{"max":"string"},["max"]], whose last part names those of its attributes that may be absent`, data)
	}
	return nil
}

func isType(t any) bool {
	if word, ok := t.(string); ok {
		return slices.Contains([]string{"string", "number", "bool", "dynamic"}, word)
	}
	parts, ok := t.([]any)
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return false
	}
	if len(parts) == 2 && slices.Contains([]any{"list", "set", "map"}, parts[0]) {
		return isType(parts[1])
	}
	attributes, ok := parts[1].(map[string]any)
	if !ok || parts[0] != "object" {
		return false
	}
	for _, attribute := range attributes {
		if !isType(attribute) {
			return false
		}
	}
	return len(parts) == 2 || areNames(parts[2], attributes)
}

// areNames says whether a list names attributes only.
func areNames(list any, attributes map[string]any) bool {
	names, ok := list.([]any)
	for _, name := range names {
		text, _ := name.(string)
		if _, declared := attributes[text]; !declared {
			return false
		}
	}
	return ok || list == nil
}
