package specfile

import (
	"github.com/hashicorp/hcl/v2"
)

// plugin decodes a plugin block: the attributes that are not reserved, of any
// name, are the plugin's own.
func (d *decoder) plugin(b *hcl.Block) {
	p := &Plugin{Name: b.Labels[0], Source: "builtin/" + b.Labels[0], SourceRange: b.DefRange, Range: b.DefRange}
	var source, constraint hcl.Expression
	p.Attributes = d.openBody(b.Body, []attr{
		{"source", &source, optional},
		{"version", &constraint, optional},
		{"auth", &p.Auth, optional},
	}, []child{
		{"retry", "", once, func(b *hcl.Block) { p.Retry = d.retry(b) }},
		{"breaker", "", once, func(b *hcl.Block) { p.Breaker = d.breaker(b) }},
		{"rate_limit", "", once, func(b *hcl.Block) { p.RateLimit = d.rateLimit(b) }},
		{"timeout", "", shared, func(b *hcl.Block) { p.Timeout = d.timeout(b) }},
	})
	if source != nil {
		p.SourceRange = source.Range()
		d.source(p, d.text(source))
	}
	if _, ok := d.constraints(constraint); ok {
		p.Version = d.text(constraint)
	}
	d.suite.Plugins = append(d.suite.Plugins, p)
}

// source checks a source that the spec gives; null is as good as none.
func (d *decoder) source(p *Plugin, text string) {
	if text == "" {
		return
	}
	p.Source = text
	if _, err := ParseSource(text); err != nil {
		d.errorf(p.SourceRange, "Invalid plugin source", "The plugin %q cannot come from %q: %s.", p.Name, text, err)
	}
}

func (d *decoder) retry(b *hcl.Block) *Retry {
	r := &Retry{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"attempts", &r.Attempts, optional},
		{"base_delay", &r.BaseDelay, optional},
		{"max_delay", &r.MaxDelay, optional},
	}, nil)
	return r
}

func (d *decoder) breaker(b *hcl.Block) *Breaker {
	r := &Breaker{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"failures", &r.Failures, optional},
		{"open_for", &r.OpenFor, optional},
	}, nil)
	return r
}

func (d *decoder) rateLimit(b *hcl.Block) *RateLimit {
	r := &RateLimit{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"per_second", &r.PerSecond, optional},
		{"burst", &r.Burst, optional},
	}, nil)
	return r
}

func (d *decoder) timeout(b *hcl.Block) *Timeout {
	t := &Timeout{Range: b.DefRange}
	d.body(b.Body, []attr{
		{"attempt", &t.Attempt, optional},
		{"total", &t.Total, optional},
	}, nil)
	return t
}

// sandbox decodes the sandbox block; internal/sandbox knows its attributes.
func (d *decoder) sandbox(b *hcl.Block) {
	s := &Sandbox{Range: b.DefRange}
	s.Settings = d.openBody(b.Body, nil, []child{
		{"fault", "operation", numerous, func(b *hcl.Block) {
			s.Faults = append(s.Faults, &Fault{
				Operation: b.Labels[0],
				Settings:  d.openBody(b.Body, nil, nil),
				Range:     b.DefRange,
			})
		}},
	})
	d.suite.Sandbox = s
}
