package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assay-cx/assay/internal/look"
	"github.com/assay-cx/assay/internal/result"
)

// Console writes a run for a person: a line a vector as it ends, then the
// failures again, thresholds, sinks and totals.
type Console struct {
	to    io.Writer
	live  *live // nil where the output is not a terminal
	paint painter
	suite string
	// listed are the vectors that did not pass, to be told again at the end.
	listed  []result.Vector
	omitted int
	err     error
}

// maxListed bounds how many failures are told again at the end; reports have all.
const maxListed = 100

// The bounds of what is told of one failure: lines, and bytes of each.
const (
	maxLines = 60
	maxLine  = 2000
)

// ConsoleOptions say what the output can show.
type ConsoleOptions struct {
	Color bool
	Live  bool // a terminal: running vectors are shown
	Total int  // vectors that will run
}

// NewConsole writes to a stream.
func NewConsole(to io.Writer, options ConsoleOptions) *Console {
	c := &Console{to: to, paint: painter(options.Color)}
	if options.Live {
		c.live = newLive(to, options.Total)
		c.to = c.live
	}
	return c
}

// Started shows a vector under way.
func (c *Console) Started(suite, vector string) {
	if c.live != nil {
		c.live.started(suite, vector)
	}
}

// Finished writes the vector's line.
func (c *Console) Finished(v result.Vector) {
	if c.live != nil {
		c.live.finished(v.Suite, v.Name)
	}
	if v.Suite != c.suite {
		c.suite = v.Suite
		c.printf("%s\n", c.paint.bold(plain(v.Suite)))
	}
	c.printf("  %s\n", c.line(v))
	if v.Status < result.Fail {
		return
	}
	if len(c.listed) < maxListed {
		c.listed = append(c.listed, v)
	} else {
		c.omitted++
	}
}

// line is a vector on one line: status, name, how the execution ended, whose
// fault it was, and how long it took.
func (c *Console) line(v result.Vector) string {
	short := func(text string) string { return look.Clip(plain(text), maxLine) }
	parts := []string{c.paint.status(v.Status), short(v.Name)}
	if e := v.Execution; e != nil && e.Status != "" {
		parts = append(parts, short(look.Ended(v)))
	}
	if cl := v.Classification; cl != nil {
		parts = append(parts, c.paint.dim(plain(fmt.Sprintf("%s/%s %.2f", cl.Class, cl.Category, cl.Confidence))))
	}
	if v.Status >= result.Fail {
		parts = append(parts, short(v.FirstFailure()))
	}
	if v.Status != result.Skip {
		parts = append(parts, c.paint.dim(look.Duration(v.DurationMS)))
	}
	return strings.Join(parts, "  ")
}

// Close writes what the run came to.
func (c *Console) Close(run result.Run) error {
	if c.live != nil {
		c.to = c.live.close()
	}
	c.failures()
	c.thresholds(run)
	c.sinks(run)
	c.operations(run)
	c.faults(run)
	c.notes(result.Warn, run.Warnings)
	c.notes(result.Errored, run.Errors)
	c.totals(run)
	return c.err
}

func (c *Console) failures() {
	if len(c.listed) == 0 {
		return
	}
	c.printf("\n%s\n", c.paint.bold("Failures"))
	for _, v := range c.listed {
		c.printf("\n  %s %s/%s  %s\n", c.paint.status(v.Status), plain(v.Suite), plain(v.Name), c.paint.dim(plain(place(v))))
		for _, line := range bounded(failureLines(v)) {
			c.printf("    %s\n", look.Clip(line, maxLine))
		}
	}
	if c.omitted > 0 {
		c.printf("\n  … and %d more: write them all to a file with --report json=PATH\n", c.omitted)
	}
}

// bounded leaves out lines in the middle: checks stand first, and what is to
// blame last.
func bounded(lines []string) []string {
	left := len(lines) - maxLines
	if left <= 0 {
		return lines
	}
	const last = 10
	said := fmt.Sprintf("… %s: a report in JSON has them", plural(left, "more line"))
	return slices.Concat(lines[:maxLines-last], []string{said}, lines[len(lines)-last:])
}

func place(v result.Vector) string {
	if v.Range.Filename == "" {
		return ""
	}
	return fmt.Sprintf("(%s:%d)", v.Range.Filename, v.Range.Start.Line)
}

