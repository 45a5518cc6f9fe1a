package specfile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

func (d *decoder) action(b *hcl.Block) {
	a := &Action{Name: b.Labels[0], Range: b.DefRange}
	var input, output hcl.Expression
	d.body(b.Body, []attr{
		{"id", &a.ID, optional},
		{"name", &a.DisplayName, optional},
		{"description", &a.Description, optional},
		{"input", &input, optional},
		{"output", &output, optional},
		{"input_schema", &a.InputSchema, optional},
		{"output_schema", &a.OutputSchema, optional},
		{"sensitive", &a.Sensitive, optional},
		{"target", &a.Target, optional},
	}, []child{
		{"error", "code", titled, func(b *hcl.Block) { a.Errors = append(a.Errors, d.errorCode(b)) }},
		{"handler", "", once, func(b *hcl.Block) { a.Handler = d.handler(b) }},
	})
	a.Input = d.typeConstraint(input)
	a.Output = d.typeConstraint(output)
	d.exclusive("input", input, "input_schema", a.InputSchema)
	d.exclusive("output", output, "output_schema", a.OutputSchema)
	if a.Input != nil && !holdsNames(a.Input.Type) {
		d.errorf(a.Input.Range, "Invalid input type", "An action's input is an object: write object({…}), map(…) or any.")
	}
	d.suite.Actions = append(d.suite.Actions, a)
}

// holdsNames tells whether values of the type can be JSON objects.
func holdsNames(t cty.Type) bool {
	return t.IsObjectType() || t.IsMapType() || t == cty.DynamicPseudoType
}

// typeConstraint reads a type; nil where there is none.
func (d *decoder) typeConstraint(expr hcl.Expression) *TypeConstraint {
	if expr == nil {
		return nil
	}
	t, diags := typeexpr.TypeConstraint(expr)
	d.diags = append(d.diags, diags...)
	return &TypeConstraint{Type: t, Range: expr.Range()}
}

func (d *decoder) exclusive(name string, expr hcl.Expression, other string, otherExpr hcl.Expression) {
	if expr != nil && otherExpr != nil {
		d.errorf(otherExpr.Range(), "Conflicting arguments",
			"%s is set at %s already: an action declares the one or the other. Remove %s or %s.", name, expr.Range(), name, other)
	}
}

func (d *decoder) errorCode(b *hcl.Block) *ErrorCode {
	e := &ErrorCode{Code: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"message", &e.Message, required},
		{"category", &e.Category, optional},
	}, nil)
	return e
}

func (d *decoder) handler(b *hcl.Block) *Handler {
	h := &Handler{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"output", &h.Output, optional},
		{"errors", &h.Errors, optional},
	}, []child{
		{"step", "name", named, func(b *hcl.Block) { h.Steps = append(h.Steps, d.step(b)) }},
	})
	return h
}

func (d *decoder) step(b *hcl.Block) *Step {
	s := &Step{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"set", &s.Set, optional},
		{"timeout", &s.Timeout, optional},
	}, []child{
		{"request", "", once, func(b *hcl.Block) { s.Request = d.request(b) }},
		{"retry", "", once, func(b *hcl.Block) { s.Retry = d.retry(b) }},
	})
	if (s.Request == nil) == (s.Set == nil) {
		d.errorf(b.DefRange, "Unclear step",
			"A step either sends a request or sets values. Give step %q a request block or a set argument, not both.", s.Name)
	}
	return s
}

func (d *decoder) request(b *hcl.Block) *Request {
	r := &Request{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"method", &r.Method, optional},
		{"url", &r.URL, required},
		{"headers", &r.Headers, optional},
		{"json", &r.JSON, optional},
		{"form", &r.Form, optional},
		{"body", &r.Body, optional},
		{"timeout", &r.Timeout, optional},
		{"expect", &r.Expect, optional},
	}, nil)
	return r
}
