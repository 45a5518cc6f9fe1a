package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assay-cx/assay/internal/result"
)

// firstFailure is why a vector did not pass, in a line.
func firstFailure(v result.Vector) string {
	if v.Error != nil {
		return v.Error.Summary
	}
	for _, c := range v.Checks {
		if c.Status >= result.Fail {
			return c.Name + ": " + c.Message
		}
	}
	return ""
}

// failureLines say everything that is known of why a vector did not pass:
// each broken check with expected and actual side by side, the failing step
// and whose fault it is.
func failureLines(v result.Vector) []string {
	var lines []string
	if v.Error != nil {
		lines = append(lines, v.Error.Summary+": "+v.Error.Detail)
	}
	lines = append(lines, checkLines(v.Checks)...)
	if step := v.Execution.FailingStep(); step != nil {
		at := fmt.Sprintf("failing step %s", step.ID)
		if step.Name != "" && step.Name != step.ID {
			at += fmt.Sprintf(" (%s)", step.Name)
		}
		lines = append(lines, at+": "+oneLine(step.Error.Message))
	} else if v.Execution != nil && v.Execution.Error != nil {
		lines = append(lines, "error: "+strings.TrimSpace(v.Execution.Error.Code+" "+oneLine(v.Execution.Error.Message)))
	}
	if c := v.Classification; c != nil {
		lines = append(lines, fmt.Sprintf("%s, %s, confidence %.2f (%s): %s", c.Class, c.Category, c.Confidence, c.Source, oneLine(c.Reason)))
	}
	if v.Execution != nil && v.Execution.SessionID != "" {
		lines = append(lines, "session "+v.Execution.SessionID)
	}
	return lines
}

func checkLines(checks []result.Check) []string {
	rows := [][3]string{{"check", "expected", "actual"}}
	var notes []string
	for _, c := range checks {
		if c.Status < result.Fail {
			continue
		}
		if c.Expected+c.Actual != "" {
			rows = append(rows, checkRows(c)...)
		}
		if !strings.HasPrefix(c.Name, "expect.") {
			notes = append(notes, c.Name+": "+c.Message)
		}
	}
	if len(rows) == 1 {
		return notes
	}
	return append(columns(rows), notes...)
}

// checkRows sets expected and actual side by side, line for line.
func checkRows(c result.Check) [][3]string {
	expected, actual := strings.Split(c.Expected, "\n"), strings.Split(c.Actual, "\n")
	rows := make([][3]string, max(len(expected), len(actual)))
	for i := range rows {
		rows[i] = [3]string{"", at(expected, i), at(actual, i)}
	}
	rows[0][0] = c.Name
	return rows
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// columns sets rows side by side.
func columns(rows [][3]string) []string {
	var width [3]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %s", width[0], row[0], width[1], row[1], row[2]), " ")
	}
	return lines
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// thresholdText is a threshold with its value and bounds.
func thresholdText(t result.Threshold) string {
	var b strings.Builder
	b.WriteString(t.Name + ": " + t.Metric)
	if t.Action != "" {
		b.WriteString("(" + t.Action + ")")
	}
	if t.Value != nil {
		b.WriteString(" = " + float(*t.Value))
	}
	var bounds []string
	for _, bound := range []struct {
		name  string
		value *float64
	}{{"min", t.Min}, {"max", t.Max}, {"warn", t.Warn}} {
		if bound.value != nil {
			bounds = append(bounds, bound.name+" "+float(*bound.value))
		}
	}
	b.WriteString(" (" + strings.Join(bounds, ", ") + ")")
	if t.Message != "" {
		b.WriteString(": " + t.Message)
	}
	return b.String()
}

func float(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
