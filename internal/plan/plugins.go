package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

const defaultParallel = 10

// settings evaluates the suite block.
func (b *builder) settings() {
	s := b.suite.Settings
	b.plan.Parallel = defaultParallel
	if n := b.count(s.Parallel, 1, 10000); n > 0 {
		b.plan.Parallel = n
	}
	b.plan.Timeout = b.duration(s.Timeout, time.Millisecond, nil)
}

func (b *builder) plugins(ctx context.Context) {
	for _, spec := range b.suite.Plugins {
		p := b.plugin(ctx, spec)
		if p == nil {
			b.unknown = true
			continue
		}
		b.plan.Plugins = append(b.plan.Plugins, p)
		if p.Is(sdk.KindTarget) {
			b.targets = append(b.targets, p)
		}
	}
	for _, spec := range b.suite.Plugins {
		b.linkAuth(spec)
	}
}

// plugin evaluates a plugin block; nil where its source is not known.
func (b *builder) plugin(ctx context.Context, spec *specfile.Plugin) *Plugin {
	description, err := b.options.Describe(ctx, spec)
	if err != nil && b.suite.Broken[spec.Range] {
		return nil // its source may be what is wrong
	}
	if err != nil {
		b.errorf(spec.SourceRange, "Plugin not usable", fmt.Sprintf("The plugin %q has the source %q: %s.", spec.Name, spec.Source, err))
		return nil
	}
	p := &Plugin{
		Name:        spec.Name,
		Source:      spec.Source,
		Version:     spec.Version,
		Description: description,
		Range:       spec.Range,
	}
	for name, attribute := range spec.Attributes {
		p.SetRange(name, attribute.Expr)
	}
	p.Policy = b.policy(spec)
	p.Attributes = b.pluginAttributes(spec, description.Schema)
	return p
}

func (b *builder) policy(spec *specfile.Plugin) invoke.Policy {
	var policy invoke.Policy
	if r := spec.Retry; r != nil {
		policy.Attempts = b.count(r.Attempts, 1, 100)
		policy.BaseDelay = b.duration(r.BaseDelay, time.Millisecond, nil)
		policy.MaxDelay = b.duration(r.MaxDelay, time.Millisecond, nil)
	}
	if r := spec.Breaker; r != nil {
		policy.Failures = b.count(r.Failures, 1, 1000000)
		policy.OpenFor = b.duration(r.OpenFor, time.Millisecond, nil)
	}
	if r := spec.RateLimit; r != nil {
		if n := b.amount(r.PerSecond, nil); n != nil {
			if *n <= 0 {
				b.errorf(r.PerSecond.Range(), "Number out of range", "per_second must be above 0.")
			}
			policy.PerSecond = *n
		}
		policy.Burst = b.count(r.Burst, 1, 1000000)
	}
	if t := spec.Timeout; t != nil {
		policy.Timeout = b.duration(t.Attempt, time.Millisecond, nil)
		policy.Total = b.duration(t.Total, time.Millisecond, nil)
	}
	return policy
}

// linkAuth resolves a plugin's auth reference, once all plugins are known.
func (b *builder) linkAuth(spec *specfile.Plugin) {
	name, ok := b.reference(spec.Auth, "plugin")
	if !ok {
		return
	}
	for _, p := range b.plan.Plugins {
		if p.Name == name && !p.Is(sdk.KindAuth) {
			b.errorf(spec.Auth.Range(), "Not an auth plugin", fmt.Sprintf(
				"plugin.%s is of kind %s. auth needs a plugin that gets tokens, such as builtin/auth.", name, kinds(p)))
			return
		}
	}
	for _, p := range b.plan.Plugins {
		if p.Name == spec.Name {
			p.Auth = name
		}
	}
}

