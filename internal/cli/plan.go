package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
)

// planOptions are the flags of `assay plan`.
type planOptions struct {
	inputFlags
	paths []string
	tags  []string
	only  string
}

func newPlan(p *process) *cobra.Command {
	o := &planOptions{}
	command := &cobra.Command{
		Use:   "plan [DIR | DIR/...]...",
		Short: "Show what would run, with inputs evaluated",
		Long: `Show the vectors that a run would try, with their inputs evaluated and sensitive
values masked. Nothing is started and nothing is sent; what only a run can
know, such as the address of the embedded tenant, is shown as such.`,
		Example: `  assay plan ./specs/inventory
  assay plan ./specs/... --tag smoke`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().StringArrayVar(&o.tags, "tag", nil, "show only vectors with this `TAG`; may be repeated, any of them serves")
	command.Flags().StringVar(&o.only, "run", "", "show only vectors whose name matches this `REGEX`")
	return command
}

func (o *planOptions) execute(ctx context.Context, p *process) error {
	filter, err := newFilter(o.tags, o.only)
	if err != nil {
		return err
	}
	var found findings
	suites, err := loadAll(ctx, p, &o.inputFlags, o.paths, &found)
	if err != nil {
		return err
	}
	if err := found.write(p, o.colorDiagnostics(p)); err != nil {
		return err
	}
	if found.diags.HasErrors() {
		return &exitError{code: exitUsage}
	}
	if suites, err = selectSuites(suites, filter); err != nil {
		return err
	}
	for _, s := range suites {
		if _, err := fmt.Fprint(p.stdout, planText(s.plan)); err != nil {
			return err
		}
	}
	return nil
}

// newFilter reads --tag and --run.
func newFilter(tags []string, only string) (plan.Filter, error) {
	filter := plan.Filter{Tags: tags}
	if only == "" {
		return filter, nil
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return filter, usageError("--run: %w", err)
	}
	filter.Run = pattern
	return filter, nil
}

// selectSuites keeps the vectors that the filter selects and the suites that
// have something to run. A run of nothing is an error, never a silent pass.
func selectSuites(suites []*suite, filter plan.Filter) ([]*suite, error) {
	if !filter.Active() {
		for _, s := range suites {
			if len(s.plan.Vectors)+len(s.plan.Thresholds) == 0 {
				return nil, usageError("the suite in %s has no vectors and no thresholds: there is nothing to run", s.spec.Dir)
			}
		}
		return suites, nil
	}
	for _, tag := range filter.Tags {
		if !anyTagged(suites, tag) {
			return nil, usageError("--tag %s: no vector has this tag; `assay plan` lists the vectors with theirs", tag)
		}
	}
	var kept []*suite
	for _, s := range suites {
		if s.plan.Select(filter); len(s.plan.Vectors) > 0 {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return nil, usageError("the filters select no vector; `assay plan` without them lists all")
	}
	return kept, nil
}

func anyTagged(suites []*suite, tag string) bool {
	for _, s := range suites {
		for _, v := range s.plan.Vectors {
			if slices.Contains(v.Tags, tag) {
				return true
			}
		}
	}
	return false
}

// planText is a suite's plan for a person.
func planText(p *plan.Plan) string {
	redactor := &redact.Redactor{}
	redactor.Add(p.Secrets...)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d vectors, %d in flight\n", p.Suite, len(p.Vectors), p.Parallel)
	for _, v := range p.Vectors {
		fmt.Fprintf(&b, "  %s\n", v.Name)
		target := ""
		if v.Action.Target != nil {
			target = " on plugin." + v.Action.Target.Name
		}
		fmt.Fprintf(&b, "    action   action.%s%s\n", v.Action.Name, target)
		input := "(known only in a run)"
		if document := v.Display(); document != nil {
			input = string(redactor.With(v.Sensitive).JSON(document))
		}
		fmt.Fprintf(&b, "    input    %s\n", input)
		if len(v.Overrides) > 0 {
			fmt.Fprintf(&b, "    with     %s\n", redactor.With(v.Sensitive).JSON(v.Overrides))
		}
		expects := []string{v.Expect.Status, v.Expect.ErrorCode, v.Expect.Classification, v.Expect.Category}
		fmt.Fprintf(&b, "    expects  %s\n", strings.Join(slices.DeleteFunc(expects, func(s string) bool { return s == "" }), " "))
		if len(v.Tags) > 0 {
			fmt.Fprintf(&b, "    tags     %s\n", strings.Join(v.Tags, ", "))
		}
	}
	for _, t := range p.Thresholds {
		of := "this run"
		if t.Action != nil {
			of = "action." + t.Action.Name
		}
		fmt.Fprintf(&b, "  threshold %s: %s of %s\n", t.Name, t.Metric, of)
	}
	return b.String()
}
