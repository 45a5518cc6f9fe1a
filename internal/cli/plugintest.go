package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// pluginTestOptions are the flags of `assay plugin test`.
type pluginTestOptions struct {
	samples string
	asJSON  bool
}

// pluginReport is what `assay plugin test --json` prints.
type pluginReport struct {
	Version int              `json:"version"`
	Command []string         `json:"command"`
	Status  sdktest.Status   `json:"status"` // pass, fail or error
	Summary pluginTally      `json:"summary"`
	Checks  []sdktest.Result `json:"checks"`
}

type pluginTally struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errored int `json:"errored"`
}

func newPluginTest(p *process) *cobra.Command {
	o := &pluginTestOptions{}
	command := &cobra.Command{
		Use:   "test [flags] PROGRAM [ARGS]...",
		Short: "Hold a plugin against what assay relies on",
		Long: `Start a plugin's program, in whatever language it is written, and hold what it
does against what assay relies on. Each check says what the plugin's author must
do, and what was seen.

Checks that need settings, documents or a platform to speak to find them in the
file of --config, and are skipped without; plugins/README.md describes it. Where
it names a peer, assay plays the plugin's platform itself: no other is reached.

Exit status:
  0    no check failed
  1    a check failed
  2    wrong usage, a program that is not there, or a wrong file of --config
  3    a check could not be made
  130  interrupted`,
		Example: `  # What needs no settings
  assay plugin test ./assay-plugin-acme

  # Everything, for CI
  assay plugin test --config plugintest.json --json ./assay-plugin-acme`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.execute(command.Context(), p, args)
		},
	}
	command.Flags().SetInterspersed(false) // what follows PROGRAM is the plugin's own
	command.Flags().StringVar(&o.samples, "config", "", "settings and sample documents, from this JSON `FILE`")
	command.Flags().BoolVar(&o.asJSON, "json", false, "print the report as JSON")
	return command
}

func (o *pluginTestOptions) execute(ctx context.Context, p *process, args []string) error {
	program, err := findProgram(args[0])
	if err != nil {
		return err
	}
	subject := sdktest.Subject{Command: append([]string{program}, args[1:]...), Environ: p.environ}
	if o.samples != "" {
		if subject.Samples, err = sdktest.ReadSamples(o.samples); err != nil {
			return usageError("--config: %w", err)
		}
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	report := pluginReport{Version: 1, Command: args, Status: sdktest.Passed, Checks: []sdktest.Result{}}
	for r := range sdktest.Check(ctx, subject) {
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, errors.New("interrupted")}
		}
		report.add(r)
		if !o.asJSON {
			fmt.Fprint(p.stdout, checkText(r))
		}
	}
	if err := o.finish(p, report); err != nil {
		return &exitError{exitUndecided, err}
	}
	switch report.Status {
	case sdktest.Failed:
		return &exitError{code: exitFail}
	case sdktest.Undecided:
		return &exitError{code: exitUndecided}
	}
	return nil
}

// findProgram is the absolute path of a plugin's program: of a file, or of a
// command in PATH.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", usageError("%s: no program that can be executed is there", name)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return "", usageError("%s: %w", name, err)
	}
	return path, nil
}

func (r *pluginReport) add(check sdktest.Result) {
	r.Checks = append(r.Checks, check)
	switch check.Status {
	case sdktest.Passed:
		r.Summary.Passed++
	case sdktest.Skipped:
		r.Summary.Skipped++
	case sdktest.Failed:
		r.Summary.Failed++
		if r.Status == sdktest.Passed {
			r.Status = sdktest.Failed
		}
	case sdktest.Undecided:
		r.Summary.Errored++
		r.Status = sdktest.Undecided
	}
}

func (o *pluginTestOptions) finish(p *process, report pluginReport) error {
	if o.asJSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(report)
	}
	var again []string
	for _, r := range report.Checks {
		if r.Status == sdktest.Failed || r.Status == sdktest.Undecided {
			again = append(again, r.Check)
		}
	}
	s := report.Summary
	fmt.Fprintf(p.stdout, "\n%d passed, %d failed, %d skipped, %d undecided", s.Passed, s.Failed, s.Skipped, s.Errored)
	if len(again) > 0 {
		fmt.Fprintf(p.stdout, ": look at %s", strings.Join(again, ", "))
	}
	_, err := fmt.Fprintln(p.stdout)
	return err
}

// checkText is one check for a person: what came of it, what was seen, and
// what the plugin's author must do.
func checkText(r sdktest.Result) string {
	text := fmt.Sprintf("%-5s  %s", strings.ToUpper(string(r.Status)), r.Check)
	if r.Seen != "" {
		text += ": " + visible(strings.ReplaceAll(r.Seen, "\n", "; "))
	}
	return text + "\n       must " + r.Must + "\n"
}
