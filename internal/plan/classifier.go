package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

const defaultRuleConfidence = 0.9

func (b *builder) classifier() {
	if c := b.suite.Classifier; c != nil && !b.suite.Broken[c.Range] {
		b.plan.ClassifyScript = b.script(c.Script)
		for _, spec := range c.Rules {
			b.plan.Rules = append(b.plan.Rules, b.rule(spec))
		}
	}
	if h := b.suite.Hooks; h != nil && !b.suite.Broken[h.Range] {
		b.plan.HooksScript = b.script(h.Script)
	}
}

// script checks that a Lua file can be read; the hook process compiles it.
func (b *builder) script(expr hcl.Expression) string {
	name, set := b.text(expr, nil)
	if !set {
		return ""
	}
	if _, err := b.suite.ReadFile(name); err != nil {
		b.errorf(expr.Range(), "Script cannot be read", err.Error()+".")
	}
	return name
}

func (b *builder) rule(spec *specfile.Rule) classify.Rule {
	rule := classify.Rule{Name: spec.Name, Confidence: defaultRuleConfidence}
	if pattern, set := b.text(spec.Match, nil); set {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			b.errorf(spec.Match.Range(), "Not a regular expression", fmt.Sprintf(
				"match is an RE2 expression: %s. RE2 has no look-around and no back-references.", err))
		}
		rule.Match = compiled
	}
	rule.Field = b.oneOf(spec.Field, "field", classify.Fields, nil)
	rule.Step, _ = b.text(spec.Step, nil)
	rule.Status = b.count(spec.Status, 100, 599)
	rule.Category = b.oneOf(spec.Category, "category", slices.Collect(maps.Keys(result.Categories)), nil)
	if spec.Category == nil {
		b.errorf(spec.Range, "Missing required argument", "A rule needs the category that it gives to what it matches.")
	}
	if spec.Match == nil && spec.Step == nil && spec.Status == nil {
		b.errorf(spec.Range, "Rule matches everything", "Give the rule a match, a step or a status.")
	}
	if confidence := b.amount(spec.Confidence, nil); confidence != nil {
		if *confidence < 0 || *confidence > 1 {
			b.errorf(spec.Confidence.Range(), "Number out of range", "confidence lies between 0 and 1.")
		}
		rule.Confidence = *confidence
	}
	return rule
}
