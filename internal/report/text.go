package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-cx/assay/internal/result"
)

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
	return legible(lines)
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
			notes = append(notes, oneLine(c.Name+": "+c.Message))
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

// plain is a text of anybody's on one line, as it can be shown.
func plain(s string) string { return printable(oneLine(s)) }

// legible makes lines of anybody's texts: such that show, and that no CI system
// takes for its commands, as some do with what begins a line.
func legible(texts []string) []string {
	var lines []string
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			line = printable(line)
			if start := strings.TrimSpace(line); strings.HasPrefix(start, "::") || strings.HasPrefix(start, "##[") {
				line = "› " + line
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// printable leaves of a text what can be shown: control characters, and those
// that change the direction of what follows, would show otherwise than stands.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

// verdict is what a run came to, in a word.
func verdict(run result.Run) string {
	if run.Interrupted {
		return "interrupted"
	}
	return run.Status.String()
}

// totals are the counts of a run's vectors.
func totals(s result.Summary) string {
	return fmt.Sprintf("%s: %d passed, %d failed, %d errored, %d skipped", plural(s.Total, "vector"), s.Passed, s.Failed, s.Errored, s.Skipped)
}

// thresholdTotals says how many thresholds there are, and how many do not hold.
func thresholdTotals(thresholds []result.Threshold) string {
	if len(thresholds) == 0 {
		return ""
	}
	broken := 0
	for _, t := range thresholds {
		if t.Status >= result.Fail {
			broken++
		}
	}
	return fmt.Sprintf("; %s, %d not held", plural(len(thresholds), "threshold"), broken)
}

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
	b.WriteString(" (" + thresholdBounds(t) + ")")
	if t.Message != "" {
		b.WriteString(": " + t.Message)
	}
	return b.String()
}

// worstFirst orders thresholds by how bad they are.
func worstFirst(thresholds []result.Threshold) []result.Threshold {
	return slices.SortedStableFunc(slices.Values(thresholds), func(a, b result.Threshold) int { return cmp.Compare(b.Status, a.Status) })
}

func thresholdBounds(t result.Threshold) string {
	var bounds []string
	for _, bound := range []struct {
		name  string
		value *float64
	}{{"min", t.Min}, {"max", t.Max}, {"warn", t.Warn}} {
		if bound.value != nil {
			bounds = append(bounds, bound.name+" "+float(*bound.value))
		}
	}
	return strings.Join(bounds, ", ")
}

func float(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
