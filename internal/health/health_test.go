package health

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/result"
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

func TestBounds(t *testing.T) {
	five, three, ten := 5.0, 3.0, 10.0
	for _, test := range []struct {
		bounds Bounds
		value  float64
		want   result.Status
	}{
		{Bounds{Max: &five}, 5, result.Pass}, // exactly at the bound
		{Bounds{Max: &five}, 5.01, result.Fail},
		{Bounds{Min: &five}, 5, result.Pass},
		{Bounds{Min: &five}, 4.99, result.Fail},
		{Bounds{Max: &ten, Warn: &three}, 3, result.Pass},
		{Bounds{Max: &ten, Warn: &three}, 4, result.Warn},
		{Bounds{Max: &ten, Warn: &three}, 11, result.Fail},
		{Bounds{}, 1e9, result.Pass},
	} {
		if got := test.bounds.Judge(test.value); got != test.want {
			t.Errorf("%v: %s, want %s", test.value, got, test.want)
		}
	}
}
