package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/internal/sandbox"
	"github.com/assay-cx/assay/lua/hook"
	"github.com/assay-cx/assay/plugins/sdk"
)

// hookPlugin is the name under which a suite's scripts run.
const hookPlugin = "lua"

// suite is one suite on its way from files to a run.
type suite struct {
	dir       string // as the command line spells it
	spec      *specfile.Suite
	plan      *plan.Plan
	listeners *sandbox.Listeners
	sandbox   *sandbox.Sandbox

	processes map[string]*pluginhost.Process
	clients   map[string]*sdk.Client
	policies  map[string]sdk.PollPolicy // of targets
	sinking   map[string]sdk.SinkPolicy // of queued sinks
	lenient   map[string]bool           // required sinks that may fail
	stacks    map[string]*invoke.Stack
}

// launch starts the suite's plugins, in the background.
func (s *suite) launch(host *pluginhost.Host) {
	s.processes = map[string]*pluginhost.Process{}
	for _, p := range s.spec.Plugins {
		s.processes[p.Name] = host.Launch(p.Name, p.Source)
	}
	if s.spec.Classifier != nil && s.spec.Classifier.Script != nil || s.spec.Hooks != nil {
		s.processes[hookPlugin] = host.Launch(hookPlugin, "builtin/"+hookPlugin)
	}
}

// listen takes the ports of the suite's own servers, so that expressions can
// name them.
func (s *suite) listen(ctx context.Context) (err error) {
	s.listeners, err = sandbox.Listen(ctx, "127.0.0.1:0", s.spec.Mocks)
	if err != nil {
		return fmt.Errorf("the embedded tenant has no port on loopback: %w", err)
	}
	return nil
}

// mockURLs are where the mocks listen; empty before listen.
func (s *suite) mockURLs() map[string]string {
	urls := map[string]string{}
	if s.listeners != nil {
		for _, mock := range s.spec.Mocks {
			urls[mock.Name] = s.listeners.MockURL(mock.Name)
		}
	}
	return urls
}

// build plans the suite and compiles its sandbox.
func (s *suite) build(ctx context.Context, options plan.Options) hcl.Diagnostics {
	options.MockURLs = s.mockURLs()
	if s.listeners != nil {
		options.SandboxURL = s.listeners.SandboxURL()
	}
	var diags hcl.Diagnostics
	s.plan, diags = plan.Build(ctx, s.spec, options)
	runtimes := make([]*action.Runtime, 0, len(s.plan.Actions))
	for _, a := range s.plan.Actions {
		if a.Runtime != nil {
			runtimes = append(runtimes, a.Runtime)
		}
	}
	var problems hcl.Diagnostics
	s.sandbox, problems = sandbox.Compile(sandbox.Spec{
		Mocks:    s.spec.Mocks,
		Settings: s.spec.Sandbox,
		Actions:  runtimes,
		Vectors:  faultVectors(s.plan),
		Scope:    s.plan.Scope,
		Seed:     options.Handlers.Seed,
		Logger:   options.Handlers.Logger,
	})
	return diags.Extend(problems)
}

// faultVectors are the vectors that a fault of the sandbox can be for.
func faultVectors(p *plan.Plan) []sandbox.Vector {
	vectors := make([]sandbox.Vector, len(p.Vectors))
	for i, v := range p.Vectors {
		vectors[i] = sandbox.Vector{Name: v.Name, ActionID: v.Action.ID, Input: v.Input}
	}
	return vectors
}

// configure waits for the plugins and gives them their settings, all at the
// same time. Problems that a plugin finds are diagnostics; an error means that
// a plugin could not be asked.
func (s *suite) configure(ctx context.Context, seed uint64) (hcl.Diagnostics, error) {
	plugins := s.plan.Plugins
	if s.processes[hookPlugin] != nil && s.plan.Scripted() {
		block, err := s.hook(seed)
		if err != nil {
			return nil, err
		}
		plugins = append(slices.Clone(plugins), block)
	}
	return s.configurePlugins(ctx, plugins, s.listeners.Hosts())
}

