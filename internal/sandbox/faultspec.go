package sandbox

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
)

// The defaults of what a fault does, where its block is silent.
const (
	defaultLatency   = 500 * time.Millisecond
	defaultSlow      = 5 * time.Second // for a whole body
	defaultOversized = 16 << 20        // bytes
	defaultWindow    = time.Second
	maxLatency       = time.Minute
	maxFaultCount    = 1 << 30
)

// faultReader reads the attributes of one fault.
type faultReader struct {
	scope   *hcl.EvalContext
	vectors []Vector
	fault   *fault
	diags   hcl.Diagnostics
}

// faultAttributes are the attributes that a fault may have, and how each is read.
var faultAttributes = map[string]func(*faultReader, hcl.Expression){
	"kind":         func(*faultReader, hcl.Expression) {}, // read first
	"action":       (*faultReader).action,
	"vector":       (*faultReader).vector,
	"when":         func(r *faultReader, expr hcl.Expression) { r.fault.when = expr },
	"every":        func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.every, 1, maxFaultCount) },
	"first":        func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.first, 1, maxFaultCount) },
	"probability":  (*faultReader).probability,
	"after":        func(r *faultReader, expr hcl.Expression) { r.duration(expr, &r.fault.after) },
	"lasts":        func(r *faultReader, expr hcl.Expression) { r.duration(expr, &r.fault.lasts) },
	"status":       func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.status, 100, 599) },
	"body":         func(r *faultReader, expr hcl.Expression) { r.text(expr, &r.fault.body) },
	"retry_after":  func(r *faultReader, expr hcl.Expression) { r.text(expr, &r.fault.retryAfter) },
	"content_type": func(r *faultReader, expr hcl.Expression) { r.text(expr, &r.fault.contentType) },
	"bytes":        func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.bytes, 0, 1<<28) },
	"delay":        func(r *faultReader, expr hcl.Expression) { r.latency(expr, &r.fault.delay) },
	"quota":        func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.quota, 0, maxFaultCount) },
	"window":       func(r *faultReader, expr hcl.Expression) { r.duration(expr, &r.fault.window) },
	"uses":         func(r *faultReader, expr hcl.Expression) { r.integer(expr, &r.fault.uses, 1, maxFaultCount) },
}

// tenantOnly are the attributes that a route's fault does not have: the route
// itself has a condition.
var tenantOnly = []string{"action", "vector", "when"}

// newFaultReader readies a reader for the fault of a block. seed and the
// block's place make the fault's draws its own.
func newFaultReader(op operation, place string, block hcl.Range, scope *hcl.EvalContext, seed uint64) *faultReader {
	return &faultReader{scope: scope, fault: &fault{
		operation: op, place: place, scope: scope, seed: seed ^ hashOf(place, block.String()), probability: -1, bytes: -1, uses: 1,
	}}
}

// read reads a fault block of the sandbox, or the object of a route's fault
// attribute.
func (r *faultReader) read(attributes hcl.Attributes, block hcl.Range) (*fault, hcl.Diagnostics) {
	r.kind(r.fault.operation, attributes["kind"], block)
	known := keys(faultAttributes)
	if r.fault.operation == opMock {
		known = slices.DeleteFunc(known, func(name string) bool { return slices.Contains(tenantOnly, name) })
	}
	for _, name := range keys(attributes) {
		attribute := attributes[name]
		if !slices.Contains(known, name) {
			r.diags = append(r.diags, unsupported(attribute, known))
			continue
		}
		faultAttributes[name](r, attribute.Expr)
	}
	r.fault.fillIn()
	return r.fault, r.diags
}

func (r *faultReader) kind(op operation, attribute *hcl.Attribute, block hcl.Range) {
	if attribute == nil {
		r.diags = append(r.diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Fault without a kind", Subject: &block,
			Detail: "Set kind to what goes wrong: " + strings.Join(kindsOf(op), ", ") + ".",
		})
		return
	}
	r.text(attribute.Expr, &r.fault.kind)
	if kind := r.fault.kind; kind != "" && !slices.Contains(kindsOf(op), kind) {
		r.diags = append(r.diags, action.Wrong(attribute.Expr, "Unknown kind of fault", "There is no fault %q here.%s The kinds are %s.",
			kind, didYouMean(kind, kindsOf(op)), strings.Join(kindsOf(op), ", ")))
	}
}

// fillIn sets what the kind needs and the spec leaves out.
func (f *fault) fillIn() {
	switch {
	case f.kind == kindStatus && f.status == 0:
		f.status = http.StatusServiceUnavailable
	case f.kind == kindQuota:
		f.status = http.StatusTooManyRequests
		f.window = cmp.Or(f.window, defaultWindow)
	case f.kind == kindLatency && f.delay == latency{}:
		f.delay.low = defaultLatency
	case f.kind == kindSlow && f.delay == latency{}:
		f.delay.low = defaultSlow
	case f.kind == kindOversized && f.bytes < 0:
		f.bytes = defaultOversized
	}
}

func (r *faultReader) integer(expr hcl.Expression, into *int, low, high int) {
	value, diags := action.Integer(expr, r.scope, *into, low, high)
	*into = value
	r.diags = append(r.diags, diags...)
}

func (r *faultReader) duration(expr hcl.Expression, into *time.Duration) {
	value, diags := action.Duration(expr, r.scope, *into)
	*into = value
	r.diags = append(r.diags, diags...)
}

