package runner

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// thresholds measures and judges the plan's thresholds, once every vector is
// settled. The platform is asked once for each action and window.
func (r *Runner) thresholds(ctx context.Context, s *settler) []result.Threshold {
	type question struct{ action, window string }
	type answer struct {
		health health.Health
		err    error
	}
	asked := map[question]answer{}
	judged := make([]result.Threshold, 0, len(r.Plan.Thresholds))
	for _, t := range r.Plan.Thresholds {
		doc := result.Threshold{Suite: r.Plan.Suite, Name: t.Name, Metric: t.Metric, Min: t.Min, Max: t.Max, Warn: t.Warn, Range: t.Range}
		if t.Action != nil {
			doc.Action = t.Action.Name
		}
		if !t.NeedsAnalytics() {
			value, samples := s.measure(t)
			judge(&doc, t, value, samples)
			judged = append(judged, doc)
			continue
		}
		q := question{t.Action.Name, t.Window}
		a, known := asked[q]
		if !known {
			a.health, a.err = r.analytics(ctx, t)
			asked[q] = a
		}
		if a.err != nil {
			doc.Status = result.Errored
			doc.Message = r.Redactor.With(nil).String("the platform's analytics could not be read: " + a.err.Error())
		} else {
			judge(&doc, t, platformValue(t.Metric, a.health), a.health.Executions)
		}
		judged = append(judged, doc)
	}
	return judged
}

// judge holds a measured value against a threshold. Too few samples decide
// nothing against it: they are said, and it passes.
func judge(doc *result.Threshold, t *plan.Threshold, value float64, samples int64) {
	if samples > 0 || t.Metric == "total_executions" || t.Metric == "error_count" {
		doc.Value = &value
	}
	switch {
	case samples < t.MinExecutions:
		doc.Status = result.Pass
		doc.Message = fmt.Sprintf("%d executions, fewer than min_executions = %d: not judged", samples, t.MinExecutions)
	case doc.Value == nil:
		doc.Status = result.Pass
		doc.Message = "nothing to measure"
	default:
		doc.Status = health.Bounds{Min: t.Min, Max: t.Max, Warn: t.Warn}.Judge(value)
	}
}

func platformValue(metric string, h health.Health) float64 {
	switch metric {
	case "error_rate":
		return h.ErrorRate()
	case "error_count":
		return float64(h.Errors)
	case "total_executions":
		return float64(h.Executions)
	default:
		return math.Round(h.AverageDurationMS*100) / 100
	}
}

// analytics reads an action's figures from its platform, in the time that a
// session has: neither a day of Retry-After nor pages without end hold a run.
func (r *Runner) analytics(ctx context.Context, t *plan.Threshold) (health.Health, error) {
	target := r.Targets[t.Action.Target.Name]
	ctx, cancel := context.WithTimeoutCause(ctx, target.Poll.Timeout, fmt.Errorf("%w: not read within %s", errNoEnd, target.Poll.Timeout))
	defer cancel()
	return health.Read(ctx, func(ctx context.Context, pageToken string) ([]health.Row, string, error) {
		var page sdk.MetricsPage
		err := target.call(ctx, invoke.Metrics, func(ctx context.Context, token string) (err error) {
			page, err = target.Operations.Metrics(ctx, sdk.MetricsRequest{
				Token: token, ActionID: t.Action.ID, Window: t.Window, PageToken: pageToken,
			})
			return err
		})
		rows := make([]health.Row, len(page.Rows))
		for i, row := range page.Rows {
			rows[i] = health.Row{
				Status: row.Status, ErrorCode: row.ErrorCode, Executions: row.ExecutionCount,
				Errors: row.ErrorCount, AverageDurationMS: row.AverageDurationMS,
			}
		}
		return rows, page.NextPageToken, err
	})
}

// measure answers a run.* metric and the number of samples behind it.
func (s *settler) measure(t *plan.Threshold) (value float64, samples int64) {
	var total endings
	var durations []int64
	for action, e := range s.ended {
		if t.Action != nil && t.Action.Name != action {
			continue
		}
		total.executions += e.executions
		total.failed += e.failed
		total.classified += e.classified
		total.unknown += e.unknown
		total.passed += e.passed
		total.verdicts += e.verdicts
		durations = append(durations, s.durations[action]...)
	}
	slices.Sort(durations)
	switch t.Metric {
	case "run.p95_ms":
		return percentile(durations, 0.95), total.executions
	case "run.max_ms":
		return percentile(durations, 1), total.executions
	case "run.pass_rate":
		return percent(total.passed, total.verdicts), total.verdicts
	case "run.error_rate":
		return percent(total.failed, total.executions), total.executions
	default: // run.unknown_rate
		return percent(total.unknown, total.classified), total.classified
	}
}

// percentile is the nearest-rank percentile of sorted values; 0 of none.
func percentile(sorted []int64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)])
}

// percent has two decimals.
func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return math.Round(float64(part)/float64(whole)*1e4) / 1e2
}
