package action

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
)

// The platform's limits and the defaults of a handler.
const (
	stepLimit      = 30 * time.Second // the platform stops a step after it
	requestTimeout = 8 * time.Second

	retryAttempts  = 3
	retryBaseDelay = 500 * time.Millisecond
	retryMaxDelay  = 5 * time.Second
	maxAttempts    = 20
)

// step is a compiled step: a request, or computed values.
type step struct {
	name    string
	limit   time.Duration
	request *request
	set     hcl.Expression
	place   string // file and line, for the stack
	// readsJSON says that an expression reads the response's JSON, so that a
	// body that is not JSON is a failure of this step.
	readsJSON bool
}

// request is a compiled request block. What differs from one execution to the
// next is left as expressions.
type request struct {
	method, url, headers hcl.Expression
	json, form, body     hcl.Expression

	timeout   time.Duration
	expect    []int // empty for 2xx
	attempts  int
	baseDelay time.Duration
	maxDelay  time.Duration
}

func (r *Runtime) compileSteps(steps []*specfile.Step) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, s := range steps {
		compiled, problems := r.compileStep(s)
		diags = append(diags, problems...)
		for _, expr := range compiled.expressions() {
			diags = append(diags, r.checkExpression(expr.Expression, expr.want, len(r.steps))...)
		}
		r.steps = append(r.steps, compiled)
	}
	for i, s := range r.steps {
		s.readsJSON = s.request != nil && r.readsJSON(i)
	}
	return diags
}

func (r *Runtime) compileStep(s *specfile.Step) (*step, hcl.Diagnostics) {
	limit, diags := Duration(s.Timeout, r.scope, stepLimit)
	if limit > stepLimit || limit == 0 {
		diags = append(diags, Wrong(s.Timeout, "Invalid step timeout", "The platform stops a step after %s: give a timeout above zero and no longer than that.", stepLimit))
	}
	compiled := &step{name: s.Name, limit: limit, set: s.Set, place: fmt.Sprintf("%s:%d", s.Range.Filename, s.Range.Start.Line)}
	if s.Request != nil {
		var problems hcl.Diagnostics
		compiled.request, problems = r.compileRequest(s.Request, s.Retry)
		diags = append(diags, problems...)
	}
	return compiled, diags
}

func (r *Runtime) compileRequest(block *specfile.Request, retry *specfile.Retry) (*request, hcl.Diagnostics) {
	q := &request{
		method: block.Method, url: block.URL, headers: block.Headers,
		json: block.JSON, form: block.Form, body: block.Body,
		attempts: 1,
	}
	var diags hcl.Diagnostics
	q.timeout, diags = Duration(block.Timeout, r.scope, requestTimeout)
	if q.timeout == 0 {
		diags = append(diags, Wrong(block.Timeout, "Invalid timeout", "A request needs some time: give a timeout above zero."))
	}
	diags = append(diags, r.compileExpect(q, block.Expect)...)
	diags = append(diags, oneBody(block)...)
	if retry != nil {
		diags = append(diags, r.compileRetry(q, retry)...)
	}
	return q, diags
}

func oneBody(block *specfile.Request) hcl.Diagnostics {
	var bodies []hcl.Expression
	for _, expr := range []hcl.Expression{block.JSON, block.Form, block.Body} {
		if expr != nil {
			bodies = append(bodies, expr)
		}
	}
	if len(bodies) < 2 {
		return nil
	}
	return hcl.Diagnostics{Wrong(bodies[1], "More than one body", "A request sends one of json, form and body. Remove the others.")}
}

func (r *Runtime) compileExpect(q *request, expr hcl.Expression) hcl.Diagnostics {
	value, diags := Constant(expr, r.scope, cty.List(cty.Number))
	if value == cty.NilVal {
		return diags
	}
	for _, element := range value.Elements() {
		status, _ := element.AsBigFloat().Int64()
		if status < 100 || status > 599 {
			diags = append(diags, Wrong(expr, "Invalid status", "%d is not an HTTP status: list numbers from 100 to 599, such as [200, 404].", status))
			continue
		}
		q.expect = append(q.expect, int(status))
	}
	return diags
}

func (r *Runtime) compileRetry(q *request, block *specfile.Retry) hcl.Diagnostics {
	var diags, problems hcl.Diagnostics
	q.attempts, problems = Integer(block.Attempts, r.scope, retryAttempts, 1, maxAttempts)
	diags = append(diags, problems...)
	q.baseDelay, problems = Duration(block.BaseDelay, r.scope, retryBaseDelay)
	diags = append(diags, problems...)
	q.maxDelay, problems = Duration(block.MaxDelay, r.scope, max(retryMaxDelay, q.baseDelay))
	diags = append(diags, problems...)
	if q.maxDelay < q.baseDelay {
		diags = append(diags, Wrong(block.MaxDelay, "Invalid delays", "max_delay (%s) is shorter than base_delay (%s).", q.maxDelay, q.baseDelay))
	}
	return diags
}

// accepts reports whether a status is a success.
func (q *request) accepts(status int) bool {
	if len(q.expect) > 0 {
		return slices.Contains(q.expect, status)
	}
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}

// compileErrors reads the map from failures to declared codes.
func (r *Runtime) compileErrors(expr hcl.Expression) hcl.Diagnostics {
	if expr == nil {
		return nil
	}
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		return hcl.Diagnostics{Wrong(expr, "Wrong type", "errors maps failures to declared codes: write { timeout = \"UPSTREAM_TIMEOUT\", default = \"…\" }.")}
	}
	r.codes = make(map[Failure]ErrorCode, len(pairs))
	for _, pair := range pairs {
		diags = append(diags, r.compileError(pair)...)
	}
	return diags
}

func (r *Runtime) compileError(pair hcl.KeyValuePair) hcl.Diagnostics {
	key, diags := Constant(pair.Key, r.scope, cty.String)
	if key != cty.NilVal && !slices.Contains(failures, Failure(key.AsString())) {
		diags = append(diags, Wrong(pair.Key, "Unknown failure", "A handler does not fail with %q.%s The failures are %s.",
			key.AsString(), didYouMean(key.AsString(), names(failures)), strings.Join(names(failures), ", ")))
	}
	code, problems := Constant(pair.Value, r.scope, cty.String)
	diags = append(diags, problems...)
	if code == cty.NilVal || key == cty.NilVal {
		return diags
	}
	declared := r.definition.Errors
	i := slices.IndexFunc(declared, func(e ErrorCode) bool { return e.Code == code.AsString() })
	if i < 0 {
		var codes []string
		for _, e := range declared {
			codes = append(codes, e.Code)
		}
		return append(diags, Wrong(pair.Value, "Undeclared error code", "Action %q declares no error %q.%s Add an error block for it, or use one that is declared.",
			r.definition.Name, code.AsString(), didYouMean(code.AsString(), codes)))
	}
	r.codes[Failure(key.AsString())] = declared[i]
	return diags
}

func names(failures []Failure) []string {
	texts := make([]string, len(failures))
	for i, f := range failures {
		texts[i] = string(f)
	}
	return texts
}

func didYouMean(name string, known []string) string {
	if nearest := specfile.Nearest(name, known); nearest != "" {
		return fmt.Sprintf(" Did you mean %q?", nearest)
	}
	return ""
}
