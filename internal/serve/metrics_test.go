package serve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// lines are the samples of a scrape that start with prefixes.
func samples(body string, prefixes ...string) []string {
	var found []string
	for line := range strings.Lines(body) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, &platform{})
		o.BurnRates = true
		m := New(o)
		ask(m, "/health?action_id=sync")
		ask(m, "/health?action_id=nothing")
		time.Sleep(30 * time.Second)
		status, body := ask(m, "/metrics")
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		for _, want := range []string{
			`assay_build_info{goversion="go`,
			`assay_action_executions{action="sync",suite="inventory",window="PT24H"} 1000`,
			`assay_action_errors{action="sync",suite="inventory",window="PT24H"} 40`,
			`assay_action_error_ratio{action="sync",suite="inventory",window="PT24H"} 0.04`,
			`assay_action_error_ratio{action="sync",suite="inventory",window="PT5M"} 0.04`,
			`assay_action_duration_average_seconds{action="sync",suite="inventory",window="PT24H"} 0.0125`,
			`assay_action_error_code_errors{action="sync",code="UPSTREAM_TIMEOUT",suite="inventory"} 30`,
			`assay_action_error_code_errors{action="sync",code="other",suite="inventory"} 10`,
			`assay_action_error_budget_ratio{action="sync",suite="inventory"} 0.05`,
			`assay_threshold_failing{action="sync",suite="inventory",threshold="error_rate"} 0`,
			`assay_health_up{action="odd",suite="inventory",window="PT6H"} 1`,
			`assay_health_age_seconds{action="sync",suite="inventory",window="PT24H"} 30`,
			`assay_health_age_seconds{action="sync",suite="inventory",window="PT5M"} 0`,
			`assay_health_queries_total{action="sync",outcome="ok",suite="inventory",window="PT24H"} 1`,
			`assay_health_queries_total{action="sync",outcome="denied",suite="inventory",window="PT24H"} 0`,
			`assay_plugin_breaker_state{operation="metrics",plugin="cxone",state="half-open"} 1`,
			`assay_plugin_breaker_state{operation="metrics",plugin="cxone",state="open"} 0`,
			`assay_plugin_calls_total{operation="metrics",plugin="cxone"} 3`,
			`assay_plugin_attempts_total{operation="metrics",plugin="cxone"} 4`,
			`assay_plugin_retries_total{operation="metrics",plugin="cxone"} 1`,
			`assay_plugin_breaker_trips_total{operation="metrics",plugin="cxone"} 1`,
			`assay_http_requests_total{code="200",handler="health"} 1`,
			`assay_http_requests_total{code="404",handler="health"} 1`,
			`go_goroutines `, `process_start_time_seconds `,
		} {
			if !strings.Contains(body, "\n"+want) {
				t.Errorf("no %s in\n%s", want, strings.Join(samples(body, want[:min(len(want), 20)]), "\n"))
			}
		}
	})
}

// What the platform makes up does not make metrics up.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	m := New(options(t, &platform{}))
	ask(m, "/metrics")
	_, body := ask(m, "/metrics")
	if strings.Contains(body, "UNDECLARED") {
		t.Error("an error code that the spec does not declare is a label")
	}
	for i := range 50 {
		ask(m, "/"+strings.Repeat("x", i+1))
	}
	_, after := ask(m, "/metrics")
	if grown := len(samples(after, "assay_")) - len(samples(body, "assay_")); grown > 20 {
		t.Errorf("%d more samples after 50 odd requests", grown)
	}
}

func TestMetricsAreConventional(t *testing.T) {
	t.Parallel()
	m := New(options(t, &platform{}))
	ask(m, "/metrics")
	problems, err := testutil.GatherAndLint(newMetrics(m).registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestErrorBudget(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	if _, ok := errorBudget(o.Actions[1]); ok {
		t.Error("an action without a bound has a budget")
	}
	strict := o.Actions[0].Bounds[0]
	strict.Threshold.Max = new(1.0)
	hour := strict
	hour.Window, hour.Threshold.Max = "PT1H", new(0.1)
	o.Actions[0].Bounds = append(o.Actions[0].Bounds, strict, hour)
	if budget, _ := errorBudget(o.Actions[0]); budget != 0.01 {
		t.Errorf("budget %v", budget)
	}
}
