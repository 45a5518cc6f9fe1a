package cxone

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMetricsRequest(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"data":[],"nextPageToken":null}`))
	p := configured(t, n.URL, nil)
	for _, token := range []string{"", "p2"} {
		r := sdk.MetricsRequest{Token: tokenCanary, ActionID: actionID, Window: "PT24H", PageToken: token}
		if got, err := p.Metrics(t.Context(), r); err != nil || got.NextPageToken != "" || len(got.Rows) != 0 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	want := map[string]any{
		"interval": "PT24H",
		"groupBy":  []any{"status", "errorCode"},
		"filter":   map[string]any{"type": "equals", "path": "actionId", "value": actionID},
		"metrics":  []any{"executionCount", "errorCount", "averageDuration"},
	}
	for _, r := range n.requests() {
		if r.method != http.MethodPost || r.target != "/api/v2/analytics/actions/details/query" {
			t.Errorf("request %s %s", r.method, r.target)
		}
		if r.header.Get("Authorization") != "Bearer "+tokenCanary || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", r.header)
		}
		var body any
		if err := json.Unmarshal([]byte(r.body), &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, body); diff != "" {
			t.Error(diff)
		}
		want["nextPageToken"] = "p2" // only on the second page
	}
}

func TestMetricsPage(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"data":[
		{"status":"COMPLETED","executionCount":10,"errorCount":0,"averageDuration":12.5},
		{"status":"FAILED","errorCode":"C","executionCount":"3","errorCount":3.0,"averageDuration":null},
		{}
	],"nextPageToken":"p2"}`))
	got, err := configured(t, n.URL, nil).Metrics(t.Context(), sdk.MetricsRequest{ActionID: actionID, Window: "PT1H"})
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.MetricsPage{
		Rows: []sdk.MetricsRow{
			{Status: "COMPLETED", ExecutionCount: 10, AverageDurationMS: 12.5},
			{Status: "FAILED", ErrorCode: "C", ExecutionCount: 3, ErrorCount: 3},
			{},
		},
		NextPageToken: "p2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Percentiles are asked for where the spec says that the tenant has them.
func TestMetricsPercentiles(t *testing.T) {
	t.Parallel()
	n := newTenant(t, answer(200, `{"data":[
		{"status":"FAILED","errorCode":"C","executionCount":3,"errorCount":3,"median":0,"p95Duration":"41.5"},
		{"status":"COMPLETED","executionCount":1,"p95Duration":null}
	]}`))
	p := configured(t, n.URL, map[string]any{
		"metrics": []string{"executionCount", "errorCount", "averageDuration", "p50Duration", "p95Duration"},
		"fields":  map[string]string{"p50Duration": "median"},
	})
	got, err := p.Metrics(t.Context(), sdk.MetricsRequest{ActionID: actionID, Window: "PT1H"})
	if err != nil {
		t.Fatal(err)
	}
	want := []sdk.MetricsRow{
		{Status: "FAILED", ErrorCode: "C", ExecutionCount: 3, ErrorCount: 3, P50DurationMS: new(0.0), P95DurationMS: new(41.5)},
		{Status: "COMPLETED", ExecutionCount: 1},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
	if body := n.requests()[0].body; !strings.Contains(body, `"metrics":["executionCount","errorCount","averageDuration","median","p95Duration"]`) {
		t.Errorf("asked with %s", body)
	}
}

func TestMetricsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   sdk.ErrorKind
		says   string
	}{
		"401":            {answer(401, ``), sdk.Unauthenticated, "invalid OAuth token or missing analytics:read scope"},
		"403":            {answer(403, ``), sdk.Forbidden, "invalid OAuth token or missing analytics:read scope"},
		"429":            {answer(429, ``), sdk.RateLimited, ""},
		"502":            {answer(502, `bad gateway`), sdk.Unavailable, "bad gateway"},
		"no data":        {answer(200, `{}`), sdk.Protocol, "holds no data"},
		"odd data":       {answer(200, `{"data":{}}`), sdk.Protocol, "data is not an array"},
		"odd row":        {answer(200, `{"data":[{},7]}`), sdk.Protocol, "row 2"},
		"odd count":      {answer(200, `{"data":[{"executionCount":"many"}]}`), sdk.Protocol, "executionCount"},
		"negative count": {answer(200, `{"data":[{"errorCount":-1}]}`), sdk.Protocol, "errorCount"},
		"huge count":     {answer(200, `{"data":[{"errorCount":1e300}]}`), sdk.Protocol, "errorCount"},
		"odd token":      {answer(200, `{"data":[],"nextPageToken":{}}`), sdk.Protocol, "nextPageToken"},
		"HTML":           {answer(200, `<html>`), sdk.Protocol, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t, test.answer)
			_, err := configured(t, n.URL, nil).Metrics(t.Context(), sdk.MetricsRequest{Token: tokenCanary, ActionID: actionID})
			failure := asError(t, err)
			if failure.Kind != test.kind || !strings.Contains(failure.Error(), test.says) {
				t.Errorf("%v, want %s saying %q", failure, test.kind, test.says)
			}
		})
	}
	n := newTenant(t, answer(200, `{"data":null}`))
	if _, err := configured(t, n.URL, nil).Metrics(t.Context(), sdk.MetricsRequest{}); err != nil {
		t.Errorf("null data is no traffic: %v", err)
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add([]byte(`{"data":[{"status":"FAILED","executionCount":1}],"nextPageToken":"x"}`))
	f.Add([]byte(`{"data":[{"errorCount":"1e400"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := parseMetrics(nil, body)
		if err != nil {
			return
		}
		for _, row := range page.Rows {
			if row.ExecutionCount < 0 || row.ErrorCount < 0 || row.AverageDurationMS < 0 {
				t.Fatalf("negative: %+v", row)
			}
		}
	})
}
