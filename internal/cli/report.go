package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/result"
)

// reportOptions are the flags of `assay report`.
type reportOptions struct {
	inputFlags
	dirs   []string
	action string
	json   bool
}

func newReport(p *process) *cobra.Command {
	o := &reportOptions{}
	command := &cobra.Command{
		Use:   "report [DIR]",
		Short: "Report the health of a suite's actions, from the platform's analytics",
		Long: `Read the platform's analytics of the suite's actions over the last 24 hours, and
report executions, errors and the most frequent error codes. The figures are
held against the suite's thresholds on them; an action whose error rate no
threshold bounds has a max of 5 percent. A figure that equals its bound holds.
Nothing is run. It is made for cron and CI: the exit status says how it is.

Exit status:
  0    all thresholds hold
  1    a threshold fails
  2    wrong usage or a wrong spec: nothing was sent
  3    the analytics of an action could not be read: sign-in refused, unreachable
  130  interrupted`,
		Example: `  assay report ./specs/inventory

  # One action, for a program
  assay report ./specs/inventory --action inventory_sync --json

  # From cron: mail comes only when something is wrong
  15 * * * *  assay report /srv/specs/inventory > /tmp/report.txt || mail -s 'Data Actions' ops@example.com < /tmp/report.txt`,
		Args: atMostOne("report"),
		RunE: func(command *cobra.Command, args []string) error {
			o.dirs = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().StringVar(&o.action, "action", "", "report this action only, by its `NAME` in the suite or its id")
	command.Flags().BoolVar(&o.json, "json", false, "write JSON")
	return command
}

// healthReport is the report for programs.
type healthReport struct {
	Version   int               `json:"version"`
	Generated time.Time         `json:"generated"`
	Suite     string            `json:"suite"`
	Status    result.Status     `json:"status"`
	Actions   []health.Document `json:"actions"`
	Errors    []unreported      `json:"errors"`
}

// unreported is an action that nothing is known of.
type unreported struct {
	ActionID string `json:"action_id"`
	Action   string `json:"action"`
	Detail   string `json:"detail"` // in the contract's words
	Reason   string `json:"reason,omitempty"`
}

func (o *reportOptions) execute(ctx context.Context, p *process) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := o.open(ctx, p, opening{paths: o.dirs, log: handlerLog})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	actions, err := s.measurable()
	if err != nil {
		return err
	}
	if actions, err = o.pick(actions); err != nil {
		return err
	}
	platform := &platforms{opened: s}
	if err := platform.start(ctx); err != nil {
		return err
	}
	for _, target := range platform.embedded() {
		fmt.Fprintf(p.stderr, "plugin.%s is the embedded tenant, which starts with this command: nothing has run on it.\n", target)
	}
	report := platform.report(ctx, actions)
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return o.tell(p, report)
}

// pick keeps the action that --action names.
func (o *reportOptions) pick(actions []health.Action) ([]health.Action, error) {
	if o.action == "" {
		return actions, nil
	}
	var names []string
	for _, a := range actions {
		if a.Is(o.action) {
			return []health.Action{a}, nil
		}
		names = append(names, a.Name)
	}
	hint := "it has " + strings.Join(names, ", ")
	if near := specfile.Nearest(o.action, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, usageError("--action %s: the suite has no action with this name or id on a platform: %s", o.action, hint)
}

// report reads all figures, at the same time.
func (p *platforms) report(ctx context.Context, actions []health.Action) healthReport {
	report := healthReport{Version: 1, Suite: p.plan.Suite, Status: result.Pass, Actions: []health.Document{}, Errors: []unreported{}}
	cache := health.NewCache(ctx, p.query)
	read := make([]map[string]health.Reading, len(actions))
	var all sync.WaitGroup
	for i, a := range actions {
		all.Go(func() { read[i] = cache.Readings(ctx, a, a.Windows()) })
	}
	all.Wait()
	cache.Wait()
	report.Generated = time.Now().UTC().Truncate(time.Second)
	for i, a := range actions {
		if r := read[i][health.DefaultWindow]; r.At.IsZero() {
			report.Errors = append(report.Errors, unreported{a.ID, a.Name, health.Detail(r.Err), health.Reason(r.Err)})
			report.Status = result.Errored
			continue
		}
		document := a.Document(read[i])
		report.Actions = append(report.Actions, document)
		report.Status = max(report.Status, document.Status)
	}
	return report
}

// tell writes the report, and answers the exit status that it stands for.
func (o *reportOptions) tell(p *process, r healthReport) error {
	for _, e := range r.Errors {
		reason := ""
		if e.Reason != "" {
			reason = " (" + e.Reason + ")"
		}
		fmt.Fprintf(p.stderr, "Error: action.%s: %s%s\n", e.Action, e.Detail, reason)
	}
	if err := o.write(p, r); err != nil {
		return &exitError{exitUndecided, err}
	}
	switch r.Status {
	case result.Errored:
		return &exitError{code: exitUndecided}
	case result.Fail:
		return &exitError{code: exitFail}
	}
	return nil
}

func (o *reportOptions) write(p *process, r healthReport) error {
	if o.json {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	var texts []string
	for _, d := range r.Actions {
		texts = append(texts, d.Text(r.Generated))
	}
	_, err := fmt.Fprint(p.stdout, strings.Join(texts, "\n"))
	return err
}