func kinds(p *Plugin) string {
	names := make([]string, len(p.Description.Kinds))
	for i, k := range p.Description.Kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// pluginAttributes evaluates a plugin's own attributes and checks them
// against its schema; nil where a value is known only in a run.
func (b *builder) pluginAttributes(spec *specfile.Plugin, schema sdk.Schema) json.RawMessage {
	for name, attribute := range spec.Attributes {
		if !slices.ContainsFunc(schema.Attributes, func(a sdk.Attribute) bool { return a.Name == name }) {
			b.unknownAttribute(spec.Name, schema, attribute.Name, attribute.NameRange)
			b.misspelt(schema, attribute)
		}
	}
	document := make(map[string]json.RawMessage, len(schema.Attributes))
	known := true
	for _, a := range schema.Attributes {
		given := spec.Attributes[a.Name]
		if given == nil {
			if a.Required {
				b.errorf(spec.Range, "Missing required attribute", fmt.Sprintf(
					"The plugin %q needs the attribute %q%s.", spec.Name, a.Name, meaning(a)))
			}
			if len(a.Default) > 0 {
				document[a.Name] = a.Default
			}
			continue
		}
		value, ok := b.pluginValue(given.Expr, a)
		known = known && ok
		document[a.Name] = value
	}
	if !known {
		return nil
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		b.errorf(spec.Range, "Plugin settings cannot be written as JSON", err.Error())
	}
	return encoded
}

// misspelt keeps the value of an attribute secret that is probably meant to be
// a secret one.
func (b *builder) misspelt(schema sdk.Schema, attribute *hcl.Attribute) {
	var names []string
	for _, a := range schema.Attributes {
		if a.Sensitive {
			names = append(names, a.Name)
		}
	}
	if value, diags := attribute.Expr.Value(nil); !diags.HasErrors() && specfile.Nearest(attribute.Name, names) != "" {
		b.plan.Secrets = append(b.plan.Secrets, leaves(value)...)
	}
}

func (b *builder) unknownAttribute(plugin string, schema sdk.Schema, name string, at hcl.Range) {
	names := make([]string, len(schema.Attributes))
	for i, a := range schema.Attributes {
		names[i] = a.Name
	}
	b.errorf(at, "Unsupported argument", fmt.Sprintf(
		"The plugin %q has no attribute named %q.%s", plugin, name, suggestion(name, names, "It takes none")))
}

// pluginValue evaluates one attribute to JSON; ok is false where it is wrong
// or known only in a run.
func (b *builder) pluginValue(expr hcl.Expression, a sdk.Attribute) (document json.RawMessage, ok bool) {
	value, ok := b.eval(expr, cty.DynamicPseudoType, nil)
	if !ok {
		return nil, false
	}
	t, err := attributeType(a.Type)
	if err != nil {
		b.errorf(expr.Range(), "Plugin schema cannot be read", fmt.Sprintf("The type of %q: %s.", a.Name, err))
		return nil, false
	}
	if a.Sensitive {
		b.plan.Secrets = append(b.plan.Secrets, leaves(value)...)
	}
	value, hidden := b.unmark(value)
	b.plan.Secrets = append(b.plan.Secrets, hidden...)
	value, err = convert.Convert(value, t)
	if err != nil {
		b.errorf(expr.Range(), "Wrong type of value", fmt.Sprintf("%s must be %s: %s.", a.Name, t.FriendlyName(), mismatch(err)))
		return nil, false
	}
	if value.IsNull() && a.Required {
		b.errorf(expr.Range(), "Missing required attribute", fmt.Sprintf("%s is null here, and it must have a value%s.", a.Name, meaning(a)))
		return nil, false
	}
	if !value.IsWhollyKnown() {
		return nil, false
	}
	if value.IsNull() {
		return orDefault(a.Default), true
	}
	if t == cty.String {
		b.checkString(expr.Range(), a, value.AsString())
	}
	document, err = ctyjson.Marshal(value, t)
	if err != nil {
		b.errorf(expr.Range(), "Wrong type of value", fmt.Sprintf("%s: %s.", a.Name, err))
		return nil, false
	}
	return document, true
}

// orDefault is the default of an attribute that the spec sets to null.
func orDefault(fallback json.RawMessage) json.RawMessage {
	if len(fallback) == 0 {
		return json.RawMessage("null")
	}
	return fallback
}

func attributeType(t sdk.Type) (cty.Type, error) {
	encoded, err := json.Marshal(t)
	if err != nil {
		return cty.NilType, err
	}
	return ctyjson.UnmarshalType(encoded)
}

func (b *builder) checkString(at hcl.Range, a sdk.Attribute, text string) {
	shown := fmt.Sprintf("%q", text)
	if a.Sensitive {
		shown = "the value"
	}
	if len(a.Enum) > 0 && !slices.Contains(a.Enum, text) {
		b.errorf(at, "Value not allowed", fmt.Sprintf("%s must be one of %s, not %s.", a.Name, strings.Join(a.Enum, ", "), shown))
	}
	switch a.Format {
	case sdk.FormatDuration:
		if d, err := time.ParseDuration(text); err != nil || d < 0 {
			b.errorf(at, "Not a duration", fmt.Sprintf("%s must be a duration such as \"500ms\" or \"10s\", not %s.", a.Name, shown))
		}
	case sdk.FormatURL:
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			b.errorf(at, "Not a URL", fmt.Sprintf("%s must be an absolute http or https URL such as \"https://api.example.com\", not %s.", a.Name, shown))
		}
	}
}

// overrides evaluates a vector's `with` against its target's schema.
func (b *builder) overrides(expr hcl.Expression, target *Plugin, extra map[string]cty.Value) json.RawMessage {
	if expr == nil || target == nil {
		return nil
	}
	value, ok := b.eval(expr, cty.DynamicPseudoType, extra)
	if !ok || value.IsNull() {
		return nil
	}
	unmarked, hidden := b.unmark(value)
	b.plan.Secrets = append(b.plan.Secrets, hidden...)
	if !unmarked.IsWhollyKnown() {
		return nil
	}
	if !unmarked.Type().IsObjectType() && !unmarked.Type().IsMapType() {
		b.errorf(expr.Range(), "Wrong type of value", "with must be an object of the target plugin's attributes, such as { environment = \"dev\" }.")
		return nil
	}
	document := map[string]json.RawMessage{}
	for name, element := range unmarked.AsValueMap() {
		i := slices.IndexFunc(target.Description.Schema.Attributes, func(a sdk.Attribute) bool { return a.Name == name })
		if i < 0 {
			b.unknownAttribute(target.Name, target.Description.Schema, name, expr.Range())
			continue
		}
		if encoded, ok := b.pluginValue(hcl.StaticExpr(element, expr.Range()), target.Description.Schema.Attributes[i]); ok {
			document[name] = encoded
		}
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		b.errorf(expr.Range(), "Plugin settings cannot be written as JSON", err.Error())
	}
	return encoded
}

// meaning is what a plugin says an attribute is, to stand at the end of a
// sentence; empty where it says nothing.
func meaning(a sdk.Attribute) string {
	told := strings.TrimSuffix(a.Description, ".")
	if told == "" {
		return ""
	}
	return ": " + told
}
