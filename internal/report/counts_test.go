package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/internal/result"
)

// runs are runs of every sort.
func runs() map[string]struct {
	run     result.Run
	vectors []result.Vector
} {
	type told = struct {
		run     result.Run
		vectors []result.Vector
	}
	mixed := func(n int, statuses ...result.Status) told {
		t := told{run: result.Run{Status: result.Pass}}
		for i := range n {
			v := vectors[1]
			v.Name, v.Suite, v.Status = fmt.Sprintf("v%04d", i), fmt.Sprint("suite", 3*i/n), statuses[i%len(statuses)]
			if v.Status < result.Fail {
				v.Checks = nil
			}
			t.vectors = append(t.vectors, v)
			t.run.Summary.Add(v.Status)
			t.run.Status = max(t.run.Status, v.Status)
		}
		return t
	}
	interrupted := mixed(7, result.Pass, result.Skip)
	interrupted.run.Interrupted = true
	return map[string]told{
		"one of each":      {run, vectors},
		"empty":            {},
		"all pass":         mixed(5, result.Pass),
		"a warning passes": mixed(3, result.Warn, result.Pass),
		"interrupted":      interrupted,
		"many":             mixed(3001, result.Pass, result.Fail, result.Errored, result.Skip, result.Fail),
		"thresholds alone": {run: result.Run{Status: result.Fail, Thresholds: run.Thresholds}},
		"set-up failed":    {run: result.Run{Status: result.Errored, Errors: run.Errors, Warnings: run.Warnings}},
		"same suite names": {
			run: result.Run{Summary: result.Summary{Total: 3, Passed: 3}},
			vectors: []result.Vector{
				{Suite: "x", Name: "v", Status: result.Pass, Range: hcl.Range{Filename: "a/x/s.assay.hcl"}},
				{Suite: "y", Name: "v", Status: result.Pass, Range: hcl.Range{Filename: "b/y/s.assay.hcl"}},
				{Suite: "x", Name: "v", Status: result.Pass, Range: hcl.Range{Filename: "c/x/s.assay.hcl"}},
			},
		},
	}
}

func TestCountsAreEqualInEveryFormat(t *testing.T) {
	counters := map[string]func(*testing.T, string) result.Summary{
		"ctrf": countCTRF, "github": countGitHub, "html": countHTML, "json": countJSON,
		"junit": countJUnit, "markdown": countMarkdown, "tap": countTAP,
	}
	for name, told := range runs() {
		for format, build := range Formats {
			t.Run(name+" "+format, func(t *testing.T) {
				if got := counters[format](t, renderRun(t, build, told.vectors, told.run)); got != told.run.Summary {
					t.Errorf("counts %+v, want %+v", got, told.run.Summary)
				}
			})
		}
		t.Run(name+" console", func(t *testing.T) {
			if got := countTotals(t, renderRun(t, console(ConsoleOptions{}), told.vectors, told.run)); got != told.run.Summary {
				t.Errorf("counts %+v, want %+v", got, told.run.Summary)
			}
		})
	}
}

// same answers what a document's own totals say, having held them against
// what stands in it.
func same(t *testing.T, said, found result.Summary) result.Summary {
	t.Helper()
	if said != found {
		t.Errorf("the totals say %+v, and there are %+v", said, found)
	}
	return said
}

