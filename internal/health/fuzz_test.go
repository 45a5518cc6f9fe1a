package health

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Whatever a platform tells, it is an error or a document and a report, which
// no terminal obeys.
func FuzzRows(f *testing.F) {
	f.Add("FAILED", "A\x1b[2J\n", int64(3), int64(2), 1.5, 2.5)
	f.Add("", "", int64(-1), int64(1)<<62, -1.0, 1e300)
	f.Add("FAILED", "A", int64(1)<<60, int64(1)<<60, 1e300, 2.5)
	f.Fuzz(func(t *testing.T, status, code string, executions, errors int64, average, p95 float64) {
		row := Row{Status: status, ErrorCode: code, Executions: executions, Errors: errors, AverageDurationMS: average, P95MS: &p95}
		h, err := Read(t.Context(), pages(map[string][]Row{"": {row}, "2": {row, row}}, map[string]string{"": "2"}))
		if err != nil {
			return
		}
		doc := watched().Document(map[string]Reading{DefaultWindow: {Health: h, At: time.Now()}})
		if _, err := json.Marshal(doc); err != nil {
			t.Errorf("%+v: %v", row, err)
		}
		text := doc.Text(time.Now())
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 || strings.Count(text, "\n") > 12 {
			t.Errorf("%q", text)
		}
	})
}
