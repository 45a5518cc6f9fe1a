package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/scaffold"
	"github.com/assay-cx/assay/plugins/sdk"
)

// goVersion is the version of Go that a module which requires assay needs: the
// one of assay's own go.mod.
const goVersion = "1.26.0"

// pluginNewOptions are the flags of `assay plugin new`.
type pluginNewOptions struct{ dir, module, replace string }

func newPluginNew(p *process) *cobra.Command {
	o := &pluginNewOptions{}
	command := &cobra.Command{
		Use:   "new KIND NAME",
		Short: "Begin a plugin in Go",
		Long: `Write the beginning of a plugin: a Go module of its own that compiles and
conforms, with its tests, a CI workflow and documentation. Nothing is overwritten.

KIND is one of
  auth    gets tokens
  target  runs actions on a platform
  sink    takes events out of the house
  hook    answers a suite's hooks

NAME is what suites call the plugin; its program is assay-plugin-NAME.`,
		Example: `  # A target for another platform
  assay plugin new target acme --module github.com/acme/assay-plugin-acme
  cd assay-plugin-acme && go mod tidy && go test ./...

  # Against a working copy of assay's source
  assay plugin new sink pager --replace ../assay`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return o.execute(p, sdk.Kind(args[0]), args[1])
		},
	}
	command.Flags().StringVar(&o.dir, "dir", "", "write into this `FOLDER` instead of assay-plugin-NAME")
	command.Flags().StringVar(&o.module, "module", "", "the module's `PATH`; example.com/assay-plugin-NAME by default, to be changed")
	command.Flags().StringVar(&o.replace, "replace", "", "use the working copy of assay in this `FOLDER` instead of its release")
	return command
}

func (o *pluginNewOptions) execute(p *process, kind sdk.Kind, name string) error {
	if builtins()[name] != nil {
		return usageError("a plugin called %q is built in: choose another name", name)
	}
	replace, err := o.workingCopy()
	if err != nil {
		return err
	}
	dir := cmp.Or(o.dir, "assay-plugin-"+name)
	files, err := scaffold.New(dir, scaffold.Plugin{
		Kind: kind, Name: name, Module: o.module, Version: version, Go: goVersion, Replace: replace,
	})
	var unwritten *fs.PathError
	switch {
	case errors.As(err, &unwritten):
		return &exitError{exitUndecided, err}
	case err != nil:
		return usageError("%w", err)
	}
	for _, file := range files {
		fmt.Fprintln(p.stdout, filepath.Join(dir, file))
	}
	_, err = fmt.Fprintf(p.stderr, "\nNow:\n  cd %s\n  go mod tidy\n  go test ./...\n\nplugin.go is yours to change; LICENSE is yours to choose.\n", dir)
	return err
}

// workingCopy is the folder of --replace, absolute.
func (o *pluginNewOptions) workingCopy() (string, error) {
	if o.replace == "" {
		return "", nil
	}
	dir, err := filepath.Abs(o.replace)
	if err != nil {
		return "", usageError("--replace %s: %w", o.replace, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "plugins", "sdk", "sdk.go")); err != nil {
		return "", usageError("--replace %s: assay's source is not there", o.replace)
	}
	return dir, nil
}
