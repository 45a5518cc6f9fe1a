// Package cli is the command line: one file a command, and the only place that
// wires the other packages together and touches the process.
//
// Start reading at Main, then at run.go for the main job.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
)

// process is what a command may see of the process it runs in.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	stdoutTerminal bool
	stderrTerminal bool
	width          int // of the terminal, in columns; 78 where there is none
	lookupEnv      func(string) (string, bool)
	environ        []string
	executable     string // assay itself, to serve the built-in plugins
}

// Main runs the command line and answers the process's exit status.
func Main() int {
	p := &process{
		stdin:          os.Stdin,
		stdout:         os.Stdout,
		stderr:         os.Stderr,
		stdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		stderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		width:          78,
		lookupEnv:      os.LookupEnv,
		environ:        os.Environ(),
		executable:     executable(),
	}
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		p.width = width
	}
	if _, chosen := p.lookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(400) // a run's live memory is small: time is dearer
	}
	root := newRoot(p)
	root.SetArgs(os.Args[1:])
	return p.exitCode(root.ExecuteContext(context.Background()))
}

// executable is the path of the very file that runs, also when another stands
// at its name by now.
func executable() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return filepath.Clean(os.Args[0])
	}
	return path
}

// The exit statuses.
const (
	exitPass        = 0
	exitFail        = 1 // a vector, check or threshold failed
	exitUsage       = 2 // usage, or a spec that is wrong; nothing was sent
	exitUndecided   = 3 // could not decide
	exitInterrupted = 130
)

// exitError ends the process with a status. Its error may be nil where
// everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode says an error on stderr, if that has not been done, and answers the
// exit status that it stands for.
func (p *process) exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitPass
	case !errors.As(err, &exit):
		fmt.Fprintf(p.stderr, "Error: %v\n", err)
		return exitUsage
	case exit.err != nil:
		fmt.Fprintf(p.stderr, "Error: %v\n", exit.err)
	}
	return exit.code
}

func newRoot(p *process) *cobra.Command {
	root := &cobra.Command{
		Use:     "assay",
		Short:   "Try CXone Data Actions, and say whose fault a failure is",
		Version: version,
		Long: `assay keeps a contact centre's serverless integrations honest. Spec files say
what a Data Action takes, answers and may fail with; assay tries them against a
tenant, or an embedded one, and says of each failure whether the action's own
logic or an outside dependency is at fault.

Exit status:
  0    everything passed
  1    a vector, check or threshold failed
  2    wrong usage or a wrong spec: nothing was sent
  3    could not decide: sign-in refused, tenant unreachable, plugin crashed,
       audit could not be written
  130  interrupted`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRun(p), newValidate(p), newPlan(p), newInit(p), newInvoke(p), newSandbox(p), newDeploy(p), newImport(p), newClassify(p), newReport(p), newServe(p), newHook(p), newAudit(p), newOutbox(p), newHistory(p), newVersion(p), newPlugin(p))
	return root
}

// logger writes what --log-level asks for to stderr, through mask.
func (p *process) logger(level string, mask func(string) string) (*slog.Logger, error) {
	var threshold slog.Level
	if err := threshold.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError("--log-level %s: use one of debug, info, warn, error", level)
	}
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{
		Level: threshold,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Value.Kind() {
			case slog.KindString:
				a.Value = slog.StringValue(mask(a.Value.String()))
			case slog.KindAny:
				a.Value = slog.StringValue(mask(fmt.Sprint(a.Value.Any())))
			}
			return a
		},
	})), nil
}

func (p *process) host(logger *slog.Logger, finder pluginsource.Finder) *pluginhost.Host {
	return pluginhost.New(pluginhost.Options{
		Executable: p.executable,
		Builtins:   builtins(),
		Finder:     finder,
		Environ:    p.environ,
		Logger:     logger,
	})
}
