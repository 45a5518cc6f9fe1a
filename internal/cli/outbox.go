package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// outboxOptions are the flags of `assay outbox` and what its arguments name.
type outboxOptions struct {
	inputFlags
	paths  []string
	filter delivery.Filter
	json   bool
	age    time.Duration
}

func newOutbox(p *process) *cobra.Command {
	command := &cobra.Command{
		Use:   "outbox",
		Short: "See and move the events that queued sinks have yet to get",
		Long: `The outbox of a suite, in its .assay folder, holds every event for a queued sink,
such as a webhook, from before a run tells of it until the sink has it. What a
run could not deliver goes on at the suite's next run, or with flush. An event
that is not delivered in 10 attempts within some 3 days, or whose receiver
answers 410, becomes a dead letter.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(
		newOutboxList(p, "list", "List the events in the outbox, queued and dead", ""),
		newOutboxList(p, "dead", "List the dead letters", delivery.Dead),
		newOutboxShow(p), newOutboxFlush(p), newOutboxRedeliver(p), newOutboxPurge(p),
	)
	return command
}

// command makes a command of the outbox. Arguments that are event ids select
// events; others are suites.
func (o *outboxOptions) command(command *cobra.Command, run func(ctx context.Context) error) *cobra.Command {
	command.RunE = func(command *cobra.Command, args []string) error {
		for _, arg := range args {
			if id, err := uuid.Parse(arg); err == nil {
				o.filter.IDs = append(o.filter.IDs, id.String())
			} else {
				o.paths = append(o.paths, arg)
			}
		}
		return run(command.Context())
	}
	o.register(command)
	command.Flags().StringVar(&o.filter.Plugin, "plugin", "", "only events for the plugin block of this `NAME`")
	return command
}

func newOutboxList(p *process, name, short, state string) *cobra.Command {
	o := &outboxOptions{filter: delivery.Filter{State: state}}
	command := o.command(&cobra.Command{
		Use:   name + " [DIR | DIR/...] [ID]...",
		Short: short,
		Example: `  assay outbox ` + name + ` ./specs/inventory

  # For a script
  assay outbox ` + name + ` ./specs/inventory --json`,
	}, func(ctx context.Context) error { return o.list(ctx, p) })
	command.Flags().BoolVar(&o.json, "json", false, "print one JSON document a line, with the whole event")
	return command
}

func newOutboxShow(p *process) *cobra.Command {
	o := &outboxOptions{json: true}
	return o.command(&cobra.Command{
		Use:     "show ID... [DIR | DIR/...]",
		Short:   "Show events in the outbox whole, as JSON",
		Example: `  assay outbox show 0b1f7c9e-3d52-4c0e-9a51-6a2f0c1d7e88 ./specs/inventory`,
	}, func(ctx context.Context) error {
		if len(o.filter.IDs) == 0 {
			return usageError("name the id of an event, as assay outbox list shows it")
		}
		return o.list(ctx, p)
	})
}

func newOutboxFlush(p *process) *cobra.Command {
	o := &outboxOptions{filter: delivery.Filter{State: delivery.Queued}}
	return o.command(&cobra.Command{
		Use:   "flush [DIR | DIR/...]",
		Short: "Try to deliver what is queued, now",
		Long: `Try to deliver each queued event once, without waiting for its next attempt to
be due. What fails again stays queued, or becomes a dead letter.

Exit status 0 says that nothing is left, 1 that something is, 3 that the outbox
or the audit log could not be written.`,
		Example: `  assay outbox flush ./specs/...`,
	}, func(ctx context.Context) error { return o.deliver(ctx, p, (*delivery.Outbox).Hurry) })
}

func newOutboxRedeliver(p *process) *cobra.Command {
	o := &outboxOptions{}
	return o.command(&cobra.Command{
		Use:   "redeliver [DIR | DIR/...] [ID]...",
		Short: "Try dead letters again, as if they were new",
		Long: `Put dead letters, or the events of the ids given, into the queue again under
the same ids, and try to deliver them. A sink that was disabled because its
receiver answered 410 is enabled.

Exit status 0 says that nothing is left, 1 that something is, 3 that the outbox
or the audit log could not be written.`,
		Example: `  # All dead letters of a suite
  assay outbox redeliver ./specs/inventory`,
	}, func(ctx context.Context) error {
		if len(o.filter.IDs) == 0 {
			o.filter.State = delivery.Dead
		}
		return o.deliver(ctx, p, func(box *delivery.Outbox, ctx context.Context, f delivery.Filter) error {
			_, err := box.Requeue(ctx, f)
			return err
		})
	})
}

func newOutboxPurge(p *process) *cobra.Command {
	o := &outboxOptions{filter: delivery.Filter{State: delivery.Dead}}
	queued := false
	command := o.command(&cobra.Command{
		Use:   "purge [DIR | DIR/...] [ID]...",
		Short: "Remove dead letters for good",
		Long: `Remove dead letters for good. The audit log records how many and who did it, and
keeps its own records of the deliveries given up.`,
		Example: `  # Dead letters of more than 30 days ago
  assay outbox purge ./specs/inventory --older-than 720h

  # Also what is still queued, such as for a plugin that the suite has no more
  assay outbox purge ./specs/inventory --plugin old_hook --queued`,
	}, func(ctx context.Context) error {
		if queued {
			o.filter.State = ""
		}
		if o.age > 0 {
			o.filter.Before = time.Now().Add(-o.age)
		}
		return o.withSuites(ctx, p, func(ctx context.Context, e *execution, s *suite) error { return o.purge(ctx, e, s) })
	})
	command.Flags().BoolVar(&queued, "queued", false, "remove queued events too: nobody will get them")
	command.Flags().DurationVar(&o.age, "older-than", 0, "only events of longer ago than this")
	return command
}

// list prints the selected letters of every suite.
func (o *outboxOptions) list(ctx context.Context, p *process) error {
	dirs, err := o.suites(p)
	if err != nil {
		return err
	}
	seen := 0
	for _, dir := range dirs {
		if !delivery.Exists(dir) {
			continue
		}
		box, err := delivery.OpenOutbox(ctx, dir)
		if err != nil {
			return &exitError{exitUndecided, err}
		}
		n, err := o.print(ctx, p, dir, box)
		if err = errors.Join(err, box.Close()); err != nil {
			return &exitError{exitUndecided, err}
		}
		seen += n
	}
	switch {
	case seen == 0 && len(o.filter.IDs) > 0:
		return usageError("no such event in the outbox: %s; it was delivered, or never was there", strings.Join(o.filter.IDs, ", "))
	case seen == 0 && !o.json:
		_, err = fmt.Fprintln(p.stdout, "Nothing.")
	}
	return err
}

// suites are the folders of the suites named, whose variables are as the
// flags say.
func (o *outboxOptions) suites(p *process) ([]string, error) {
	dirs, err := specfile.Discover(o.paths)
	if err != nil {
		return nil, usageError("%w", err)
	}
	var found findings
	inputs, err := o.inputs(p, &found)
	if err != nil {
		return nil, err
	}
	var specs []*specfile.Suite
	for _, dir := range dirs {
		s := &suite{}
		_ = found.load(dir, s) // judged together below
		specs = append(specs, s.spec)
	}
	if found.diags.HasErrors() {
		return nil, errors.Join(&exitError{code: exitUsage}, found.write(p, o.colorDiagnostics(p)))
	}
	return dirs, o.undeclared(inputs, specs, &found)
}

func (o *outboxOptions) print(ctx context.Context, p *process, dir string, box *delivery.Outbox) (n int, err error) {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	err = box.Letters(ctx, o.filter, func(l delivery.Letter) error {
		n++
		if o.json {
			return encoder.Encode(l)
		}
		if n == 1 {
			fmt.Fprintf(table, "%s\n  ID\tPLUGIN\tSTATE\tATTEMPTS\tNEXT\tVECTOR\tLAST ERROR\n", dir)
		}
		_, err := fmt.Fprintf(table, "  %s\t%s\t%s\t%d\t%s\t%s\t%s\n",
			l.ID, l.Plugin, l.State, l.Attempts, next(l), oneLine(vectorOf(l)), oneLine(l.Error))
		return err
	})
	return n, errors.Join(err, table.Flush())
}

// next says when a letter is tried again.
func next(l delivery.Letter) string {
	switch {
	case l.InHand:
		return "in hand"
	case l.Due == nil:
		return "never"
	case !l.Due.After(time.Now()):
		return "now"
	}
	return l.Due.Format(time.RFC3339)
}

func vectorOf(l delivery.Letter) string {
	var event sdk.Event
	if err := json.Unmarshal(l.Event, &event); err != nil {
		return ""
	}
	return event.Vector
}

// oneLine is text that keeps to its cell of a table.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// withSuites plans and configures the suites as a run does, and runs act for
// each that has an outbox.
func (o *outboxOptions) withSuites(ctx context.Context, p *process, act func(ctx context.Context, e *execution, s *suite) error) error {
	e := &execution{runOptions: &runOptions{inputFlags: o.inputFlags, paths: o.paths}, process: p, redactor: &redact.Redactor{}}
	logger, err := p.logger(o.logLevel, func(s string) string { return e.redactor.With(nil).Text(s) })
	if err != nil {
		return err
	}
	if e.host, err = o.host(p, logger); err != nil {
		return err
	}
	defer func() { _ = e.host.Close(context.WithoutCancel(ctx)) }()
	options, err := e.options()
	if err != nil {
		return err
	}
	options.Handlers = action.Options{Client: action.NewClient(), Logger: handlerLog(ctx, logger)}
	defer e.closeSuites(ctx)
	if err := e.load(ctx, options); err != nil {
		return err
	}
	for _, s := range e.loaded {
		if delivery.Exists(s.plan.Dir) {
			e.suites = append(e.suites, s)
		}
	}
	if err := e.configure(ctx); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	status := &exitError{code: exitPass}
	for _, s := range e.suites {
		e.redactor.Add(s.plan.Secrets...)
		err := act(ctx, e, s)
		var exit *exitError
		if err != nil && !errors.As(err, &exit) {
			exit = &exitError{exitUndecided, errors.New(e.redactor.With(nil).Text(err.Error()))}
		}
		if exit != nil && exit.code >= status.code {
			status = exit
		}
	}
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	if status.code == exitPass {
		return nil
	}
	return status
}

// deliver readies the selected letters and tries what is due.
func (o *outboxOptions) deliver(ctx context.Context, p *process, ready func(*delivery.Outbox, context.Context, delivery.Filter) error) error {
	return o.withSuites(ctx, p, func(ctx context.Context, e *execution, s *suite) error {
		box, err := delivery.OpenOutbox(ctx, s.plan.Dir)
		if err != nil {
			return err
		}
		if err := errors.Join(ready(box, ctx, o.filter), box.Close()); err != nil {
			return err
		}
		return o.drain(ctx, e, s)
	})
}

func (o *outboxOptions) drain(ctx context.Context, e *execution, s *suite) error {
	s.sandbox.Serve(ctx, s.listeners)
	s.stack(0)
	fanout := s.fanOut(ctx, e.redactor, s.sinks())
	fanout.Drain(ctx)
	sinks, warnings, err := fanout.Close(ctx)
	mask := e.redactor.With(nil).Text
	for _, w := range warnings {
		fmt.Fprintf(e.process.stderr, "Warning: %s: %s\n", w.Summary, mask(w.Detail))
	}
	left := false
	for _, sink := range sinks {
		if !s.isQueued(sink.Plugin) {
			continue
		}
		left = left || sink.Queued+sink.Failed > 0
		fmt.Fprintln(e.process.stdout, tally(s.plan.Suite, sink, mask))
	}
	if err == nil && left {
		return &exitError{code: exitFail}
	}
	return err
}

// tally is a sink's line of the answer.
func tally(suite string, sink result.Sink, mask func(string) string) string {
	text := fmt.Sprintf("%s/%s: %d delivered", suite, sink.Plugin, sink.Delivered)
	if sink.Queued > 0 {
		text += fmt.Sprintf(", %d still queued", sink.Queued)
	}
	if sink.Failed > 0 {
		text += fmt.Sprintf(", %d given up", sink.Failed)
	}
	if sink.LastError != "" {
		text += " (last error: " + oneLine(mask(sink.LastError)) + ")"
	}
	return text
}

func (o *outboxOptions) purge(ctx context.Context, e *execution, s *suite) (err error) {
	box, err := delivery.OpenOutbox(ctx, s.plan.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	n, err := box.Purgeable(ctx, o.filter)
	if err != nil || n == 0 {
		return errors.Join(err, e.say("%s: nothing to remove", s.plan.Suite))
	}
	if err := s.notePurge(ctx, e, n); err != nil {
		return err
	}
	if n, err = box.Purge(ctx, o.filter); err != nil {
		return err
	}
	return e.say("%s: removed %s", s.plan.Suite, events(int(n)))
}

func (e *execution) say(format string, args ...any) error {
	_, err := fmt.Fprintf(e.process.stdout, format+"\n", args...)
	return err
}

// notePurge has the required sinks hold that events are about to be removed.
func (s *suite) notePurge(ctx context.Context, e *execution, n int64) error {
	s.stack(0)
	fanout := s.fanOut(ctx, e.redactor, slices.DeleteFunc(s.sinks(), func(sink delivery.Sink) bool { return sink.Traits.Queued }))
	trail := &trail{suite: s, around: surroundings{actor: e.process.actor(), redactor: e.redactor}, command: "outbox purge"}
	note := trail.event(sdk.EventPruned)
	note.Actor, note.Count = trail.around.actor, n
	err := fanout.Note(ctx, note)
	_, _, closeErr := fanout.Close(ctx)
	return errors.Join(err, closeErr)
}
