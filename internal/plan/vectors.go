package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/schema"
)

// vectors evaluates every vector: a wrong spec is told whatever is selected.
func (b *builder) vectors() {
	suiteTags := b.texts(b.suite.Settings.Tags, nil)
	for _, spec := range b.suite.Vectors {
		if b.suite.Broken[spec.Range] {
			continue
		}
		for _, instance := range b.instances(spec) {
			if v := b.vector(spec, instance, suiteTags); v != nil {
				b.plan.Vectors = append(b.plan.Vectors, v)
			}
		}
	}
}

// instance is one element of a vector's for_each.
type instance struct {
	name  string
	extra map[string]cty.Value // each; nil without for_each
}

func (b *builder) instances(spec *specfile.Vector) []instance {
	if spec.ForEach == nil {
		return []instance{{name: spec.Name}}
	}
	value, ok := b.eval(spec.ForEach, cty.DynamicPseudoType, nil)
	if !ok {
		return nil
	}
	if value.IsMarked() {
		b.errorf(spec.ForEach.Range(), "Sensitive for_each", "The keys of for_each become names of vectors, which are shown, "+
			"but they come from a sensitive value. Take for_each from a value that is not sensitive.")
		return nil
	}
	t := value.Type()
	isSetOfText := t.IsSetType() && (t.ElementType() == cty.String || value.IsKnown() && value.LengthInt() == 0)
	switch {
	case !value.IsKnown():
		return nil // known in a run
	case value.IsNull(), !isSetOfText && !t.IsMapType() && !t.IsObjectType():
		b.errorf(spec.ForEach.Range(), "Invalid for_each", fmt.Sprintf(
			"for_each takes a map, an object or a set of strings, not %s. Wrap a list of strings in toset(…); "+
				"make a map of a list of objects with { for x in LIST : x.KEY => x }.", t.FriendlyName()))
		return nil
	}
	var found []instance
	for it := value.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if isSetOfText {
			key = element
		}
		if key.IsNull() || !key.IsKnown() {
			b.errorf(spec.ForEach.Range(), "Invalid for_each", "A key of for_each is null or not known before the run.")
			continue
		}
		found = append(found, instance{
			name:  fmt.Sprintf("%s[%q]", spec.Name, key.AsString()),
			extra: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": element})},
		})
	}
	return found
}

func (b *builder) vector(spec *specfile.Vector, in instance, suiteTags []string) *Vector {
	name, ok := b.reference(spec.Action, "action")
	if !ok || b.actionOf[name] == nil {
		if spec.Action == nil {
			b.errorf(spec.Range, "Missing required argument", "A vector needs the action that it tries: action = action.NAME.")
		}
		// What else is wrong with the vector is told at once.
		b.eval(spec.Input, cty.DynamicPseudoType, in.extra)
		b.expect(spec, in.extra)
		for _, c := range spec.Checks {
			b.condition(c, in.extra)
		}
		return nil
	}
	v := &Vector{Name: in.name, Action: b.actionOf[name], Range: spec.Range}
	if v.Action.Target == nil && len(b.targets) == 0 && !b.unknown {
		b.errorf(spec.Range, "No target to run on",
			"The suite has no plugin that runs actions. Add a block such as plugin \"cxone\" { … }.")
	}
	v.Tags = append(append([]string{}, suiteTags...), b.texts(spec.Tags, in.extra)...)
	v.Overrides = b.overrides(spec.With, v.Action.Target, in.extra)
	v.Expect = b.expect(spec, in.extra)
	b.checkExpectedCode(spec, v)
	b.input(spec, v, in.extra)
	for _, c := range spec.Checks {
		v.Conditions = append(v.Conditions, b.condition(c, in.extra))
	}
	return v
}

// input evaluates the vector's input and checks it against the action's schema.
func (b *builder) input(spec *specfile.Vector, v *Vector, extra map[string]cty.Value) {
	value, ok := b.eval(spec.Input, cty.DynamicPseudoType, extra)
	if !ok {
		return
	}
	value, v.Sensitive = b.unmark(value)
	if !value.IsWhollyKnown() {
		return
	}
	at := spec.Range
	if spec.Input != nil {
		at = spec.Input.Range()
	}
	if value.IsNull() {
		value = cty.EmptyObjectVal
	}
	if !value.Type().IsObjectType() && !value.Type().IsMapType() {
		b.errorf(at, "Invalid input", fmt.Sprintf("The input of a vector is an object of parameters, not %s.", value.Type().FriendlyName()))
		return
	}
	document, err := action.EncodeValue(value)
	if err != nil {
		b.errorf(at, "Invalid input", fmt.Sprintf("The input cannot be written as JSON: %s.", err))
		return
	}
	v.Input = document
	if len(v.Action.Sensitive) > 0 {
		if decoded, err := schema.Decode(document); err == nil {
			_, hidden := redact.Mask(decoded, v.Action.Sensitive)
			v.Sensitive = append(v.Sensitive, hidden...)
		}
	}
	b.checkInput(at, v)
}

// unmark answers a value without its marks, and the texts of what was
// sensitive in it.
func (b *builder) unmark(value cty.Value) (cty.Value, []string) {
	unmarked, marked := value.UnmarkDeepWithPaths()
	var hidden []string
	for _, at := range marked {
		if part, err := at.Path.Apply(unmarked); err == nil {
			hidden = append(hidden, leaves(part)...)
		}
	}
	return unmarked, hidden
}

