package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/report"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/telemetry"
)

// runOptions are the flags of `assay run`.
type runOptions struct {
	inputFlags
	paths    []string
	tags     []string
	only     string
	parallel int
	timeout  time.Duration
	failFast bool
	failed   bool // only what failed last
	seed     uint64
	reports  []string
	failures string // folder to save failures in
	otel     bool
	newOnly  bool // annotate only failures that are new
}

func newRun(p *process) *cobra.Command {
	o := &runOptions{}
	command := &cobra.Command{
		Use:   "run [DIR | DIR/...]...",
		Short: "Try the vectors of suites, and judge what comes of them",
		Long: `Try the vectors of the suites in the folders given (DIR/... is every suite
below), classify the failures, hold everything against what the specs expect
and tell the sinks. Results go to stdout, everything else to stderr.

The first Ctrl-C finishes what is in flight, reports and exits; the second
cancels at once.`,
		Example: `  # Everything below specs, on the embedded tenant
  assay run ./specs/...

  # One suite against a real tenant
  CXONE_BASE_URL=https://api.example.com CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=… assay run ./specs/inventory

  # The smoke vectors only, with reports for CI
  assay run ./specs/... --tag smoke --report junit=junit.xml --report json=result.json

  # A page to open, and in GitHub Actions a summary and annotations
  assay run ./specs/... --report html=report.html --report "markdown=$GITHUB_STEP_SUMMARY" --report github=-

  # One vector, again and again the same
  assay run ./specs/inventory --run '^throttled' --seed 42

  # What did not pass the last time, after mending it
  assay run ./specs/... --failed`,
		RunE: func(command *cobra.Command, args []string) error {
			o.paths = args
			if !command.Flags().Changed("seed") {
				o.seed = rand.Uint64() >> 11 // survives a JSON reader that keeps numbers as doubles
			}
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.StringArrayVar(&o.tags, "tag", nil, "try only vectors with this `TAG`; may be repeated, any of them serves")
	flags.StringVar(&o.only, "run", "", "try only vectors whose name matches this `REGEX`")
	flags.BoolVar(&o.failed, "failed", false, "try only vectors that did not pass the last time they were tried, by the suite's history")
	flags.IntVar(&o.parallel, "parallel", 0, "vectors in flight, instead of what the suite says")
	flags.DurationVar(&o.timeout, "timeout", 0, "time for each suite, instead of what the suite says")
	flags.BoolVar(&o.failFast, "fail-fast", false, "stop at the first vector that does not pass")
	flags.Uint64Var(&o.seed, "seed", 0, "repeat the run that had this seed: its jitter and its faults")
	flags.StringArrayVar(&o.reports, "report", nil, "write a report, as `FORMAT=PATH`; - is stdout; formats: "+strings.Join(report.FormatNames(), ", "))
	flags.StringVar(&o.failures, "save-failures", "", "keep each failure, redacted, as a fixture in this `DIR`")
	flags.BoolVar(&o.newOnly, "new-failures-only", false, "in the report github, annotate only what passed the last time it was tried, or was not there")
	flags.BoolVar(&o.otel, "otel", false, "trace the run with OpenTelemetry; the OTEL_EXPORTER_OTLP_… variables of the environment say where to")
	return command
}

// execution is one `assay run` under way.
type execution struct {
	*runOptions
	process  *process
	redactor *redact.Redactor
	host     *pluginhost.Host
	loaded   []*suite // all, to be closed
	suites   []*suite // those with something to run
	found    findings
	tracing  *telemetry.Tracing // nil without --otel
	// known are the vectors that did not pass the last time, for
	// --new-failures-only.
	known map[place]bool
}

func (o *runOptions) execute(ctx context.Context, p *process) error {
	e := &execution{runOptions: o, process: p, redactor: &redact.Redactor{}}
	logger, err := p.logger(o.logLevel, func(s string) string { return e.redactor.With(nil).Text(s) })
	if err != nil {
		return err
	}
	if e.host, err = o.host(p, logger); err != nil {
		return err
	}
	defer func() { _ = e.host.Close(context.WithoutCancel(ctx)) }()
	options, err := e.options()
	if err != nil {
		return err
	}
	if e.tracing, err = e.startTracing(ctx); err != nil {
		return err
	}
	options.Handlers = action.Options{Client: action.NewClient(), Logger: handlerLog(ctx, logger), Seed: o.seed}
	defer e.closeSuites(ctx)
	// Until the run itself watches for signals, one ends the preparation. Also
	// at the end none keeps the plugins from being stopped.
	preparing, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	err = e.prepare(preparing, options)
	if preparing.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	if err != nil {
		return err
	}
	reports, err := e.openReports()
	if err != nil {
		return err
	}
	return e.run(ctx, reports)
}

// options checks the flags.
func (e *execution) options() (plan.Options, error) {
	options := plan.Options{Now: time.Now().UTC()}
	if e.parallel < 0 || e.timeout < 0 {
		return options, usageError("--parallel and --timeout take numbers above 0")
	}
	inputs, err := e.inputs(e.process, &e.found)
	options.Inputs = inputs
	return options, err
}

// prepare takes all suites as far as one can without sending anything: specs
// loaded and planned, plugins started and configured. What is wrong with any
// of them is told, and then nothing is run.
func (e *execution) prepare(ctx context.Context, options plan.Options) error {
	filter, err := newFilter(e.tags, e.only)
	if err != nil {
		return err
	}
	if err := e.load(ctx, options); err != nil {
		return err
	}
	if e.failed {
		if filter.Only, err = failedLast(ctx, e.loaded); err != nil {
			return err
		}
	}
	if e.suites, err = selectSuites(e.loaded, filter); err != nil {
		return err
	}
	if e.newOnly {
		e.known = knownFailures(ctx, e.suites)
	}
	return e.configure(ctx)
}

// load loads and plans the suites, and starts their plugins.
func (e *execution) load(ctx context.Context, options plan.Options) error {
	dirs, err := specfile.Discover(e.paths)
	if err != nil {
		return usageError("%w", err)
	}
	var specs []*specfile.Suite
	for _, dir := range dirs {
		s := &suite{}
		_ = e.found.load(dir, s) // judged together below
		e.loaded = append(e.loaded, s)
		specs = append(specs, s.spec)
		if e.found.diags.HasErrors() {
			continue
		}
		s.launch(e.host)
		if err := s.listen(ctx); err != nil {
			return &exitError{exitUndecided, err}
		}
	}
	if e.found.diags.HasErrors() {
		for _, s := range e.loaded {
			e.found.addPlan(ctx, s, e.host, options)
		}
		return e.refuse()
	}
	for _, s := range e.loaded {
		e.found.build(ctx, s, e.host, options)
	}
	if err := e.undeclared(options.Inputs, specs, &e.found); err != nil {
		return err
	}
	if e.found.diags.HasErrors() {
		return e.refuse()
	}
	return nil
}

func (e *execution) configure(ctx context.Context) error {
	for _, s := range e.suites {
		if err := keepOutOfGit(s.plan.Dir); err != nil {
			return &exitError{exitUndecided, fmt.Errorf("the suite's state folder cannot be made: %w", err)}
		}
		diags, err := s.configure(ctx, e.seed)
		e.found.add(s.spec, diags)
		if err != nil && !e.found.diags.HasErrors() {
			return &exitError{exitUndecided, errors.New(e.redactor.With(s.plan.Secrets).Text(err.Error()))}
		}
	}
	if e.found.diags.HasErrors() {
		return e.refuse()
	}
	return e.found.write(e.process, e.colorDiagnostics(e.process)) // warnings
}

// refuse tells the diagnostics; nothing was sent.
func (e *execution) refuse() error {
	if err := e.found.write(e.process, e.colorDiagnostics(e.process)); err != nil {
		return err
	}
	return &exitError{code: exitUsage}
}

func (e *execution) run(ctx context.Context, reports *report.Many) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	stopAll := sync.OnceFunc(func() { close(stop) })
	interrupts := e.process.watchSignals(stopAll, cancel)

	run := result.Run{
		Version: result.Version, RunID: uuid.NewString(), StartedAt: time.Now().UTC(), Seed: e.seed,
		Thresholds: []result.Threshold{}, Sinks: []result.Sink{}, Operations: []result.Operation{},
	}
	actor := e.process.actor()
	traced, span := e.tracing.Run(ctx, run.RunID, run.Seed, actor.Commit)
	for _, s := range e.suites {
		e.override(s.plan)
		came := e.runRecorded(traced, stop, s, surroundings{
			runID: run.RunID, seed: e.seed, actor: actor, redactor: e.redactor, listener: reports, failFast: e.failFast, stopAll: stopAll,
			partial: e.filters() != "",
		})
		merge(&run, s.plan.Suite, came)
		run.DevPlugins = append(run.DevPlugins, s.dev...)
		s.close(ctx)
	}
	run.DurationMS = time.Since(run.StartedAt).Milliseconds()
	telemetry.EndRun(span, run.Status)
	run.Warnings = append(run.Warnings, e.endTracing(ctx)...)
	run.Interrupted = interrupts.stop() > 0
	if err := reports.Close(run); err != nil {
		return &exitError{exitUndecided, err}
	}
	return exitStatus(run)
}

func (e *execution) override(p *plan.Plan) {
	if e.parallel > 0 {
		p.Parallel = e.parallel
	}
	if e.timeout > 0 {
		p.Timeout = e.timeout
	}
}

func merge(run *result.Run, suite string, o account) {
	run.Status = max(run.Status, o.Status)
	if len(o.Errors) > 0 {
		run.Status = result.Errored
	}
	run.Summary.Total += o.Summary.Total
	run.Summary.Passed += o.Summary.Passed
	run.Summary.Failed += o.Summary.Failed
	run.Summary.Errored += o.Summary.Errored
	run.Summary.Skipped += o.Summary.Skipped
	run.Thresholds = append(run.Thresholds, o.Thresholds...)
	run.Errors = append(run.Errors, o.Errors...)
	run.Warnings = append(run.Warnings, o.Warnings...)
	run.Operations = append(run.Operations, o.operations...)
	run.Faults = append(run.Faults, o.faults...)
	for _, sink := range o.sinks {
		sink.Suite = suite
		run.Sinks = append(run.Sinks, sink)
	}
}

func exitStatus(run result.Run) error {
	switch {
	case run.Interrupted:
		return &exitError{code: exitInterrupted}
	case run.Status == result.Errored:
		return &exitError{code: exitUndecided}
	case run.Status == result.Fail:
		return &exitError{code: exitFail}
	default:
		return nil
	}
}

func (e *execution) closeSuites(ctx context.Context) {
	for _, s := range e.loaded {
		s.close(ctx)
	}
}

// handlerLog is where the embedded tenant's executions log to. Their retries
// are the vectors' business, so they show only to those who ask for more.
func handlerLog(ctx context.Context, logger *slog.Logger) *slog.Logger {
	if logger.Enabled(ctx, slog.LevelInfo) {
		return logger
	}
	return slog.New(slog.DiscardHandler)
}
