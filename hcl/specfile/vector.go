package specfile

import (
	"github.com/hashicorp/hcl/v2"
)

func (d *decoder) vector(b *hcl.Block) {
	v := &Vector{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"action", &v.Action, required},
		{"for_each", &v.ForEach, optional},
		{"with", &v.With, optional},
		{"tags", &v.Tags, optional},
		{"input", &v.Input, optional},
	}, []child{
		{"expect", "", once, func(b *hcl.Block) { v.Expect = d.expect(b) }},
		{"check", "name", titled, func(b *hcl.Block) { v.Checks = append(v.Checks, d.check(b)) }},
	})
	d.suite.Vectors = append(d.suite.Vectors, v)
}

func (d *decoder) expect(b *hcl.Block) *Expect {
	e := &Expect{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"status", &e.Status, optional},
		{"output", &e.Output, optional},
		{"error_code", &e.ErrorCode, optional},
		{"classification", &e.Classification, optional},
		{"category", &e.Category, optional},
		{"min_confidence", &e.MinConfidence, optional},
		{"max_duration", &e.MaxDuration, optional},
	}, nil)
	return e
}

func (d *decoder) check(b *hcl.Block) *Check {
	c := &Check{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"condition", &c.Condition, required},
		{"error_message", &c.ErrorMessage, optional},
	}, nil)
	return c
}

func (d *decoder) classifier(b *hcl.Block) {
	c := &Classifier{Range: b.DefRange}
	d.body(b.Body, []attr{{"script", &c.Script, optional}}, []child{
		{"rule", "name", titled, func(b *hcl.Block) { c.Rules = append(c.Rules, d.rule(b)) }},
	})
	d.suite.Classifier = c
}

func (d *decoder) rule(b *hcl.Block) *Rule {
	r := &Rule{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"match", &r.Match, optional},
		{"field", &r.Field, optional},
		{"step", &r.Step, optional},
		{"status", &r.Status, optional},
		{"category", &r.Category, required},
		{"confidence", &r.Confidence, optional},
	}, nil)
	return r
}
