package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-cx/assay/internal/deploy"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/plugins/sdk"
)

// platforms are the targets of a suite, started, and how to reach them.
type platforms struct {
	*opened
	reach map[string]target // by plugin name
	// recorded says that something is done which the required sinks are to hold.
	recorded bool
}

// target is a plugin that keeps schema documents.
type target struct {
	*runner.Target
	client *sdk.Client
}

// start starts the plugins that talk to platforms, those that must record what
// is done there where that is wanted, and no other, and the suite's own servers.
func (p *platforms) start(ctx context.Context) error {
	p.processes = map[string]*pluginhost.Process{}
	var needed []*plan.Plugin
	for _, plugin := range p.plan.Plugins {
		records := p.recorded && plugin.Is(sdk.KindSink) && plugin.Description.Sink.Required
		if records || plugin.Is(sdk.KindTarget) || plugin.Is(sdk.KindAuth) {
			needed = append(needed, plugin)
			if err := p.makeRoom(records); err != nil {
				return err
			}
			p.processes[plugin.Name] = p.host.LaunchBlock(p.block(plugin.Name, plugin.Source, plugin.Version))
		}
	}
	p.plan.Plugins = needed
	diags, err := p.configure(ctx, 0)
	p.found.add(p.spec, diags)
	if told := p.tell(); told != nil {
		return told
	}
	if err != nil {
		return p.failure(ctx, err)
	}
	p.sandbox.Serve(context.WithoutCancel(ctx), p.listeners)
	p.stacks = map[string]*invoke.Stack{}
	for _, plugin := range needed {
		p.stacks[plugin.Name] = invoke.New(plugin.Name, plugin.Policy, 0)
	}
	p.reach = map[string]target{}
	for name, t := range p.targets(p.redactor) {
		p.reach[name] = target{t, p.clients[name]}
	}
	return nil
}

// makeRoom makes the folder of a suite's state, where something is recorded.
func (p *platforms) makeRoom(records bool) error {
	if !records {
		return nil
	}
	if err := keepOutOfGit(p.plan.Dir); err != nil {
		return &exitError{exitUndecided, fmt.Errorf("the suite's state folder cannot be made: %w", err)}
	}
	return nil
}

// schema is what a target has of an action, or nil where it has nothing.
func (p *platforms) schema(ctx context.Context, target, id string) (*deploy.Document, error) {
	document, err := p.reach[target].get(ctx, id)
	if errors.Is(err, sdk.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	parsed, err := deploy.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("plugin.%s has a schema document that cannot be read: %w", target, err)
	}
	return &parsed, nil
}

// put deploys the document of an action to a target.
func (p *platforms) put(ctx context.Context, target, id string, document json.RawMessage) error {
	t := p.reach[target]
	return t.do(ctx, invoke.PutSchema, func(ctx context.Context, token string) error {
		return t.client.PutSchema(ctx, sdk.SchemaRequest{Token: token, ActionID: id}, document)
	})
}

// get reads the document of an action, or the list of all where id is empty.
func (t target) get(ctx context.Context, id string) (document json.RawMessage, err error) {
	err = t.do(ctx, invoke.GetSchema, func(ctx context.Context, token string) (err error) {
		document, err = t.client.GetSchema(ctx, sdk.SchemaRequest{Token: token, ActionID: id})
		return err
	})
	return document, err
}

// do makes one call of the target through the house's stack.
func (t target) do(ctx context.Context, op invoke.Operation, call func(context.Context, string) error) error {
	attempt := func(token string) error {
		return t.Stack.Do(ctx, op, func(ctx context.Context) error { return call(ctx, token) })
	}
	if t.Tokens == nil {
		return attempt("")
	}
	return t.Tokens.Do(ctx, attempt)
}

// embedded are the targets whose settings lead to the embedded tenant.
func (p *platforms) embedded() []string {
	var names []string
	for _, plugin := range p.plan.Plugins {
		if plugin.Is(sdk.KindTarget) && strings.Contains(string(plugin.Attributes), p.listeners.SandboxURL()) {
			names = append(names, plugin.Name)
		}
	}
	return names
}

// failure ends the command on an error of a platform or a plugin.
func (p *platforms) failure(ctx context.Context, err error) error {
	err = errors.New(p.redactor.With(nil).Text(err.Error()))
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, fmt.Errorf("interrupted: %w", err)}
	}
	return &exitError{exitUndecided, err}
}

// onPlatform is a document and the target that has it.
type onPlatform struct {
	target   string
	document deploy.Document
}

func (p *platforms) targetNames() []string {
	var names []string
	for _, plugin := range p.plan.Plugins {
		if plugin.Is(sdk.KindTarget) {
			names = append(names, plugin.Name)
		}
	}
	return names
}

// documents reads the documents of those ids, or all, from the targets.
func (p *platforms) documents(ctx context.Context, targets, ids []string) ([]onPlatform, error) {
	var found []onPlatform
	if len(ids) == 0 {
		for _, target := range targets {
			listed, err := p.list(ctx, target)
			if err != nil {
				return nil, p.failure(ctx, fmt.Errorf("plugin.%s: %w", target, err))
			}
			found = append(found, listed...)
		}
		return found, nil
	}
	for _, id := range ids {
		one, err := p.find(ctx, targets, id)
		if err != nil {
			return nil, p.failure(ctx, err)
		}
		if one == nil {
			return nil, usageError("--id %s: the platform has no schema document of this action in this environment", id)
		}
		found = append(found, *one)
	}
	return found, nil
}

// list reads all documents of a target.
func (p *platforms) list(ctx context.Context, target string) ([]onPlatform, error) {
	text, err := p.reach[target].get(ctx, "")
	if errors.Is(err, sdk.Unsupported) || errors.Is(err, sdk.NotFound) {
		return nil, fmt.Errorf("it does not list its actions, so say which to import with --id: %w", err)
	}
	if err != nil {
		return nil, err
	}
	var listed []json.RawMessage
	if err := json.Unmarshal(text, &listed); err != nil {
		return nil, fmt.Errorf("its list of schema documents cannot be read: %w", err)
	}
	var found []onPlatform
	for i, one := range listed {
		document, err := deploy.Parse(one)
		if err != nil {
			return nil, fmt.Errorf("the schema document %d of %d cannot be read: %w", i+1, len(listed), err)
		}
		found = append(found, onPlatform{target, document})
	}
	return found, nil
}

// find looks for an action's document on one target after the other.
func (p *platforms) find(ctx context.Context, targets []string, id string) (*onPlatform, error) {
	for _, target := range targets {
		document, err := p.schema(ctx, target, id)
		if err != nil {
			return nil, err
		}
		if document != nil {
			return &onPlatform{target, *document}, nil
		}
	}
	return nil, nil
}