func (r *faultReader) text(expr hcl.Expression, into *string) {
	value, diags := action.Constant(expr, r.scope, cty.String)
	if value != cty.NilVal {
		*into = value.AsString()
	}
	r.diags = append(r.diags, diags...)
}

func (r *faultReader) probability(expr hcl.Expression) {
	value, diags := action.Constant(expr, r.scope, cty.Number)
	r.diags = append(r.diags, diags...)
	if value == cty.NilVal {
		return
	}
	p, _ := value.AsBigFloat().Float64()
	if p < 0 || p > 1 {
		r.diags = append(r.diags, action.Wrong(expr, "Number out of range", "A probability is a number from 0 to 1."))
	}
	r.fault.probability = p
}

// action takes action.NAME, which is an object with the action's id.
func (r *faultReader) action(expr hcl.Expression) {
	value, diags := action.Constant(expr, r.scope, cty.DynamicPseudoType)
	r.diags = append(r.diags, diags...)
	if value == cty.NilVal {
		return
	}
	if !value.Type().IsObjectType() || !value.Type().HasAttribute("id") || value.GetAttr("id").Type() != cty.String {
		r.diags = append(r.diags, action.Wrong(expr, "Wrong type", "Name an action of this suite, such as action.inventory_sync."))
		return
	}
	r.fault.action = strings.ToLower(value.GetAttr("id").AsString())
}

// vector takes the label of a vector block and finds what it submits.
func (r *faultReader) vector(expr hcl.Expression) {
	var name string
	r.text(expr, &name)
	if name == "" {
		return
	}
	r.fault.inputs = map[string]bool{}
	var names []string
	for _, v := range r.vectors {
		names = append(names, v.Name)
		if v.Name == name {
			r.fault.inputs[canonical(subject{strings.ToLower(v.ActionID), v.Input})] = true
		}
	}
	if len(r.fault.inputs) == 0 {
		problem := action.Wrong(expr, "Fault without a vector", "No vector of this run is called %q, so the fault strikes nothing.%s", name, didYouMean(name, names))
		problem.Severity = hcl.DiagWarning // a filter may have left the vector out
		r.diags = append(r.diags, problem)
	}
}

// latency takes "200ms", { min, max } for a uniform one or { median, sigma }
// for a log-normal one.
func (r *faultReader) latency(expr hcl.Expression, into *latency) {
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		r.distribution(expr, pairs, into)
		return
	}
	r.duration(expr, &into.low)
	r.limit(expr, into.low)
}

func (r *faultReader) distribution(expr hcl.Expression, pairs []hcl.KeyValuePair, into *latency) {
	parts := attributesOf(pairs)
	for _, name := range keys(parts) {
		part := parts[name]
		switch name {
		case "min", "median":
			r.duration(part.Expr, &into.low)
		case "max":
			r.duration(part.Expr, &into.high)
		case "sigma":
			r.sigma(part.Expr, into)
		default:
			r.diags = append(r.diags, unsupported(part, []string{"min", "max", "median", "sigma"}))
		}
	}
	uniform, normal := parts["min"] != nil && parts["max"] != nil, parts["median"] != nil && parts["sigma"] != nil
	if len(parts) != 2 || !uniform && !normal {
		r.diags = append(r.diags, action.Wrong(expr, "Unclear delay", "Write a duration, { min = \"100ms\", max = \"300ms\" } or { median = \"100ms\", sigma = 0.5 }."))
	}
	r.limit(expr, max(into.low, into.high))
}

func (r *faultReader) sigma(expr hcl.Expression, into *latency) {
	value, diags := action.Constant(expr, r.scope, cty.Number)
	r.diags = append(r.diags, diags...)
	if value == cty.NilVal {
		return
	}
	into.sigma, _ = value.AsBigFloat().Float64()
	if into.sigma <= 0 || into.sigma > 5 {
		r.diags = append(r.diags, action.Wrong(expr, "Number out of range", "sigma is above 0 and at most 5; 0.5 is usual."))
	}
}

func (r *faultReader) limit(expr hcl.Expression, delay time.Duration) {
	if delay > maxLatency {
		r.diags = append(r.diags, action.Wrong(expr, "Delay too long", "A delay is at most %s. For an upstream that never answers use the fault \"hang\".", maxLatency))
	}
}

func logNormal(median time.Duration, sigma float64, random *rand.Rand) time.Duration {
	return time.Duration(min(float64(maxLatency), float64(median)*math.Exp(sigma*random.NormFloat64())))
}

// attributesOf makes attributes of an object's members.
func attributesOf(pairs []hcl.KeyValuePair) hcl.Attributes {
	attributes := make(hcl.Attributes, len(pairs))
	for _, pair := range pairs {
		key, diags := action.Constant(pair.Key, nil, cty.String)
		if diags.HasErrors() || key == cty.NilVal {
			continue
		}
		attributes[key.AsString()] = &hcl.Attribute{
			Name: key.AsString(), Expr: pair.Value,
			Range: hcl.RangeBetween(pair.Key.Range(), pair.Value.Range()), NameRange: pair.Key.Range(),
		}
	}
	return attributes
}

func unsupported(attribute *hcl.Attribute, known []string) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Unsupported argument",
		Detail:   fmt.Sprintf("An argument named %q is not expected here.%s", attribute.Name, didYouMean(attribute.Name, known)),
		Subject:  &attribute.NameRange,
	}
}

func didYouMean(name string, known []string) string {
	if nearest := specfile.Nearest(name, known); nearest != "" {
		return fmt.Sprintf(" Did you mean %q?", nearest)
	}
	return ""
}
