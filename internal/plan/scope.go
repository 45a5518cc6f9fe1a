package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/hcl/specfunc"
)

// openScope builds what every expression may refer to: functions, var,
// sandbox, mock and local. Actions are added once they are evaluated.
func (b *builder) openScope() {
	mocks := make(map[string]cty.Value, len(b.suite.Mocks))
	for _, mock := range b.suite.Mocks {
		mocks[mock.Name] = urlValue(b.options.MockURLs[mock.Name])
	}
	b.scope = &hcl.EvalContext{
		Functions: specfunc.Functions(b.suite.ReadFile, b.options.Now),
		Variables: map[string]cty.Value{
			"var":     cty.ObjectVal(b.variables),
			"sandbox": urlValue(b.options.SandboxURL),
			"mock":    cty.ObjectVal(mocks),
		},
	}
	b.plan.Scope = b.scope
	b.locals = make(map[string]cty.Value, len(b.suite.Locals))
	b.resolving = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.suite.Locals)) {
		b.resolveLocal(name)
	}
	b.publishLocals()
}

func (b *builder) publishLocals() { b.scope.Variables["local"] = cty.ObjectVal(maps.Clone(b.locals)) }

func urlValue(url string) cty.Value {
	value := cty.UnknownVal(cty.String)
	if url != "" {
		value = cty.StringVal(url)
	}
	return cty.ObjectVal(map[string]cty.Value{"url": value})
}

// resolveLocal evaluates a local after those that it refers to.
func (b *builder) resolveLocal(name string) {
	local := b.suite.Locals[name]
	if _, done := b.locals[name]; done || local == nil {
		return
	}
	if b.resolving[name] {
		b.errorf(local.Range, "Local values refer to each other",
			fmt.Sprintf("The value of local.%s depends on itself. Take one of the references out of the circle.", name))
		b.locals[name] = cty.DynamicVal
		return
	}
	b.resolving[name] = true
	defer delete(b.resolving, name)
	for _, traversal := range local.Value.Variables() {
		if traversal.RootName() == "local" && len(traversal) > 1 {
			if attr, ok := traversal[1].(hcl.TraverseAttr); ok {
				b.resolveLocal(attr.Name)
			}
		}
	}
	if _, circular := b.locals[name]; circular {
		return
	}
	b.publishLocals()
	value, _ := b.eval(local.Value, cty.DynamicPseudoType, nil)
	b.locals[name] = value
}

// eval evaluates an expression and converts it to want. extra are names that
// only this place knows, such as each. What is wrong is added to the
// diagnostics; the value is unknown then, and ok false. An expression that the
// spec does not set is null.
func (b *builder) eval(expr hcl.Expression, want cty.Type, extra map[string]cty.Value) (cty.Value, bool) {
	if expr == nil {
		return cty.NullVal(want), true
	}
	if diags := b.undeclared(expr.Variables(), extra); diags.HasErrors() {
		b.diags = b.diags.Extend(diags)
		return cty.UnknownVal(want), false
	}
	scope := b.scope
	if extra != nil {
		scope = b.scope.NewChild()
		scope.Variables = extra
	}
	value, diags := expr.Value(scope)
	b.diags = b.diags.Extend(diags)
	if diags.HasErrors() {
		return cty.UnknownVal(want), false
	}
	converted, err := convert.Convert(value, want)
	if err != nil {
		b.errorf(expr.Range(), "Wrong type of value", fmt.Sprintf("A value of type %s is needed here: %s.", want.FriendlyName(), mismatch(err)))
		return cty.UnknownVal(want), false
	}
	return converted, true
}

// undeclared finds references to blocks that the suite does not have. HCL
// itself would only say that an object has no such attribute.
func (b *builder) undeclared(references []hcl.Traversal, extra map[string]cty.Value) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, traversal := range references {
		root := traversal.RootName()
		if _, local := extra[root]; local || len(traversal) < 2 {
			continue
		}
		attr, ok := traversal[1].(hcl.TraverseAttr)
		names := b.declared(root)
		if !ok || names == nil || slices.Contains(names, attr.Name) {
			continue
		}
		at := traversal.SourceRange()
		diags = diags.Append(&hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Reference to something that is not declared",
			Detail:   fmt.Sprintf("There is no %s named %q.%s", rootTitle(root), attr.Name, suggestion(attr.Name, names, "Declare it in a block")),
			Subject:  &at,
		})
	}
	return diags
}

func rootTitle(root string) string {
	switch root {
	case "var":
		return "variable"
	case "local":
		return "local value"
	default:
		return root
	}
}

