package health

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/assay-cx/assay/internal/result"
)

// DefaultWindow is what an action's figures are counted over.
const DefaultWindow = "PT24H"

// topCodes is how many error codes a document shows.
const topCodes = 5

// Action is what a spec says of an action, as far as its health goes.
type Action struct {
	Suite, Name, ID string
	Platform        string            // the target plugin's name
	Categories      map[string]string // by the error code that the spec declares; may be empty
	Bounds          []Bound
}

// Bound is a threshold that is to be measured.
type Bound struct {
	Threshold     result.Threshold
	Window        string
	MinExecutions int64
}

// Is reports whether a text names the action: its name in the spec, or its id.
func (a Action) Is(nameOrID string) bool {
	return nameOrID == a.Name || strings.EqualFold(nameOrID, a.ID)
}

// Windows are what the action's figures are needed over, the default first.
func (a Action) Windows() []string {
	windows := []string{DefaultWindow}
	for _, b := range a.Bounds {
		if !slices.Contains(windows, b.Window) {
			windows = append(windows, b.Window)
		}
	}
	return windows
}

// Question asks for the action's figures over a window.
func (a Action) Question(window string) Question {
	return Question{Platform: a.Platform, ActionID: a.ID, Window: window}
}

// Document is an action's health. The first six fields are the contract's.
type Document struct {
	ActionID        string         `json:"action_id"`
	TotalExecutions int64          `json:"total_executions"`
	ErrorCount      int64          `json:"error_count"`
	ErrorRate       float64        `json:"error_rate"` // percent, two decimals
	TopErrorCodes   []CodeDocument `json:"top_error_codes"`
	LastUpdated     time.Time      `json:"last_updated"` // when the platform told the figures, in UTC

	Suite             string        `json:"suite"`
	Action            string        `json:"action"` // its name in the spec
	Window            string        `json:"window"`
	AverageDurationMS float64       `json:"average_duration_ms"`
	Status            result.Status `json:"status"` // the worst of the thresholds
	Thresholds        []Threshold   `json:"thresholds"`
	Stale             bool          `json:"stale"`
	AgeSeconds        float64       `json:"age_seconds"`
	// Error is why the figures could not be refreshed.
	Error string `json:"error,omitempty"`
}

// CodeDocument is what the platform tells of an error code, in its words, and
// what the spec says of it.
type CodeDocument struct {
	ErrorCode       string   `json:"errorCode"`
	ExecutionCount  int64    `json:"executionCount"`
	ErrorCount      int64    `json:"errorCount"`
	AverageDuration float64  `json:"averageDuration"` // ms
	P50Duration     *float64 `json:"p50Duration,omitempty"`
	P95Duration     *float64 `json:"p95Duration,omitempty"`
	Category        string   `json:"category"`
	Classification  string   `json:"classification"`
}

// Threshold is a threshold, measured over its window.
type Threshold struct {
	result.Threshold
	Window string `json:"window"`
}

// Document says what is known of the action. readings are by window; that of
// DefaultWindow must have been answered.
func (a Action) Document(readings map[string]Reading) Document {
	r := readings[DefaultWindow]
	doc := Document{
		ActionID:        a.ID,
		TotalExecutions: r.Health.Executions,
		ErrorCount:      r.Health.Errors,
		ErrorRate:       r.Health.ErrorRate(),
		TopErrorCodes:   a.codes(r.Health),
		LastUpdated:     r.At.UTC().Truncate(time.Second),

		Suite:             a.Suite,
		Action:            a.Name,
		Window:            DefaultWindow,
		AverageDurationMS: round(r.Health.AverageDurationMS),
		Status:            result.Pass,
		Thresholds:        a.judge(readings),
		Stale:             r.Stale(),
		AgeSeconds:        math.Round(r.Age().Seconds()*1e3) / 1e3,
	}
	if r.Err != nil {
		doc.Error = r.Err.Error()
	}
	for _, t := range doc.Thresholds {
		doc.Status = max(doc.Status, t.Status)
	}
	return doc
}

