package specfunc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

func fileFunctions(files FileReader) map[string]function.Function {
	functions := map[string]function.Function{
		"file": textFunction(cty.String, func(args []string) (cty.Value, error) {
			data, err := readText(files, args[0])
			return cty.StringVal(string(data)), err
		}, "path"),
		"filebase64": textFunction(cty.String, func(args []string) (cty.Value, error) {
			data, err := files(args[0])
			return cty.StringVal(base64.StdEncoding.EncodeToString(data)), err
		}, "path"),
		"fileexists": textFunction(cty.Bool, func(args []string) (cty.Value, error) {
			_, err := files(args[0])
			if errors.Is(err, fs.ErrNotExist) {
				return cty.False, nil
			}
			return cty.True, err
		}, "path"),
	}
	for _, h := range hashes {
		functions["file"+h.name] = textFunction(cty.String, func(args []string) (cty.Value, error) {
			data, err := files(args[0])
			return h.sum(data), err
		}, "path")
	}
	return functions
}

func readText(files FileReader, name string) ([]byte, error) {
	data, err := files(name)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%q is not text in UTF-8; read it with filebase64", name)
	}
	return data, nil
}

// templateFile renders a file of the suite as a template that sees only the
// variables it is given, and all functions but itself.
func templateFile(files FileReader, functions map[string]function.Function) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "path", Type: cty.String},
			{Name: "vars", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			variables, err := templateVariables(args[1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			name := args[0].AsString()
			text, err := readText(files, name)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return render(name, text, &hcl.EvalContext{Variables: variables, Functions: functions})
		},
	})
}

func templateVariables(vars cty.Value) (map[string]cty.Value, error) {
	if t := vars.Type(); !t.IsObjectType() && !t.IsMapType() {
		return nil, errors.New("the template's variables must be an object or a map")
	}
	variables := vars.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if !hclsyntax.ValidIdentifier(name) {
			return nil, fmt.Errorf("%q cannot be a variable's name: start with a letter and use letters, digits, underscores and dashes", name)
		}
	}
	return variables, nil
}

func render(name string, text []byte, scope *hcl.EvalContext) (cty.Value, error) {
	expr, diags := hclsyntax.ParseTemplate(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	value, diags := expr.Value(scope)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	rendered, err := convert.Convert(value, cty.String)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the template %q does not render text: %w", name, err)
	}
	return rendered, nil
}
