package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/schema"
)

// hidden marks the values of an action's sensitive input paths.
type hidden struct{}

// DecodeValue reads a JSON document into a value, with its numbers exact.
func DecodeValue(document []byte) (cty.Value, error) {
	decoded, err := schema.Decode(document)
	if err != nil {
		return cty.NilVal, err
	}
	return toValue(decoded, cty.DynamicPseudoType, nil)
}

// EncodeValue writes a value as JSON, marked parts and all.
func EncodeValue(value cty.Value) (json.RawMessage, error) {
	value, _ = value.UnmarkDeep()
	if !value.IsWhollyKnown() {
		return nil, errors.New("a value is not known yet")
	}
	return appendJSON(nil, value)
}

// appendJSON writes a known value without marks. It differs from cty's own
// encoder in speed: that one searches the shortest decimal of every number
// among 512 bits, also of whole ones.
func appendJSON(to []byte, value cty.Value) ([]byte, error) {
	t := value.Type()
	switch {
	case value.IsNull():
		return append(to, "null"...), nil
	case t == cty.String:
		text, err := json.Marshal(value.AsString())
		return append(to, text...), err
	case t == cty.Number:
		return appendNumber(to, value.AsBigFloat())
	case t == cty.Bool:
		return strconv.AppendBool(to, value.True()), nil
	case t.IsObjectType(), t.IsMapType():
		return appendMembers(to, value)
	case t.IsTupleType(), t.IsListType(), t.IsSetType():
		return appendElements(to, value)
	default:
		return nil, fmt.Errorf("a value of type %s cannot be written as JSON", t.FriendlyName())
	}
}

func appendElements(to []byte, value cty.Value) (_ []byte, err error) {
	to = append(to, '[')
	first := true
	for _, element := range value.Elements() {
		if !first {
			to = append(to, ',')
		}
		first = false
		if to, err = appendJSON(to, element); err != nil {
			return nil, err
		}
	}
	return append(to, ']'), nil
}

func appendMembers(to []byte, value cty.Value) (_ []byte, err error) {
	to = append(to, '{')
	first := true
	for name, member := range value.Elements() {
		if !first {
			to = append(to, ',')
		}
		first = false
		if to, err = appendJSON(to, name); err != nil {
			return nil, err
		}
		if to, err = appendJSON(append(to, ':'), member); err != nil {
			return nil, err
		}
	}
	return append(to, '}'), nil
}

func appendNumber(to []byte, n *big.Float) ([]byte, error) {
	if n.IsInf() {
		return nil, errors.New("infinity cannot be written as JSON")
	}
	if whole, accuracy := n.Int64(); accuracy == big.Exact {
		return strconv.AppendInt(to, whole, 10), nil
	}
	return n.Append(to, 'f', -1), nil
}

// toValue makes a value of what schema.Decode read. Where the type constraint
// that the document was checked against has optional attributes, absent ones
// become null, so that expressions can ask for them. sensitive are the paths,
// from here on, whose values are to be marked.
func toValue(document any, constraint cty.Type, sensitive redact.Paths) (cty.Value, error) {
	value, err := plainValue(document, constraint, sensitive)
	if err == nil && sensitive.Here() {
		return value.Mark(hidden{}), nil
	}
	return value, err
}

func plainValue(document any, constraint cty.Type, sensitive redact.Paths) (cty.Value, error) {
	switch document := document.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case bool:
		return cty.BoolVal(document), nil
	case string:
		return cty.StringVal(document), nil
	case json.Number:
		return cty.ParseNumberVal(string(document))
	case []any:
		return arrayValue(document, constraint, sensitive)
	case map[string]any:
		return objectValue(document, constraint, sensitive)
	default:
		return cty.NilVal, fmt.Errorf("a JSON document cannot hold a %T", document)
	}
}

func arrayValue(document []any, constraint cty.Type, sensitive redact.Paths) (cty.Value, error) {
	element := cty.DynamicPseudoType
	if constraint.IsCollectionType() {
		element = constraint.ElementType()
	}
	values := make([]cty.Value, len(document))
	for i := range document {
		if constraint.IsTupleType() && i < constraint.Length() {
			element = constraint.TupleElementType(i)
		}
		var err error
		if values[i], err = toValue(document[i], element, sensitive.Below(fmt.Sprint(i))); err != nil {
			return cty.NilVal, err
		}
	}
	return cty.TupleVal(values), nil
}

func objectValue(document map[string]any, constraint cty.Type, sensitive redact.Paths) (cty.Value, error) {
	values := make(map[string]cty.Value, len(document))
	for name, member := range document {
		t := cty.DynamicPseudoType
		switch {
		case constraint.IsMapType():
			t = constraint.ElementType()
		case constraint.IsObjectType() && constraint.HasAttribute(name):
			t = constraint.AttributeType(name)
		}
		value, err := toValue(member, t, sensitive.Below(name))
		if err != nil {
			return cty.NilVal, err
		}
		values[name] = value
	}
	if constraint.IsObjectType() {
		for name := range constraint.OptionalAttributes() {
			if _, ok := values[name]; !ok {
				values[name] = cty.NullVal(constraint.AttributeType(name).WithoutOptionalAttributesDeep())
			}
		}
	}
	return cty.ObjectVal(values), nil
}

// forTrace is a value as a trace shows it, with everything marked masked.
func forTrace(value cty.Value) any {
	t := value.Type()
	switch {
	case value.IsMarked():
		return redact.Masked
	case value.IsNull(), !value.IsKnown():
		return nil
	case t.IsObjectType(), t.IsMapType():
		members := make(map[string]any, value.LengthInt())
		for name, member := range value.Elements() {
			members[name.AsString()] = forTrace(member)
		}
		return members
	case t.IsTupleType(), t.IsListType(), t.IsSetType():
		elements := make([]any, 0, value.LengthInt())
		for _, element := range value.Elements() {
			elements = append(elements, forTrace(element))
		}
		return elements
	default:
		document, _ := EncodeValue(value) // a known value of a simple type always marshals
		return document
	}
}
