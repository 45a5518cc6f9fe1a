package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/report"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/lua/hook"
	"github.com/assay-cx/assay/lua/hooktest"
	"github.com/assay-cx/assay/lua/script"
)

func newHook(p *process) *cobra.Command {
	command := &cobra.Command{
		Use:   "hook",
		Short: "Test a suite's Lua scripts, and tell editors what they see",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newHookTest(p), newHookTypes(p))
	return command
}

func newHookTypes(p *process) *cobra.Command {
	return &cobra.Command{
		Use:   "types",
		Short: "Write what scripts see, for the Lua language server",
		Long: `Write what scripts see to stdout, as annotations for the Lua language server:
the functions, the documents that hooks get and answer, and what tests use.`,
		Example: `  # Completion and checks in any editor that runs the Lua language server
  assay hook types > assay.d.lua`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.stdout, hook.Types())
			return err
		},
	}
}

// hookTestOptions are the flags of `assay hook test`.
type hookTestOptions struct {
	inputFlags
	paths []string
	only  string
	junit string
}

func newHookTest(p *process) *cobra.Command {
	o := &hookTestOptions{}
	command := &cobra.Command{
		Use:   "test [DIR | DIR/...]...",
		Short: "Run the tests of a suite's scripts",
		Long: `Run the tests in the files called *_test.lua of suites. Nothing is started and
nothing is sent: each test runs alone, in the sandbox and within limits, with the
suite's own scripts and with failures that a run recorded.

Exit status:
  0    all tests passed
  1    a test failed
  2    wrong usage, a script that does not compile, or no test to run
  3    could not decide: a limit was passed, or a file's tests cannot be listed
  130  interrupted`,
		Example: `  # Keep what fails, and test the classifier on it
  assay run ./specs/orders --save-failures ./specs/orders/failures
  assay hook test ./specs/orders

  # In CI
  assay hook test ./specs/... --junit hooks.xml`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().StringVar(&o.only, "run", "", "run only tests whose name matches this `REGEX`")
	command.Flags().StringVar(&o.junit, "junit", "", "write a JUnit report to this `PATH`; - is stdout")
	return command
}

func (o *hookTestOptions) execute(ctx context.Context, p *process) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return usageError("--run: %w", err)
	}
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	tests, err := o.open(ctx, p, only)
	defer closeTests(ctx, tests)
	if err != nil {
		return err
	}
	view := &testView{to: p.stdout}
	var junit []report.Reporter
	if o.junit != "" {
		r, err := report.Open("junit", o.junit, p.stdout)
		if err != nil {
			return usageError("--junit: %w", err)
		}
		junit = append(junit, r)
		if o.junit == "-" {
			view.to = p.stderr
		}
	}
	started := time.Now()
	err = runTests(ctx, tests, view, report.NewMany(junit...))
	switch {
	case ctx.Err() != nil:
		report.Abandon(junit)
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		report.Abandon(junit)
		return &exitError{exitUndecided, err}
	case view.summary.Total == 0:
		report.Abandon(junit)
		return usageError("no test to run: %s", noTests(tests, o.only))
	}
	run := result.Run{Version: result.Version, StartedAt: started.UTC(), DurationMS: time.Since(started).Milliseconds(), Summary: view.summary}
	view.close(run)
	if err := report.NewMany(junit...).Close(run); err != nil {
		return &exitError{exitUndecided, err}
	}
	return view.exitStatus()
}

// suiteTests are the tests of one suite.
type suiteTests struct {
	*hooktest.Suite
	name string
	dir  string // as the command line spells it
}

// open loads suites and finds their tests. What is wrong with any of them is
// told, and then nothing is run.
func (o *hookTestOptions) open(ctx context.Context, p *process, only *regexp.Regexp) ([]suiteTests, error) {
	var found findings
	suites, err := loadAll(ctx, p, &o.inputFlags, o.paths, &found)
	if err != nil {
		return nil, err
	}
	var tests []suiteTests
	for _, s := range suites {
		if found.diags.HasErrors() {
			break
		}
		opened, err := hooktest.Open(ctx, hooktest.Settings{
			Dir: s.plan.Dir, Classifier: s.plan.ClassifyScript, Hooks: s.plan.HooksScript, Filter: only, Fixture: fixtureLoader(s.plan),
		})
		if err == nil {
			tests = append(tests, suiteTests{opened, s.plan.Suite, spelled(s.spec)})
			continue
		}
		problems := found.scripts(spelled(s.spec), err)
		if len(problems) == 0 {
			return tests, &exitError{exitUndecided, err}
		}
		found.diags = found.diags.Extend(problems)
	}
	if err := found.write(p, o.colorDiagnostics(p)); err != nil {
		return tests, err
	}
	if found.diags.HasErrors() {
		return tests, &exitError{code: exitUsage}
	}
	return tests, nil
}

