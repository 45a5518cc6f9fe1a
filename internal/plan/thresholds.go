package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
)

// RunMetrics are measured over the run itself.
var RunMetrics = []string{"run.p95_ms", "run.pass_rate", "run.error_rate", "run.max_ms", "run.unknown_rate"}

var isoDuration = regexp.MustCompile(`^P(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?$`)

func (b *builder) thresholds() {
	for _, spec := range b.suite.Thresholds {
		if b.suite.Broken[spec.Range] {
			continue
		}
		b.plan.Thresholds = append(b.plan.Thresholds, b.threshold(spec))
	}
}

func (b *builder) threshold(spec *specfile.Threshold) *Threshold {
	t := &Threshold{Name: spec.Name, Range: spec.Range, Window: "PT24H"}
	if name, ok := b.reference(spec.Action, "action"); ok {
		t.Action = b.actionOf[name]
	}
	metrics := append(slices.Clone(RunMetrics), health.Metrics...)
	t.Metric = b.oneOf(spec.Metric, "metric", metrics, nil)
	if spec.Metric == nil {
		b.errorf(spec.Range, "Missing required argument", "A threshold needs a metric: one of "+strings.Join(metrics, ", ")+".")
	}
	if window, set := b.text(spec.Window, nil); set {
		if !isoDuration.MatchString(window) || strings.HasSuffix(window, "P") {
			b.errorf(spec.Window.Range(), "Not a duration", fmt.Sprintf("window is an ISO 8601 duration such as \"PT24H\" or \"P7D\", not %q.", window))
		}
		t.Window = window
	}
	t.Min, t.Max, t.Warn = b.amount(spec.Min, nil), b.amount(spec.Max, nil), b.amount(spec.Warn, nil)
	if t.Min == nil && t.Max == nil && t.Warn == nil && spec.Min == nil && spec.Max == nil && spec.Warn == nil {
		b.errorf(spec.Range, "Threshold without a bound", "Give the threshold a max, a min or a warn: without one it always holds.")
	}
	t.MinExecutions = int64(b.count(spec.MinExecutions, 0, 1<<31))
	if slices.Contains(health.Metrics, t.Metric) {
		b.checkPlatformThreshold(spec, t)
	}
	return t
}

func (b *builder) checkPlatformThreshold(spec *specfile.Threshold, t *Threshold) {
	switch {
	case t.Action == nil && spec.Action == nil:
		b.errorf(spec.Range, "Missing required argument", fmt.Sprintf(
			"The metric %q is read from the platform for one action: action = action.NAME. Metrics of this run start with \"run.\".", t.Metric))
	case t.Action != nil && t.Action.Target == nil:
		b.errorf(spec.Range, "No target to measure", fmt.Sprintf("The action %q has no target plugin to read %s from.", t.Action.Name, t.Metric))
	}
}

// NeedsAnalytics reports whether a threshold is read from the platform.
func (t *Threshold) NeedsAnalytics() bool { return slices.Contains(health.Metrics, t.Metric) }

// Document is the threshold before it is measured.
func (t *Threshold) Document(suite string) result.Threshold {
	doc := result.Threshold{Suite: suite, Name: t.Name, Metric: t.Metric, Min: t.Min, Max: t.Max, Warn: t.Warn, Range: t.Range}
	if t.Action != nil {
		doc.Action = t.Action.Name
	}
	return doc
}
