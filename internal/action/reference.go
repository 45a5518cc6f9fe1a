package action

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// checkExpression finds what is wrong with an expression whatever the input:
// it is evaluated with an unknown input and unknown responses of the steps
// before the one numbered before.
func (r *Runtime) checkExpression(expr hcl.Expression, want cty.Type, before int) hcl.Diagnostics {
	if expr == nil {
		return nil
	}
	if diags := r.checkReferences(expr, before); diags.HasErrors() {
		return diags
	}
	steps := make(map[string]cty.Value, before)
	for _, s := range r.steps[:before] {
		steps[s.name] = s.unknown()
	}
	input := cty.DynamicVal
	if schema := r.definition.Input; schema != nil {
		input = cty.UnknownVal(schema.Type().WithoutOptionalAttributesDeep()).RefineNotNull()
	}
	return Check(expr, r.child(input, steps), want)
}

// checkOutput holds the output against its type, where that says all.
func (r *Runtime) checkOutput() hcl.Diagnostics {
	want := cty.DynamicPseudoType
	if schema := r.definition.Output; schema != nil && !schema.Type().HasDynamicTypes() {
		want = schema.Type()
	}
	return r.checkExpression(r.output, want, len(r.steps))
}

// child is the scope of the handler's expressions.
func (r *Runtime) child(input cty.Value, steps map[string]cty.Value) *hcl.EvalContext {
	child := r.scope.NewChild()
	child.Functions = r.scope.Functions // HCL suggests names from the innermost scope only
	child.Variables = map[string]cty.Value{"input": input, "step": cty.ObjectVal(steps)}
	return child
}

// unknown is what is known of a step's values before it has run.
func (s *step) unknown() cty.Value {
	if s.request == nil {
		return cty.ObjectVal(map[string]cty.Value{"set": cty.DynamicVal})
	}
	return cty.ObjectVal(map[string]cty.Value{"response": cty.ObjectVal(map[string]cty.Value{
		"status":  cty.UnknownVal(cty.Number),
		"headers": cty.UnknownVal(cty.Map(cty.String)),
		"body":    cty.UnknownVal(cty.String),
		"json":    cty.DynamicVal,
	})})
}

// checkReferences reports steps that an expression names and that have not run
// before it.
func (r *Runtime) checkReferences(expr hcl.Expression, before int) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, traversal := range expr.Variables() {
		name, ok := stepOf(traversal)
		if !ok || slices.ContainsFunc(r.steps[:before], func(s *step) bool { return s.name == name }) {
			continue
		}
		subject := traversal.SourceRange()
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Reference to a step that has not run",
			Detail:   fmt.Sprintf("Step %q does not exist or comes later; steps run in the order in which they are written.%s", name, r.suggestStep(name, before)),
			Subject:  &subject,
		})
	}
	return diags
}

func (r *Runtime) suggestStep(name string, before int) string {
	var earlier []string
	for _, s := range r.steps[:before] {
		earlier = append(earlier, s.name)
	}
	return didYouMean(name, earlier)
}

// stepOf is the step that a traversal such as step.sync.response leads
// through.
func stepOf(traversal hcl.Traversal) (string, bool) {
	if traversal.RootName() != "step" || len(traversal) < 2 {
		return "", false
	}
	return member(traversal[1])
}

func member(traverser hcl.Traverser) (string, bool) {
	switch t := traverser.(type) {
	case hcl.TraverseAttr:
		return t.Name, true
	case hcl.TraverseIndex:
		if t.Key.Type() == cty.String {
			return t.Key.AsString(), true
		}
	}
	return "", false
}

// readsJSON reports whether an expression after step i reads the JSON of its
// response, or may do so.
func (r *Runtime) readsJSON(i int) bool {
	exprs := []typed{{r.output, cty.DynamicPseudoType}}
	for _, later := range r.steps[i+1:] {
		exprs = append(exprs, later.expressions()...)
	}
	for _, expr := range exprs {
		if expr.Expression == nil {
			continue
		}
		for _, traversal := range expr.Variables() {
			if leadsTo(traversal, "step", r.steps[i].name, "response", "json") {
				return true
			}
		}
	}
	return false
}

// leadsTo reports whether a traversal goes through path or stops on the way.
func leadsTo(traversal hcl.Traversal, path ...string) bool {
	if traversal.RootName() != path[0] {
		return false
	}
	for i := 1; i < min(len(path), len(traversal)); i++ {
		if name, ok := member(traversal[i]); ok && name != path[i] {
			return false
		}
	}
	return true
}

// typed is an expression with the type that it must have.
type typed struct {
	hcl.Expression
	want cty.Type
}

// expressions are those that differ from one execution to the next.
func (s *step) expressions() []typed {
	all := []typed{{s.set, cty.DynamicPseudoType}}
	if q := s.request; q != nil {
		all = append(all,
			typed{q.method, cty.String}, typed{q.url, cty.String}, typed{q.headers, cty.Map(cty.String)},
			typed{q.json, cty.DynamicPseudoType}, typed{q.form, cty.Map(cty.String)}, typed{q.body, cty.String})
	}
	return slices.DeleteFunc(all, func(expr typed) bool { return expr.Expression == nil })
}

// reads reports whether an expression refers to one of the roots.
func reads(expr hcl.Expression, roots ...string) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool {
		return slices.Contains(roots, t.RootName())
	})
}
