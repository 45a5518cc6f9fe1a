package serve

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
)

// burnWindows are what the alert rules on burn rates look at.
var burnWindows = []string{"PT5M", "PT30M", "PT1H", "PT6H"}

// scrapePatience is how long a scrape waits for figures that are due;
// Prometheus itself waits for 10 s.
const scrapePatience = 5 * time.Second

// metrics are what Prometheus scrapes.
type metrics struct {
	registry  *prometheus.Registry
	monitor   *Monitor
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

func newMetrics(m *Monitor) *metrics {
	x := &metrics{
		registry: prometheus.NewRegistry(),
		monitor:  m,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "assay_http_requests_total", Help: "Requests answered, by handler and status.",
		}, []string{"handler", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "assay_http_request_duration_seconds", Help: "Time to answer a request, by handler.",
			Buckets: []float64{.0005, .001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"handler"}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "assay_build_info", Help: "1, with the versions of assay and Go as labels.",
		ConstLabels: prometheus.Labels{"version": m.Version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
	x.registry.MustRegister(
		build, x.requests, x.durations, x,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return x
}

// instrument counts and times a handler's requests.
func (x *metrics) instrument(name string, next http.Handler) http.Handler {
	label := prometheus.Labels{"handler": name}
	return promhttp.InstrumentHandlerDuration(x.durations.MustCurryWith(label),
		promhttp.InstrumentHandlerCounter(x.requests.MustCurryWith(label), next))
}

// handler has the figures that are due read before it answers.
func (x *metrics) handler() http.Handler {
	scrape := promhttp.HandlerFor(x.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapePatience)
		defer cancel()
		var all sync.WaitGroup
		for _, a := range x.monitor.Actions {
			all.Go(func() { x.monitor.Health.Readings(ctx, a, x.monitor.windows(a)) })
		}
		all.Wait()
		scrape.ServeHTTP(w, r)
	})
}

// windows are what is shown of an action.
func (m *Monitor) windows(a health.Action) []string {
	windows := a.Windows()
	if m.BurnRates {
		for _, window := range burnWindows {
			if !slices.Contains(windows, window) {
				windows = append(windows, window)
			}
		}
	}
	return windows
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// The figures of the platform and of the plugins. Labels come of the spec, so
// that there are only so many.
var (
	descExecutions = describe("assay_action_executions", "Executions over the window, as the platform's analytics tell.", "suite", "action", "window")
	descErrors     = describe("assay_action_errors", "Failed executions over the window, as the platform's analytics tell.", "suite", "action", "window")
	descRatio      = describe("assay_action_error_ratio", "Failed executions per execution over the window; 0 with no traffic.", "suite", "action", "window")
	descDuration   = describe("assay_action_duration_average_seconds", "Average duration of an execution over the window.", "suite", "action", "window")
	descCodes      = describe("assay_action_error_code_errors", "Failed executions over PT24H by error code; codes that the spec does not declare are other.", "suite", "action", "code")
	descBudget     = describe("assay_action_error_budget_ratio", "The error ratio over PT24H that the suite allows.", "suite", "action")
	descFailing    = describe("assay_threshold_failing", "1 where the threshold fails, 0 where it holds.", "suite", "action", "threshold")
	descUp         = describe("assay_health_up", "1 where the last query of the platform's analytics succeeded, else 0.", "suite", "action", "window")
	descAge        = describe("assay_health_age_seconds", "Time since the platform told the figures.", "suite", "action", "window")
	descQueries    = describe("assay_health_queries_total", "Queries of the platform's analytics, by outcome.", "suite", "action", "window", "outcome")
	descBreaker    = describe("assay_plugin_breaker_state", "1 for the state that the operation's circuit breaker is in, else 0.", "plugin", "operation", "state")
	descCalls      = describe("assay_plugin_calls_total", "Calls of the plugin's operation.", "plugin", "operation")
	descAttempts   = describe("assay_plugin_attempts_total", "Attempts that the calls made.", "plugin", "operation")
	descRetries    = describe("assay_plugin_retries_total", "Attempts after the first.", "plugin", "operation")
	descTrips      = describe("assay_plugin_breaker_trips_total", "Times that the breaker opened.", "plugin", "operation")
)

// Describe tells of no metric beforehand: which there are depends on the suite.
func (x *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect tells what is known; nobody is asked.
func (x *metrics) Collect(out chan<- prometheus.Metric) {
	emit := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	for _, a := range x.monitor.Actions {
		x.action(a, emit)
	}
	for _, o := range x.monitor.Operations() {
		emit(descCalls, prometheus.CounterValue, float64(o.Calls), o.Plugin, o.Operation)
		emit(descAttempts, prometheus.CounterValue, float64(o.Attempts), o.Plugin, o.Operation)
		emit(descRetries, prometheus.CounterValue, float64(o.Retries), o.Plugin, o.Operation)
		emit(descTrips, prometheus.CounterValue, float64(o.Trips), o.Plugin, o.Operation)
		current := x.monitor.Breaker(o.Plugin, o.Operation)
		for _, state := range []string{"closed", "half-open", "open"} {
			emit(descBreaker, prometheus.GaugeValue, oneIf(state == current), o.Plugin, o.Operation, state)
		}
	}
}

// emitter sends one metric.
type emitter func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string)

func (x *metrics) action(a health.Action, emit emitter) {
	readings := map[string]health.Reading{}
	for _, window := range x.monitor.windows(a) {
		r := x.monitor.Health.Peek(a.Question(window))
		readings[window] = r
		counts := x.monitor.Health.Counts(a.Question(window))
		for outcome, n := range map[string]int64{"ok": counts.OK, "failed": counts.Failed, "denied": counts.Denied, "limited": counts.Limited} {
			emit(descQueries, prometheus.CounterValue, float64(n), a.Suite, a.Name, window, outcome)
		}
		emit(descUp, prometheus.GaugeValue, oneIf(r.Err == nil && !r.At.IsZero()), a.Suite, a.Name, window)
		if r.At.IsZero() {
			continue
		}
		emit(descAge, prometheus.GaugeValue, r.Age().Seconds(), a.Suite, a.Name, window)
		emit(descExecutions, prometheus.GaugeValue, float64(r.Health.Executions), a.Suite, a.Name, window)
		emit(descErrors, prometheus.GaugeValue, float64(r.Health.Errors), a.Suite, a.Name, window)
		emit(descRatio, prometheus.GaugeValue, float64(r.Health.Errors)/max(1, float64(r.Health.Executions)), a.Suite, a.Name, window)
		emit(descDuration, prometheus.GaugeValue, r.Health.AverageDurationMS/1e3, a.Suite, a.Name, window)
	}
	if r := readings[health.DefaultWindow]; !r.At.IsZero() {
		for code, n := range codeErrors(a, r.Health) {
			emit(descCodes, prometheus.GaugeValue, float64(n), a.Suite, a.Name, code)
		}
	}
	for _, t := range a.Document(readings).Thresholds {
		if t.Status != result.Errored {
			emit(descFailing, prometheus.GaugeValue, oneIf(t.Status == result.Fail), a.Suite, a.Name, t.Name)
		}
	}
	if budget, ok := errorBudget(a); ok {
		emit(descBudget, prometheus.GaugeValue, budget, a.Suite, a.Name)
	}
}

// codeErrors are the errors by declared code; the rest is together.
func codeErrors(a health.Action, h health.Health) map[string]int64 {
	counts := map[string]int64{"other": 0}
	for code := range a.Categories {
		counts[code] = 0
	}
	for _, c := range h.Codes {
		if _, declared := a.Categories[c.Code]; declared {
			counts[c.Code] += c.Errors
		} else {
			counts["other"] += c.Errors
		}
	}
	return counts
}

// errorBudget is the strictest bound on the error rate of a day.
func errorBudget(a health.Action) (ratio float64, ok bool) {
	for _, b := range a.Bounds {
		t := b.Threshold
		if t.Metric == "error_rate" && t.Max != nil && b.Window == health.DefaultWindow && (!ok || *t.Max/100 < ratio) {
			ratio, ok = *t.Max/100, true
		}
	}
	return ratio, ok
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
