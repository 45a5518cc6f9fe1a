package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/pluginsource"
)

// pluginLockOptions are the flags of `assay plugin lock`.
type pluginLockOptions struct {
	lockFlags
	platforms []string
}

func newPluginLock(p *process) *cobra.Command {
	o := &pluginLockOptions{}
	command := &cobra.Command{
		Use:   "lock [DIR | DIR/...]...",
		Short: "Lock the plugins of suites for other platforms too",
		Long: `Add to the lock files of suites what registries have of the locked versions for
other platforms, so that a suite locked on one machine runs on all. Nothing is
downloaded but hashes. assay init must have locked the plugins for this
platform before; a plugin by path or by name is locked where it is used.

Exit status:
  0    the plugins are locked for these platforms
  2    wrong usage, a wrong spec, a plugin not locked or not there for a platform
  3    a registry could not be reached, or answered what cannot be trusted
  130  interrupted`,
		Example: `  # For every platform that the plugins were published for
  assay plugin lock ./specs/inventory

  # For the laptops and for CI
  assay plugin lock ./specs/... --platform linux/amd64 --platform darwin/arm64`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().StringArrayVar(&o.platforms, "platform", nil, "lock for this `PLATFORM`, such as linux/arm64; may be repeated")
	return command
}

func (o *pluginLockOptions) execute(ctx context.Context, p *process) error {
	for _, platform := range o.platforms {
		if !pluginsource.IsPlatform(platform) {
			return usageError("--platform %s: write a platform as SYSTEM/ARCHITECTURE, such as linux/arm64", platform)
		}
	}
	return o.eachSuite(ctx, p, func(ctx context.Context, l *locking) error {
		for _, plugin := range l.suite.spec.Plugins {
			if err := l.lock(ctx, plugin, o.platforms); err != nil {
				return err
			}
		}
		return nil
	})
}

// lock adds platforms to what is locked of a plugin.
func (l *locking) lock(ctx context.Context, p *specfile.Plugin, platforms []string) error {
	kind, _ := specfile.ParseSource(p.Source)
	if kind == specfile.SourceBuiltin {
		return nil
	}
	block := l.suite.block(p.Name, p.Source, p.Version)
	locked, err := l.before.Of(block)
	if err != nil {
		l.refuse(p, err)
		return nil
	}
	if kind == specfile.SourceRegistry {
		hashes, err := l.process.finder().Hashes(ctx, block, locked, platforms)
		var registry *pluginsource.RegistryError
		if errors.As(err, &registry) {
			return &exitError{exitUndecided, fmt.Errorf("plugin %q: %w", p.Name, err)}
		}
		if err != nil {
			l.refuse(p, err)
			return nil
		}
		locked.Hashes = hashes
	}
	l.after.Plugins[p.Name] = locked
	l.lines = append(l.lines, fmt.Sprintf("plugin.%s: %s locked for %s", p.Name, locked.Version, strings.Join(slices.Sorted(maps.Keys(locked.Hashes)), ", ")))
	for _, platform := range platforms {
		if locked.Hashes[platform] == "" {
			l.refuse(p, fmt.Errorf("only a registry has a plugin for other platforms, such as %s: run assay init on such a machine", platform))
		}
	}
	return nil
}