func (s *suite) configurePlugins(ctx context.Context, plugins []*plan.Plugin, localHosts []string) (hcl.Diagnostics, error) {
	s.clients = make(map[string]*sdk.Client, len(plugins))
	s.policies = map[string]sdk.PollPolicy{}
	s.sinking, s.lenient = map[string]sdk.SinkPolicy{}, map[string]bool{}
	answers := make([]sdk.Configured, len(plugins))
	clients := make([]*sdk.Client, len(plugins))
	problems := make([]hcl.Diagnostics, len(plugins))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range plugins {
		group.Go(func() (err error) {
			clients[i], err = s.processes[p.Name].Client(ctx)
			if err != nil {
				return fmt.Errorf("plugin %q did not start: %w", p.Name, err)
			}
			answers[i], err = clients[i].Configure(ctx, sdk.Config{
				Attributes: p.Attributes,
				Workspace:  s.plan.Dir,
				LocalHosts: localHosts,
			})
			var wrong *sdk.ConfigError
			if errors.As(err, &wrong) {
				problems[i] = p.Diagnostics(wrong.Problems)
				return nil
			}
			if err != nil {
				return fmt.Errorf("plugin %q could not be configured: %w", p.Name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	var diags hcl.Diagnostics
	for i, p := range plugins {
		s.clients[p.Name] = clients[i]
		s.policies[p.Name] = pollPolicy(answers[i].Poll)
		s.lenient[p.Name] = answers[i].BestEffort
		if policy := answers[i].Sink; policy != nil {
			s.sinking[p.Name] = *policy
		}
		diags = diags.Extend(problems[i])
	}
	return diags, err
}

// compileScripts has the suite's scripts compiled in this process, without
// running them.
func (s *suite) compileScripts(ctx context.Context) (hcl.Diagnostics, error) {
	if !s.plan.Scripted() {
		return nil, nil
	}
	block, err := s.hook(0)
	if err != nil {
		return nil, err
	}
	plugin := hook.New()
	if held, ok := plugin.(sdk.Shutdowner); ok {
		defer func() { _ = held.Shutdown(ctx) }() // nothing was run
	}
	_, err = plugin.Configure(ctx, sdk.Config{Attributes: block.Attributes, Workspace: s.plan.Dir})
	var wrong *sdk.ConfigError
	if errors.As(err, &wrong) {
		return block.Diagnostics(wrong.Problems), nil
	}
	return nil, err
}

// configureHook starts the suite's scripts alone.
func (s *suite) configureHook(ctx context.Context, host *pluginhost.Host) (hcl.Diagnostics, error) {
	block, err := s.hook(0)
	if err != nil {
		return nil, err
	}
	s.stacks = map[string]*invoke.Stack{}
	s.processes = map[string]*pluginhost.Process{hookPlugin: host.Launch(hookPlugin, "builtin/"+hookPlugin)}
	return s.configurePlugins(ctx, []*plan.Plugin{block}, nil)
}

// hook is the plugin block that the spec does not have to write.
func (s *suite) hook(seed uint64) (*plan.Plugin, error) {
	attributes, err := json.Marshal(map[string]any{
		"classifier": s.plan.ClassifyScript, "hooks": s.plan.HooksScript, "seed": seed,
	})
	if err != nil {
		return nil, err
	}
	block := &plan.Plugin{Name: hookPlugin, Attributes: attributes}
	if s.spec.Classifier != nil {
		block.Range = s.spec.Classifier.Range
		block.SetRange("classifier", s.spec.Classifier.Script)
	}
	if s.spec.Hooks != nil {
		block.Range = s.spec.Hooks.Range
		block.SetRange("hooks", s.spec.Hooks.Script)
	}
	return block, nil
}

// pollPolicy fills in what a target did not say.
func pollPolicy(told *sdk.PollPolicy) sdk.PollPolicy {
	policy := runner.DefaultPoll
	if told == nil {
		return policy
	}
	if told.Initial > 0 {
		policy.Initial = told.Initial
	}
	if told.Max > 0 {
		policy.Max = told.Max
	}
	if told.Attempts > 0 {
		policy.Attempts = told.Attempts
	}
	if told.Timeout > 0 {
		policy.Timeout = told.Timeout
	}
	return policy
}

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
	if s.plan.Scripted() {
		r.Hook = s.callHook(around.seed)
	}
	trail := &trail{suite: s, fanout: fanout, around: around, command: "run"}
	if err := trail.start(ctx); err != nil {
		stop = closed() // nothing is submitted that the audit log knows nothing of
	}
	outcome := r.Run(ctx, stop)
	sinks := trail.end(ctx, &outcome)
	outcome.Warnings = append(outcome.Warnings, s.mockProblems(around.redactor)...)
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

func (s *suite) callHook(seed uint64) runner.Hook {
	stack := invoke.New(hookPlugin, invoke.Policy{}, seed)
	s.stacks[hookPlugin] = stack
	return func(ctx context.Context, name string, document json.RawMessage) (answer json.RawMessage, err error) {
		err = stack.Do(ctx, invoke.Call, func(ctx context.Context) (err error) {
			answer, err = s.clients[hookPlugin].Call(ctx, name, document)
			return err
		})
		return answer, err
	}
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
		all[i].Suite = s.plan.Suite
	}
	return all
}

// serverGrace is how long the sandbox may take to finish its answers.
const serverGrace = 2 * time.Second

func (s *suite) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverGrace)
	defer cancel()
	if s.sandbox != nil {
		_ = s.sandbox.Close(ctx) // what hangs on purpose does not matter any more
	}
	if s.listeners != nil {
		s.listeners.Close()
	}
}

// keepOutOfGit makes the suite's state folder ignore itself.
func keepOutOfGit(dir string) error {
	state := filepath.Join(dir, ".assay")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(state, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString("*\n")
	return errors.Join(err, file.Close())
}
