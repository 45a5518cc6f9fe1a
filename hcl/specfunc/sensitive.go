package specfunc

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark is a type of its own so that no other package's mark is equal to ours.
type mark string

// Sensitive is the mark of values that must not be shown, as by
// value.Mark(Sensitive). It is the only mark in the house.
const Sensitive = mark("sensitive")

// errWithheld stands for the message of a function that failed on a sensitive
// argument.
var errWithheld = errors.New("the function failed on a sensitive value, so its message is withheld; call it with a value that is not sensitive to see it")

// discreet wraps f so that its errors do not quote sensitive arguments.
func discreet(f function.Function) function.Function {
	spec := &function.Spec{
		Description: f.Description(),
		Type: func(args []cty.Value) (cty.Type, error) {
			t, err := f.ReturnTypeForValues(args)
			return t, withhold(err, args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			value, err := f.Call(args)
			return value, withhold(err, args)
		},
	}
	for _, p := range f.Params() {
		spec.Params = append(spec.Params, transparent(p))
	}
	if p := f.VarParam(); p != nil {
		variadic := transparent(*p)
		spec.VarParam = &variadic
	}
	return function.New(spec)
}

// transparent lets every argument through to the wrapped function, which has
// its own idea of nulls, unknowns and marks.
func transparent(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

func withhold(err error, args []cty.Value) error {
	if err == nil {
		return nil
	}
	for _, arg := range args {
		if arg.ContainsMarked() {
			return withheld(err)
		}
	}
	return err
}

// withheld keeps which argument was wrong.
func withheld(err error) error {
	var argErr function.ArgError
	if errors.As(err, &argErr) {
		return function.NewArgError(argErr.Index, errWithheld)
	}
	return errWithheld
}

func sensitivityFunctions() map[string]function.Function {
	anything := transparent(function.Parameter{Name: "value", Type: cty.DynamicPseudoType})
	same := func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }
	return map[string]function.Function{
		"sensitive": function.New(&function.Spec{
			Params: []function.Parameter{anything},
			Type:   same,
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return args[0].Mark(Sensitive), nil
			},
		}),
		"nonsensitive": function.New(&function.Spec{
			Params: []function.Parameter{anything},
			Type:   same,
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				value, marks := args[0].Unmark()
				delete(marks, Sensitive)
				return value.WithMarks(marks), nil
			},
		}),
		"issensitive": function.New(&function.Spec{
			Params: []function.Parameter{anything},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				switch {
				case args[0].HasMark(Sensitive):
					return cty.True, nil
				case !args[0].IsKnown():
					return cty.UnknownVal(cty.Bool), nil
				default:
					return cty.False, nil
				}
			},
		}),
	}
}
