package specfile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// decoder fills a suite from bodies and gathers what is wrong with them. It
// decodes straight into the suite's types: reflection over struct tags would
// cost more than the parser on a suite of thousands of vectors.
type decoder struct {
	suite   *Suite
	version string
	diags   hcl.Diagnostics
}

func newDecoder(suite *Suite, version string) *decoder {
	return &decoder{suite: suite, version: version}
}

// attr is an attribute of a block and where its expression goes.
type attr struct {
	name     string
	target   *hcl.Expression // left nil where the spec does not set it
	required bool
}

const (
	optional = false
	required = true
)

// child is a kind of block that may stand in another.
type child struct {
	kind   string
	label  string // what its label is called; empty for none
	rule   rule
	decode func(*hcl.Block)
}

// rule says how often a kind of block may stand in its parent and what its
// label may be.
type rule int

const (
	once     rule = iota // no label, a single block
	shared               // as once, and an attribute may have its name
	many                 // no label, or one that may repeat
	named                // an identifier, unique
	titled               // free text, unique and not empty
	numerous             // as many, with a label that is not empty
)

// body decodes a block's content.
func (d *decoder) body(body hcl.Body, attrs []attr, children []child) {
	content := d.content(body, schemaOf(attrs, children))
	for _, a := range attrs {
		if found := content.Attributes[a.name]; found != nil {
			*a.target = found.Expr
		}
	}
	d.dispatch(content.Blocks, children)
}

// openBody decodes the content of a block that takes attributes of any name
// and gives those that attrs do not list.
func (d *decoder) openBody(body hcl.Body, attrs []attr, children []child) hcl.Attributes {
	// Its complaints are left to content, which knows of the block types.
	all, _ := body.JustAttributes()
	for _, c := range children {
		if a := all[c.kind]; c.rule != shared || a != nil && isObject(a.Expr) {
			delete(all, c.kind)
		}
	}
	schema := schemaOf(attrs, children)
	for _, a := range attrs {
		delete(all, a.name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: name})
	}
	content := d.content(body, schema)
	for _, a := range attrs {
		if found := content.Attributes[a.name]; found != nil {
			*a.target = found.Expr
			delete(content.Attributes, a.name)
		}
	}
	d.dispatch(content.Blocks, children)
	return content.Attributes
}

// isObject tells a block of HCL's JSON syntax from an attribute.
func isObject(expr hcl.Expression) bool {
	_, diags := hcl.ExprMap(expr)
	return !diags.HasErrors()
}

// content reads what schema allows and reports everything else.
func (d *decoder) content(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		content, diags := body.Content(schema)
		d.diags = append(d.diags, diags...)
		return content
	}
	content, _, diags := native.PartialContent(schema)
	d.diags = append(d.diags, diags...)
	if len(content.Attributes) < len(native.Attributes) || len(content.Blocks) < len(native.Blocks) {
		d.diags = append(d.diags, unknownNames(native, schema)...)
	}
	return content
}

func schemaOf(attrs []attr, children []child) *hcl.BodySchema {
	schema := &hcl.BodySchema{
		Attributes: make([]hcl.AttributeSchema, len(attrs)),
		Blocks:     make([]hcl.BlockHeaderSchema, len(children)),
	}
	for i, a := range attrs {
		schema.Attributes[i] = hcl.AttributeSchema{Name: a.name, Required: a.required}
	}
	for i, c := range children {
		schema.Blocks[i].Type = c.kind
		if c.label != "" {
			schema.Blocks[i].LabelNames = []string{c.label}
		}
	}
	return schema
}

// dispatch hands each block to its decoder once its label is known to be right.
func (d *decoder) dispatch(blocks hcl.Blocks, children []child) {
	if len(blocks) == 0 {
		return
	}
	seen := make(map[string]hcl.Range, len(blocks))
	for _, block := range blocks {
		c := children[slices.IndexFunc(children, func(c child) bool { return c.kind == block.Type })]
		if c.label != "" && !d.validLabel(block, c) {
			d.suite.Complete = false
			continue
		}
		if !d.unique(seen, block, c.rule) {
			continue
		}
		c.decode(block)
	}
}

func (d *decoder) validLabel(block *hcl.Block, c child) bool {
	label := block.Labels[0]
	switch {
	case c.rule == named && !hclsyntax.ValidIdentifier(label):
		d.errorf(block.LabelRanges[0], "Invalid name",
			"%q cannot be the %s of a %s block, because expressions refer to it by that: start with a letter and use letters, digits, underscores and dashes.", label, c.label, c.kind)
		return false
	case label == "":
		d.errorf(block.LabelRanges[0], "Invalid name", "The %s of this %s block must not be empty.", c.label, c.kind)
		return false
	}
	return true
}

func (d *decoder) unique(seen map[string]hcl.Range, block *hcl.Block, r rule) bool {
	key, subject := block.Type, block.DefRange
	switch r {
	case many, numerous:
		return true
	case named, titled:
		key, subject = block.Type+"."+block.Labels[0], block.LabelRanges[0]
	case once, shared:
	}
	first, found := seen[key]
	switch {
	case !found:
		seen[key] = subject
	case r == once, r == shared:
		d.errorf(subject, "Duplicate block", "Only one %s block is allowed here, and one stands already at %s. Join the two.", block.Type, first)
	default:
		d.errorf(subject, "Duplicate block", "This is the second %s %q; the first is at %s. Rename or remove one of them.", block.Type, block.Labels[0], first)
	}
	return !found
}

// text evaluates an expression that must be a literal string; absent and null
// give the empty string.
func (d *decoder) text(expr hcl.Expression) string {
	value := d.literal(expr, cty.String)
	if value.IsNull() {
		return ""
	}
	return value.AsString()
}

// literal evaluates an expression that may not refer to anything. An absent or
// wrong one gives null.
func (d *decoder) literal(expr hcl.Expression, t cty.Type) cty.Value {
	null := cty.NullVal(t)
	if expr == nil {
		return null
	}
	value, diags := expr.Value(nil)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		return null
	}
	value, err := convert.Convert(value, t)
	if err != nil {
		d.errorf(expr.Range(), "Unsuitable value", "A literal %s is needed here.", t.FriendlyName())
		return null
	}
	return value
}

func (d *decoder) errorf(subject hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   fmt.Sprintf(format, args...),
		Subject:  &subject,
	})
}
