package health

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pages answers rows by page token.
func pages(answers map[string][]Row, next map[string]string) Page {
	return func(_ context.Context, token string) ([]Row, string, error) { return answers[token], next[token], nil }
}

func TestPagesAreAddedUp(t *testing.T) {
	h, err := Read(t.Context(), pages(map[string][]Row{
		"":  {{Status: "COMPLETED", Executions: 90, AverageDurationMS: 100}},
		"2": {{Status: "FAILED", ErrorCode: "A", Executions: 8, Errors: 8, AverageDurationMS: 1000}},
		"3": {{Status: "FAILED", ErrorCode: "A", Executions: 2, Errors: 2, AverageDurationMS: 500}},
	}, map[string]string{"": "2", "2": "3"}))
	if err != nil {
		t.Fatal(err)
	}
	if h.Executions != 100 || h.Errors != 10 || h.ErrorRate() != 10 || h.AverageDurationMS != 180 {
		t.Errorf("got %+v, error rate %v", h, h.ErrorRate())
	}
}

// The defect of the tutorial: a code's rows on several pages stood as several codes.
func TestCodesAreMergedOverPages(t *testing.T) {
	h, err := Read(t.Context(), pages(map[string][]Row{
		"":  {{Status: "FAILED", ErrorCode: "A", Executions: 3, Errors: 3, AverageDurationMS: 100, P95MS: new(1.0)}, {Status: "COMPLETED", Executions: 50}},
		"2": {{Status: "FAILED", ErrorCode: "B", Executions: 5, Errors: 5, AverageDurationMS: 7, P50MS: new(6.0), P95MS: new(0.0)}},
		"3": {{Status: "FAILED", ErrorCode: "A", Executions: 9, Errors: 9, AverageDurationMS: 500, P95MS: new(2.0)}},
		"4": {{Status: "TIMEOUT", ErrorCode: "B"}, {Status: "COMPLETED", ErrorCode: "WARNED", Executions: 2}, {Status: "FAILED", Executions: 1, Errors: 1}},
	}, map[string]string{"": "2", "2": "3", "3": "4"}))
	if err != nil {
		t.Fatal(err)
	}
	want := []Code{
		{Code: "A", Executions: 12, Errors: 12, AverageDurationMS: 400}, // percentiles of parts tell nothing of the whole
		{Code: "B", Executions: 5, Errors: 5, AverageDurationMS: 7, P50MS: new(6.0), P95MS: new(0.0)},
	}
	if diff := cmp.Diff(want, h.Codes); diff != "" {
		t.Error(diff)
	}
	if h.Errors != 18 || h.Executions != 70 {
		t.Errorf("got %+v", h)
	}
}

func TestCodesAreRankedByErrors(t *testing.T) {
	h, err := Read(t.Context(), pages(map[string][]Row{"": {
		{ErrorCode: "RETRIED", Executions: 90, Errors: 1}, {ErrorCode: "Z", Executions: 2, Errors: 2}, {ErrorCode: "FATAL", Executions: 2, Errors: 2},
	}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range h.Codes {
		got = append(got, c.Code)
	}
	if diff := cmp.Diff([]string{"FATAL", "Z", "RETRIED"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorRateHasTwoDecimals(t *testing.T) {
	if got := (Health{Executions: 3, Errors: 2}).ErrorRate(); got != 66.67 {
		t.Errorf("got %v", got)
	}
	if got := (Health{}).ErrorRate(); got != 0 {
		t.Errorf("with no traffic: %v", got)
	}
}

func TestATokenThatRepeatsIsAnError(t *testing.T) {
	_, err := Read(t.Context(), pages(nil, map[string]string{"": "a", "a": "b", "b": "a"}))
	if err == nil || !strings.Contains(err.Error(), `"a" came again`) {
		t.Errorf("got %v", err)
	}
}

func TestFiguresThatAreNoneAreAnError(t *testing.T) {
	for name, rows := range map[string][]Row{
		"negative executions": {{Executions: -1}},
		"negative errors":     {{Errors: -1}},
		"negative duration":   {{AverageDurationMS: -1}},
		"no number":           {{AverageDurationMS: math.NaN()}},
		"no end":              {{Executions: 1, P95MS: new(math.Inf(1))}},
		"no number either":    {{Executions: 1, P50MS: new(math.NaN())}},
		"too many":            {{Executions: math.MaxInt64}, {Executions: 1}},
	} {
		if h, err := Read(t.Context(), pages(map[string][]Row{"": rows}, nil)); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestPagesWithoutEndAreAnError(t *testing.T) {
	asked := 0
	_, err := Read(t.Context(), func(context.Context, string) ([]Row, string, error) {
		asked++
		return nil, strconv.Itoa(asked), nil
	})
	if err == nil || !strings.Contains(err.Error(), "more after 1000 pages") || asked != maxPages {
		t.Errorf("%d pages asked for, %v", asked, err)
	}
}

func TestAPageThatFailsIsAnError(t *testing.T) {
	down := errors.New("down")
	_, err := Read(t.Context(), func(context.Context, string) ([]Row, string, error) { return nil, "x", down })
	if !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
