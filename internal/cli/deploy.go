package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assay-cx/assay/internal/deploy"
	"github.com/assay-cx/assay/internal/plan"
)

// deployOptions are the flags of `assay deploy`.
type deployOptions struct {
	inputFlags
	dirs        []string
	planOnly    bool
	autoApprove bool
}

func newDeploy(p *process) *cobra.Command {
	o := &deployOptions{}
	command := &cobra.Command{
		Use:   "deploy [DIR]",
		Short: "Bring the platform's action schemas in line with a suite",
		Long: `Hold the schema documents of the suite's actions (name, description, input,
output and error codes) against what the platform has, show what would change,
ask, and deploy it. Handlers are not deployed: an action's code is the
platform's business. Deploying again changes nothing.

Who deployed what, each document's hash, and what came of it are in the suite's
audit log: before a document is sent, and after. What cannot be recorded is not
deployed, unless the log's mode is best_effort.

A change that may hurt callers is marked with "!": an error code that goes, or
an input that gets narrower where a vector of the suite uses it.

Exit status:
  0    deployed, or nothing to deploy; with --plan: no changes
  1    the answer was not yes: nothing was deployed
  2    wrong usage or a wrong spec; with --plan: there are changes
  3    the platform could not be read or written: sign-in refused, unreachable;
       or the audit log could not be written; what has been deployed until then
       is told
  130  interrupted`,
		Example: `  # What would change? Nothing is written.
  assay deploy ./specs/inventory --plan

  # Ask, then deploy
  assay deploy ./specs/inventory

  # In CI
  CXONE_BASE_URL=https://api.example.com CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=… assay deploy ./specs/inventory --auto-approve`,
		Args: atMostOne("deploy"),
		RunE: func(command *cobra.Command, args []string) error {
			o.dirs = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.BoolVar(&o.planOnly, "plan", false, "show what would change and deploy nothing: exit status 0 without changes, 2 with")
	flags.BoolVar(&o.autoApprove, "auto-approve", false, "deploy without asking")
	return command
}

// deployment is one `assay deploy` under way.
type deployment struct {
	*deployOptions
	*platforms
	items []deploy.Item // in the order of the plan's actions
}

func (o *deployOptions) execute(ctx context.Context, p *process) error {
	switch {
	case o.planOnly && o.autoApprove:
		return usageError("--plan deploys nothing, so --auto-approve has nothing to approve: give one of them")
	case !o.planOnly && !o.autoApprove && !isTerminal(p.stdin):
		return usageError("deploy asks before it deploys, and there is no terminal to answer at: look at --plan, then deploy with --auto-approve")
	}
	ctx, unhurried, release := p.interruptible(ctx)
	defer release()
	s, err := o.open(unhurried, p, opening{paths: o.dirs, log: handlerLog})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := checkDeployable(s.plan); err != nil {
		return err
	}
	d := &deployment{deployOptions: o, platforms: &platforms{opened: s, recorded: !o.planOnly}}
	if err := d.start(unhurried); err != nil {
		return err
	}
	if err := d.read(unhurried); err != nil {
		return d.failure(unhurried, err)
	}
	return d.decide(ctx, unhurried.Done())
}

// isTerminal reports whether a person can be asked.
func isTerminal(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// checkDeployable refuses suites of which it is not clear what to deploy where.
func checkDeployable(p *plan.Plan) error {
	if len(p.Actions) == 0 {
		return usageError("the suite in %s has no actions: there is nothing to deploy", p.Dir)
	}
	owners := map[[2]string]string{}
	for _, a := range p.Actions {
		if a.Target == nil {
			return usageError("the suite in %s has no plugin that runs actions, so there is nowhere to deploy to: add a block such as plugin \"cxone\" { … }", p.Dir)
		}
		place := [2]string{a.Target.Name, strings.ToLower(a.ID)}
		if other := owners[place]; other != "" {
			return usageError("action.%s and action.%s have the same id on plugin.%s: one would overwrite the other", other, a.Name, a.Target.Name)
		}
		owners[place] = a.Name
	}
	return nil
}

// read asks the platform for what it has of each action.
func (d *deployment) read(ctx context.Context) error {
	for _, a := range d.plan.Actions {
		deployed, err := d.schema(ctx, a.Target.Name, a.ID)
		if err != nil {
			return fmt.Errorf("action.%s: %w", a.Name, err)
		}
		d.items = append(d.items, deploy.NewItem(a.Name, deploy.Of(a.Definition), deployed, vectorsOf(d.plan, a)))
	}
	return nil
}

func vectorsOf(p *plan.Plan, a *plan.Action) []deploy.Vector {
	var vectors []deploy.Vector
	for _, v := range p.Vectors {
		if v.Action == a {
			vectors = append(vectors, deploy.Vector{Name: v.Name, Input: v.Input})
		}
	}
	return vectors
}

// decide shows the plan and does what the flags and the person say.
func (d *deployment) decide(ctx context.Context, stop <-chan struct{}) error {
	created, updated, unchanged := deploy.Count(d.items)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d to create, %d to update, %d unchanged\n", d.plan.Suite, created, updated, unchanged)
	warnings := 0
	for _, item := range d.items {
		b.WriteString(item.Text())
		warnings += len(item.Warnings)
	}
	if warnings > 0 {
		fmt.Fprintf(&b, "Warnings: %d. What is marked with ! may hurt callers.\n", warnings)
	}
	for _, target := range d.embedded() {
		fmt.Fprintf(&b, "plugin.%s is the embedded tenant: what is deployed there is gone when this command ends.\n", target)
	}
	if err := d.say(b.String()); err != nil {
		return err
	}
	switch {
	case created+updated == 0:
		return d.say("No changes.\n")
	case d.planOnly:
		return &exitError{code: exitUsage} // Terraform's detailed exit code
	case !d.autoApprove:
		if err := d.ask(stop); err != nil {
			return err
		}
	}
	return d.recorded(ctx, func(t *deployTrail) error { return d.apply(ctx, stop, t) })
}

// say writes to stdout, with secrets masked.
func (d *deployment) say(text string) error {
	_, err := fmt.Fprint(d.process.stdout, d.redactor.With(nil).String(text))
	return err
}

// ask lets a person approve. The answer comes from a goroutine, so that
// Ctrl-C does not wait for it.
func (d *deployment) ask(stop <-chan struct{}) error {
	fmt.Fprint(d.process.stderr, "Deploy what is shown above? Only \"yes\" does: ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(d.process.stdin).ReadString('\n')
		answers <- strings.TrimSpace(answer)
	}()
	select {
	case answer := <-answers:
		if answer == "yes" {
			return nil
		}
		return &exitError{exitFail, errors.New("not approved: nothing was deployed")}
	case <-stop:
		return &exitError{exitInterrupted, errors.New("interrupted: nothing was deployed")}
	}
}

// apply deploys the changed actions one after the other. It stops at the first
// that fails, and between two when stop is closed, and always tells what has
// been deployed.
func (d *deployment) apply(ctx context.Context, stop <-chan struct{}, t *deployTrail) error {
	created, _, _ := deploy.Count(d.items)
	done := 0
	for i, item := range d.items {
		if !item.Changed() {
			continue
		}
		select {
		case <-stop:
			return &exitError{exitInterrupted, fmt.Errorf("interrupted: action.%s and those after it were not deployed; deployed before: %d", item.Action, done)}
		default:
		}
		if err := d.putRecorded(ctx, t, d.plan.Actions[i].Target.Name, item); err != nil {
			return d.failure(ctx, err)
		}
		done++
		what := "updated"
		if item.New {
			what = "created"
		}
		if err := d.say(fmt.Sprintf("  action.%s %s\n", item.Action, what)); err != nil {
			return err
		}
	}
	return d.say(fmt.Sprintf("Deployed: %d created, %d updated.\n", created, done-created))
}
