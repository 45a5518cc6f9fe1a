package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/history"
)

// historyOptions are the flags of `assay history`.
type historyOptions struct {
	json  bool
	limit int
	runs  int
	since string
}

func newHistory(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	command := o.command(p, &cobra.Command{
		Use:   "history [DIR | DIR/...]",
		Short: "See earlier runs, and what became of vectors over time",
		Long: `The history of a suite, in its .assay folder, holds what came of each vector in
each run: its verdict, how long it took, its error code and class, and of one
that did not pass the redacted result. It keeps the newest 100 runs, and none
of more than 90 days ago. Without a subcommand, list the runs.`,
		Example: `  assay history ./specs/inventory

  # What is broken, and since when
  assay history broken ./specs/...`,
	}, "RUN\tSTARTED\tSTATUS\tPASSED\tTIME\tBY\tFILTERS", o.listRuns)
	command.Flags().IntVar(&o.limit, "limit", history.Window, "how many `RUNS` to list")
	command.AddCommand(newHistoryRun(p), newHistoryVector(p), newHistoryFlaky(p), newHistorySlowest(p), newHistoryBroken(p), newHistoryNew(p))
	return command
}

func newHistoryRun(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	return o.commandFor(p, &cobra.Command{
		Use:   "run ID [DIR | DIR/...]",
		Short: "Show the vectors of a run, those that did not pass first",
		Long: `Show the vectors of a run, those that did not pass first. The beginning of its id
serves. With --json a vector that did not pass has its part of the result document.`,
		Example: `  assay history run 74ae9903 ./specs/inventory`,
	}, "name the id of a run, as assay history shows it", "VECTOR\tSTATUS\tTIME\tEXECUTION\tCATEGORY\tWHY", o.showRun)
}

func newHistoryVector(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	command := o.commandFor(p, &cobra.Command{
		Use:     "vector NAME [DIR | DIR/...]",
		Short:   "Show what came of a vector in the latest runs",
		Example: `  assay history vector 'throttled["W-1"]' ./specs/inventory`,
	}, "name a vector, as assay plan shows it", "RUN\tSTARTED\tSTATUS\tTIME\tEXECUTION\tCATEGORY\tWHY", o.showVector)
	command.Flags().IntVar(&o.limit, "limit", history.Window, "how many `RUNS` to show")
	return command
}

func newHistoryFlaky(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	command := o.command(p, &cobra.Command{
		Use:   "flaky [DIR | DIR/...]",
		Short: "List vectors that go back and forth though nobody changed the suite",
		Long: `List vectors that both passed and did not pass in the latest runs, and changed
more than once, while the suite's specs and scripts and its variables were as in
their latest run. One that changed once is broken or mended: see assay history
broken.`,
		Example: `  assay history flaky ./specs/... --runs 50`,
	}, "VECTOR\tRUNS\tNOT PASSED\tCHANGES\tSINCE\tNOW\tWHY", o.listFlaky)
	command.Flags().IntVar(&o.runs, "runs", history.Window, "how many of the latest `RUNS` to look at")
	return command
}

func newHistorySlowest(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	command := o.command(p, &cobra.Command{
		Use:     "slowest [DIR | DIR/...]",
		Short:   "List the vectors that took longest in the latest runs",
		Example: `  assay history slowest ./specs/inventory`,
	}, "VECTOR\tRUNS\tAVERAGE\tLONGEST", o.listSlowest)
	command.Flags().IntVar(&o.runs, "runs", history.Window, "how many of the latest `RUNS` to look at")
	command.Flags().IntVar(&o.limit, "limit", 10, "how many `VECTORS` to list")
	return command
}

const brokenHeadings = "VECTOR\tSTATUS\tRUNS\tSINCE\tRUN\tCATEGORY\tWHY"

func newHistoryBroken(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	return o.command(p, &cobra.Command{
		Use:     "broken [DIR | DIR/...]",
		Short:   "List vectors that did not pass last, and since when",
		Example: `  assay history broken ./specs/...`,
	}, brokenHeadings, o.listBroken)
}

