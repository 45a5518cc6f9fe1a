package sandbox

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
)

// The statuses that a route can answer with.
const (
	lowestStatus  = 200
	highestStatus = 599
)

// route is one answer of a mock.
type route struct {
	*specfile.Route
	wildcards []string
	delay     latency
	fault     *fault // nil for none
}

// check finds what is wrong with the route whatever the request.
func (r *route) check(scope *hcl.EvalContext) hcl.Diagnostics {
	diags := action.Check(r.When, scope, cty.Bool)
	diags = append(diags, action.Check(r.Status, scope, cty.Number)...)
	diags = append(diags, action.Check(r.Headers, scope, cty.Map(cty.String))...)
	diags = append(diags, action.Check(r.JSON, scope, cty.DynamicPseudoType)...)
	diags = append(diags, action.Check(r.Body, scope, cty.String)...)
	if r.Status != nil && len(r.Status.Variables()) == 0 && !diags.HasErrors() {
		_, problems := action.Integer(r.Status, scope, 0, lowestStatus, highestStatus)
		diags = append(diags, problems...)
	}
	return diags
}

func (r *route) holds(scope *hcl.EvalContext) (bool, error) {
	if r.When == nil {
		return true, nil
	}
	value, err := evaluate(r.When, scope, cty.Bool)
	return err == nil && value.True(), err
}

// render evaluates what the route answers.
func (r *route) render(scope *hcl.EvalContext) (reply, error) {
	answer := reply{status: http.StatusOK, header: http.Header{}}
	if r.Status != nil {
		status, err := evaluate(r.Status, scope, cty.Number)
		if err != nil {
			return reply{}, err
		}
		number, _ := status.AsBigFloat().Int64()
		if number < lowestStatus || number > highestStatus {
			return reply{}, fmt.Errorf("status %d is not one from %d to %d", number, lowestStatus, highestStatus)
		}
		answer.status = int(number)
	}
	if err := r.renderBody(scope, &answer); err != nil {
		return reply{}, err
	}
	if r.Headers == nil {
		return answer, nil
	}
	headers, err := evaluate(r.Headers, scope, cty.Map(cty.String))
	if err != nil {
		return reply{}, err
	}
	for name, value := range headers.Elements() {
		answer.header.Set(name.AsString(), value.AsString())
	}
	return answer, nil
}

func (r *route) renderBody(scope *hcl.EvalContext, answer *reply) error {
	switch {
	case r.JSON != nil:
		value, diags := r.JSON.Value(scope)
		if diags.HasErrors() {
			return diags
		}
		document, err := action.EncodeValue(value)
		answer.body = document
		answer.header.Set("Content-Type", "application/json")
		return err
	case r.Body != nil:
		text, err := evaluate(r.Body, scope, cty.String)
		if err != nil {
			return err
		}
		answer.body = []byte(text.AsString())
		answer.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	return nil
}

// evaluate computes an expression that must be known and not null.
func evaluate(expr hcl.Expression, scope *hcl.EvalContext, want cty.Type) (cty.Value, error) {
	value, diags := expr.Value(scope)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	value, _ = value.UnmarkDeep()
	value, err := convert.Convert(value, want)
	if err != nil {
		return cty.NilVal, fmt.Errorf("%s: %w", expr.Range(), err)
	}
	if !value.IsWhollyKnown() || holdsNull(value) {
		return cty.NilVal, fmt.Errorf("%s: the value is null or not known", expr.Range())
	}
	return value, nil
}

func holdsNull(value cty.Value) bool {
	if value.IsNull() {
		return true
	}
	if value.CanIterateElements() {
		for _, element := range value.Elements() {
			if element.IsNull() {
				return true
			}
		}
	}
	return false
}

// requestValue is the request as the expressions of a route see it. The names
// of headers are in lower case; of repeated headers and query parameters the
// first value is kept. json is null where the body is not JSON.
func requestValue(r *http.Request, body []byte, wildcards []string) cty.Value {
	document, err := action.DecodeValue(body)
	if err != nil {
		document = cty.NullVal(cty.DynamicPseudoType)
	}
	params := make(map[string]cty.Value, len(wildcards))
	for _, name := range wildcards {
		params[name] = cty.StringVal(r.PathValue(name))
	}
	return cty.ObjectVal(map[string]cty.Value{
		"method":  cty.StringVal(r.Method),
		"path":    cty.StringVal(r.URL.Path),
		"params":  cty.ObjectVal(params),
		"query":   firsts(r.URL.Query()),
		"headers": firsts(r.Header),
		"body":    cty.StringVal(string(body)),
		"json":    document,
	})
}

// unknownRequest is what is known of the request before there is one.
func unknownRequest(wildcards []string) cty.Value {
	params := make(map[string]cty.Value, len(wildcards))
	for _, name := range wildcards {
		params[name] = cty.UnknownVal(cty.String)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"method":  cty.UnknownVal(cty.String),
		"path":    cty.UnknownVal(cty.String),
		"params":  cty.ObjectVal(params),
		"query":   cty.UnknownVal(cty.Map(cty.String)),
		"headers": cty.UnknownVal(cty.Map(cty.String)),
		"body":    cty.UnknownVal(cty.String),
		"json":    cty.DynamicVal,
	})
}

// firsts are the first values by name, in lower case where they are headers.
func firsts[M ~map[string][]string](from M) cty.Value {
	if len(from) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	_, isHeader := any(from).(http.Header)
	values := make(map[string]cty.Value, len(from))
	for name, all := range from {
		if isHeader {
			name = strings.ToLower(name)
		}
		values[name] = cty.StringVal(all[0])
	}
	return cty.MapVal(values)
}
