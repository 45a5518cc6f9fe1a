package health

import (
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/result"
)

func TestJudge(t *testing.T) {
	five, three, ten := new(5.0), new(3.0), new(10.0)
	for _, test := range []struct {
		doc           result.Threshold
		minExecutions int64
		value         float64
		samples       int64
		want          result.Status
		says          string
	}{
		{result.Threshold{Max: five}, 0, 5, 100, result.Pass, ""}, // exactly at the bound
		{result.Threshold{Max: five}, 0, 5.01, 100, result.Fail, ""},
		{result.Threshold{Min: five}, 0, 5, 100, result.Pass, ""},
		{result.Threshold{Min: five}, 0, 4.99, 100, result.Fail, ""},
		{result.Threshold{Max: ten, Warn: three}, 0, 3, 100, result.Pass, ""},
		{result.Threshold{Max: ten, Warn: three}, 0, 4, 100, result.Warn, ""},
		{result.Threshold{Max: ten, Warn: three}, 0, 11, 100, result.Fail, ""},
		{result.Threshold{}, 0, 1e9, 100, result.Pass, ""},
		{result.Threshold{Max: five}, 10, 100, 9, result.Pass, "9 executions, fewer than min_executions = 10: not judged"},
		{result.Threshold{Max: five}, 10, 100, 10, result.Fail, ""},
		{result.Threshold{Min: five, Metric: "average_duration_ms"}, 0, 0, 0, result.Pass, "nothing to measure"},
		{result.Threshold{Min: five, Metric: "total_executions"}, 0, 0, 0, result.Fail, ""},
	} {
		doc := test.doc
		Judge(&doc, test.minExecutions, test.value, test.samples)
		if doc.Status != test.want || !strings.Contains(doc.Message, test.says) || (test.says == "") != (doc.Message == "") {
			t.Errorf("%v of %d: %s %q, want %s %q", test.value, test.samples, doc.Status, doc.Message, test.want, test.says)
		}
	}
}

func TestMetric(t *testing.T) {
	h := Health{Executions: 3, Errors: 2, AverageDurationMS: 10.0 / 3}
	for i, want := range []float64{66.67, 2, 3, 3.33} {
		if got := h.Metric(Metrics[i]); got != want {
			t.Errorf("%s is %v, want %v", Metrics[i], got, want)
		}
	}
}
