package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/plan"
)

// inputFlags are the flags of every command that reads suites.
type inputFlags struct {
	vars     []string
	varFiles []string
	noColor  bool
	logLevel string
}

func (f *inputFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.vars, "var", nil, "value of a variable, as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.varFiles, "var-file", nil, "`FILE` of variables (*.assayvars); may be repeated, the last counts")
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

// undeclared refuses values of variables that no suite declares: most are typos.
// In a file, which may serve many suites, they are warned of.
func (f *inputFlags) undeclared(inputs plan.Inputs, suites []*specfile.Suite, found *findings) error {
	var names []string
	for _, s := range suites {
		for name := range s.Variables {
			names = append(names, name)
		}
	}
	hint := func(name string) string {
		if near := specfile.Nearest(name, names); near != "" {
			return fmt.Sprintf(": did you mean %q?", near)
		}
		return ""
	}
	for _, flag := range inputs.Flags {
		if !slices.Contains(names, flag.Name) {
			return usageError("--var %s: no suite declares a variable of that name%s", flag.Name, hint(flag.Name))
		}
	}
	for _, file := range inputs.Files {
		for _, name := range slices.Sorted(maps.Keys(file)) {
			if at := file[name].Range; !slices.Contains(names, name) {
				found.diags = found.diags.Append(&hcl.Diagnostic{
					Severity: hcl.DiagWarning,
					Summary:  "Value for undeclared variable",
					// No source is shown: the value may be a secret.
					Detail: fmt.Sprintf("%s:%d gives %q a value, and no suite declares a variable of that name%s", at.Filename, at.Start.Line, name, cmp.Or(hint(name), ".")),
				})
			}
		}
	}
	return nil
}
