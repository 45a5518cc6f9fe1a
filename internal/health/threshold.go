package health

import (
	"fmt"
	"math"

	"github.com/assay-cx/assay/internal/result"
)

// Metrics are the figures of an action that a threshold can bound.
var Metrics = []string{"error_rate", "error_count", "total_executions", "average_duration_ms"}

// Metric answers one of Metrics.
func (h Health) Metric(name string) float64 {
	switch name {
	case "error_rate":
		return h.ErrorRate()
	case "error_count":
		return float64(h.Errors)
	case "total_executions":
		return float64(h.Executions)
	default:
		return round(h.AverageDurationMS)
	}
}

// round keeps two decimals.
func round(value float64) float64 { return math.Round(value*100) / 100 }

// Judge measures a threshold: it holds a value that comes of that many samples
// against the bounds that the document has, and completes the document. A value
// that equals a bound holds. Too few samples decide nothing against it: they
// are said, and it passes.
func Judge(doc *result.Threshold, minExecutions int64, value float64, samples int64) {
	if samples > 0 || doc.Metric == "total_executions" || doc.Metric == "error_count" {
		doc.Value = &value
	}
	switch {
	case samples < minExecutions:
		doc.Status = result.Pass
		doc.Message = fmt.Sprintf("%d executions, fewer than min_executions = %d: not judged", samples, minExecutions)
	case doc.Value == nil:
		doc.Status = result.Pass
		doc.Message = "nothing to measure"
	case doc.Max != nil && value > *doc.Max, doc.Min != nil && value < *doc.Min:
		doc.Status = result.Fail
	case doc.Warn != nil && value > *doc.Warn:
		doc.Status = result.Warn
	default:
		doc.Status = result.Pass
	}
}
