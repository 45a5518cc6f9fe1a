package deploy

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/assay-cx/assay/internal/schema"
)

// The keywords of JSON Schema whose values are schemas themselves.
var (
	holdsSchema = []string{
		"items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties",
		"contains", "propertyNames", "not", "if", "then", "else", "contentSchema",
	}
	holdsSchemas     = []string{"allOf", "anyOf", "oneOf", "prefixItems", "items"}
	holdsSchemasByID = []string{"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
	// A list in any order says the same.
	unordered = []string{"required", "enum", "type"}
)

// normal reads a JSON Schema into the form in which those that differ only in
// how they are written are equal: the order of lists that have none, a list
// of one type, an empty list of required names, the notation of numbers, the
// composition of characters. A document that is not JSON is nil.
func normal(document json.RawMessage) any {
	value, err := schema.Decode(document)
	if err != nil {
		return nil
	}
	return normalSchema(value)
}

func normalSchema(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return normalValue(value)
	}
	normalized := make(map[string]any, len(object))
	for keyword, member := range object {
		if member, ok := normalKeyword(keyword, member); ok {
			normalized[norm.NFC.String(keyword)] = member
		}
	}
	return normalized
}

// normalKeyword is a keyword's normal value; ok is false where it says nothing.
func normalKeyword(keyword string, value any) (normalized any, ok bool) {
	switch list, isList := value.([]any); {
	case isList && slices.Contains(holdsSchemas, keyword):
		return each(list, normalSchema), true
	case slices.Contains(holdsSchema, keyword):
		return normalSchema(value), true
	case isList && slices.Contains(unordered, keyword):
		return normalSet(keyword, list)
	}
	if members, isObject := value.(map[string]any); isObject && slices.Contains(holdsSchemasByID, keyword) {
		byID := make(map[string]any, len(members))
		for name, member := range members {
			byID[norm.NFC.String(name)] = normalSchema(member)
		}
		return byID, true
	}
	return normalValue(value), true
}

func normalSet(keyword string, list []any) (any, bool) {
	sorted := each(list, normalValue)
	slices.SortFunc(sorted, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	switch {
	case keyword == "required" && len(sorted) == 0:
		return nil, false
	case keyword == "type" && len(sorted) == 1:
		return sorted[0], true
	default:
		return sorted, true
	}
}

func normalValue(value any) any {
	switch value := value.(type) {
	case string:
		return norm.NFC.String(value)
	case json.Number:
		return normalNumber(value)
	case []any:
		return each(value, normalValue)
	case map[string]any:
		members := make(map[string]any, len(value))
		for name, member := range value {
			members[norm.NFC.String(name)] = normalValue(member)
		}
		return members
	default:
		return value
	}
}

// normalNumber writes 1.50, 15e-1 and 1.5 alike. schema.Decode has bounded its
// length.
func normalNumber(number json.Number) json.Number {
	exact, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return number
	}
	decimals, _ := exact.FloatPrec()
	return json.Number(exact.FloatString(decimals))
}

func each(list []any, change func(any) any) []any {
	changed := make([]any, len(list))
	for i, element := range list {
		changed[i] = change(element)
	}
	return changed
}

// text is a value of a normal form as JSON, with its keys in order.
func text(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "" // what schema.Decode has read always marshals
	}
	return strings.TrimSuffix(b.String(), "\n")
}
