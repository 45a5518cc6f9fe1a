package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/sandbox"
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

	dev       []result.DevPlugin // those that no lock file vouches for
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
		s.processes[p.Name] = host.LaunchBlock(s.block(p.Name, p.Source, p.Version))
	}
	if s.spec.Classifier != nil && s.spec.Classifier.Script != nil || s.spec.Hooks != nil {
		s.processes[hookPlugin] = host.Launch(hookPlugin, "builtin/"+hookPlugin)
	}
}

// block is a plugin block as the host finds its plugin.
func (s *suite) block(name, source, version string) pluginsource.Block {
	return pluginsource.Block{Dir: s.dir, Name: name, Source: source, Version: version}
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
func (s *suite) build(ctx context.Context, host *pluginhost.Host, options plan.Options) hcl.Diagnostics {
	for _, p := range s.spec.Plugins {
		if hash, ok := host.Development(p.Name); ok {
			s.dev = append(s.dev, result.DevPlugin{Suite: s.spec.Settings.Name, Plugin: p.Name, SHA256: strings.TrimPrefix(hash, "sha256:")})
		}
	}
	options.Describe = func(ctx context.Context, p *specfile.Plugin) (sdk.Description, error) {
		return host.Describe(ctx, s.block(p.Name, p.Source, p.Version))
	}
	options.MockURLs = s.mockURLs()
	if s.listeners != nil {
		options.SandboxURL = s.listeners.SandboxURL()
	}
	var diags hcl.Diagnostics
	s.plan, diags = plan.Build(ctx, s.spec, options)
	diags = diags.Extend(s.nameTaken())
	runtimes := make([]*action.Runtime, 0, len(s.plan.Actions))
	for _, a := range s.plan.Actions {
		if a.Runtime != nil {
			runtimes = append(runtimes, a.Runtime)
		}
	}
	var problems hcl.Diagnostics
	mocks, settings := s.spec.Mocks, s.spec.Sandbox
	if len(s.spec.Broken) > 0 {
		mocks = slices.DeleteFunc(slices.Clone(mocks), func(m *specfile.Mock) bool { return s.spec.Broken[m.Range] })
	}
	if settings != nil && s.spec.Broken[settings.Range] {
		settings = nil
	}
	s.sandbox, problems = sandbox.Compile(sandbox.Spec{
		Mocks:    mocks,
		Settings: settings,
		Actions:  runtimes,
		Vectors:  faultVectors(s.plan),
		Scope:    s.plan.Scope,
		Seed:     options.Handlers.Seed,
		Logger:   options.Handlers.Logger,
	})
	return diags.Extend(problems)
}

// nameTaken finds a plugin block with the name under which scripts run.
func (s *suite) nameTaken() (diags hcl.Diagnostics) {
	for _, p := range s.spec.Plugins {
		if p.Name == hookPlugin && s.plan.Scripted() {
			diags = diags.Append(&hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Name is taken", Subject: &p.Range,
				Detail: fmt.Sprintf("The scripts of the blocks classifier and hooks run as the plugin %q: give this one another name.", hookPlugin),
			})
		}
	}
	return diags
}

// faultVectors are the vectors that a fault of the sandbox can be for.
func faultVectors(p *plan.Plan) []sandbox.Vector {
	vectors := make([]sandbox.Vector, len(p.Vectors))
	for i, v := range p.Vectors {
		vectors[i] = sandbox.Vector{Name: v.Name, ActionID: v.Action.ID, Input: v.Input}
	}
	return vectors
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
