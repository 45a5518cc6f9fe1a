package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/pluginsource"
)

// pluginPushOptions are the flags of `assay plugin push`.
type pluginPushOptions struct {
	version string
}

func newPluginPush(p *process) *cobra.Command {
	o := &pluginPushOptions{}
	command := &cobra.Command{
		Use:   "push oci://HOST/REPOSITORY PLATFORM=PROGRAM...",
		Short: "Publish a version of a plugin to a registry",
		Long: `Publish the programs of a plugin, one for each platform, to an OCI registry: an
image index under the version as its tag. The program for this platform is
asked for its version. A published version stays as it is: pushing the same
again changes nothing, and anything else needs a new version.

Sign in with docker login: the credentials come from Docker's configuration.
Only a registry on this machine is talked to without TLS.

Exit status:
  0    published
  2    wrong usage, a program that is not usable, or a version that is published
  3    the registry could not be reached, or refused
  130  interrupted`,
		Example: `  assay plugin push oci://registry.example.com/acme/assay-plugin-acme \
    linux/amd64=dist/acme-linux-amd64 darwin/arm64=dist/acme-darwin-arm64`,
		RunE: func(command *cobra.Command, args []string) error {
			return o.execute(command.Context(), p, args)
		},
	}
	command.Flags().StringVar(&o.version, "version", "", "`VERSION` of the plugin; needed where no program is for this platform")
	return command
}

func (o *pluginPushOptions) execute(ctx context.Context, p *process, args []string) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	if len(args) < 2 {
		return usageError("push needs where to, and at least one program: see assay plugin push --help")
	}
	programs := map[string]pluginsource.Program{}
	for _, arg := range args[1:] {
		platform, path, ok := strings.Cut(arg, "=")
		if !ok || !pluginsource.IsPlatform(platform) || path == "" {
			return usageError("%s: write each program as PLATFORM=PROGRAM, such as linux/amd64=dist/acme", arg)
		}
		if _, again := programs[platform]; again {
			return usageError("%s: there is another program for %s already", arg, platform)
		}
		program, err := pluginsource.Development(path)
		if err != nil {
			return usageError("%s: %w", arg, err)
		}
		programs[platform] = program
	}
	version, err := o.releaseOf(ctx, p, programs)
	if err != nil {
		return interrupted(ctx, err)
	}
	digest, err := pluginsource.Push(ctx, args[0], version, programs)
	var registry *pluginsource.RegistryError
	switch {
	case errors.As(err, &registry):
		return interrupted(ctx, &exitError{exitUndecided, err})
	case err != nil:
		return interrupted(ctx, usageError("push %s: %w", args[0], err))
	}
	_, err = fmt.Fprintf(p.stdout, "%s %s published for %s\n%s\n", args[0], version, strings.Join(slices.Sorted(maps.Keys(programs)), ", "), digest)
	return err
}

// releaseOf is the version that the program for this platform says it is.
func (o *pluginPushOptions) releaseOf(ctx context.Context, p *process, programs map[string]pluginsource.Program) (string, error) {
	finder := p.finder()
	program, ok := programs[finder.Platform]
	if !ok {
		if o.version == "" {
			return "", usageError("none of the programs is for this platform (%s), so none can be asked for its version: give it with --version", finder.Platform)
		}
		return o.version, nil
	}
	logger, err := p.logger("warn", func(s string) string { return s })
	if err != nil {
		return "", err
	}
	description, err := p.host(logger, finder).DescribeProgram(ctx, program)
	if err != nil {
		return "", usageError("%w", err)
	}
	if o.version != "" && o.version != description.Version {
		return "", usageError("--version %s: the program for %s says that it is %s", o.version, finder.Platform, description.Version)
	}
	return description.Version, nil
}

// interrupted is the error of a command, or that it was interrupted.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return err
}
