// Package schema checks JSON documents against what an action declares of
// them: an HCL type constraint or a JSON Schema file. A type constraint is
// turned into a JSON Schema, so both are checked alike and can be deployed
// alike.
//
// Start reading at Schema and its method Check.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/zclconf/go-cty/cty"
)

// location is the name a schema goes by inside the compiler. It is absolute,
// so that a relative $ref is never looked for among this machine's files.
const location = "schema:///document"

// Schema is what a JSON document must look like. It is safe for use by many
// goroutines at once.
type Schema struct {
	document   json.RawMessage
	compiled   *jsonschema.Schema
	constraint cty.Type
}

// Parse reads a JSON Schema. name says in errors where the document is from.
// The formats of the schema are asserted, and a $ref that leaves the document
// is an error: nothing is ever loaded for it.
func Parse(name string, document []byte) (*Schema, error) {
	compiled, err := compile(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Schema{document: bytes.Clone(document), compiled: compiled, constraint: cty.DynamicPseudoType}, nil
}

// Document is the schema as JSON, fit to be deployed. The caller does not
// change it.
func (s *Schema) Document() json.RawMessage { return s.document }

// Type is the type constraint that the schema was made from, with its optional
// attributes, or cty.DynamicPseudoType for a JSON Schema file.
func (s *Schema) Type() cty.Type { return s.constraint }

// Check reports where a JSON document breaks the schema, in the order of the
// paths, at most MaxProblems of them; nil means that it does not.
func (s *Schema) Check(document []byte) []Problem {
	value, err := Decode(document)
	if err != nil {
		return []Problem{{Message: err.Error()}}
	}
	return s.CheckValue(value)
}

// CheckValue is Check for a document that Decode has read.
func (s *Schema) CheckValue(value any) []Problem {
	err := s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []Problem{{Message: err.Error()}}
	}
	return problems(invalid)
}

func compile(document []byte) (*jsonschema.Schema, error) {
	value, err := Decode(document)
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	compiler.AssertFormat()
	if err := compiler.AddResource(location, value); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(location)
	if err != nil {
		return nil, readable(err)
	}
	return compiled, nil
}

// readable turns a compiler's error into one that names the place inside the
// document and not the compiler's own addresses.
func readable(err error) error {
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return fmt.Errorf("$ref to %s leaves the document; copy what it names into $defs", load.URL)
	}
	var broken *jsonschema.SchemaValidationError
	if !errors.As(err, &broken) {
		return err
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(broken.Err, &invalid) {
		return broken.Err
	}
	found := problems(invalid)
	if len(found) == 0 {
		return broken.Err
	}
	return fmt.Errorf("not a JSON Schema: %s", found[0].At("schema"))
}

// noLoader keeps a schema from reading files or the network.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("not loaded") }