func (c *Console) thresholds(run result.Run) {
	if len(run.Thresholds) == 0 {
		return
	}
	c.printf("\n%s\n", c.paint.bold("Thresholds"))
	for _, t := range run.Thresholds {
		c.printf("  %s  %s\n", c.paint.status(t.Status), plain(inSuite(t.Suite, thresholdText(t))))
	}
}

func inSuite(suite, text string) string {
	if suite == "" {
		return text
	}
	return suite + "/" + text
}

func (c *Console) sinks(run result.Run) {
	if len(run.Sinks) == 0 {
		return
	}
	c.printf("\n%s\n", c.paint.bold("Sinks"))
	for _, s := range run.Sinks {
		line := fmt.Sprintf("%s: %d delivered", plain(inSuite(s.Suite, s.Plugin)), s.Delivered)
		if s.Queued > 0 {
			line += fmt.Sprintf(", %d queued", s.Queued)
		}
		if s.Failed > 0 {
			line += c.paint.red(fmt.Sprintf(", %d not delivered", s.Failed)) + " (" + plain(s.LastError) + ")"
		}
		c.printf("  %s\n", line)
	}
}

// operations tells of those that did not simply go through.
func (c *Console) operations(run result.Run) {
	headed := false
	for _, o := range run.Operations {
		troubles := operationTroubles(o)
		if len(troubles) == 0 {
			continue
		}
		if !headed {
			c.printf("\n%s\n", c.paint.bold("Operations"))
			headed = true
		}
		c.printf("  %s %s: %s in %s, %s\n", plain(inSuite(o.Suite, o.Plugin)), plain(o.Operation),
			plural(int(o.Calls), "call"), plural(int(o.Attempts), "attempt"), strings.Join(troubles, ", "))
	}
}

func operationTroubles(o result.Operation) []string {
	var troubles []string
	if o.Retries > 0 {
		troubles = append(troubles, "retried "+plural(int(o.Retries), "time"))
	}
	if o.Trips > 0 {
		troubles = append(troubles, "breaker opened "+plural(int(o.Trips), "time"))
	}
	if o.Restarts > 0 {
		troubles = append(troubles, "plugin started again "+plural(int(o.Restarts), "time"))
	}
	if o.WaitMS > 0 {
		troubles = append(troubles, "waited "+look.Duration(o.WaitMS))
	}
	return troubles
}

func (c *Console) faults(run result.Run) {
	if len(run.Faults) == 0 {
		return
	}
	c.printf("\n%s\n", c.paint.bold("Faults"))
	for _, f := range run.Faults {
		c.printf("  %s: %s struck %d of %s\n", plain(inSuite(f.Suite, f.Place)), plain(f.Kind), f.Hits, plural(int(f.Seen), "request"))
	}
}

func (c *Console) notes(status result.Status, list []result.Error) {
	for _, e := range list {
		c.printf("\n%s %s\n", c.paint.status(status), strings.Join(legible([]string{e.Summary + ": " + e.Detail}), "\n"))
	}
}

func (c *Console) totals(run result.Run) {
	word := c.paint.status(run.Status)
	if run.Interrupted {
		word = c.paint.red(verdict(run))
	}
	c.printf("\n%s  %s in %s (seed %d)\n", word, totals(run.Summary), look.Duration(run.DurationMS), run.Seed)
}

// printf keeps the first error: a console that is gone must not end the run.
func (c *Console) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(c.to, format, args...); err != nil && c.err == nil {
		c.err = fmt.Errorf("results could not be written: %w", err)
	}
}

// painter colours text, or leaves it alone.
type painter bool

func (p painter) sgr(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p painter) bold(text string) string { return p.sgr("1", text) }
func (p painter) dim(text string) string  { return p.sgr("2", text) }
func (p painter) red(text string) string  { return p.sgr("31", text) }

func (p painter) status(s result.Status) string {
	word := fmt.Sprintf("%-5s", s)
	switch s {
	case result.Pass:
		return p.sgr("32", word)
	case result.Warn, result.Skip:
		return p.sgr("33", word)
	default:
		return p.sgr("1;31", strings.ToUpper(word))
	}
}
