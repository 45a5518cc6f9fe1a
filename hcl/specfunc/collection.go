package specfunc

import (
	"errors"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// length counts characters too, where go-cty's own takes collections only.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if t := args[0].Type(); t == cty.String || t.IsObjectType() {
			return cty.Number, nil
		}
		return stdlib.LengthFunc.ReturnTypeForValues(args)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		t := args[0].Type()
		switch {
		case t == cty.String:
			return stdlib.Strlen(args[0])
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithSameMarks(args[0]), nil
		default:
			return stdlib.Length(args[0])
		}
	},
})

// lookup may go without a default, where go-cty's own insists on one.
var lookup = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "map", Type: cty.DynamicPseudoType},
		{Name: "key", Type: cty.String},
	},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		switch len(args) {
		case 2:
			return memberType(args[0].Type(), args[1])
		case 3:
			return stdlib.LookupFunc.ReturnTypeForValues(args)
		default:
			return cty.NilType, errors.New("lookup takes a map, a key and at most one default")
		}
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 3 {
			return stdlib.LookupFunc.Call(args)
		}
		collection, key := args[0], args[1]
		if collection.Type().IsObjectType() {
			return collection.GetAttr(key.AsString()), nil
		}
		if collection.HasIndex(key).False() {
			return cty.NilVal, function.NewArgErrorf(1, "the map has no element %q; give a default as the third argument", key.AsString())
		}
		return collection.Index(key), nil
	},
})

// memberType is the type of the member of a map or object that key names.
func memberType(t cty.Type, key cty.Value) (cty.Type, error) {
	switch {
	case t.IsMapType():
		return t.ElementType(), nil
	case !t.IsObjectType():
		return cty.NilType, function.NewArgErrorf(0, "a map or an object is needed")
	case !key.IsKnown():
		return cty.DynamicPseudoType, nil
	case !t.HasAttribute(key.AsString()):
		return cty.NilType, function.NewArgErrorf(1, "the object has no attribute %q; give a default as the third argument", key.AsString())
	default:
		return t.AttributeType(key.AsString()), nil
	}
}

// index finds a value; go-cty's own Index gets the value at a key.
var index = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "list", Type: cty.DynamicPseudoType},
		{Name: "value", Type: cty.DynamicPseudoType},
	},
	Type: function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list is needed")
		}
		for i, element := range args[0].AsValueSlice() {
			equal, err := stdlib.Equal(element, args[1])
			if err != nil {
				return cty.NilVal, err
			}
			if !equal.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if equal.True() {
				return cty.NumberIntVal(int64(i)), nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(1, "the list does not hold the value")
	},
})

// one gives the only element of a collection, or null where it is empty.
var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		switch {
		case t.IsListType() || t.IsSetType():
			return t.ElementType(), nil
		case !t.IsTupleType():
			return cty.NilType, errOne
		case t.Length() == 0:
			return cty.DynamicPseudoType, nil
		case t.Length() == 1:
			return t.TupleElementType(0), nil
		default:
			return cty.NilType, errOne
		}
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		size := args[0].Length()
		if !size.IsKnown() {
			return cty.UnknownVal(t), nil
		}
		switch elements := args[0].AsValueSlice(); len(elements) {
		case 0:
			return cty.NullVal(t), nil
		case 1:
			return elements[0], nil
		default:
			return cty.NilVal, errOne
		}
	},
})

var errOne = function.NewArgErrorf(0, "a list, set or tuple of no or one element is needed")

var sum = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list, set or tuple of numbers is needed")
		}
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		elements := args[0].AsValueSlice()
		if len(elements) == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "an empty list has no sum")
		}
		total := cty.Zero
		for _, element := range elements {
			number, err := convert.Convert(element, cty.Number)
			if err != nil || number.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "every element must be a number")
			}
			total = total.Add(number)
		}
		return total, nil
	},
})

var (
	allTrue = fold(cty.False)
	anyTrue = fold(cty.True)
)

// fold makes a function over a list of bools that gives decisive once an
// element is it, and its opposite where none is.
func fold(decisive cty.Value) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			result := decisive.Not()
			for _, element := range args[0].AsValueSlice() {
				switch {
				case !element.IsKnown():
					result = cty.UnknownVal(cty.Bool)
				case !element.IsNull() && element.RawEquals(decisive),
					element.IsNull() && decisive.False(): // null is not true
					return decisive, nil
				}
			}
			return result, nil
		},
	})
}

// matchKeys gives the values whose keys, at the same index, are searched for.
var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, function.NewArgErrorf(1, "there must be as many keys as values")
		}
		if !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		searched, err := convert.Convert(args[2], args[1].Type())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(2, "it must be of the type of the keys")
		}
		wanted, keys := searched.AsValueSlice(), args[1].AsValueSlice()
		var found []cty.Value
		for i, value := range args[0].AsValueSlice() {
			if slices.ContainsFunc(wanted, keys[i].RawEquals) {
				found = append(found, value)
			}
		}
		if len(found) == 0 {
			return cty.ListValEmpty(t.ElementType()), nil
		}
		return cty.ListVal(found), nil
	},
})

// transpose swaps the keys of a map with the strings in its lists.
var transpose = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		lists := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); {
			key, list := it.Element()
			if list.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "the map must not hold null")
			}
			for _, element := range list.AsValueSlice() {
				if element.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "the lists must not hold null")
				}
				lists[element.AsString()] = append(lists[element.AsString()], key)
			}
		}
		if len(lists) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		result := make(map[string]cty.Value, len(lists))
		for key, list := range lists {
			result[key] = cty.ListVal(list)
		}
		return cty.MapVal(result), nil
	},
})
