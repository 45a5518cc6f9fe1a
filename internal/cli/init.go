package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/sdk"
)

// initOptions are the flags of `assay init`.
type initOptions struct {
	lockFlags
	upgrade bool
}

// lockFlags are the flags of the commands that work on lock files.
type lockFlags struct {
	inputFlags // only those that diagnostics and the log need are offered
	paths      []string
}

func (f *lockFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.BoolVar(&f.noColor, "no-color", false, "plain output, as with NO_COLOR")
	flags.StringVar(&f.logLevel, "log-level", "warn", "how much to log to stderr: debug, info, warn or error")
}

func newInit(p *process) *cobra.Command {
	o := &initOptions{}
	command := &cobra.Command{
		Use:   "init [DIR | DIR/...]...",
		Short: "Find and download the plugins of suites, and lock them",
		Long: `Find the plugins that suites take from elsewhere, download those that come from
a registry, and write ` + pluginsource.LockFile + ` beside each spec: source, version, protocol
and a hash for each platform. A run starts only what stands there, with these
bytes. Commit the file.

Without changes in the spec, init again changes nothing: versions stay as they
are locked, and what they have for other platforms too. Built-in plugins need
neither.

Exit status:
  0    every plugin is there and locked
  2    wrong usage, a wrong spec, a plugin that is not there or not usable
  3    a registry could not be reached, or answered what cannot be trusted; no
       space for the download
  130  interrupted`,
		Example: `  assay init ./specs/...

  # Take newer versions, as far as the specs allow
  assay init --upgrade ./specs/inventory`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().BoolVar(&o.upgrade, "upgrade", false, "take the newest versions that fit, whatever is locked")
	return command
}

func (o *initOptions) execute(ctx context.Context, p *process) error {
	return o.eachSuite(ctx, p, func(ctx context.Context, l *locking) error {
		for _, plugin := range l.suite.spec.Plugins {
			if err := l.init(ctx, plugin, o.upgrade); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachSuite lets a command make the lock file of each suite anew.
func (f *lockFlags) eachSuite(ctx context.Context, p *process, act func(context.Context, *locking) error) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	logger, err := p.logger(f.logLevel, func(s string) string { return s })
	if err != nil {
		return err
	}
	dirs, err := specfile.Discover(f.paths)
	if err != nil {
		return usageError("%w", err)
	}
	host := p.host(logger, p.finder())
	defer func() { _ = host.Close(context.WithoutCancel(ctx)) }()
	for _, dir := range dirs {
		if err := f.oneSuite(ctx, p, &locking{process: p, host: host, suite: &suite{}}, dir, act); err != nil {
			if ctx.Err() != nil {
				return &exitError{code: exitInterrupted}
			}
			return err
		}
	}
	return nil
}

func (f *lockFlags) oneSuite(ctx context.Context, p *process, l *locking, dir string, act func(context.Context, *locking) error) error {
	var err error
	if !l.found.load(dir, l.suite).HasErrors() {
		if l.before, err = pluginsource.ReadLock(dir); err != nil {
			return usageError("%w", err)
		}
		l.after = &pluginsource.Lock{Plugins: map[string]pluginsource.Locked{}}
		err = act(ctx, l)
	}
	if ctx.Err() == nil {
		err = errors.Join(err, l.found.write(p, f.colorDiagnostics(p)))
	}
	switch {
	case err != nil:
		return err
	case l.found.diags.HasErrors():
		return &exitError{code: exitUsage}
	}
	return l.write()
}

// locking is one suite whose lock file is made anew.
type locking struct {
	process       *process
	host          *pluginhost.Host
	suite         *suite
	before, after *pluginsource.Lock
	found         findings
	lines         []string // what is told of each plugin, once all went well
}

// init locks one plugin. What is wrong with it is a diagnostic; an error ends
// the command.
func (l *locking) init(ctx context.Context, p *specfile.Plugin, upgrade bool) error {
	if kind, _ := specfile.ParseSource(p.Source); kind == specfile.SourceBuiltin {
		_, err := l.host.Describe(ctx, l.suite.block(p.Name, p.Source, p.Version))
		l.refuse(p, err)
		return nil
	}
	known := l.before.Plugins[p.Name]
	if upgrade {
		known = pluginsource.Locked{}
	}
	block := l.suite.block(p.Name, p.Source, p.Version)
	resolved, err := l.process.finder().Resolve(ctx, block, known)
	var registry *pluginsource.RegistryError
	if errors.As(err, &registry) || errors.Is(err, pluginsource.ErrNotKept) {
		return &exitError{exitUndecided, fmt.Errorf("plugin %q: %w", p.Name, err)}
	}
	if err != nil {
		l.refuse(p, err)
		return nil
	}
	description, err := l.host.DescribeProgram(ctx, resolved.Program)
	if err == nil {
		err = resolved.Check(block, description.Version)
	}
	if err != nil {
		l.refuse(p, err)
		return nil
	}
	l.keep(p, resolved, description)
	return nil
}

// keep notes a plugin for the lock file. What is locked for other platforms
// stays, as long as it is the same version from the same place.
func (l *locking) keep(p *specfile.Plugin, r pluginsource.Resolved, d sdk.Description) {
	locked := pluginsource.Locked{Source: p.Source, Version: d.Version, Constraint: p.Version, Protocol: d.Protocol, Hashes: map[string]string{}}
	known := l.before.Plugins[p.Name]
	if known.Source == locked.Source && known.Version == locked.Version {
		maps.Copy(locked.Hashes, known.Hashes)
	}
	platform := l.process.finder().Platform
	what := "locked"
	switch {
	case r.Downloaded:
		what = "downloaded and locked"
	case locked.Hashes[platform] == r.Hash:
		what = "as locked"
	}
	locked.Hashes[platform] = r.Hash
	l.after.Plugins[p.Name] = locked
	l.lines = append(l.lines, fmt.Sprintf("plugin.%s: %s %s from %s, %s", p.Name, d.Name, d.Version, p.Source, what))
}

// refuse points at the source of a plugin that cannot be locked.
func (l *locking) refuse(p *specfile.Plugin, err error) {
	if err == nil {
		return
	}
	l.found.diags = l.found.diags.Append(&hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Plugin not usable", Subject: &p.SourceRange,
		Detail: fmt.Sprintf("The plugin %q has the source %q: %s.", p.Name, p.Source, err),
	})
}

// write writes the lock file and tells what stands in it.
func (l *locking) write() error {
	changed, err := l.after.Write(l.suite.dir)
	if err != nil {
		return &exitError{exitUndecided, err}
	}
	path := filepath.Join(l.suite.dir, pluginsource.LockFile)
	switch {
	case changed:
		l.lines = append(l.lines, path+" written; commit it")
	case len(l.after.Plugins) > 0:
		l.lines = append(l.lines, path+" is as it was")
	default:
		l.lines = append(l.lines, "all plugins are built in: there is nothing to lock")
	}
	_, err = fmt.Fprintf(l.process.stdout, "%s:\n  %s\n", l.suite.spec.Settings.Name, strings.Join(l.lines, "\n  "))
	return err
}
