package deploy

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/schema"
)

// typeOf is the type constraint that says exactly what a JSON Schema says,
// once it is rendered as schema.FromType does, closed or open; ok is false
// where none does.
func typeOf(document json.RawMessage, closed bool) (t cty.Type, ok bool) {
	wanted := normal(document)
	t, ok = guessType(wanted)
	if !ok || !reflect.DeepEqual(normal(schema.FromType(t, closed).Document()), wanted) {
		return cty.NilType, false
	}
	return t, isReadable(t)
}

// isReadable tells whether a type can be read back from how it is written:
// not every identifier can be a name in an object type, such as `for`.
func isReadable(t cty.Type) bool {
	written, diags := hclsyntax.ParseExpression(typeTokens(t).Bytes(), "type", hcl.InitialPos)
	if diags.HasErrors() {
		return false
	}
	read, diags := typeexpr.TypeConstraint(written)
	return !diags.HasErrors() && read.Equals(t)
}

// guessType reads the keywords that a type constraint can say and passes over
// the others: the caller holds the result against the whole.
func guessType(value any) (cty.Type, bool) {
	s, isObject := value.(map[string]any)
	if !isObject {
		return cty.NilType, false
	}
	if len(s) == 0 {
		return cty.DynamicPseudoType, true
	}
	switch s["type"] {
	case "string":
		return cty.String, true
	case "number":
		return cty.Number, true
	case "boolean":
		return cty.Bool, true
	case "array":
		return guessList(s)
	case "object":
		return guessObject(s)
	default:
		return cty.NilType, false
	}
}

func guessList(s map[string]any) (cty.Type, bool) {
	if s["items"] == nil {
		return guessTuple(s)
	}
	element, ok := guessType(s["items"])
	if !ok {
		return cty.NilType, false
	}
	if s["uniqueItems"] == true {
		return cty.Set(element), true
	}
	return cty.List(element), true
}

func guessTuple(s map[string]any) (cty.Type, bool) {
	prefix, _ := s["prefixItems"].([]any)
	elements := make([]cty.Type, len(prefix))
	for i := range prefix {
		var ok bool
		if elements[i], ok = guessType(prefix[i]); !ok {
			return cty.NilType, false
		}
	}
	return cty.Tuple(elements), true
}

func guessObject(s map[string]any) (cty.Type, bool) {
	properties, named := s["properties"].(map[string]any)
	if !named {
		element, ok := guessType(s["additionalProperties"])
		if !ok {
			return cty.NilType, false
		}
		return cty.Map(element), true
	}
	attributes := make(map[string]cty.Type, len(properties))
	var optional []string
	for name, property := range properties {
		if !hclsyntax.ValidIdentifier(name) {
			return cty.NilType, false
		}
		if !slices.Contains(requiredNames(s), name) {
			optional = append(optional, name)
			property = withoutNull(property)
		}
		var ok bool
		if attributes[name], ok = guessType(property); !ok {
			return cty.NilType, false
		}
	}
	return cty.ObjectWithOptionalAttrs(attributes, optional), true
}

// withoutNull takes back that an optional attribute may be null.
func withoutNull(property any) any {
	s, _ := property.(map[string]any)
	names, _ := s["type"].([]any)
	if len(names) != 2 || !slices.Contains(names, any("null")) {
		return property
	}
	s = maps.Clone(s)
	s["type"] = names[0]
	if s["type"] == "null" {
		s["type"] = names[1]
	}
	return s
}

// typeTokens writes a type constraint.
func typeTokens(t cty.Type) hclwrite.Tokens {
	switch {
	case t == cty.String:
		return hclwrite.TokensForIdentifier("string")
	case t == cty.Number:
		return hclwrite.TokensForIdentifier("number")
	case t == cty.Bool:
		return hclwrite.TokensForIdentifier("bool")
	case t.IsListType():
		return hclwrite.TokensForFunctionCall("list", typeTokens(t.ElementType()))
	case t.IsSetType():
		return hclwrite.TokensForFunctionCall("set", typeTokens(t.ElementType()))
	case t.IsMapType():
		return hclwrite.TokensForFunctionCall("map", typeTokens(t.ElementType()))
	case t.IsTupleType():
		var elements []hclwrite.Tokens
		for _, element := range t.TupleElementTypes() {
			elements = append(elements, typeTokens(element))
		}
		return hclwrite.TokensForFunctionCall("tuple", hclwrite.TokensForTuple(elements))
	case t.IsObjectType():
		return hclwrite.TokensForFunctionCall("object", hclwrite.TokensForObject(attributeTokens(t)))
	default:
		return hclwrite.TokensForIdentifier("any")
	}
}

func attributeTokens(t cty.Type) []hclwrite.ObjectAttrTokens {
	var attributes []hclwrite.ObjectAttrTokens
	for _, name := range slices.Sorted(maps.Keys(t.AttributeTypes())) {
		tokens := typeTokens(t.AttributeType(name))
		if t.AttributeOptional(name) {
			tokens = hclwrite.TokensForFunctionCall("optional", tokens)
		}
		attributes = append(attributes, hclwrite.ObjectAttrTokens{Name: hclwrite.TokensForIdentifier(name), Value: tokens})
	}
	return attributes
}
