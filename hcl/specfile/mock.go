package specfile

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

func (d *decoder) mock(b *hcl.Block) {
	m := &Mock{Name: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, nil, []child{
		{"route", "pattern", numerous, func(b *hcl.Block) {
			m.Routes = append(m.Routes, d.route(b))
			d.checkPattern(m.Routes, b.LabelRanges[0])
		}},
	})
	d.suite.Mocks = append(d.suite.Mocks, m)
}

func (d *decoder) route(b *hcl.Block) *Route {
	r := &Route{Pattern: b.Labels[0], Range: b.DefRange}
	d.body(b.Body, []attr{
		{"when", &r.When, optional},
		{"status", &r.Status, optional},
		{"headers", &r.Headers, optional},
		{"json", &r.JSON, optional},
		{"body", &r.Body, optional},
		{"delay", &r.Delay, optional},
		{"fault", &r.Fault, optional},
	}, nil)
	return r
}

// checkPattern checks the pattern of the last route, and that it can stand
// beside those before it.
func (d *decoder) checkPattern(routes []*Route, subject hcl.Range) {
	last := routes[len(routes)-1]
	if err := parsePattern(last.Pattern); err != nil {
		d.errorf(subject, "Invalid route pattern",
			`%q is not a route: %v. Write a method, a space and a path, such as "POST /v1/orders/{id}".`, last.Pattern, err)
		return
	}
	for _, r := range routes[:len(routes)-1] {
		if r.Pattern == last.Pattern || parsePattern(r.Pattern) != nil {
			continue
		}
		if register(r.Pattern, last.Pattern) != nil {
			d.errorf(subject, "Conflicting route patterns",
				"Some requests fit both %q and %q (at %s), and neither is the more specific. Make one of them so.", last.Pattern, r.Pattern, r.Range)
			return
		}
	}
}

// parsePattern refuses what a multiplexer does, and what it would take but no
// request to a mock could fit.
func parsePattern(pattern string) error {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "", pattern
	}
	switch {
	case method != strings.ToUpper(method):
		return fmt.Errorf("the method %q must be in capitals", method)
	case !strings.HasPrefix(path, "/"):
		return errors.New("the path must start with a slash")
	default:
		return register(pattern)
	}
}

// register tries patterns on a multiplexer, which offers no other way to
// parse them than to panic.
func register(patterns ...string) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v", problem)
		}
	}()
	mux := http.NewServeMux()
	for _, pattern := range patterns {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	return nil
}
