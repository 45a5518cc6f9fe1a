package page

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/health"
)

const (
	maxPoints = 240             // of a line
	maxRows   = 24              // of the table that says the same
	maxGap    = 5 * time.Minute // between samples that a line joins
)

// chart is a figure over time, on a canvas of 100 by 40.
type chart struct {
	Line     string  // an SVG path
	Dots     string  // another, of the samples that no line joins
	Limit    float64 // where the bound stands; 0 for none
	Top      string  // the value at the upper edge
	Now      string
	Low      string
	High     string
	From, To time.Time
	Rows     []chartRow // some of the samples, the newest first
}

type chartRow struct {
	At    time.Time
	Value string
}

// chartOf draws samples; nil where there are none. limit may be nil.
func chartOf(samples []health.Sample, value func(health.Sample) float64, limit *float64) *chart {
	if len(samples) == 0 {
		return nil
	}
	whole := len(samples)
	samples = thin(samples, maxPoints)
	low, high := math.Inf(1), 0.0
	for _, s := range samples {
		low, high = min(low, value(s)), max(high, value(s))
	}
	top := max(high, 1e-9)
	if limit != nil {
		top = max(top, *limit)
	}
	top = ceiling(top * 1.1)
	first, last := samples[0].At, samples[len(samples)-1].At
	c := &chart{Top: figure(top), Now: figure(value(samples[len(samples)-1])), Low: figure(low), High: figure(high), From: first, To: last}
	height := func(v float64) float64 { return 39 - 38*v/top }
	if limit != nil {
		c.Limit = height(*limit)
	}
	var line, dots strings.Builder
	span := max(last.Sub(first).Seconds(), 1)
	gap := maxGap * time.Duration(1+whole/maxPoints) // a line that was thinned has longer steps
	joined := func(i int) bool {                     // with the one before it
		return i > 0 && i < len(samples) && samples[i].At.Sub(samples[i-1].At) <= gap
	}
	for i, s := range samples {
		x, y := 100*s.At.Sub(first).Seconds()/span, height(value(s))
		switch {
		case joined(i):
			fmt.Fprintf(&line, "L%.2f %.2f", x, y)
		case joined(i + 1):
			fmt.Fprintf(&line, "M%.2f %.2f", x, y)
		default:
			fmt.Fprintf(&dots, "M%.2f %.2fh0", x, y)
		}
	}
	c.Line, c.Dots = line.String(), dots.String()
	rows := thin(samples, maxRows)
	for i := len(rows) - 1; i >= 0; i-- {
		c.Rows = append(c.Rows, chartRow{rows[i].At, figure(value(rows[i]))})
	}
	return c
}

// thin keeps so many samples at equal distances, the last one among them.
func thin(samples []health.Sample, most int) []health.Sample {
	if len(samples) <= most {
		return samples
	}
	kept := make([]health.Sample, most)
	for i := range kept {
		kept[i] = samples[(i+1)*len(samples)/most-1]
	}
	return kept
}

// ceiling is the next round number.
func ceiling(value float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(value)))
	for _, step := range []float64{1, 2, 5} {
		if value <= step*unit {
			return step * unit
		}
	}
	return 10 * unit
}

// figure is a number for people.
func figure(value float64) string {
	if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
		return count(int64(value))
	}
	return fmt.Sprintf("%.4g", value)
}

// slots is how many bars there is room for at least, so that few are not wide.
const slots = latest

// bars are the verdicts of runs, oldest first, each 10 wide on a canvas 40 high.
type bars struct {
	Width int
	Bars  []bar
}

type bar struct {
	X                 int
	PassedY, Passed   float64
	FailedY, Failed   float64
	ErroredY, Errored float64
}

// tally is what came of vectors.
type tally struct{ Passed, Failed, Errored int }

func (t tally) Total() int { return t.Passed + t.Failed + t.Errored }

// barsOf draws tallies, which come newest first; nil where there are none.
func barsOf(tallies []tally) *bars {
	most := 0
	for _, t := range tallies {
		most = max(most, t.Total())
	}
	if most == 0 {
		return nil
	}
	b := &bars{Width: 10 * max(slots, len(tallies))}
	from := b.Width - 10*len(tallies)
	high := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return max(1.5, 40*float64(n)/float64(most))
	}
	for i := range tallies {
		t := tallies[len(tallies)-1-i]
		one := bar{X: from + 10*i + 1, Passed: high(t.Passed), Failed: high(t.Failed), Errored: high(t.Errored)}
		one.ErroredY = 40 - one.Errored
		one.FailedY = one.ErroredY - one.Failed
		one.PassedY = max(0, one.FailedY-one.Passed)
		b.Bars = append(b.Bars, one)
	}
	return b
}
