package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
)

// markdownReport writes GitHub-flavoured Markdown for the summary of a CI step,
// the worst first. What a platform said stands in code only, where nothing is
// a link, a mention or markup.
type markdownReport struct {
	to              io.Writer
	errored, failed section
}

// section is the vectors of one verdict, told in full until there are many,
// then by name, then only counted.
type section struct {
	told, named    strings.Builder
	count, omitted int
}

// The bounds, in bytes: all of it stays under 900 KB, and GitHub takes no
// summary above 1 MiB. A vector or row that crosses one is its last.
const (
	maxTold       = 180_000 // of a section
	maxToldVector = 2500
	maxNamed      = 120_000
	maxNotes      = 40_000 // of thresholds, sinks, warnings, errors, each
	maxCell       = 300
)

func newMarkdown(to io.Writer) *markdownReport { return &markdownReport{to: to} }

func (r *markdownReport) Started(string, string) {}

func (r *markdownReport) Finished(v result.Vector) {
	switch v.Status {
	case result.Errored:
		r.errored.add(v)
	case result.Fail:
		r.failed.add(v)
	}
}

func (s *section) add(v result.Vector) {
	s.count++
	switch {
	case s.told.Len() < maxTold:
		name := html.EscapeString(look.Clip(plain(v.Suite+"/"+v.Name), maxCell))
		first := html.EscapeString(look.Clip(plain(v.FirstFailure()), maxCell))
		fmt.Fprintf(&s.told, "<details><summary><code>%s</code> — <code>%s</code></summary>\n\n%s\n</details>\n\n",
			name, first, fence(strings.Join(append(failureLines(v), plain(place(v))), "\n")))
	case s.named.Len() < maxNamed:
		fmt.Fprintf(&s.named, "- %s\n", code(v.Suite+"/"+v.Name+"  "+v.FirstFailure()))
	default:
		s.omitted++
	}
}

func (s *section) String(title string) string {
	if s.count == 0 {
		return ""
	}
	text := fmt.Sprintf("### %s (%d)\n\n%s%s\n", title, s.count, s.told.String(), s.named.String())
	if s.omitted > 0 {
		text += fmt.Sprintf("\n… and %d more: `--report json=PATH` has them all.\n\n", s.omitted)
	}
	return text
}

var markdownMarks = map[result.Status]string{
	result.Skip: "⏭️ skip", result.Pass: "✅ pass", result.Warn: "⚠️ warn", result.Fail: "❌ fail", result.Errored: "💥 error",
}

func (r *markdownReport) Close(run result.Run) error {
	mark := markdownMarks[run.Status]
	if run.Interrupted {
		mark = "🛑 " + verdict(run)
	}
	s := run.Summary
	_, err := fmt.Fprintf(r.to, "## %s — assay\n\n| vectors | passed | failed | errored | skipped | took | seed |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"+
		"| %d | %d | %d | %d | %d | %s | %d |\n\n%s%s%s%s%s%s",
		mark, s.Total, s.Passed, s.Failed, s.Errored, s.Skipped, look.Duration(run.DurationMS), run.Seed,
		notes("Could not decide", run.Errors), r.errored.String("Errored"), r.failed.String("Failed"),
		thresholdTable(run.Thresholds), notes("Warnings", run.Warnings), sinkTable(run.Sinks))
	return err
}

func notes(title string, list []result.Error) string {
	return table("### "+title+"\n\n| what | detail |\n| --- | --- |\n", list, func(e result.Error) string {
		return fmt.Sprintf("| %s | %s |\n", cell(e.Summary), cell(e.Detail))
	})
}

func thresholdTable(thresholds []result.Threshold) string {
	return table("### Thresholds\n\n| status | threshold |\n| --- | --- |\n", worstFirst(thresholds), func(t result.Threshold) string {
		return fmt.Sprintf("| %s | %s |\n", markdownMarks[t.Status], cell(inSuite(t.Suite, thresholdText(t))))
	})
}

func sinkTable(sinks []result.Sink) string {
	return table("### Sinks\n\n| sink | delivered | queued | not delivered | last error |\n| --- | ---: | ---: | ---: | --- |\n", sinks, func(s result.Sink) string {
		return fmt.Sprintf("| %s | %d | %d | %d | %s |\n", cell(inSuite(s.Suite, s.Plugin)), s.Delivered, s.Queued, s.Failed, cell(s.LastError))
	})
}

// table is a heading and a row each, within bounds.
func table[T any](heading string, list []T, row func(T) string) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(heading)
	for i, item := range list {
		if b.Len() > maxNotes {
			fmt.Fprintf(&b, "\n… and %d more\n", len(list)-i)
			break
		}
		b.WriteString(row(item))
	}
	b.WriteString("\n")
	return b.String()
}

// code is a text as a code span on one line.
func code(text string) string {
	text = look.Clip(plain(text), maxCell)
	if text == "" {
		return ""
	}
	ticks := strings.Repeat("`", longestRun(text)+1)
	// A span loses one space at either end, which keeps ticks of its text apart
	// from its own.
	return ticks + " " + text + " " + ticks
}

// cell is a text as a code span in a table, where a bar would end the cell.
func cell(text string) string { return strings.ReplaceAll(code(text), "|", `\|`) }

// fence is a text as a block of code.
func fence(text string) string {
	text = strings.TrimRight(look.Clip(printable(text), maxToldVector), "\n")
	ticks := strings.Repeat("`", max(3, longestRun(text)+1))
	return ticks + "text\n" + text + "\n" + ticks + "\n"
}

// longestRun is the length of the longest run of backticks in a text.
func longestRun(text string) int {
	longest, now := 0, 0
	for _, r := range text {
		if now++; r != '`' {
			now = 0
		}
		longest = max(longest, now)
	}
	return longest
}