// declared are the names under a root, or nil where the root is not of blocks.
func (b *builder) declared(root string) []string {
	names := []string{}
	switch root {
	case "var":
		names = slices.AppendSeq(names, maps.Keys(b.suite.Variables))
	case "local":
		names = slices.AppendSeq(names, maps.Keys(b.suite.Locals))
	case "mock":
		for _, mock := range b.suite.Mocks {
			names = append(names, mock.Name)
		}
	case "action":
		for _, action := range b.suite.Actions {
			names = append(names, action.Name)
		}
	case "plugin":
		for _, plugin := range b.suite.Plugins {
			names = append(names, plugin.Name)
		}
	default:
		return nil
	}
	return names
}

// suggestion finishes a sentence about a wrong name.
func suggestion(given string, names []string, otherwise string) string {
	if near := specfile.Nearest(given, names); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	if len(names) == 0 {
		return " " + otherwise + "."
	}
	slices.Sort(names)
	return fmt.Sprintf(" There are %s.", strings.Join(names, ", "))
}

// reference reads a static reference to a block, such as action.inventory_sync.
// ok is false where the expression is not set or is wrong.
func (b *builder) reference(expr hcl.Expression, root string) (name string, ok bool) {
	if expr == nil {
		return "", false
	}
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	// The JSON syntax has only strings, in which people write "${action.x}".
	if inner, ok := strings.CutPrefix(b.source(expr), `"${`); ok {
		traversal, diags = hclsyntax.ParseTraversalAbs([]byte(strings.TrimSuffix(inner, `}"`)), expr.Range().Filename, expr.Range().Start)
	}
	if diags.HasErrors() || len(traversal) != 2 || traversal.RootName() != root {
		b.errorf(expr.Range(), "Not a reference", fmt.Sprintf("A reference such as %s.NAME is needed here, without quotes.", root))
		return "", false
	}
	attr, isAttr := traversal[1].(hcl.TraverseAttr)
	if diags := b.undeclared([]hcl.Traversal{traversal}, nil); diags.HasErrors() || !isAttr {
		b.diags = b.diags.Extend(diags)
		return "", false
	}
	return attr.Name, true
}

// text, flag, amount and the like evaluate an attribute of a block. set is false
// where the attribute is absent, null, unknown until the run, or wrong.

func (b *builder) text(expr hcl.Expression, extra map[string]cty.Value) (text string, set bool) {
	value, _ := b.eval(expr, cty.String, extra)
	if value, _ = value.Unmark(); value.IsKnown() && !value.IsNull() {
		return value.AsString(), true
	}
	return "", false
}

func (b *builder) amount(expr hcl.Expression, extra map[string]cty.Value) *float64 {
	value, _ := b.eval(expr, cty.Number, extra)
	if value, _ = value.Unmark(); value.IsKnown() && !value.IsNull() {
		f, _ := value.AsBigFloat().Float64()
		return &f
	}
	return nil
}

func (b *builder) texts(expr hcl.Expression, extra map[string]cty.Value) []string {
	value, _ := b.eval(expr, cty.List(cty.String), extra)
	value, _ = value.UnmarkDeep()
	if !value.IsWhollyKnown() || value.IsNull() {
		return nil
	}
	var texts []string
	for _, element := range value.AsValueSlice() {
		if element.IsNull() {
			b.errorf(expr.Range(), "Null in a list", "Every element of this list must be a string.")
			continue
		}
		texts = append(texts, element.AsString())
	}
	return texts
}

// duration reads a duration of at least lowest.
func (b *builder) duration(expr hcl.Expression, lowest time.Duration, extra map[string]cty.Value) time.Duration {
	text, set := b.text(expr, extra)
	if !set {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < lowest {
		b.errorf(expr.Range(), "Not a duration", fmt.Sprintf(
			"%q is not a duration of at least %s. Write a number and a unit, such as \"500ms\", \"10s\" or \"2m\".", text, lowest))
		return 0
	}
	return d
}

// count reads a whole number between lowest and highest.
func (b *builder) count(expr hcl.Expression, lowest, highest int) int {
	n := b.amount(expr, nil)
	if n == nil {
		return 0
	}
	if *n != float64(int(*n)) || int(*n) < lowest || int(*n) > highest {
		b.errorf(expr.Range(), "Number out of range", fmt.Sprintf("A whole number from %d to %d is needed here.", lowest, highest))
		return lowest
	}
	return int(*n)
}

// mismatch words a failed conversion, with the place inside the value.
func mismatch(err error) string {
	var at cty.PathError
	if !errors.As(err, &at) || len(at.Path) == 0 {
		return err.Error()
	}
	var path strings.Builder
	for _, step := range at.Path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			path.WriteString("." + step.Name)
		case cty.IndexStep:
			key, keyErr := convert.Convert(step.Key, cty.String)
			if keyErr != nil || !key.IsKnown() || key.IsNull() {
				key = cty.StringVal("…")
			}
			path.WriteString("[" + key.AsString() + "]")
		}
	}
	return "in " + strings.TrimPrefix(path.String(), ".") + ": " + err.Error()
}
