package classify_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

// corpora are the sets of labelled failures; testdata/README.md says of each
// where it comes from and how it was judged when the tables had not seen it.
var corpora = []string{"testdata/labelled.jsonl", "testdata/heldout.jsonl", "testdata/reproduced.jsonl"}

// labelled is a failure whose category is known.
type labelled struct {
	ID       string   `json:"id"`
	Session  session  `json:"session"`
	Category string   `json:"category"`
	Also     []string `json:"also"`
	Trap     bool     `json:"trap"`
}

// session is a debug session as a poll answers it.
type session struct {
	Status string                 `json:"status"`
	Result *result.ExecutionError `json:"result"`
	Trace  []struct {
		ID    string            `json:"stepId"`
		Name  string            `json:"stepName"`
		Error *result.StepError `json:"error"`
	} `json:"trace"`
}

func (s session) failure() classify.Failure {
	e := &result.Execution{Status: s.Status, Error: s.Result}
	for _, step := range s.Trace {
		e.Trace = append(e.Trace, result.Step{ID: step.ID, Name: step.Name, Error: step.Error})
	}
	return classify.Failure{Execution: e}
}

func readLabelled(tb testing.TB, path string) []labelled {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var all []labelled
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l labelled
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			tb.Fatal(err)
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}

// share counts how many of some answers are right.
type share struct{ right, all int }

func (s *share) add(right bool) {
	s.all++
	if right {
		s.right++
	}
}

func (s share) percent() float64 { return 100 * float64(s.right) / float64(max(s.all, 1)) }

func (s share) String() string { return fmt.Sprintf("%.1f %% (%d of %d)", s.percent(), s.right, s.all) }

// score is how well a set of labelled failures was judged.
type score struct {
	strict, lenient, traps, class share
	byConfidence                  [10]share // strictly right, by tenths of confidence
	sure                          share     // of the answers given at 0.9 or above
}

func (s *score) add(l labelled, got result.Classification) {
	right := got.Category == l.Category
	s.strict.add(right)
	s.lenient.add(right || slices.Contains(l.Also, got.Category))
	if l.Trap {
		s.traps.add(right)
	}
	if l.Category != "unknown" {
		s.class.add(got.Class == result.Categories[l.Category])
	}
	s.byConfidence[min(int(got.Confidence*10), 9)].add(right)
	if got.Confidence >= 0.9 {
		s.sure.add(right)
	}
}

func (s *score) report(t *testing.T) {
	t.Helper()
	t.Logf("category: %v strictly, %v leniently, %v on traps; class: %v", s.strict, s.lenient, s.traps, s.class)
	for i, bucket := range s.byConfidence {
		if bucket.all > 0 {
			t.Logf("confidence %.1f…%.1f: %v right", float64(i)/10, float64(i+1)/10, bucket)
		}
	}
}

func TestAccuracy(t *testing.T) {
	for _, file := range corpora {
		t.Run(file, func(t *testing.T) {
			var s score
			for _, l := range readLabelled(t, file) {
				got := classify.Classify(l.Session.failure())
				s.add(l, got)
				if got.Category != l.Category {
					t.Logf("%s: want %s %v, got %s at %.2f: %s", l.ID, l.Category, l.Also, got.Category, got.Confidence, got.Reason)
				}
			}
			s.report(t)
			for name, floor := range map[string]struct {
				share
				percent float64
			}{
				"category, strictly":       {s.strict, 95},
				"category, leniently":      {s.lenient, 98},
				"category, on traps":       {s.traps, 95},
				"class":                    {s.class, 97},
				"answers at 0.9 and above": {s.sure, 97},
			} {
				if floor.share.percent() < floor.percent {
					t.Errorf("%s: %v right, below %v %%", name, floor.share, floor.percent)
				}
			}
		})
	}
}
