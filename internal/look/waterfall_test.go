package look

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/internal/result"
)

func trace(timestamps ...string) []result.Step {
	steps := make([]result.Step, len(timestamps))
	for i, at := range timestamps {
		steps[i] = result.Step{ID: fmt.Sprint(i), Name: fmt.Sprint("step ", i), Timestamp: at}
	}
	return steps
}

func TestAStepLastsUntilTheNext(t *testing.T) {
	w := waterfall(&result.Execution{DurationMS: 1000, Trace: trace("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.250Z", "2026-01-02T04:04:05.75+01:00")})
	want := &Waterfall{Timed: true, Total: "1s", Steps: []Step{
		{ID: "0", Name: "step 0", Start: "+0s", Took: "250ms", X: 0, Width: 25},
		{ID: "1", Name: "step 1", Start: "+250ms", Took: "500ms", X: 25, Width: 50},
		{ID: "2", Name: "step 2", Start: "+750ms", Took: "250ms", X: 75, Width: 25},
	}}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Error(diff)
	}
}

func TestTimesThatMakeNoSense(t *testing.T) {
	for name, trace := range map[string][]result.Step{
		"absent":     trace("", ""),
		"one absent": trace("2026-01-02T03:04:05Z", ""),
		"no time":    trace("yesterday"),
		"backwards":  trace("2026-01-02T03:04:05Z", "2026-01-02T03:04:04Z"),
		"years":      trace("1970-01-01T00:00:00Z", "2026-01-02T03:04:04Z"),
		"ages":       trace("0001-01-01T00:00:00Z", "9999-01-02T03:04:04Z"),
	} {
		w := waterfall(&result.Execution{DurationMS: 5, Trace: trace})
		if w.Timed || w.Total != "" || w.Steps[0].Start != "" || len(w.Steps) != len(trace) {
			t.Errorf("%s: %+v", name, w)
		}
	}
	if w := waterfall(&result.Execution{}); w != nil {
		t.Errorf("no trace: %+v", w)
	}
}

func TestBarsStayInTheirRow(t *testing.T) {
	for name, e := range map[string]*result.Execution{
		"all at once":                      {Trace: trace("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")},
		"a duration below what steps took": {DurationMS: 1, Trace: trace("2026-01-02T03:04:05Z", "2026-01-02T03:04:09Z")},
		"a negative duration":              {DurationMS: -5, Trace: trace("2026-01-02T03:04:05Z")},
		"a last step of no length":         {DurationMS: 4000, Trace: trace("2026-01-02T03:04:05Z", "2026-01-02T03:04:09Z")},
	} {
		w := waterfall(e)
		if !w.Timed {
			t.Errorf("%s: no times", name)
		}
		for _, s := range w.Steps {
			if s.X < 0 || s.Width < narrowest || s.X+s.Width > 100.001 || strings.Contains(s.Took, "-") {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestAFailingStepShowsHoweverLate(t *testing.T) {
	for _, failing := range []int{0, 28, 29, 30, 99, -1} {
		steps := trace(make([]string, 100)...)
		if failing >= 0 {
			steps[failing].Error = &result.StepError{Message: "here"}
		}
		w := waterfall(&result.Execution{Trace: steps})
		shown := failing < 0
		for _, s := range w.Steps {
			shown = shown || s.Error != nil
		}
		if !shown || len(w.Steps) != maxSteps || w.Omitted != 100-maxSteps {
			t.Errorf("failing step %d: shown %t, %d steps, %d left out", failing, shown, len(w.Steps), w.Omitted)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("é\xff…", 3)
	f.Fuzz(func(t *testing.T, text string, size int) {
		got := Clip(text, max(0, size))
		if !utf8.ValidString(got) || len(got) > max(0, size)+len("…") {
			t.Errorf("%q", got)
		}
	})
}
