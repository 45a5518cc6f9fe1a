package sdk

import (
	"encoding/json"
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

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Type) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &t.json) }