func countJSON(t *testing.T, document string) result.Summary {
	t.Helper()
	var d struct {
		result.Run
		Vectors []result.Vector
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	var found result.Summary
	for _, v := range d.Vectors {
		found.Add(v.Status)
	}
	return same(t, d.Summary, found)
}

func countJUnit(t *testing.T, document string) result.Summary {
	t.Helper()
	type counted struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	var d struct {
		counted
		Suites []struct {
			counted
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	summary := func(c counted) result.Summary {
		return result.Summary{Total: c.Tests, Passed: c.Tests - c.Failures - c.Errors - c.Skipped, Failed: c.Failures, Errored: c.Errors, Skipped: c.Skipped}
	}
	var all result.Summary
	names, suites := map[string]bool{}, map[string]bool{}
	for _, s := range d.Suites {
		if suites[s.Name] {
			t.Errorf("two suites are called %s", s.Name)
		}
		suites[s.Name] = true
		var found result.Summary
		for _, c := range s.Cases {
			if names[c.Class+"\n"+c.Name] {
				t.Errorf("two cases are called %s %s", c.Class, c.Name)
			}
			names[c.Class+"\n"+c.Name] = true
			status := result.Pass
			switch {
			case c.Failure != nil:
				status = result.Fail
			case c.Error != nil:
				status = result.Errored
			case c.Skipped != nil:
				status = result.Skip
			}
			found.Add(status)
			all.Add(status)
		}
		same(t, summary(s.counted), found)
	}
	return same(t, summary(d.counted), all)
}

func countCTRF(t *testing.T, document string) result.Summary {
	t.Helper()
	var d struct {
		Results struct {
			Summary ctrfSummary
			Tests   []struct{ Status, RawStatus string }
		}
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	var found result.Summary
	for _, test := range d.Results.Tests {
		found.Add(map[string]result.Status{"passed": result.Pass, "failed": result.Fail, "other": result.Errored, "skipped": result.Skip}[test.Status])
	}
	s := d.Results.Summary
	return same(t, result.Summary{Total: s.Tests, Passed: s.Passed, Failed: s.Failed, Errored: s.Other, Skipped: s.Skipped}, found)
}

var tapLine = regexp.MustCompile(`(?m)^(ok|not ok) (\d+) - .*?( # SKIP not tried)?$(\n  ---\n  status: "(fail|error)")?`)

func countTAP(t *testing.T, document string) result.Summary {
	t.Helper()
	var found result.Summary
	for _, m := range tapLine.FindAllStringSubmatch(document, -1) {
		switch {
		case m[3] != "":
			found.Add(result.Skip)
		case m[1] == "ok":
			found.Add(result.Pass)
		case m[5] == "fail":
			found.Add(result.Fail)
		default:
			found.Add(result.Errored)
		}
		if m[2] != strconv.Itoa(found.Total) {
			t.Errorf("test %d has the number %s", found.Total, m[2])
		}
	}
	if !strings.Contains(document, fmt.Sprintf("\n1..%d\n", found.Total)) {
		t.Error("the plan is not as long as the tests")
	}
	return same(t, countTotals(t, document), found)
}

var totalsLine = regexp.MustCompile(`(\d+) vectors?: (\d+) passed, (\d+) failed, (\d+) errored, (\d+) skipped`)

func countTotals(t *testing.T, text string) result.Summary {
	t.Helper()
	return summaryOf(t, totalsLine.FindStringSubmatch(text))
}

func countGitHub(t *testing.T, text string) result.Summary {
	t.Helper()
	for _, level := range []string{"error", "warning", "notice"} {
		if n := strings.Count("\n"+text, "\n::"+level+" "); n > maxAnnotations {
			t.Errorf("%d annotations of level %s", n, level)
		}
	}
	return countTotals(t, text)
}

var markdownTotals = regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| `)

func countMarkdown(t *testing.T, text string) result.Summary {
	t.Helper()
	said := summaryOf(t, markdownTotals.FindStringSubmatch(text))
	for title, count := range map[string]int{"Errored": said.Errored, "Failed": said.Failed} {
		if strings.Contains(text, fmt.Sprintf("### %s (%d)\n", title, count)) != (count > 0) {
			t.Errorf("the section %s does not say %d", title, count)
		}
	}
	return said
}

func summaryOf(t *testing.T, match []string) result.Summary {
	t.Helper()
	if match == nil {
		t.Fatal("there are no totals")
	}
	var n [5]int
	for i := range n {
		n[i], _ = strconv.Atoi(match[i+1])
	}
	return result.Summary{Total: n[0], Passed: n[1], Failed: n[2], Errored: n[3], Skipped: n[4]}
}

var (
	openedVector = regexp.MustCompile(`<li class="vector" data-status="(\w+)"`)
	dataIsland   = regexp.MustCompile(`(?s)<script type="application/x-ndjson" id="rows">(.*?)</script>`)
	filterCount  = regexp.MustCompile(`<button type="button" data-status="(\w*)"[^>]*>\w+ (\d+)`)
)

func countHTML(t *testing.T, document string) result.Summary {
	t.Helper()
	statuses := map[string]result.Status{"pass": result.Pass, "warn": result.Warn, "fail": result.Fail, "error": result.Errored, "skip": result.Skip}
	var found, said result.Summary
	for _, m := range openedVector.FindAllStringSubmatch(document, -1) {
		found.Add(statuses[m[1]])
	}
	lines := strings.Split(strings.TrimSpace(dataIsland.FindStringSubmatch(document)[1]), "\n")
	var words []string
	if err := json.Unmarshal([]byte(lines[0]), &words); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		var row []any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		found.Add(statuses[words[int(row[0].(float64))]])
	}
	for _, m := range filterCount.FindAllStringSubmatch(document, -1) {
		n, _ := strconv.Atoi(m[2])
		*map[string]*int{"": &said.Total, "pass": &said.Passed, "fail": &said.Failed, "error": &said.Errored, "skip": &said.Skipped}[m[1]] = n
	}
	same(t, said, found)
	return same(t, countTotals(t, document), found)
}
