package plan

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/hcl/specfunc"
)

// Inputs are where values of variables come from, the strongest first: flags,
// files, ASSAY_VAR_name, the variable's own env, its default.
type Inputs struct {
	Flags     []Flag // the last of a name counts
	Files     []map[string]specfile.VarValue
	LookupEnv func(name string) (string, bool)
	// AllowUnset leaves required variables unknown instead of refusing the suite.
	AllowUnset bool
}

// Flag is one --var.
type Flag struct{ Name, Value string }

func (b *builder) resolveVariables() {
	b.variables = make(map[string]cty.Value, len(b.suite.Variables))
	for name, variable := range b.suite.Variables {
		if b.suite.Broken[variable.Range] {
			b.variables[name] = cty.DynamicVal
			continue
		}
		value, diags := b.variableValue(variable)
		b.diags = b.diags.Extend(diags)
		if value == cty.NilVal {
			value = cty.UnknownVal(variable.Type)
		}
		if variable.Sensitive {
			b.plan.Secrets = append(b.plan.Secrets, leaves(value)...)
			value = value.Mark(specfunc.Sensitive)
		}
		b.variables[name] = value
	}
}

// variableValue answers cty.NilVal where the variable has no value.
func (b *builder) variableValue(variable *specfile.Variable) (cty.Value, hcl.Diagnostics) {
	inputs := b.options.Inputs
	for i := len(inputs.Flags) - 1; i >= 0; i-- {
		if inputs.Flags[i].Name == variable.Name {
			return parseVariable(variable, inputs.Flags[i].Value, "--var "+variable.Name)
		}
	}
	for i := len(inputs.Files) - 1; i >= 0; i-- {
		if given, ok := inputs.Files[i][variable.Name]; ok {
			if variable.Sensitive {
				b.plan.Secrets = append(b.plan.Secrets, leaves(given.Value)...) // also one of the wrong type
			}
			return convertVariable(variable, given.Value, given.Range)
		}
	}
	if raw, ok := inputs.LookupEnv("ASSAY_VAR_" + variable.Name); ok {
		return parseVariable(variable, raw, "environment variable ASSAY_VAR_"+variable.Name)
	}
	// CI systems hand an unset secret over as an empty string.
	if raw, ok := inputs.LookupEnv(variable.Env); variable.Env != "" && ok && raw != "" {
		return parseVariable(variable, raw, "environment variable "+variable.Env)
	}
	if variable.Default != cty.NilVal || inputs.AllowUnset {
		return variable.Default, nil
	}
	how := fmt.Sprintf("--var %s=…, a --var-file or ASSAY_VAR_%s", variable.Name, variable.Name)
	if variable.Env != "" {
		how += ", or set " + variable.Env
	}
	return cty.NilVal, hcl.Diagnostics{{
		Severity: hcl.DiagError,
		Summary:  "No value for variable",
		Detail:   fmt.Sprintf("The variable %q has no default and is not set. Give it with %s.", variable.Name, how),
		Subject:  &variable.Range,
	}}
}

// parseVariable reads a value that was given as text. What is wrong with it
// is not quoted where the variable is sensitive.
func parseVariable(variable *specfile.Variable, raw, from string) (cty.Value, hcl.Diagnostics) {
	value, diags := specfile.ParseVarFlag(variable.Name, raw, variable.Type)
	if !diags.HasErrors() {
		return convertVariable(variable, value, variable.Range)
	}
	detail := fmt.Sprintf("The value from %s is not of type %s.", from, variable.Type.FriendlyName())
	if !variable.Sensitive {
		detail = fmt.Sprintf("From %s: %s", from, diags[0].Detail)
	}
	return cty.NilVal, hcl.Diagnostics{{
		Severity: hcl.DiagError,
		Summary:  "Invalid value for variable",
		Detail:   detail,
		Subject:  &variable.Range,
	}}
}

func convertVariable(variable *specfile.Variable, given cty.Value, at hcl.Range) (cty.Value, hcl.Diagnostics) {
	value, err := variable.Convert(given)
	if err != nil {
		return cty.NilVal, hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Invalid value for variable",
			Detail:   fmt.Sprintf("The variable %q is of type %s: %s.", variable.Name, variable.Type.FriendlyName(), err),
			Subject:  &at,
		}}
	}
	return value, nil
}

// leaves are the strings and numbers inside a value, as text.
func leaves(value cty.Value) []string {
	value, _ = value.UnmarkDeep()
	var found []string
	_ = cty.Walk(value, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && (v.Type() == cty.String || v.Type() == cty.Number) {
			text, err := convert.Convert(v, cty.String)
			if err == nil && strings.TrimSpace(text.AsString()) != "" {
				found = append(found, text.AsString())
			}
		}
		return true, nil
	})
	return found
}
