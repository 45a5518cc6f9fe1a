package action

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Constant evaluates an attribute that depends on nothing but scope and
// converts it to a type. Absent, null and unknown attributes, and wrong ones,
// give cty.NilVal; marks are taken off.
func Constant(expr hcl.Expression, scope *hcl.EvalContext, want cty.Type) (cty.Value, hcl.Diagnostics) {
	if expr == nil {
		return cty.NilVal, nil
	}
	value, diags := expr.Value(scope)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	value, err := convert.Convert(value, want)
	if err != nil {
		return cty.NilVal, hcl.Diagnostics{Wrong(expr, "Wrong type", "A value of type %s is needed here: %s.", want.FriendlyName(), err)}
	}
	value, _ = value.UnmarkDeep()
	if value.IsNull() || !value.IsWhollyKnown() {
		return cty.NilVal, diags
	}
	return value, diags
}

// Check finds what is wrong with an expression whose value depends on more
// than scope knows: names that do not exist, functions that cannot be called so,
// and a value that can never become one of the wanted type.
func Check(expr hcl.Expression, scope *hcl.EvalContext, want cty.Type) hcl.Diagnostics {
	if expr == nil {
		return nil
	}
	value, diags := expr.Value(scope)
	if diags.HasErrors() {
		return diags
	}
	if _, err := convert.Convert(value, want); err != nil {
		return append(diags, Wrong(expr, "Wrong type", "A value of type %s is needed here: %s.", want.FriendlyName(), err))
	}
	return diags
}

// Duration evaluates an attribute such as "1m30s"; without one it is fallback.
func Duration(expr hcl.Expression, scope *hcl.EvalContext, fallback time.Duration) (time.Duration, hcl.Diagnostics) {
	value, diags := Constant(expr, scope, cty.String)
	if value == cty.NilVal {
		return fallback, diags
	}
	duration, err := time.ParseDuration(value.AsString())
	if err != nil || duration < 0 {
		return fallback, append(diags, Wrong(expr, "Invalid duration", "%q is not a duration: write a number and a unit, such as \"500ms\", \"8s\" or \"1m30s\".", value.AsString()))
	}
	return duration, diags
}

// Integer evaluates an attribute that is a whole number of at least low and at
// most high; without one it is fallback.
func Integer(expr hcl.Expression, scope *hcl.EvalContext, fallback, low, high int) (int, hcl.Diagnostics) {
	value, diags := Constant(expr, scope, cty.Number)
	if value == cty.NilVal {
		return fallback, diags
	}
	number := value.AsBigFloat()
	whole, _ := number.Int64()
	if !number.IsInt() || whole < int64(low) || whole > int64(high) {
		return fallback, append(diags, Wrong(expr, "Number out of range", "This must be a whole number from %d to %d.", low, high))
	}
	return int(whole), diags
}

// Wrong is an error about an attribute's value.
func Wrong(expr hcl.Expression, summary, format string, args ...any) *hcl.Diagnostic {
	subject := expr.Range()
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &subject, Expression: expr}
}