func closeTests(ctx context.Context, tests []suiteTests) {
	for _, t := range tests {
		_ = t.Close(context.WithoutCancel(ctx)) // files that were only read
	}
}

// spelled is a suite's folder as the command line spells it.
func spelled(spec *specfile.Suite) string {
	for name := range spec.Files {
		return filepath.Dir(name) // all stand in the one folder
	}
	return spec.Dir
}

// scripts makes diagnostics of the scripts that do not compile.
func (f *findings) scripts(dir string, err error) hcl.Diagnostics {
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	var diags hcl.Diagnostics
	for _, err := range errs {
		var wrong *script.Error
		if inner, ok := err.(interface{ Unwrap() []error }); ok {
			diags = diags.Extend(f.scripts(dir, errors.Join(inner.Unwrap()...)))
		} else if errors.As(err, &wrong) {
			diags = diags.Append(&hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Script does not compile",
				Detail:  fmt.Sprintf("Nothing was run, because a test file cannot be used: %s.", wrong.Message),
				Subject: f.line(filepath.Join(dir, wrong.File), wrong.Line),
			})
		}
	}
	return diags
}

// line is a line of a file that is no spec file, to be shown.
func (f *findings) line(path string, line int) *hcl.Range {
	at := &hcl.Range{Filename: path, Start: hcl.Pos{Line: max(1, line), Column: 1}, End: hcl.Pos{Line: max(1, line), Column: 1}}
	content, err := os.ReadFile(path)
	if err != nil || len(content) > script.MaxSource {
		return at
	}
	f.files[path] = &hcl.File{Bytes: content}
	lines := strings.SplitAfter(string(content), "\n")
	at.Start.Byte = len(strings.Join(lines[:min(at.Start.Line-1, len(lines))], ""))
	at.End = at.Start
	return at
}

// fixtureLoader makes what classify gets of a recorded session, as a run of
// the suite would.
func fixtureLoader(p *plan.Plan) func([]byte) (json.RawMessage, error) {
	redactor := &redact.Redactor{}
	redactor.Add(p.Secrets...)
	classifier := &runner.Classifier{Redactor: redactor}
	reader := &classification{actions: p.Actions}
	return func(recorded []byte) (json.RawMessage, error) {
		id, failure, unread := reader.read(recorded)
		if unread != "" {
			return nil, errors.New(unread)
		}
		failure.Vector = strings.TrimPrefix(id, p.Suite+"/")
		of := func(v *plan.Vector) bool { return v.Name == failure.Vector }
		if i := slices.IndexFunc(p.Vectors, of); i >= 0 {
			failure.Action, failure.Sensitive = p.Vectors[i].Action, p.Vectors[i].Sensitive
		}
		return classifier.Document(failure)
	}
}

func runTests(ctx context.Context, tests []suiteTests, view *testView, reports *report.Many) error {
	for _, t := range tests {
		err := t.Run(ctx, func(r hooktest.Result) {
			v := t.vector(r)
			view.tell(v, r)
			reports.Finished(v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// vector is a test as reports have vectors.
func (t suiteTests) vector(r hooktest.Result) result.Vector {
	v := result.Vector{
		Suite: t.name, Name: cmp.Or(r.Name, r.File), Action: r.File, Status: testStatuses[r.Outcome], DurationMS: r.Duration.Milliseconds(),
		Range: hcl.Range{Filename: filepath.Join(t.dir, r.File), Start: hcl.Pos{Line: max(1, r.Line)}},
	}
	switch r.Outcome {
	case hooktest.Failed:
		v.Checks = []result.Check{{Name: "expectation", Status: result.Fail, Message: r.Message}}
	case hooktest.Undecided:
		v.Error = &result.Error{Summary: undecidedTest, Detail: r.Message}
	}
	return v
}

// noTests says why there is no test.
func noTests(tests []suiteTests, only string) string {
	if slices.ContainsFunc(tests, func(t suiteTests) bool { return len(t.Files()) > 0 }) {
		if only != "" {
			return fmt.Sprintf("none has a name that matches --run %s", only)
		}
		return "the test files call it(name, function) nowhere"
	}
	return "no suite has a file called *_test.lua; lua/README.md tells how to write one"
}