func newHistoryNew(p *process) *cobra.Command {
	o := &historyOptions{limit: history.Window, runs: history.Window}
	command := o.command(p, &cobra.Command{
		Use:   "new [DIR | DIR/...]",
		Short: "List vectors that do not pass now, but did as of an earlier run",
		Long: `List vectors that did not pass last, but passed as of an earlier run or were not
there: new failures. The earlier run is the one before the last, or --since.`,
		Example: `  assay history new ./specs/...

  # Since last week's release
  assay history new ./specs/inventory --since 74ae9903`,
	}, brokenHeadings, o.listNew)
	command.Flags().StringVar(&o.since, "since", "", "the earlier `RUN`, by its id or the beginning of it")
	return command
}

// command makes a command whose arguments are suites. list lists what the
// history of one of them holds.
func (o *historyOptions) command(p *process, command *cobra.Command, headings string, list func(context.Context, *history.History, *listing) error) *cobra.Command {
	command.Args = cobra.ArbitraryArgs
	command.RunE = func(command *cobra.Command, args []string) error {
		l := &listing{out: p.stdout, json: o.json, headings: headings}
		err := o.each(command.Context(), args, l, list)
		if err == nil && l.rows == 0 && !o.json {
			_, err = fmt.Fprintln(p.stdout, "Nothing.")
		}
		return err
	}
	command.Flags().BoolVar(&o.json, "json", false, "print one JSON document a line")
	return command
}

// commandFor makes a command whose first argument is a name of something in a
// history. Where no history holds that, it is an error.
func (o *historyOptions) commandFor(p *process, command *cobra.Command, missing, headings string, list func(ctx context.Context, h *history.History, l *listing, name string) error) *cobra.Command {
	command.Args = cobra.ArbitraryArgs
	command.RunE = func(command *cobra.Command, args []string) error {
		if len(args) == 0 || args[0] == "" {
			return usageError("%s", missing)
		}
		l := &listing{out: p.stdout, json: o.json, headings: headings}
		err := o.each(command.Context(), args[1:], l, func(ctx context.Context, h *history.History, l *listing) error {
			return list(ctx, h, l, args[0])
		})
		if err == nil && l.rows == 0 {
			err = usageError("no history of these suites holds %q%s", args[0], l.didYouMean())
		}
		return err
	}
	command.Flags().BoolVar(&o.json, "json", false, "print one JSON document a line")
	return command
}

// each opens the history of every suite that has one.
func (o *historyOptions) each(ctx context.Context, paths []string, l *listing, list func(context.Context, *history.History, *listing) error) error {
	if o.limit < 1 || o.runs < 1 {
		return usageError("--limit and --runs take numbers above 0")
	}
	dirs, err := specfile.Discover(paths)
	if err != nil {
		return usageError("%w", err)
	}
	notThere := 0 // suites without the run that the user names
	for _, dir := range dirs {
		if !history.Exists(dir) {
			notThere++
			continue
		}
		h, err := history.Open(ctx, dir)
		if err != nil {
			return &exitError{exitUndecided, err}
		}
		l.begin(dir)
		err = errors.Join(list(ctx, h, l), l.end())
		_ = h.Close() // only read
		switch {
		case errors.Is(err, history.ErrNoRun):
			if notThere++; notThere == len(dirs) {
				return usageError("%w", err)
			}
		case err != nil:
			return &exitError{exitUndecided, err}
		}
	}
	if notThere == len(dirs) && o.since != "" {
		return usageError("%w: %s", history.ErrNoRun, o.since)
	}
	return nil
}

// listing prints what histories hold, a table for each suite.
type listing struct {
	out      io.Writer
	json     bool
	headings string

	dir   string
	table *tabwriter.Writer
	rows  int      // of all suites
	near  []string // names like the one that was not found
}

func (l *listing) begin(dir string) { l.dir, l.table = dir, nil }

// row prints a document as JSON, or cells as a row.
func (l *listing) row(document any, cells ...any) error {
	l.rows++
	if l.json {
		encoder := json.NewEncoder(l.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(document)
	}
	if l.table == nil {
		l.table = tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(l.table, "%s\n  %s\n", l.dir, l.headings)
	}
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = cmp.Or(oneLine(fmt.Sprint(cell)), "-")
	}
	_, err := fmt.Fprintf(l.table, "  %s\n", strings.Join(texts, "\t"))
	return err
}