// codes are the most frequent error codes.
func (a Action) codes(h Health) []CodeDocument {
	codes := []CodeDocument{}
	for _, c := range h.Codes[:min(len(h.Codes), topCodes)] {
		category := a.Categories[c.Code]
		if category == "" {
			category = "unknown"
		}
		codes = append(codes, CodeDocument{
			ErrorCode: c.Code, ExecutionCount: c.Executions, ErrorCount: c.Errors, AverageDuration: round(c.AverageDurationMS),
			P50Duration: c.P50MS, P95Duration: c.P95MS, Category: category, Classification: result.Categories[category],
		})
	}
	return codes
}

// judge holds the figures against the action's thresholds.
func (a Action) judge(readings map[string]Reading) []Threshold {
	judged := []Threshold{}
	for _, b := range a.Bounds {
		t := Threshold{b.Threshold, b.Window}
		r := readings[b.Window]
		switch {
		case !r.At.IsZero():
			Judge(&t.Threshold, b.MinExecutions, r.Health.Metric(t.Metric), r.Health.Executions)
		case r.Err != nil:
			t.Status, t.Message = result.Errored, "the platform's analytics could not be read: "+r.Err.Error()
		default:
			t.Status, t.Message = result.Errored, "the platform's analytics have not been read yet"
		}
		judged = append(judged, t)
	}
	return judged
}

// Text is the report of a document for people.
func (d Document) Text(generated time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Action Health Report: %s\n", d.ActionID)
	fmt.Fprintf(&b, "Generated: %s\n", generated.UTC().Format("2006-01-02T15:04:05Z"))
	fmt.Fprintf(&b, "Total Executions: %d\n", d.TotalExecutions)
	fmt.Fprintf(&b, "Error Count: %d\n", d.ErrorCount)
	fmt.Fprintf(&b, "Error Rate: %s%%\n", percent(d.ErrorRate))
	b.WriteString("\nTop Error Codes:\n")
	for _, c := range d.TopErrorCodes {
		fmt.Fprintf(&b, "  - %s: %d occurrences (Avg Duration: %vms)\n", printable(c.ErrorCode), c.ErrorCount, c.AverageDuration)
	}
	for _, t := range d.Thresholds {
		if t.Status == result.Fail {
			b.WriteString(t.warning())
		}
	}
	if d.Status <= result.Warn {
		b.WriteString("STATUS: Action operating within acceptable parameters.\n")
	}
	for _, t := range d.Thresholds {
		switch {
		case t.Message != "":
			fmt.Fprintf(&b, "NOTE: Threshold %s: %s.\n", t.Name, strings.TrimSuffix(t.Message, "."))
		case t.Status == result.Warn:
			fmt.Fprintf(&b, "NOTE: Threshold %s: %s over %s is %v, above warn = %v.\n", t.Name, t.Metric, t.Window, *t.Value, *t.Warn)
		}
	}
	return b.String()
}

// warning is what the report says of a threshold that fails: of an error rate
// in the contract's words.
func (t Threshold) warning() string {
	if t.Metric == "error_rate" && t.Max != nil && *t.Value > *t.Max {
		over := ""
		if t.Window != DefaultWindow {
			over = " over " + t.Window
		}
		return fmt.Sprintf("WARNING: Error rate exceeds %v percent threshold%s. Review handler logs and upstream dependency status.\n", *t.Max, over)
	}
	relation, bound := "below min", t.Min
	if t.Max != nil && *t.Value > *t.Max {
		relation, bound = "above max", t.Max
	}
	return fmt.Sprintf("WARNING: Threshold %s: %s over %s is %v, %s = %v.\n", t.Name, t.Metric, t.Window, *t.Value, relation, *bound)
}

// printable leaves out of a platform's text what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

// percent has one decimal at least, as the contract's "5.0".
func percent(rate float64) string {
	text := fmt.Sprint(rate)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
