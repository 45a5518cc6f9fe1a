// Package health turns a platform's analytics into figures about an action and
// holds figures against thresholds.
//
// Start reading at Read and Bounds.Judge.
package health

import (
	"context"
	"fmt"
	"math"

	"github.com/assay-cx/assay/internal/result"
)

// Row counts the executions of one status and error code.
type Row struct {
	Status            string
	ErrorCode         string
	Executions        int64
	Errors            int64
	AverageDurationMS float64
}

// Page reads one page of analytics. It answers an empty token on the last one.
type Page func(ctx context.Context, token string) (rows []Row, next string, err error)

// Health is what the platform says of one action over a window.
type Health struct {
	Executions int64
	Errors     int64
	// AverageDurationMS is weighted by executions.
	AverageDurationMS float64
}

// ErrorRate is in percent, with two decimals; 0 with no traffic.
func (h Health) ErrorRate() float64 {
	if h.Executions == 0 {
		return 0
	}
	return math.Round(float64(h.Errors)/float64(h.Executions)*1e4) / 1e2
}

// maxPages ends the reading of a platform that always has one more page.
const maxPages = 1000

// Read reads all pages and adds them up. A token that the platform gave
// before is an error: following it would read the same pages for ever.
func Read(ctx context.Context, page Page) (Health, error) {
	var h Health
	var totalMS float64
	seen := map[string]bool{}
	for token := ""; ; {
		rows, next, err := page(ctx, token)
		if err != nil {
			return Health{}, err
		}
		for _, row := range rows {
			h.Executions += row.Executions
			h.Errors += row.Errors
			totalMS += row.AverageDurationMS * float64(row.Executions)
		}
		if next == "" {
			break
		}
		if seen[next] {
			return Health{}, fmt.Errorf("the platform's analytics do not end: page token %q came again after %d pages", next, len(seen)+1)
		}
		if len(seen)+1 == maxPages {
			return Health{}, fmt.Errorf("the platform's analytics do not end: there is more after %d pages", maxPages)
		}
		seen[next] = true
		token = next
	}
	if h.Executions > 0 {
		h.AverageDurationMS = totalMS / float64(h.Executions)
	}
	return h, nil
}

// Bounds are a threshold's limits; nil ones do not bind.
type Bounds struct{ Min, Max, Warn *float64 }

// Judge holds a value against the bounds. A value that equals one holds.
func (b Bounds) Judge(value float64) result.Status {
	switch {
	case b.Max != nil && value > *b.Max, b.Min != nil && value < *b.Min:
		return result.Fail
	case b.Warn != nil && value > *b.Warn:
		return result.Warn
	default:
		return result.Pass
	}
}
