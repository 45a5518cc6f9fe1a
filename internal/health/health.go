// Package health turns a platform's analytics into figures about an action,
// holds figures against thresholds, and says both as a document and as a
// report. A Cache keeps the platform from being asked more often than needed.
//
// Start reading at Read and Judge, then at Cache.
package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Row counts the executions of one status and error code.
type Row struct {
	Status            string
	ErrorCode         string
	Executions        int64
	Errors            int64
	AverageDurationMS float64
	P50MS, P95MS      *float64 // nil where the platform does not tell
}

// Page reads one page of analytics. It answers an empty token on the last one.
type Page func(ctx context.Context, token string) (rows []Row, next string, err error)

// Health is what the platform says of one action over a window.
type Health struct {
	Executions int64
	Errors     int64
	// AverageDurationMS is weighted by executions.
	AverageDurationMS float64
	// Codes are the error codes that executions ended with, the most errors first.
	Codes []Code
}

// Code is what the platform says of one error code of an action.
type Code struct {
	Code       string
	Executions int64
	Errors     int64
	// AverageDurationMS is weighted by executions.
	AverageDurationMS float64
	// P50MS and P95MS are nil where the platform does not tell them, and where
	// it tells them of parts only: percentiles do not add up.
	P50MS, P95MS *float64
}

// ErrorRate is in percent, with two decimals; 0 with no traffic.
func (h Health) ErrorRate() float64 {
	if h.Executions == 0 {
		return 0
	}
	return math.Round(float64(h.Errors)/float64(h.Executions)*1e4) / 1e2
}

// maxDurationMS is more than any execution takes, and few enough to add up.
const maxDurationMS = 1 << 53

// check finds figures that nothing can be made of. Plugins are foreign.
func (r Row) check() error {
	durations := []float64{r.AverageDurationMS}
	for _, percentile := range []*float64{r.P50MS, r.P95MS} {
		if percentile != nil {
			durations = append(durations, *percentile)
		}
	}
	for _, d := range durations {
		if math.IsNaN(d) || d < 0 || d > maxDurationMS {
			return errors.New("the platform's analytics hold a duration that is none")
		}
	}
	if r.Executions < 0 || r.Errors < 0 {
		return errors.New("the platform's analytics hold a negative count")
	}
	return nil
}

// maxPages ends the reading of a platform that always has one more page.
const maxPages = 1000

// Read reads all pages and adds them up. A token that the platform gave
// before is an error: following it would read the same pages for ever.
func Read(ctx context.Context, page Page) (Health, error) {
	var total sum
	codes := map[string]*sum{}
	seen := map[string]bool{}
	for token := ""; ; {
		rows, next, err := page(ctx, token)
		if err != nil {
			return Health{}, err
		}
		for _, row := range rows {
			if err := row.check(); err != nil {
				return Health{}, err
			}
			total.add(row)
			if row.ErrorCode != "" {
				if codes[row.ErrorCode] == nil {
					codes[row.ErrorCode] = &sum{}
				}
				codes[row.ErrorCode].add(row)
			}
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
	if total.executions < 0 || total.errors < 0 {
		return Health{}, errors.New("the platform's analytics count more than can be")
	}
	return Health{
		Executions: total.executions, Errors: total.errors,
		AverageDurationMS: total.average(), Codes: ranked(codes),
	}, nil
}

// sum adds rows up.
type sum struct {
	executions, errors int64
	totalMS            float64
	counted            int // rows with executions
	last               Row // of them
}

func (s *sum) add(row Row) {
	s.executions += row.Executions
	s.errors += row.Errors
	s.totalMS += row.AverageDurationMS * float64(row.Executions)
	if row.Executions > 0 {
		s.counted++
		s.last = row
	}
}

func (s *sum) average() float64 {
	if s.executions == 0 {
		return 0
	}
	return s.totalMS / float64(s.executions)
}

// ranked are the codes that had errors.
func ranked(sums map[string]*sum) []Code {
	var codes []Code
	for code, s := range sums {
		if s.errors == 0 {
			continue
		}
		c := Code{Code: code, Executions: s.executions, Errors: s.errors, AverageDurationMS: s.average()}
		if s.counted == 1 {
			c.P50MS, c.P95MS = s.last.P50MS, s.last.P95MS
		}
		codes = append(codes, c)
	}
	slices.SortFunc(codes, func(x, y Code) int {
		return cmp.Or(cmp.Compare(y.Errors, x.Errors), strings.Compare(x.Code, y.Code))
	})
	return codes
}
