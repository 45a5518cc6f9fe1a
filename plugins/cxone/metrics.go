package cxone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// Metrics reads one page of an action's analytics, counted by status and error code.
func (p *Plugin) Metrics(ctx context.Context, r sdk.MetricsRequest) (sdk.MetricsPage, error) {
	const what = "query the action's analytics"
	response, err := p.do(ctx, p.settings, request{
		what:    what,
		method:  http.MethodPost,
		path:    p.settings.MetricsPath,
		token:   r.Token,
		body:    metricsQuery(p.settings, r),
		timeout: time.Duration(p.settings.MetricsTimeout),
	})
	if err != nil {
		return sdk.MetricsPage{}, err
	}
	if !response.IsSuccess() {
		return sdk.MetricsPage{}, metricsRefused(what, response)
	}
	page, err := parseMetrics(p.settings.Fields, response.Body)
	if err != nil {
		return sdk.MetricsPage{}, sdkhttp.Unexpected(what, err.Error(), response)
	}
	return page, nil
}

func metricsQuery(s *settings, r sdk.MetricsRequest) []byte {
	asked := make([]string, len(s.Metrics))
	for i, name := range s.Metrics {
		asked[i] = s.Fields.of(name)
	}
	f := s.Fields
	query := map[string]any{
		f.of("interval"): r.Window,
		f.of("groupBy"):  []string{f.of("status"), f.of("errorCode")},
		f.of("filter"):   map[string]string{"type": "equals", "path": f.of("actionId"), "value": r.ActionID},
		f.of("metrics"):  asked,
	}
	if r.PageToken != "" {
		query[f.of("nextPageToken")] = r.PageToken
	}
	return value(query)
}

func metricsRefused(what string, response *sdkhttp.Response) error {
	failure := refused(what, response)
	switch response.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Message += ": invalid OAuth token or missing analytics:read scope"
	}
	return failure
}

// parseMetrics reads a page. Counts that are missing are 0; counts that are
// not numbers make the page wrong, since sums over it would be.
func parseMetrics(f fields, body []byte) (sdk.MetricsPage, error) {
	answer, ok := parseDocument(f, body)
	if !ok {
		return sdk.MetricsPage{}, errors.New("the answer is not a JSON object")
	}
	if rows := answer.raw("data"); len(rows) > 0 && rows[0] != '[' {
		return sdk.MetricsPage{}, fmt.Errorf("%s is not an array", f.of("data"))
	}
	if _, ok := answer.values[f.of("data")]; !ok {
		return sdk.MetricsPage{}, fmt.Errorf("the answer holds no %s", f.of("data"))
	}
	page := sdk.MetricsPage{NextPageToken: answer.text("nextPageToken")}
	if token := answer.raw("nextPageToken"); page.NextPageToken == "" && token != nil && string(token) != `""` {
		return sdk.MetricsPage{}, fmt.Errorf("%s is not a string", f.of("nextPageToken"))
	}
	for i, item := range answer.list("data") {
		row, err := metricsRow(f, item)
		if err != nil {
			return sdk.MetricsPage{}, fmt.Errorf("row %d %w", i+1, err)
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

func metricsRow(f fields, item []byte) (sdk.MetricsRow, error) {
	row, ok := parseDocument(f, item)
	if !ok {
		return sdk.MetricsRow{}, errors.New("is not an object")
	}
	numbers := map[string]*float64{}
	for _, name := range []string{"executionCount", "errorCount", "averageDuration", "p50Duration", "p95Duration"} {
		number, ok := row.number(name)
		if (!ok && row.raw(name) != nil) || number < 0 || number > 1<<53 {
			return sdk.MetricsRow{}, fmt.Errorf("holds a %s that is not a count", f.of(name))
		}
		if ok {
			numbers[name] = &number
		}
	}
	count := func(name string) float64 {
		if number := numbers[name]; number != nil {
			return *number
		}
		return 0
	}
	return sdk.MetricsRow{
		Status:            row.text("status"),
		ErrorCode:         row.text("errorCode"),
		ExecutionCount:    int64(count("executionCount")),
		ErrorCount:        int64(count("errorCount")),
		AverageDurationMS: count("averageDuration"),
		P50DurationMS:     numbers["p50Duration"],
		P95DurationMS:     numbers["p95Duration"],
	}, nil
}
