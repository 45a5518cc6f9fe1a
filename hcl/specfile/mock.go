package specfile

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

func (d *decoder) mock(b *hcl.Block) {
	m := &Mock{Name: b.Labels[0], Range: b.DefRange}
	mux := http.NewServeMux()
	d.body(b.Body, nil, []child{
		{"route", "pattern", numerous, func(b *hcl.Block) {
			r := d.route(b)
			d.checkPattern(mux, m.Routes, r, b.LabelRanges[0])
			m.Routes = append(m.Routes, r)
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

// checkPattern checks a route's pattern, and that it can stand beside those of
// the routes before it, which mux holds.
func (d *decoder) checkPattern(mux *http.ServeMux, before []*Route, r *Route, subject hcl.Range) {
	if slices.ContainsFunc(before, func(other *Route) bool { return other.Pattern == r.Pattern }) {
		return
	}
	if err := parsePattern(r.Pattern); err != nil {
		d.errorf(subject, "Invalid route pattern",
			`%q is not a route: %v. Write a method, a space and a path, such as "POST /v1/orders/{id}".`, r.Pattern, err)
		return
	}
	if register(mux, r.Pattern) == nil {
		return
	}
	// The multiplexer's own words name its callers, not the spec's routes.
	for _, other := range before {
		if parsePattern(other.Pattern) == nil && conflict(other.Pattern, r.Pattern) {
			d.errorf(subject, "Conflicting route patterns",
				"Some requests fit both %q and %q (at %s), and neither is the more specific. Make one of them so.", r.Pattern, other.Pattern, other.Range)
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
		return register(http.NewServeMux(), pattern)
	}
}

func conflict(first, second string) bool {
	mux := http.NewServeMux()
	return register(mux, first) != nil || register(mux, second) != nil
}

// register tries a pattern on a multiplexer, which offers no other way to
// parse one than to panic.
func register(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v", problem)
		}
	}()
	mux.Handle(pattern, http.NotFoundHandler())
	return nil
}
