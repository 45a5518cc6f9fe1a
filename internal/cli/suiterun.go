package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/internal/telemetry"
	"github.com/assay-cx/assay/plugins/sdk"
)

// surroundings is what a suite's run shares with the rest of the command.
type surroundings struct {
	runID    string
	seed     uint64
	actor    *sdk.Actor
	redactor *redact.Redactor
	listener runner.Listener
	failFast bool
	partial  bool // a filter left vectors out
	stopAll  func()
}

// account is what a suite's run came to, beside its vectors.
type account struct {
	runner.Outcome
	sinks      []result.Sink
	operations []result.Operation
	faults     []result.Fault
}

// run runs the suite.
func (s *suite) run(ctx context.Context, stop <-chan struct{}, around surroundings) account {
	around.redactor.Add(s.plan.Secrets...)
	ctx, span := telemetry.Suite(ctx, s.plan.Suite)
	s.sandbox.Serve(ctx, s.listeners)
	s.stack(around.seed)
	fanout := s.fanOut(ctx, around.redactor, s.sinks())
	r := &runner.Runner{
		Plan:       s.plan,
		RunID:      around.runID,
		Targets:    s.targets(around.redactor),
		Delivery:   fanout,
		Redactor:   around.redactor,
		Listener:   around.listener,
		FailFast:   around.failFast,
		Partial:    around.partial,
		OnFailFast: around.stopAll,
	}
	r.Classifiers, r.Hooks = s.hooks(around.seed)
	trail := &trail{suite: s, fanout: fanout, around: around, command: "run"}
	if err := trail.start(ctx); err != nil {
		stop = closed() // nothing is submitted that the audit log knows nothing of
	}
	outcome := r.Run(ctx, stop)
	sinks := trail.end(ctx, &outcome)
	telemetry.EndSuite(span, s.plan.Suite, outcome.Status)
	outcome.Warnings = append(outcome.Warnings, s.mockProblems(around.redactor)...)
	outcome.Warnings = append(outcome.Warnings, s.unlocked()...)
	return account{outcome, sinks, s.operations(), s.faults()}
}

// mockProblems warns of routes that could not be evaluated for a request:
// what a vector saw of them is not what the spec meant.
func (s *suite) mockProblems(redactor *redact.Redactor) []result.Error {
	var problems []result.Error
	for _, p := range s.sandbox.MockProblems() {
		problems = append(problems, result.Error{
			Summary: "A mock's route could not be evaluated",
			Detail:  redactor.With(nil).Text(fmt.Sprintf("mock %q, route %q, %d times: %s", p.Mock, p.Route, p.Count, p.Text)),
		})
	}
	return problems
}

// unlocked warns of plugins that no lock file vouches for.
func (s *suite) unlocked() []result.Error {
	var warnings []result.Error
	for _, d := range s.dev {
		warnings = append(warnings, result.Error{
			Summary: "Development plugin",
			Detail:  fmt.Sprintf("plugin.%s of suite %s ran as --dev-plugin gave it (sha256:%s); no lock file vouches for it", d.Plugin, d.Suite, d.SHA256),
		})
	}
	return warnings
}

func (s *suite) faults() []result.Fault {
	var faults []result.Fault
	for _, f := range s.sandbox.Faults() {
		faults = append(faults, result.Fault{Suite: s.plan.Suite, Place: f.Place, Kind: f.Kind, Seen: f.Seen, Hits: f.Hits})
	}
	return faults
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (s *suite) targets(redactor *redact.Redactor) map[string]*runner.Target {
	caches := map[string]*invoke.Tokens{}
	targets := map[string]*runner.Target{}
	for _, p := range s.plan.Plugins {
		if !p.Is(sdk.KindTarget) {
			continue
		}
		if p.Auth != "" && caches[p.Auth] == nil {
			caches[p.Auth] = s.tokens(p.Auth, redactor)
		}
		targets[p.Name] = &runner.Target{
			Operations: s.clients[p.Name],
			Stack:      s.stacks[p.Name],
			Tokens:     caches[p.Auth],
			Poll:       s.policies[p.Name],
		}
	}
	return targets
}

// tokens caches the tokens of an auth plugin. Each new one becomes a secret
// of the run before anyone uses it.
func (s *suite) tokens(auth string, redactor *redact.Redactor) *invoke.Tokens {
	fetch := func(ctx context.Context, rejected string) (token sdk.Token, err error) {
		err = s.stacks[auth].Do(ctx, invoke.Token, func(ctx context.Context) (err error) {
			token, err = s.clients[auth].Token(ctx, rejected)
			return err
		})
		return token, err
	}
	return invoke.NewTokens(fetch, func(token string) { redactor.Add(token) })
}

// hooks are who a run asks to classify, and who for all else: the suite's
// scripts, then its hook plugins in the order of their names.
func (s *suite) hooks(seed uint64) (classifiers, hooks []runner.Hook) {
	if s.plan.Scripted() {
		s.stacks[hookPlugin] = invoke.New(hookPlugin, invoke.Policy{}, seed)
	}
	if script := s.plan.ClassifyScript; script != "" {
		classifiers = append(classifiers, s.callHook(runner.HookScript, script, hookPlugin))
	}
	if script := s.plan.HooksScript; script != "" {
		hooks = append(hooks, s.callHook(runner.HookScript, script, hookPlugin))
	}
	var plugins []runner.Hook
	for _, p := range s.plan.Plugins {
		if p.Is(sdk.KindHook) {
			plugins = append(plugins, s.callHook(runner.HookPlugin, p.Name, p.Name))
		}
	}
	slices.SortFunc(plugins, func(a, b runner.Hook) int { return strings.Compare(a.Name, b.Name) })
	return append(classifiers, plugins...), append(hooks, plugins...)
}

func (s *suite) callHook(kind runner.HookKind, name, plugin string) runner.Hook {
	call := func(ctx context.Context, name string, document json.RawMessage) (answer json.RawMessage, err error) {
		err = s.stacks[plugin].Do(ctx, invoke.Call, func(ctx context.Context) (err error) {
			answer, err = s.clients[plugin].Call(ctx, name, document)
			return err
		})
		return answer, err
	}
	return runner.Hook{Kind: kind, Name: name, Call: call}
}

func (s *suite) operations() []result.Operation {
	var all []result.Operation
	for _, p := range s.plan.Plugins {
		all = append(all, s.stacks[p.Name].Operations()...)
	}
	if stack := s.stacks[hookPlugin]; stack != nil {
		all = append(all, stack.Operations()...)
	}
	for i := range all {
		o := &all[i]
		o.Suite = s.plan.Suite
		o.Restarts = s.processes[o.Plugin].Restarts()[o.Operation]
	}
	return all
}
