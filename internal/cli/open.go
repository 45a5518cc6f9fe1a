package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/sandbox"
)

// opened is the one suite that a command works on: planned, with the ports of
// its own servers taken. Nothing is started yet. It must be closed.
type opened struct {
	*suite
	process  *process
	host     *pluginhost.Host
	redactor *redact.Redactor
	logger   *slog.Logger
	found    findings
	noColor  bool
}

// opening is how a command wants its suite.
type opening struct {
	paths  []string // as the command line names the suite
	listen string   // where the embedded tenant listens; empty for a free loopback port
	seed   uint64
	// log makes the execution log of handlers of the command's log.
	log func(context.Context, *slog.Logger) *slog.Logger
}

// open loads and plans one suite. What is wrong with it is told, and is an
// error with nothing left open.
func (f *inputFlags) open(ctx context.Context, p *process, want opening) (*opened, error) {
	redactor := &redact.Redactor{}
	logger, err := p.logger(f.logLevel, func(s string) string { return redactor.With(nil).Text(s) })
	if err != nil {
		return nil, err
	}
	dirs, err := specfile.Discover(want.paths)
	if err != nil {
		return nil, usageError("%w", err)
	}
	if len(dirs) > 1 {
		return nil, usageError("this command works on one suite, and there are %d: name one of them, such as %s", len(dirs), dirs[0])
	}
	host, err := f.host(p, logger)
	if err != nil {
		return nil, err
	}
	o := &opened{suite: &suite{}, process: p, host: host, redactor: redactor, logger: logger, noColor: !f.colorDiagnostics(p)}
	if err := o.prepare(ctx, f, dirs[0], want); err != nil {
		o.close(ctx)
		return nil, err
	}
	return o, nil
}

func (o *opened) prepare(ctx context.Context, f *inputFlags, dir string, want opening) error {
	inputs, err := f.inputs(o.process, &o.found)
	if err != nil {
		return err
	}
	options := plan.Options{
		Inputs:   inputs,
		Now:      time.Now().UTC(),
		Handlers: action.Options{Client: action.NewClient(), Logger: want.log(ctx, o.logger), Seed: want.seed},
	}
	if o.found.load(dir, o.suite).HasErrors() {
		o.found.addPlan(ctx, o.suite, o.host, options)
		return o.tell()
	}
	if err := o.listen(ctx, want.listen); err != nil {
		return err
	}
	o.found.build(ctx, o.suite, o.host, options)
	o.redactor.Add(o.plan.Secrets...)
	if err := f.undeclared(inputs, []*specfile.Suite{o.spec}, &o.found); err != nil {
		return err
	}
	return o.tell()
}

// listen takes the ports. An address that the user gave and that cannot be had
// is a matter of usage.
func (o *opened) listen(ctx context.Context, address string) error {
	if address == "" {
		if err := o.suite.listen(ctx); err != nil {
			return &exitError{exitUndecided, err}
		}
		return nil
	}
	listeners, err := sandbox.Listen(ctx, address, o.spec.Mocks)
	if err != nil {
		return usageError("--listen %s: %w", address, err)
	}
	o.listeners = listeners
	return nil
}

// tell writes the diagnostics found so far; errors among them end the command.
func (o *opened) tell() error {
	if err := o.found.write(o.process, !o.noColor); err != nil {
		return err
	}
	if o.found.diags.HasErrors() {
		return &exitError{code: exitUsage}
	}
	o.found.diags = nil
	return nil
}

// close stops the plugins and the suite's own servers.
func (o *opened) close(ctx context.Context) {
	_ = o.host.Close(context.WithoutCancel(ctx))
	o.suite.close(ctx)
}
