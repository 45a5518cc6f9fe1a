package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/assay-cx/assay/internal/look/looktest"
	"github.com/assay-cx/assay/internal/result"
)

var corpus = looktest.Corpus

// hostileVectors say each text of the corpus wherever somebody else decides
// what is said, with each verdict.
func hostileVectors() []result.Vector {
	var all []result.Vector
	for i, s := range corpus {
		quoted, _ := json.Marshal(map[string]string{s: s})
		for _, status := range []result.Status{result.Errored, result.Fail, result.Pass, result.Skip} {
			v := result.Vector{
				Suite: "hostile", Name: fmt.Sprintf("%s %d %s", s, i, status), Action: s, Tags: []string{s}, Status: status, DurationMS: 1,
				Range: hcl.Range{Filename: strings.ReplaceAll(s, "/", "") + ".hcl", Start: hcl.Pos{Line: 3}},
				Input: quoted,
				Execution: &result.Execution{
					Status: s, SessionID: s, InputHash: s, Output: quoted,
					Error: &result.ExecutionError{Code: s, Message: s, Stack: s, Details: quoted},
					Trace: []result.Step{
						{ID: s, Name: s, Timestamp: s},
						{ID: s, Name: s, Error: &result.StepError{Message: s, Stack: s, Code: s, Status: 500}},
					},
				},
				Classification: &result.Classification{Class: s, Category: s, Confidence: 7, Reason: s, Source: s},
				Checks:         []result.Check{{Name: s, Status: status, Expected: s, Actual: s, Message: s}},
			}
			if status == result.Errored {
				v.Error = &result.Error{Summary: s, Detail: s}
			}
			all = append(all, v)
		}
	}
	return all
}

func hostileRun(vectors []result.Vector) result.Run {
	told := result.Run{RunID: corpus[0], Status: result.Errored}
	for _, v := range vectors {
		told.Summary.Add(v.Status)
	}
	for _, s := range corpus {
		told.Errors = append(told.Errors, result.Error{Summary: s, Detail: s})
		told.Warnings = append(told.Warnings, result.Error{Summary: s, Detail: s})
		told.Thresholds = append(told.Thresholds, result.Threshold{Suite: "hostile", Name: s, Metric: s, Action: s, Status: result.Fail, Message: s})
		told.Sinks = append(told.Sinks, result.Sink{Suite: "hostile", Plugin: s, Failed: 1, LastError: s})
		told.Faults = append(told.Faults, result.Fault{Suite: "hostile", Place: s, Kind: s})
		told.Operations = append(told.Operations, result.Operation{Suite: "hostile", Plugin: s, Operation: s})
	}
	return told
}

func renderHostile(t *testing.T, format string) string {
	t.Helper()
	hostile := hostileVectors()
	return renderRun(t, Formats[format], hostile, hostileRun(hostile))
}

func TestHostileTextsChangeNoCounts(t *testing.T) {
	hostile := hostileVectors()
	told := hostileRun(hostile)
	for format, count := range map[string]func(*testing.T, string) result.Summary{
		"ctrf": countCTRF, "github": countGitHub, "html": countHTML, "json": countJSON, "junit": countJUnit, "markdown": countMarkdown, "tap": countTAP,
	} {
		t.Run(format, func(t *testing.T) {
			document := renderRun(t, Formats[format], hostile, told)
			if got := count(t, document); got != told.Summary {
				t.Errorf("counts %+v, want %+v", got, told.Summary)
			}
			if !utf8.ValidString(document) {
				t.Error("not UTF-8")
			}
		})
	}
}

func TestHostileTextsStayOnTheirLines(t *testing.T) {
	hostile := hostileVectors()
	told := hostileRun(hostile)
	var annotations strings.Builder // of one text at a time: a run shows only the first
	for i := range corpus {
		annotations.WriteString(renderRun(t, Formats["github"], hostile[4*i:4*i+4], result.Run{Errors: told.Errors[i : i+1], Thresholds: told.Thresholds[i : i+1]}))
	}
	for line := range strings.Lines(annotations.String()) {
		if !strings.HasPrefix(line, "::error ") && !strings.HasPrefix(line, "::warning ") && !strings.HasPrefix(line, "::notice ") {
			t.Errorf("not an annotation: %q", line)
		}
		_, command, _ := strings.Cut(strings.TrimPrefix(line, "::"), " ")
		properties, _, _ := strings.Cut(command, "::")
		for property := range strings.SplitSeq(properties, ",") {
			if key, _, _ := strings.Cut(property, "="); key != "file" && key != "line" && key != "title" {
				t.Errorf("property %q in %.200q", key, line)
			}
		}
		if strings.Count(line, "::") < 2 || len(line) > 15_000 || strings.ContainsAny(line, "\x1b\x00\r") {
			t.Errorf("annotation %.200q", line)
		}
	}
	for format, document := range map[string]string{
		"console":  renderRun(t, console(ConsoleOptions{}), hostile, told),
		"markdown": renderHostile(t, "markdown"),
	} {
		for line := range strings.Lines(document) {
			if start := strings.TrimSpace(line); strings.HasPrefix(start, "::") || strings.HasPrefix(start, "##[") || strings.ContainsAny(line, "\x1b\x00\r\u202e") {
				t.Errorf("%s: a command of CI or of the terminal: %.200q", format, line)
			}
		}
	}
	for line := range strings.Lines(renderHostile(t, "tap")) {
		known := false
		for _, start := range []string{"TAP version 14\n", "ok ", "not ok ", "  ", "1..", "# ", "Bail out! "} {
			known = known || strings.HasPrefix(line, start)
		}
		yaml := strings.HasPrefix(line, "  ")
		if !known || strings.ContainsAny(line, "\x1b\x00\r\x7f\u0085\u009b\u202e") || (yaml && strings.ContainsAny(line, "\ufffe\uffff")) {
			t.Errorf("not TAP: %.200q", line)
		}
	}
}

