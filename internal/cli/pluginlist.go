package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/pluginsource"
)

// pluginListOptions are the flags of `assay plugin list`.
type pluginListOptions struct {
	lockFlags
}

func newPluginList(p *process) *cobra.Command {
	o := &pluginListOptions{}
	command := &cobra.Command{
		Use:   "list [DIR | DIR/...]...",
		Short: "Show which plugins suites use, from where, and whether they are locked",
		Long: `Show the plugins that suites use: where each comes from, the locked version and
hash, and whether the program on this machine is what is locked. Nothing is
started and nothing is downloaded.

Exit status:
  0    every plugin is built in, or there as it is locked
  2    wrong usage, a wrong spec, or a plugin that a run would refuse`,
		Example: `  assay plugin list ./specs/inventory`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	return command
}

func (o *pluginListOptions) execute(_ context.Context, p *process) error {
	dirs, err := specfile.Discover(o.paths)
	if err != nil {
		return usageError("%w", err)
	}
	var found findings
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, dir := range dirs {
		l := &locking{process: p, suite: &suite{}}
		if found.load(dir, l.suite).HasErrors() {
			continue
		}
		if l.before, err = pluginsource.ReadLock(dir); err != nil {
			return usageError("%w", err)
		}
		l.list(table)
		found.add(l.suite.spec, l.found.diags)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := found.write(p, o.colorDiagnostics(p)); err != nil {
		return err
	}
	if found.diags.HasErrors() {
		return &exitError{code: exitUsage}
	}
	return nil
}

// list writes a line for each plugin. Why one is refused is a diagnostic.
func (l *locking) list(table *tabwriter.Writer) {
	fmt.Fprintf(table, "%s\n  PLUGIN\tSOURCE\tVERSION\tSTATE\tHASH\n", l.suite.spec.Settings.Name)
	finder := l.process.finder()
	for _, p := range l.suite.spec.Plugins {
		locked, version, state := l.before.Plugins[p.Name], "", "locked"
		if kind, _ := specfile.ParseSource(p.Source); kind == specfile.SourceBuiltin {
			locked, version, state = pluginsource.Locked{}, "", "built in"
		} else if err := checkLocked(finder, l.suite.block(p.Name, p.Source, p.Version)); err != nil {
			l.refuse(p, err)
			state = "refused"
		}
		if locked.Source == p.Source {
			version = locked.Version
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", p.Name, p.Source, version, state, locked.Hashes[finder.Platform])
	}
}

// checkLocked is what a run checks before it starts a program.
func checkLocked(finder pluginsource.Finder, block pluginsource.Block) error {
	program, err := finder.Find(block)
	if err != nil {
		return err
	}
	file, err := program.Open()
	if err != nil {
		return err
	}
	return file.Close()
}
