package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/plan"
)

// validateOptions are the flags of `assay validate`.
type validateOptions struct {
	inputFlags
	paths []string
	json  bool
}

func newValidate(p *process) *cobra.Command {
	o := &validateOptions{}
	command := &cobra.Command{
		Use:   "validate [DIR | DIR/...]...",
		Short: "Check spec files, without starting or sending anything",
		Long: `Check the spec files of suites: syntax, references, types, the plugins' own
settings, inputs against the actions' schemas. Variables without a value are
taken as unknown. Nothing is started and nothing is sent; a plugin that is not
built in is asked what it takes (describe --json), once in each version.

Exit status 0 says that the specs are valid, 2 that they are not.`,
		Example: `  assay validate ./specs/...

  # For an editor or a CI annotation, in the shape of terraform validate -json
  assay validate ./specs/inventory --json`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().BoolVar(&o.json, "json", false, "print the diagnostics as JSON")
	return command
}

func (o *validateOptions) execute(ctx context.Context, p *process) error {
	var found findings
	suites, err := loadAll(ctx, p, &o.inputFlags, o.paths, &found)
	if err != nil {
		return err
	}
	if o.json {
		if err := found.writeJSON(p); err != nil {
			return err
		}
	} else if err := found.write(p, o.colorDiagnostics(p)); err != nil {
		return err
	}
	if found.diags.HasErrors() {
		return &exitError{code: exitUsage}
	}
	if !o.json {
		for _, s := range suites {
			if _, err := fmt.Fprintf(p.stdout, "%s: valid (%d vectors, %d thresholds)\n", s.spec.Settings.Name, len(s.plan.Vectors), len(s.plan.Thresholds)); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadAll loads and plans suites without starting anything. What depends on a
// run is unknown.
func loadAll(ctx context.Context, p *process, flags *inputFlags, paths []string, found *findings) ([]*suite, error) {
	dirs, err := specfile.Discover(paths)
	if err != nil {
		return nil, usageError("%w", err)
	}
	logger, err := p.logger(flags.logLevel, func(s string) string { return s })
	if err != nil {
		return nil, err
	}
	inputs, err := flags.inputs(p, found)
	if err != nil {
		return nil, err
	}
	inputs.AllowUnset = true
	host, err := flags.host(p, logger)
	if err != nil {
		return nil, err
	}
	options := plan.Options{
		Inputs:   inputs,
		Now:      time.Now().UTC(),
		Handlers: action.Options{Client: action.NewClient(), Logger: slog.New(slog.DiscardHandler)},
	}
	var suites []*suite
	var specs []*specfile.Suite
	for _, dir := range dirs {
		s := &suite{}
		diags := found.load(dir, s)
		specs = append(specs, s.spec)
		suites = append(suites, s)
		if diags.HasErrors() {
			found.addPlan(ctx, s, host, options)
		} else {
			found.build(ctx, s, host, options)
			problems, err := s.compileScripts(ctx)
			if err != nil {
				return nil, err
			}
			found.add(s.spec, problems)
		}
	}
	return suites, flags.undeclared(inputs, specs, found)
}