func (l *listing) end() error {
	if l.table == nil {
		return nil
	}
	return l.table.Flush()
}

func (l *listing) didYouMean() string {
	if len(l.near) == 0 {
		return "; `assay plan` lists the vectors, `assay history` the runs"
	}
	return ": did you mean " + strings.Join(l.near, ", ") + "?"
}

func (o *historyOptions) listRuns(ctx context.Context, h *history.History, l *listing) error {
	runs, err := h.Runs(ctx, o.limit)
	for _, r := range runs {
		if err == nil {
			err = l.row(r, shortID(r.ID), stamp(r.StartedAt), r.Status, fmt.Sprintf("%d of %d", r.Summary.Passed, r.Summary.Total),
				millis(float64(r.DurationMS)), by(r.Actor), r.Filters)
		}
	}
	return err
}

func (o *historyOptions) showRun(ctx context.Context, h *history.History, l *listing, id string) error {
	run, err := h.Run(ctx, id)
	if err != nil {
		return err
	}
	vectors, err := h.Vectors(ctx, run.ID)
	for _, v := range vectors {
		if err != nil {
			break
		}
		document := struct {
			history.Outcome
			Result json.RawMessage `json:"result,omitempty"`
		}{Outcome: v}
		if l.json {
			if document.Result, err = h.Document(ctx, run.ID, v.Name); err != nil {
				return err
			}
		}
		err = l.row(document, v.Name, v.Status, millis(float64(v.DurationMS)), endOf(v), v.Category, why(v))
	}
	return err
}

func (o *historyOptions) showVector(ctx context.Context, h *history.History, l *listing, name string) error {
	outcomes, err := h.Vector(ctx, name, o.limit)
	for _, v := range outcomes {
		if err == nil {
			err = l.row(v, shortID(v.RunID), stamp(v.StartedAt), v.Status, millis(float64(v.DurationMS)), endOf(v), v.Category, why(v))
		}
	}
	if err == nil && len(outcomes) == 0 {
		l.near, err = h.Names(ctx, name, 3)
	}
	return err
}

func (o *historyOptions) listFlaky(ctx context.Context, h *history.History, l *listing) error {
	flaky, err := h.Flaky(ctx, o.runs)
	for _, f := range flaky {
		if err == nil {
			err = l.row(f, f.Name, f.Runs, fmt.Sprintf("%d (%.0f %%)", f.Bad, 100*f.Rate), f.Changes, stamp(f.Since), f.Status, why(f.Outcome))
		}
	}
	return err
}

func (o *historyOptions) listSlowest(ctx context.Context, h *history.History, l *listing) error {
	slow, err := h.Slowest(ctx, o.runs, o.limit)
	for _, s := range slow {
		if err == nil {
			err = l.row(s, s.Name, s.Runs, millis(s.AverageMS), millis(float64(s.MaxMS)))
		}
	}
	return err
}

func (o *historyOptions) listBroken(ctx context.Context, h *history.History, l *listing) error {
	broken, err := h.Broken(ctx)
	return errors.Join(err, printBroken(l, broken))
}

func (o *historyOptions) listNew(ctx context.Context, h *history.History, l *listing) error {
	broken, err := h.New(ctx, o.since)
	return errors.Join(err, printBroken(l, broken))
}

func printBroken(l *listing, broken []history.Broken) error {
	for _, b := range broken {
		if err := l.row(b, b.Name, b.Status, b.Runs, stamp(b.Since), shortID(b.SinceRun), b.Category, why(b.Outcome)); err != nil {
			return err
		}
	}
	return nil
}

// shortID is enough of a run's id for a person, and for --since.
func shortID(id string) string { return id[:min(8, len(id))] }

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

func millis(ms float64) string {
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond).String()
}

func by(a history.Actor) string { return cmp.Or(a.CI, a.User) }

// endOf is how the execution ended, with the action's error code.
func endOf(v history.Outcome) string {
	return strings.TrimSpace(v.Execution + " " + v.ErrorCode)
}

// why is why a vector did not pass.
func why(v history.Outcome) string { return cmp.Or(v.Error, v.FailingCheck) }
