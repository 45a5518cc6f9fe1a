package specfile

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// root decodes the files' bodies as one.
func (d *decoder) root(bodies []hcl.Body) {
	d.suite.Settings.Name = filepath.Base(d.suite.Dir)
	d.suite.Variables = map[string]*Variable{}
	d.suite.Locals = map[string]*Local{}
	d.suite.Broken = map[hcl.Range]bool{}
	children := []child{
		{"assay", "", once, d.requirements},
		{"suite", "", once, d.settings},
		{"variable", "name", named, d.variable},
		{"locals", "", many, d.locals},
		{"plugin", "name", named, d.plugin},
		{"action", "name", named, d.action},
		{"mock", "name", named, d.mock},
		{"sandbox", "", once, d.sandbox},
		{"classifier", "", once, d.classifier},
		{"hooks", "", once, d.hooks},
		{"vector", "name", named, d.vector},
		{"threshold", "name", titled, d.threshold},
	}
	for i, c := range children {
		children[i].decode = func(b *hcl.Block) { d.whole(b, c.decode) }
	}
	schema := schemaOf(nil, children)
	var blocks hcl.Blocks
	for _, body := range bodies {
		blocks = append(blocks, d.content(body, schema).Blocks...)
	}
	d.suite.Complete = !d.diags.HasErrors()
	d.dispatch(blocks, children)

	slices.SortFunc(d.suite.Plugins, func(a, b *Plugin) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.suite.Actions, func(a, b *Action) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.suite.Mocks, func(a, b *Mock) int { return strings.Compare(a.Name, b.Name) })
}

// whole decodes a block of the top level, and takes note of one that is wrong:
// what refers to it by name can be checked all the same.
func (d *decoder) whole(b *hcl.Block, decode func(*hcl.Block)) {
	before := d.diags
	d.diags = nil
	decode(b)
	if d.diags.HasErrors() {
		d.suite.Broken[b.DefRange] = true
	}
	d.diags = append(before, d.diags...)
}

// requirements decodes the assay block and checks what it asks for.
func (d *decoder) requirements(b *hcl.Block) {
	var expr hcl.Expression
	d.body(b.Body, []attr{{"required_version", &expr, optional}}, nil)
	constraints, ok := d.constraints(expr)
	if !ok {
		return
	}
	running, err := version.NewVersion(d.version)
	if err != nil || running.Core().String() == "0.0.0" {
		return // a development build
	}
	if !constraints.Check(running.Core()) {
		d.errorf(expr.Range(), "Unsupported version of assay",
			"This suite needs assay %s, and this is %s. Install a version that fits, or relax required_version.", constraints, running)
	}
}

// constraints reads a version constraint such as ">= 0.1.0, < 2.0.0"; it gives
// false where there is none or it is wrong.
func (d *decoder) constraints(expr hcl.Expression) (version.Constraints, bool) {
	text := d.text(expr)
	if text == "" {
		return nil, false
	}
	constraints, err := version.NewConstraint(text)
	if err != nil {
		d.errorf(expr.Range(), "Invalid version constraint",
			`%q is not a version constraint. Write one such as ">= 0.1.0" or "~> 1.2".`, text)
	}
	return constraints, err == nil
}

func (d *decoder) settings(b *hcl.Block) {
	s := &d.suite.Settings
	var name hcl.Expression
	d.body(b.Body, []attr{
		{"name", &name, optional},
		{"tags", &s.Tags, optional},
		{"parallel", &s.Parallel, optional},
		{"timeout", &s.Timeout, optional},
	}, nil)
	if text := d.text(name); text != "" {
		s.Name = text
	}
}

func (d *decoder) locals(b *hcl.Block) {
	attributes, diags := b.Body.JustAttributes()
	d.diags = append(d.diags, diags...)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		attribute := attributes[name]
		first, found := d.suite.Locals[name]
		switch {
		case !hclsyntax.ValidIdentifier(name):
			d.errorf(attribute.NameRange, "Invalid name",
				"%q cannot be the name of a local value: start with a letter and use letters, digits, underscores and dashes.", name)
		case found:
			d.errorf(attribute.NameRange, "Duplicate local value", "The local value %q is set already at %s. Rename or remove one of them.", name, first.Range)
		default:
			d.suite.Locals[name] = &Local{Name: name, Value: attribute.Expr, Range: attribute.NameRange}
		}
	}
}

func (d *decoder) hooks(b *hcl.Block) {
	h := &Hooks{Range: b.DefRange}
	d.body(b.Body, []attr{{"script", &h.Script, required}}, nil)
	d.suite.Hooks = h
}

func (d *decoder) threshold(b *hcl.Block) {
	t := &Threshold{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"metric", &t.Metric, required},
		{"action", &t.Action, optional},
		{"window", &t.Window, optional},
		{"min", &t.Min, optional},
		{"max", &t.Max, optional},
		{"warn", &t.Warn, optional},
		{"min_executions", &t.MinExecutions, optional},
	}, nil)
	d.suite.Thresholds = append(d.suite.Thresholds, t)
}
