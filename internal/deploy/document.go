// Package deploy knows schema documents: what an action promises, in the form
// in which a platform stores it. It renders the document of an action, tells
// how two of them differ and whom the difference may hurt, and turns a
// document back into an action block. It is pure: it neither reads nor sends.
//
// Start reading at Document, then at Compare for the way to the platform and
// at Import for the way back.
package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

// Document is an action's schema document.
type Document struct {
	ID          string          `json:"id,omitempty"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"input"`  // a JSON Schema
	Output      json.RawMessage `json:"output"` // a JSON Schema
	ErrorCodes  []ErrorCode     `json:"errorCodes"`
}

// ErrorCode is an error that an action declares.
type ErrorCode struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// anything is the JSON Schema that takes every document.
var anything = json.RawMessage("{}")

// Of renders the document of an action. An action that declares no input or
// output takes or gives anything.
func Of(a action.Definition) Document {
	d := Document{
		ID: a.ID, Name: a.DisplayName, Description: a.Description,
		Input: documentOf(a.Input), Output: documentOf(a.Output),
		ErrorCodes: make([]ErrorCode, len(a.Errors)),
	}
	for i, e := range a.Errors {
		d.ErrorCodes[i] = ErrorCode{e.Code, e.Message}
	}
	return d
}

func documentOf(s *schema.Schema) json.RawMessage {
	if s == nil {
		return anything
	}
	return s.Document()
}

// Encode writes the document as JSON.
func (d Document) Encode() (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("the schema document of %q: %w", d.Name, err)
	}
	return bytes.TrimSpace(buffer.Bytes()), nil
}

// Parse reads a schema document as a platform answers it: fields that it does
// not know are left out, an input or output that is absent takes anything. Of
// the schemas it only checks that they are such: objects or booleans.
func Parse(text []byte) (Document, error) {
	if _, err := schema.Decode(text); err != nil {
		return Document{}, err
	}
	d := struct {
		Document
		ActionID string `json:"actionId"`
	}{}
	if err := json.Unmarshal(text, &d); err != nil {
		return Document{}, wrongType(err)
	}
	if d.ID == "" {
		d.ID = d.ActionID
	}
	if d.Name == "" {
		return Document{}, errors.New("name is missing, by which people know the action")
	}
	for name, part := range map[string]*json.RawMessage{"input": &d.Input, "output": &d.Output} {
		if err := checkSchema(name, part); err != nil {
			return Document{}, err
		}
	}
	return d.Document, d.checkCodes()
}

// wrongType words what encoding/json says of a field, without Go's types.
func wrongType(err error) error {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		return err
	}
	if mistyped.Field == "" {
		return fmt.Errorf("a schema document is an object with name, input, output and errorCodes, not %s", withArticle(mistyped.Value))
	}
	return fmt.Errorf("%s cannot be %s", strings.TrimPrefix(mistyped.Field, "Document."), withArticle(mistyped.Value))
}

func withArticle(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}

func checkSchema(name string, part *json.RawMessage) error {
	text := bytes.TrimSpace(*part)
	switch {
	case len(text) == 0, bytes.Equal(text, []byte("null")):
		*part = anything
	case text[0] != '{' && text[0] != 't' && text[0] != 'f':
		return fmt.Errorf("%s is not a JSON Schema: it must be an object or a boolean", name)
	}
	return nil
}

func (d *Document) checkCodes() error {
	seen := map[string]bool{}
	for _, e := range d.ErrorCodes {
		switch {
		case e.Code == "":
			return errors.New("errorCodes holds one without a code")
		case seen[e.Code]:
			return fmt.Errorf("errorCodes holds %q twice", e.Code)
		}
		seen[e.Code] = true
	}
	return nil
}