// checkInput refuses input that breaks the action's schema, but from vectors
// that want to see the platform refuse it.
func (b *builder) checkInput(at hcl.Range, v *Vector) {
	if v.Action.Input == nil || v.Expect.Status == "REJECTED" {
		return
	}
	for _, problem := range v.Action.Input.Check(v.Input) {
		b.errorf(at, "Input breaks the action's schema", fmt.Sprintf(
			"%s: %s. Mend the input of %s, or expect { status = \"REJECTED\" } where the platform is meant to refuse it.",
			strings.TrimSuffix("input."+strings.TrimPrefix(problem.Path, "input."), "."), problem.Message, v.Name))
	}
}

func (b *builder) expect(spec *specfile.Vector, extra map[string]cty.Value) check.Expect {
	e := check.Expect{Status: "COMPLETED", Range: spec.Range}
	block := spec.Expect
	if block == nil {
		return e
	}
	e.Range = block.Range
	e.ErrorCode, _ = b.text(block.ErrorCode, extra)
	e.Classification = b.oneOf(block.Classification, "classification",
		[]string{result.ExternalDependencyOutage, result.InternalLogicFault, result.Unknown}, extra)
	e.Category = b.oneOf(block.Category, "category", slices.Collect(maps.Keys(result.Categories)), extra)
	e.MinConfidence = b.amount(block.MinConfidence, extra)
	e.MaxDuration = b.duration(block.MaxDuration, 0, extra)
	if e.ErrorCode != "" || e.Classification != "" || e.Category != "" || e.MinConfidence != nil {
		e.Status = "FAILED" // only failures have these
	}
	if status := b.oneOf(block.Status, "execution status", []string{"COMPLETED", "FAILED", "REJECTED"}, extra); status != "" {
		e.Status = status
	}
	if block.Output != nil {
		e.Output, e.HasOutput = b.expectedOutput(block.Output, extra)
	}
	return e
}

// checkExpectedCode warns of an error code that the action does not declare:
// most are typos, some are there to see an undeclared code answered.
func (b *builder) checkExpectedCode(spec *specfile.Vector, v *Vector) {
	codes := v.Action.Codes()
	if v.Expect.ErrorCode == "" || len(codes) == 0 || slices.Contains(codes, v.Expect.ErrorCode) {
		return
	}
	at := spec.Expect.ErrorCode.Range()
	b.diags = b.diags.Append(&hcl.Diagnostic{
		Severity: hcl.DiagWarning,
		Summary:  "Error code is not declared",
		Detail:   fmt.Sprintf("The action %q does not declare the error code %q.%s", v.Action.Name, v.Expect.ErrorCode, suggestion(v.Expect.ErrorCode, codes, "")),
		Subject:  &at,
	})
}

func (b *builder) expectedOutput(expr hcl.Expression, extra map[string]cty.Value) (any, bool) {
	value, ok := b.eval(expr, cty.DynamicPseudoType, extra)
	value, hidden := b.unmark(value)
	b.plan.Secrets = append(b.plan.Secrets, hidden...)
	if !ok || !value.IsWhollyKnown() {
		return nil, false
	}
	document, err := action.EncodeValue(value)
	if err == nil {
		var decoded any
		if decoded, err = schema.Decode(document); err == nil {
			return decoded, true
		}
	}
	b.errorf(expr.Range(), "Wrong type of value", fmt.Sprintf("The expected output cannot be written as JSON: %s.", err))
	return nil, false
}

// condition keeps a check for after the execution, with what it may refer to.
func (b *builder) condition(spec *specfile.Check, extra map[string]cty.Value) check.Condition {
	if spec.Condition == nil {
		b.errorf(spec.Range, "Missing required argument", "A check needs a condition, such as condition = result.output.count > 0.")
		return check.Condition{Name: spec.Name, Condition: hcl.StaticExpr(cty.True, spec.Range), Scope: b.scope}
	}
	known := maps.Clone(extra)
	if known == nil {
		known = map[string]cty.Value{}
	}
	known["result"] = cty.DynamicVal
	// Evaluated on an unknown result, so that what is wrong whatever the
	// platform answers is told before anything is sent.
	b.eval(spec.Condition, cty.Bool, known)
	if spec.ErrorMessage != nil {
		b.eval(spec.ErrorMessage, cty.String, known)
	}
	scope := b.scope
	if extra != nil {
		scope = b.scope.NewChild()
		scope.Variables = extra
	}
	return check.Condition{
		Name:         spec.Name,
		Condition:    spec.Condition,
		ErrorMessage: spec.ErrorMessage,
		Text:         b.source(spec.Condition),
		Scope:        scope,
		Range:        spec.Range,
	}
}

// source is an expression as written, on one line.
func (b *builder) source(expr hcl.Expression) string {
	file := b.suite.Files[expr.Range().Filename]
	if file == nil || !expr.Range().CanSliceBytes(file.Bytes) {
		return ""
	}
	return strings.Join(strings.Fields(string(expr.Range().SliceBytes(file.Bytes))), " ")
}

// Display is the vector's input as JSON with its sensitive paths masked; nil
// where a value is known only in a run.
func (v *Vector) Display() json.RawMessage {
	if v.Input == nil {
		return nil
	}
	decoded, err := schema.Decode(v.Input)
	if err != nil {
		return nil
	}
	masked, _ := redact.Mask(decoded, v.Action.Sensitive)
	encoded, err := json.Marshal(masked)
	if err != nil {
		return nil
	}
	return encoded
}