func TestHostileTextsAreNoMarkup(t *testing.T) {
	source := []byte(renderHostile(t, "markdown"))
	if bytes.ContainsAny(source, "\x1b\x00") || bytes.Contains(source, []byte("\u202e")) {
		t.Error("control characters are left")
	}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.RawHTML, *ast.Blockquote, *ast.ThematicBreak, *ast.Emphasis:
			t.Errorf("%s: %.200q", n.Kind(), n.Parent().Lines().Value(source))
		case *ast.HTMLBlock:
			block := string(n.Lines().Value(source))
			if strings.TrimSpace(block) == "</details>" {
				break
			}
			inner, ok := strings.CutPrefix(block, "<details><summary><code>")
			inner, closed := strings.CutSuffix(strings.TrimSpace(inner), "</code></summary>")
			if !ok || !closed || strings.Contains(strings.ReplaceAll(inner, "</code> — <code>", ""), "<") {
				t.Errorf("HTML: %.300q", block)
			}
		case *ast.Heading:
			if title := string(n.Lines().Value(source)); n.Level < 2 || strings.Contains(title, "heading") {
				t.Errorf("heading %q", title)
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHostileTextsLeaveTheirDocumentsWhole(t *testing.T) {
	for _, format := range []string{"ctrf", "json"} {
		if document := renderHostile(t, format); !json.Valid([]byte(document)) {
			t.Errorf("%s is not JSON", format)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(renderHostile(t, "junit")))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheConsoleIsBoundedByFailure(t *testing.T) {
	long := strings.Repeat("é", 500_000)
	v := result.Vector{
		Name: "v", Status: result.Fail,
		Execution: &result.Execution{
			Status: "FAILED", Error: &result.ExecutionError{Code: long, Message: long},
			Trace: []result.Step{{ID: long, Name: "s", Error: &result.StepError{Message: long}}},
		},
		Classification: &result.Classification{Reason: long},
		Checks:         []result.Check{{Name: "told", Status: result.Fail, Message: long}, {Name: "expect.output", Status: result.Fail, Actual: strings.Repeat("a line\n", 9_999)}},
	}
	told := renderRun(t, console(ConsoleOptions{}), []result.Vector{v}, result.Run{})
	if len(told) > 20_000 || !utf8.ValidString(told) {
		t.Errorf("%d bytes", len(told))
	}
	if !strings.Contains(told, "more lines: a report in JSON has them\n") || strings.Count(told, "é…") < 3 {
		t.Errorf("what is left out is not said:\n%s", told)
	}
}

func TestReportsThatPeopleOpenAreBounded(t *testing.T) {
	base := hostileVectors()[0]
	worst := func(status result.Status, text string) func(int) result.Vector {
		steps := make([]result.Step, 100)
		for n := range steps {
			steps[n] = result.Step{ID: text, Name: text, Error: &result.StepError{Message: text, Stack: text}}
		}
		return func(i int) result.Vector {
			v := base
			execution, failure, class := *base.Execution, *base.Execution.Error, *base.Classification
			v.Execution, v.Execution.Error, v.Classification = &execution, &failure, &class
			v.Name, v.Status, v.Action = fmt.Sprint(text, i), status, fmt.Sprint(i, text)
			v.Error = &result.Error{Summary: text, Detail: text}
			v.Execution.Status, v.Execution.Error.Stack, v.Classification.Class = fmt.Sprint(text, i), text, fmt.Sprint(i, text)
			v.Execution.Trace = steps
			return v
		}
	}
	limits := map[string]int{"html": 5_000_000, "markdown": 900_000, "github": 100_000}
	for name, vector := range map[string]func(int) result.Vector{
		"errors of markup":  worst(result.Errored, strings.Repeat(`"<&`, 2000)),
		"failures of ticks": worst(result.Fail, strings.Repeat("`", 6000)),
		"passing":           worst(result.Pass, strings.Repeat("<", 6000)),
		"controls":          worst(result.Fail, strings.Repeat("\x01", 6000)),
	} {
		for format, limit := range limits {
			t.Run(name+" "+format, func(t *testing.T) {
				var out bytes.Buffer
				r, err := Formats[format](&out)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 3000 {
					r.Finished(vector(i))
				}
				if err := r.Close(hostileRun(nil)); err != nil {
					t.Fatal(err)
				}
				if out.Len() > limit {
					t.Errorf("%d bytes, above %d", out.Len(), limit)
				}
				if format != "html" {
					return
				}
				rows := strings.Count(dataIsland.FindStringSubmatch(out.String())[1], "\n") - 1
				left := 3000 - rows - len(openedVector.FindAllString(out.String(), -1))
				if said := strings.Contains(out.String(), fmt.Sprintf("%d more vectors are not listed here", left)); said != (left > 0) {
					t.Errorf("%d vectors are left out, which is not said", left)
				}
			})
		}
	}
}
