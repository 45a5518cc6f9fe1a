package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// FromType makes a schema of an HCL type constraint, as typeexpr reads it: a
// cty type with its optional attributes marked. Closed objects refuse keys
// that the type does not name, open ones take them. An optional attribute may
// be absent or null. cty.DynamicPseudoType (any) takes every value.
func FromType(constraint cty.Type, closed bool) *Schema {
	document, err := json.Marshal(describeType(constraint, closed))
	if err != nil {
		panic(fmt.Sprintf("schema of %#v: %v", constraint, err)) // maps of strings always marshal
	}
	compiled, err := compile(document)
	if err != nil {
		panic(fmt.Sprintf("schema of %#v: %v", constraint, err)) // what describeType makes is valid
	}
	return &Schema{document: document, compiled: compiled, constraint: constraint}
}

// node is one JSON Schema, whole or part.
type node = map[string]any

func describeType(t cty.Type, closed bool) node {
	switch {
	case t == cty.String:
		return node{"type": "string"}
	case t == cty.Number:
		return node{"type": "number"}
	case t == cty.Bool:
		return node{"type": "boolean"}
	case t.IsListType():
		return node{"type": "array", "items": describeType(t.ElementType(), closed)}
	case t.IsSetType():
		return node{"type": "array", "items": describeType(t.ElementType(), closed), "uniqueItems": true}
	case t.IsMapType():
		return node{"type": "object", "additionalProperties": describeType(t.ElementType(), closed)}
	case t.IsTupleType():
		return describeTuple(t.TupleElementTypes(), closed)
	case t.IsObjectType():
		return describeObject(t, closed)
	default:
		return node{}
	}
}

func describeTuple(elements []cty.Type, closed bool) node {
	tuple := node{"type": "array", "minItems": len(elements), "maxItems": len(elements)}
	if len(elements) == 0 {
		return tuple // an empty prefixItems is not a JSON Schema
	}
	items := make([]node, len(elements))
	for i, element := range elements {
		items[i] = describeType(element, closed)
	}
	tuple["prefixItems"] = items
	return tuple
}

func describeObject(t cty.Type, closed bool) node {
	properties := node{}
	required := []string{}
	for _, name := range slices.Sorted(maps.Keys(t.AttributeTypes())) {
		property := describeType(t.AttributeType(name), closed)
		if t.AttributeOptional(name) {
			orNull(property)
		} else {
			required = append(required, name)
		}
		properties[name] = property
	}
	object := node{"type": "object", "properties": properties}
	if len(required) > 0 {
		object["required"] = required
	}
	if closed {
		object["additionalProperties"] = false
	}
	return object
}

func orNull(property node) {
	if name, ok := property["type"]; ok {
		property["type"] = []any{name, "null"}
	}
}
