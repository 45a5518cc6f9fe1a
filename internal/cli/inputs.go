package cli

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
)

// inputFlags are the flags of every command that reads suites.
type inputFlags struct {
	vars     []string
	varFiles []string
	dev      []string
	noColor  bool
	logLevel string
}

func (f *inputFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.vars, "var", nil, "value of a variable, as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.varFiles, "var-file", nil, "`FILE` of variables (*.assayvars); may be repeated, the last counts")
	flags.StringArrayVar(&f.dev, "dev-plugin", nil, "run the program at a path as the plugin of a block, unlocked, as `NAME=PATH`; may be repeated")
	flags.BoolVar(&f.noColor, "no-color", false, "plain output, as with NO_COLOR")
	flags.StringVar(&f.logLevel, "log-level", "warn", "how much to log to stderr: debug, info, warn or error")
}

// color reports whether stdout may be coloured and drawn on.
func (f *inputFlags) color(p *process) bool { return p.stdoutTerminal && f.mayColor(p) }

// colorDiagnostics reports whether stderr may be coloured.
func (f *inputFlags) colorDiagnostics(p *process) bool { return p.stderrTerminal && f.mayColor(p) }

func (f *inputFlags) mayColor(p *process) bool {
	noColor, _ := p.lookupEnv("NO_COLOR")
	terminal, _ := p.lookupEnv("TERM")
	return !f.noColor && noColor == "" && terminal != "dumb"
}

// inputs reads the values of variables that the command line names.
func (f *inputFlags) inputs(p *process, found *findings) (plan.Inputs, error) {
	inputs := plan.Inputs{LookupEnv: p.lookupEnv}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return inputs, usageError("--var %s: write it as NAME=VALUE", v)
		}
		inputs.Flags = append(inputs.Flags, plan.Flag{Name: name, Value: value})
	}
	for _, path := range f.varFiles {
		values, file, diags := specfile.LoadVarFile(path)
		files := map[string]*hcl.File{}
		if file != nil {
			files[path] = file
		}
		found.add(&specfile.Suite{Files: files}, diags)
		inputs.Files = append(inputs.Files, values)
	}
	return inputs, nil
}

// undeclared refuses what the command line says of variables and plugins that
// no suite declares: most are typos. In a file, which may serve many suites,
// variables are warned of.
func (f *inputFlags) undeclared(inputs plan.Inputs, suites []*specfile.Suite, found *findings) error {
	var variables, plugins []string
	for _, s := range suites {
		variables = slices.AppendSeq(variables, maps.Keys(s.Variables))
		for _, p := range s.Plugins {
			plugins = append(plugins, p.Name)
		}
	}
	for _, flag := range inputs.Flags {
		if !slices.Contains(variables, flag.Name) {
			return usageError("--var %s: no suite declares a variable of that name%s", flag.Name, didYouMean(flag.Name, variables))
		}
	}
	for _, file := range inputs.Files {
		for _, name := range slices.Sorted(maps.Keys(file)) {
			if at := file[name].Range; !slices.Contains(variables, name) {
				found.diags = found.diags.Append(&hcl.Diagnostic{
					Severity: hcl.DiagWarning,
					Summary:  "Value for undeclared variable",
					// No source is shown: the value may be a secret.
					Detail: fmt.Sprintf("%s:%d gives %q a value, and no suite declares a variable of that name%s", at.Filename, at.Start.Line, name, cmp.Or(didYouMean(name, variables), ".")),
				})
			}
		}
	}
	for _, dev := range f.dev {
		if name, _, _ := strings.Cut(dev, "="); !slices.Contains(plugins, name) {
			return usageError("--dev-plugin %s: no suite has a plugin block of that name%s", dev, didYouMean(name, plugins))
		}
	}
	return nil
}

func didYouMean(name string, known []string) string {
	if near := specfile.Nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ""
}

// host runs the plugins that the suites name, or --dev-plugin in their place.
func (f *inputFlags) host(p *process, logger *slog.Logger) (*pluginhost.Host, error) {
	finder := p.finder()
	for _, flag := range f.dev {
		name, path, ok := strings.Cut(flag, "=")
		if !ok || name == "" || path == "" {
			return nil, usageError("--dev-plugin %s: write it as NAME=PATH, the name being the plugin block's", flag)
		}
		program, err := pluginsource.Development(path)
		if err != nil {
			return nil, usageError("--dev-plugin %s: %w", flag, err)
		}
		finder.Dev[name] = program
	}
	return p.host(logger, finder), nil
}
