package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
)

// auditFilter are the flags that choose records.
type auditFilter struct {
	auditLogs
	since, until string
	filter       auditread.Filter
}

func (f *auditFilter) register(command *cobra.Command) {
	f.auditLogs.register(command)
	flags := command.Flags()
	flags.StringVar(&f.since, "since", "", "records logged at this `TIME` or later: 2026-01-31, 2026-01-31T12:00:00Z, or 36h for that long ago")
	flags.StringVar(&f.until, "until", "", "records logged before this `TIME`")
	flags.StringVar(&f.filter.Action, "action", "", "records of the action with this `ID`")
	flags.StringVar(&f.filter.Class, "class", "", "records of failures of this `CLASS`, such as INTERNAL_LOGIC_FAULT")
	flags.StringVar(&f.filter.Session, "session", "", "records of the session with this `ID`")
	flags.StringVar(&f.filter.Vector, "vector", "", "records of the vector with this `NAME`; without its [key], of all its instances")
	flags.StringVar(&f.filter.Run, "run", "", "records of the run with this `ID`")
	flags.StringVar(&f.filter.Event, "event", "", "records of events of this `TYPE`, such as session or run_started")
}

// each does something with every record that is wanted, of all logs.
func (f *auditFilter) each(ctx context.Context, p *process, args []string, do func(*auditfile.Record) error) error {
	now := time.Now().UTC()
	err := errors.Join(parseMoment("--since", f.since, now, &f.filter.Since), parseMoment("--until", f.until, now, &f.filter.Until))
	if err != nil {
		return err
	}
	return f.auditLogs.each(ctx, p, args, func(log *auditLog, snapshot *auditread.Snapshot) error {
		for record, err := range snapshot.Records() {
			if err != nil {
				return log.unreadable(err)
			}
			if !f.filter.Match(&record) {
				continue
			}
			if err := do(&record); err != nil {
				return err
			}
		}
		return nil
	})
}

// parseMoment reads a date, a time, or how long ago.
func parseMoment(flag, text string, now time.Time, into *time.Time) error {
	if text == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			*into = at
			return nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil {
		return usageError("%s %s: write a date such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or how long ago, such as 36h", flag, text)
	}
	*into = now.Add(-ago)
	return nil
}

func newAuditQuery(p *process) *cobra.Command {
	f := &auditFilter{}
	command := &cobra.Command{
		Use:   "query [DIR]",
		Short: "Show records of a log",
		Long: `Show the records of an audit log that all given filters want, one a line, oldest
first. It does not verify them: that does assay audit verify.`,
		Example: `  # What failed through the action's own fault since yesterday
  assay audit query ./specs/inventory --since 24h --class INTERNAL_LOGIC_FAULT

  # All that is known of a session
  assay audit query ./specs/inventory --session 74ae9903-8f64-4e84-9a8c-dc2fe075779b`,
		Args: atMostOneDir,
		RunE: func(command *cobra.Command, args []string) error {
			shown := 0
			err := f.each(command.Context(), p, args, func(r *auditfile.Record) error {
				shown++
				_, err := fmt.Fprintln(p.stdout, recordText(r))
				return err
			})
			if err == nil && shown == 0 {
				fmt.Fprintln(p.stderr, "No record matches.")
			}
			return err
		},
	}
	f.register(command)
	return command
}

// recordText is a record on one line.
func recordText(r *auditfile.Record) string {
	words := []string{fmt.Sprintf("%6d", r.Seq), r.LoggedAt, r.Event}
	for _, word := range []string{r.Status, r.Classification, r.Verdict, r.ErrorKind} {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.Suite != "" {
		words = append(words, fmt.Sprintf("%q", strings.TrimSuffix(r.Suite+"/"+r.Vector, "/")))
	}
	for _, named := range []struct{ name, value string }{
		{"session", r.SessionID},
		{"action", r.ActionID},
		{"plugin", r.Plugin},
		{"setting", r.Setting},
		{"command", r.Command},
	} {
		if named.value != "" {
			words = append(words, named.name+"="+named.value)
		}
	}
	if a := r.Actor; a != nil {
		words = append(words, fmt.Sprintf("by %q", strings.Trim(a.User+"@"+a.Host, "@")))
	}
	if r.Count > 0 {
		words = append(words, fmt.Sprintf("count=%d", r.Count))
	}
	return strings.Map(printable, strings.Join(words, "  "))
}

// printable keeps what somebody may have written into a log from a terminal.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// auditPruneOptions are the flags of `assay audit prune`.
type auditPruneOptions struct {
	auditLogs
	days int
}

func newAuditPrune(p *process) *cobra.Command {
	o := &auditPruneOptions{}
	command := &cobra.Command{
		Use:   "prune [DIR]",
		Short: "Remove records that were kept as long as they are to be",
		Long: `Remove the text of records that are older than the suite's retention_days. Whole
segments go, which hold a day at most; so a record goes at latest a day after its
time. Who pruned what is recorded and signed, and the hashes stay: the log still
verifies, and proofs still hold.

A log that does not verify is not pruned.`,
		Example: `  # From cron
  assay audit prune /srv/suites/inventory`,
		Args: atMostOneDir,
		RunE: func(command *cobra.Command, args []string) error { return o.execute(command.Context(), p, args) },
	}
	o.register(command)
	command.Flags().IntVar(&o.days, "retention-days", 0, "how many `DAYS` to keep, where DIR is the folder of a log and no suite says so")
	return command
}

func (o *auditPruneOptions) execute(ctx context.Context, p *process, args []string) error {
	return o.each(ctx, p, args, func(log *auditLog, snapshot *auditread.Snapshot) error {
		options, err := o.options(log)
		if err != nil {
			return err
		}
		verifier, err := log.verifier()
		if err != nil {
			return usageError("%w", err)
		}
		report, err := snapshot.Verify(auditread.Trust{Verifier: verifier})
		if err != nil {
			return log.unreadable(err)
		}
		if !report.Intact || !report.Complete {
			return &exitError{exitFail, fmt.Errorf("%s is not as it was written, so it is not pruned: see assay audit verify", log.dir)}
		}
		removed, err := prune(ctx, options, auditfile.Actor(*p.actor()))
		if errors.Is(err, auditfile.ErrKey) {
			return usageError("%s: %w", log.dir, err)
		}
		if err != nil {
			return &exitError{exitUndecided, fmt.Errorf("the audit log %s cannot be pruned: %s", log.dir, auditlog.Explain(err))}
		}
		_, err = fmt.Fprintf(p.stdout, "%s: %d records removed, in %d segments\n", log.dir, removed.Records, len(removed.Segments))
		return err
	})
}

func (o *auditPruneOptions) options(log *auditLog) (auditlog.Options, error) {
	if log.settings != nil {
		if o.days != 0 {
			return auditlog.Options{}, usageError("--retention-days: the suite says how long %s keeps its records", log.dir)
		}
		return log.settings.Options(log.workspace), nil
	}
	if o.days < 1 {
		return auditlog.Options{}, usageError("name the suite that keeps %s, or say with --retention-days how long records are kept", log.dir)
	}
	return auditlog.Options{Workspace: log.dir, Path: ".", RetentionDays: o.days}, nil
}

func prune(ctx context.Context, options auditlog.Options, by auditfile.Actor) (auditlog.Removed, error) {
	log, err := auditlog.Open(ctx, options)
	if err != nil {
		return auditlog.Removed{}, err
	}
	removed, err := log.Prune(ctx, "audit prune", by)
	return removed, errors.Join(err, log.Close())
}
