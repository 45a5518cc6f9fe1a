package specfile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func (d *decoder) variable(b *hcl.Block) {
	v := &Variable{Name: b.Labels[0], Type: cty.DynamicPseudoType, Default: cty.NilVal, Range: b.DefRange}
	var typ, def, env, description, sensitive hcl.Expression
	d.body(b.Body, []attr{
		{"type", &typ, optional},
		{"default", &def, optional},
		{"env", &env, optional},
		{"description", &description, optional},
		{"sensitive", &sensitive, optional},
	}, nil)
	if typ != nil {
		var diags hcl.Diagnostics
		v.Type, v.TypeDefaults, diags = typeexpr.TypeConstraintWithDefaults(typ)
		d.diags = append(d.diags, diags...)
	}
	flag := d.literal(sensitive, cty.Bool)
	v.Sensitive = !flag.IsNull() && flag.True()
	if def != nil {
		v.Default = d.variableDefault(v, def)
	}
	v.Env = d.text(env)
	v.Description = d.text(description)
	d.suite.Variables[v.Name] = v
}

func (d *decoder) variableDefault(v *Variable, expr hcl.Expression) cty.Value {
	value, diags := expr.Value(nil)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return cty.NilVal
	}
	value, err := v.Convert(value)
	if err != nil {
		at := expr.Range()
		if v.Sensitive {
			at = v.Range // its source is not to be shown
		}
		d.errorf(at, "Invalid default value",
			"The default does not fit the variable's type %s: %v. Change the one or the other.", typeexpr.TypeString(v.Type), err)
	}
	return value
}

// Convert gives a value the variable's type, with the defaults of optional
// object attributes filled in. The error says what does not fit, without the
// value.
func (v *Variable) Convert(value cty.Value) (cty.Value, error) {
	if v.TypeDefaults != nil {
		value = v.TypeDefaults.Apply(value)
	}
	converted, err := convert.Convert(value, v.Type)
	if err != nil {
		return cty.NilVal, withPath(err)
	}
	return converted, nil
}

// withPath puts before a conversion's error where in the value it arose. Keys
// are left out: those of a set are its elements, which may be secret.
func withPath(err error) error {
	var pathErr cty.PathError
	if !errors.As(err, &pathErr) || len(pathErr.Path) == 0 {
		return err
	}
	var where strings.Builder
	for _, step := range pathErr.Path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			where.WriteString("." + step.Name)
		case cty.IndexStep:
			if step.Key.Type() == cty.Number {
				where.WriteString("[" + step.Key.AsBigFloat().String() + "]")
			} else {
				where.WriteString("[…]")
			}
		}
	}
	return fmt.Errorf("%s: %w", where.String(), err)
}

// ParseVarFlag reads the text that the command line or the environment gives
// for variable name, which is of type t. Where t is string the text is the
// value; so it is where t is any, unless the text starts a list or an object.
// For other types the text is an HCL expression without references.
func ParseVarFlag(name, raw string, t cty.Type) (cty.Value, hcl.Diagnostics) {
	value := cty.StringVal(raw)
	if !takesText(raw, t) {
		expr, diags := hclsyntax.ParseExpression([]byte(raw), "<value of var."+name+">", hcl.InitialPos)
		if !diags.HasErrors() {
			value, diags = expr.Value(nil)
		}
		if diags.HasErrors() {
			return cty.NilVal, hcl.Diagnostics{valueProblem(name, t, diags[0].Detail)}
		}
	}
	converted, err := convert.Convert(value, t)
	if err != nil {
		return cty.NilVal, hcl.Diagnostics{valueProblem(name, t, withPath(err).Error())}
	}
	return converted, nil
}

// takesText tells whether raw is the value itself. Simple types convert from
// text, so that the shell's quotes need no second pair inside.
func takesText(raw string, t cty.Type) bool {
	if t == cty.DynamicPseudoType {
		return !strings.HasPrefix(strings.TrimSpace(raw), "[") && !strings.HasPrefix(strings.TrimSpace(raw), "{")
	}
	return t.IsPrimitiveType()
}

func valueProblem(name string, t cty.Type, why string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Invalid value for variable",
		Detail:   fmt.Sprintf("The value given for variable %q does not fit its type %s: %s", name, typeexpr.TypeString(t), why),
	}
}

// VarValue is a variable's value in a variable file.
type VarValue struct {
	Value cty.Value
	Range hcl.Range
}

// LoadVarFile reads a variable file: HCL attributes with literal values, or
// JSON where the path ends in .json. The file may lie anywhere. It is nil
// where it cannot be read, and otherwise illustrates the diagnostics.
func LoadVarFile(path string) (map[string]VarValue, *hcl.File, hcl.Diagnostics) {
	text, err := readVarFile(path)
	if err != nil {
		return nil, nil, hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Cannot read variable file",
			Detail:   fmt.Sprintf("The variable file %s cannot be read: %v.", path, err),
		}}
	}
	file, diags := parse(source{path, text})
	attributes, attributeDiags := file.Body.JustAttributes()
	diags = append(diags, attributeDiags...)
	values := make(map[string]VarValue, len(attributes))
	for name, attribute := range attributes {
		value, valueDiags := attribute.Expr.Value(nil)
		diags = append(diags, valueDiags...)
		if !valueDiags.HasErrors() {
			values[name] = VarValue{value, attribute.NameRange}
		}
	}
	slices.SortStableFunc(diags, ByPosition)
	return values, file, diags
}

func readVarFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }()
	return readBounded(file)
}
