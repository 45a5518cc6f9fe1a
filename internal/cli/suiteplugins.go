package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/lua/hook"
	"github.com/assay-cx/assay/plugins/sdk"
)

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

// configureClassifiers starts those alone who are asked to classify.
func (s *suite) configureClassifiers(ctx context.Context, host *pluginhost.Host) (hcl.Diagnostics, error) {
	s.stack(0)
	s.processes = map[string]*pluginhost.Process{}
	var plugins []*plan.Plugin
	for _, p := range s.plan.Plugins {
		switch {
		case !p.Is(sdk.KindHook):
			continue
		case p.Attributes == nil:
			return nil, fmt.Errorf("plugin %q has settings that have no value here: give its variables one with --var; what refers to a mock or the sandbox has one in a run only", p.Name)
		}
		s.processes[p.Name] = host.LaunchBlock(s.block(p.Name, p.Source, p.Version))
		plugins = append(plugins, p)
	}
	if s.plan.ClassifyScript != "" {
		block, err := s.hook(0)
		if err != nil {
			return nil, err
		}
		s.processes[hookPlugin] = host.Launch(hookPlugin, "builtin/"+hookPlugin)
		plugins = append(plugins, block)
	}
	return s.configurePlugins(ctx, plugins, nil)
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
