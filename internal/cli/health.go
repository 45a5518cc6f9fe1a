package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// defaultErrorRate is the bound, in percent, of actions whose error rate no
// threshold of the spec bounds.
const defaultErrorRate = 5.0

// measurable are the suite's actions that a platform has figures of, with the
// thresholds on these.
func (o *opened) measurable() ([]health.Action, error) {
	var actions []health.Action
	for _, a := range o.plan.Actions {
		if a.Target == nil {
			continue
		}
		measured := health.Action{Suite: o.plan.Suite, Name: a.Name, ID: a.ID, Platform: a.Target.Name, Categories: map[string]string{}}
		for _, e := range a.Errors {
			measured.Categories[e.Code] = e.Category
		}
		for _, t := range o.plan.Thresholds {
			if t.Action == a && t.NeedsAnalytics() {
				measured.Bounds = append(measured.Bounds, health.Bound{
					Threshold: t.Document(o.plan.Suite), Window: t.Window, MinExecutions: t.MinExecutions,
				})
			}
		}
		if !slices.ContainsFunc(measured.Bounds, func(b health.Bound) bool { return b.Threshold.Metric == "error_rate" }) {
			measured.Bounds = append(measured.Bounds, health.Bound{Window: health.DefaultWindow, Threshold: result.Threshold{
				Suite: o.plan.Suite, Name: "default error rate", Metric: "error_rate", Action: a.Name, Max: new(defaultErrorRate),
			}})
		}
		actions = append(actions, measured)
	}
	if len(actions) == 0 {
		return nil, usageError("the suite in %s has no action that runs on a platform: it needs an action block and a plugin such as plugin \"cxone\" { … }", o.plan.Dir)
	}
	return actions, nil
}

// query asks a platform for figures. What it and its errors say is masked.
func (p *platforms) query(ctx context.Context, q health.Question) (health.Health, error) {
	h, err := p.reach[q.Platform].Health(ctx, q.ActionID, q.Window)
	view := p.redactor.With(nil)
	if err == nil {
		for i := range h.Codes {
			h.Codes[i].Code = view.Text(h.Codes[i].Code)
		}
		return h, nil
	}
	told := errors.New(view.Text(err.Error()))
	var failure *sdk.Error
	switch {
	case errors.Is(err, sdk.Unauthenticated), errors.Is(err, sdk.Forbidden):
		return h, &health.DeniedError{Err: told}
	case errors.Is(err, sdk.RateLimited) && errors.As(err, &failure):
		limited := &health.LimitedError{Err: told}
		if failure.RetryAfter > 0 {
			limited.Until = time.Now().Add(failure.RetryAfter)
		}
		return h, limited
	}
	return h, told
}
