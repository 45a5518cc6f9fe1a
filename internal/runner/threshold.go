package runner

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

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
		doc := t.Document(r.Plan.Suite)
		if !t.NeedsAnalytics() {
			value, samples := s.measure(t)
			health.Judge(&doc, t.MinExecutions, value, samples)
			judged = append(judged, doc)
			continue
		}
		q := question{t.Action.Name, t.Window}
		a, known := asked[q]
		if !known {
			a.health, a.err = r.Targets[t.Action.Target.Name].Health(ctx, t.Action.ID, t.Window)
			asked[q] = a
		}
		if a.err != nil {
			doc.Status = result.Errored
			doc.Message = r.Redactor.With(r.sensitiveOf(t.Action)).Text("the platform's analytics could not be read: " + a.err.Error())
		} else {
			health.Judge(&doc, t.MinExecutions, a.health.Metric(t.Metric), a.health.Executions)
		}
		judged = append(judged, doc)
	}
	return judged
}

// sensitiveOf are the sensitive input values of all vectors of an action: what
// a platform says of the action may quote any of them.
func (r *Runner) sensitiveOf(action *plan.Action) []string {
	var values []string
	for _, v := range r.Plan.Vectors {
		if v.Action == action {
			values = append(values, v.Sensitive...)
		}
	}
	return values
}

// analyticsTimeout is the longest that the reading of an action's figures may
// take. It is below the longest Retry-After that is waited for, so that none
// is cut short: a platform that asks for more is not asked again.
const analyticsTimeout = 2 * time.Minute

// Health reads an action's figures over a window that is an ISO 8601 duration,
// in the time that a session has: neither a day of Retry-After nor pages
// without end hold anyone.
func (t *Target) Health(ctx context.Context, actionID, window string) (health.Health, error) {
	limit := min(t.Poll.Timeout, analyticsTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: not read within %s", errNoEnd, limit))
	defer cancel()
	return health.Read(ctx, func(ctx context.Context, pageToken string) ([]health.Row, string, error) {
		var page sdk.MetricsPage
		err := t.call(ctx, invoke.Metrics, func(ctx context.Context, token string) (err error) {
			page, err = t.Operations.Metrics(ctx, sdk.MetricsRequest{
				Token: token, ActionID: actionID, Window: window, PageToken: pageToken,
			})
			return err
		})
		rows := make([]health.Row, len(page.Rows))
		for i, row := range page.Rows {
			rows[i] = health.Row{
				Status: row.Status, ErrorCode: row.ErrorCode, Executions: row.ExecutionCount,
				Errors: row.ErrorCount, AverageDurationMS: row.AverageDurationMS,
				P50MS: row.P50DurationMS, P95MS: row.P95DurationMS,
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
