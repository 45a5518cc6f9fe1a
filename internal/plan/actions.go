package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
)

// actions evaluates the action blocks in two rounds, so that every expression
// after the first may refer to action.NAME.id and action.NAME.name.
func (b *builder) actions() {
	b.actionOf = make(map[string]*Action, len(b.suite.Actions))
	b.inputs = map[string]*schema.Schema{}
	values := make(map[string]cty.Value, len(b.suite.Actions))
	for _, spec := range b.suite.Actions {
		if b.suite.Broken[spec.Range] {
			values[spec.Name] = cty.DynamicVal
			continue
		}
		a := b.action(spec)
		b.plan.Actions = append(b.plan.Actions, a)
		b.actionOf[spec.Name] = a
		values[spec.Name] = cty.ObjectVal(map[string]cty.Value{
			"id":   cty.StringVal(a.ID),
			"name": cty.StringVal(a.DisplayName),
		})
	}
	b.scope.Variables["action"] = cty.ObjectVal(values)
	for _, a := range b.plan.Actions {
		runtime, diags := action.New(a.Definition, b.scope, b.options.Handlers)
		b.diags = b.diags.Extend(diags)
		a.Runtime = runtime
	}
}

func (b *builder) action(spec *specfile.Action) *Action {
	a := &Action{Definition: action.Definition{Name: spec.Name, Handler: spec.Handler, Range: spec.Range}}
	a.ID, _ = b.text(spec.ID, nil)
	a.DisplayName, _ = b.text(spec.DisplayName, nil)
	if a.DisplayName == "" {
		a.DisplayName = spec.Name
	}
	a.Description, _ = b.text(spec.Description, nil)
	a.Sensitive = b.texts(spec.Sensitive, nil)
	// Strict version constraint: the platform refuses what the schema does not name.
	a.Input = b.schema(spec.Input, spec.InputSchema, true)
	a.Output = b.schema(spec.Output, spec.OutputSchema, false)
	for _, e := range spec.Errors {
		a.Errors = append(a.Errors, b.errorCode(e))
	}
	a.Target = b.target(spec)
	b.checkID(spec, a)
	return a
}

func (b *builder) errorCode(spec *specfile.ErrorCode) action.ErrorCode {
	e := action.ErrorCode{Code: spec.Code}
	e.Message, _ = b.text(spec.Message, nil)
	e.Category = b.oneOf(spec.Category, "category", slices.Collect(maps.Keys(result.Categories)), nil)
	return e
}

// oneOf reads a string that must be one of a list; empty where it is not set.
func (b *builder) oneOf(expr hcl.Expression, name string, allowed []string, extra map[string]cty.Value) string {
	text, set := b.text(expr, extra)
	if set && !slices.Contains(allowed, text) {
		b.errorf(expr.Range(), "Value not allowed", fmt.Sprintf("There is no %s %q.%s", name, text, suggestion(text, allowed, "")))
	}
	return text
}

func (b *builder) schema(constraint *specfile.TypeConstraint, file hcl.Expression, closed bool) *schema.Schema {
	if constraint != nil {
		return schema.FromType(constraint.Type, closed)
	}
	name, set := b.text(file, nil)
	if !set {
		return nil
	}
	if known := b.inputs[name]; known != nil {
		return known
	}
	document, err := b.suite.ReadFile(name)
	if err != nil {
		b.errorf(file.Range(), "Schema file cannot be read", err.Error()+".")
		return nil
	}
	parsed, err := schema.Parse(name, document)
	if err != nil {
		b.errorf(file.Range(), "Not a JSON Schema", fmt.Sprintf("%s: %s.", name, strings.TrimSuffix(err.Error(), ".")))
		return nil
	}
	b.inputs[name] = parsed
	return parsed
}

// target is the plugin that runs the action: the one it names, or the suite's only one.
func (b *builder) target(spec *specfile.Action) *Plugin {
	name, named := b.reference(spec.Target, "plugin")
	if !named {
		if len(b.targets) > 1 {
			names := make([]string, len(b.targets))
			for i, t := range b.targets {
				names[i] = "plugin." + t.Name
			}
			b.errorf(spec.Range, "Target is ambiguous", fmt.Sprintf(
				"The suite has several targets (%s). Say which one runs this action: target = %s.", strings.Join(names, ", "), names[0]))
		}
		if len(b.targets) != 1 {
			return nil
		}
		return b.targets[0]
	}
	for _, t := range b.targets {
		if t.Name == name {
			return t
		}
	}
	b.errorf(spec.Target.Range(), "Not a target", fmt.Sprintf("plugin.%s does not run actions. A target is a plugin such as builtin/cxone.", name))
	return nil
}

// checkID holds the id against what the target accepts.
func (b *builder) checkID(spec *specfile.Action, a *Action) {
	if a.Target == nil || a.Target.Description.Target == nil {
		return
	}
	traits := a.Target.Description.Target
	value, ok := b.eval(spec.ID, cty.String, nil)
	switch {
	case !ok || !value.IsKnown():
	case a.ID == "":
		b.errorf(spec.Range, "Missing required argument", fmt.Sprintf(
			"The action %q needs an id, by which plugin.%s knows it: %s.", a.Name, a.Target.Name, traits.ActionIDHint))
	case traits.ActionIDPattern != "":
		if matched, err := regexp.MatchString(`\A(?:`+traits.ActionIDPattern+`)\z`, a.ID); err != nil || !matched {
			b.errorf(spec.ID.Range(), "Invalid action id", fmt.Sprintf("The id must be %s, not %q.", traits.ActionIDHint, a.ID))
		}
	}
}
