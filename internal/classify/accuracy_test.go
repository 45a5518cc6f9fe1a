package classify_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/result"
)

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

func readLabelled(t testing.TB, path string) []labelled {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []labelled
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l labelled
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
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

func TestAccuracy(t *testing.T) {
	for _, file := range []string{"testdata/labelled.jsonl", "testdata/heldout.jsonl"} {
		t.Run(file, func(t *testing.T) {
			var strict, lenient, traps, class, sure share
			for i, l := range readLabelled(t, file) {
				if os.Getenv("HALF") != "" && i%2 == 1 != (os.Getenv("HALF") == "odd") { continue }
				got := classify.Classify(l.Session.failure())
				right := got.Category == l.Category
				if !right {
					if os.Getenv("QUIET") == "" { t.Logf("%s trap=%v want %s %v, got %s %.2f: %s", l.ID, l.Trap, l.Category, l.Also, got.Category, got.Confidence, got.Reason) }
				}
				fair := right || slices.Contains(l.Also, got.Category)
				strict.add(right)
				lenient.add(fair)
				if l.Trap {
					traps.add(right)
				}
				class.add(got.Class == result.Categories[l.Category])
				if got.Confidence >= 0.9 {
					sure.add(right)
				}
			}
			t.Logf("strict %.1f lenient %.1f traps %.1f class %.1f sure %.1f (%d)", strict.percent(), lenient.percent(), traps.percent(), class.percent(), sure.percent(), sure.all)
		})
	}
}
