package sandbox

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
)

// settings are those of the embedded tenant.
type settings struct {
	clients       map[string]string // secret by id; empty accepts everybody
	tokenTTL      time.Duration
	enforceScopes bool
	sessionTTL    time.Duration
	maxSessions   int
	pageSize      int // rows of a page of analytics
}

var defaults = settings{
	tokenTTL:    time.Hour,
	sessionTTL:  24 * time.Hour,
	maxSessions: 5000,
	pageSize:    50,
}

// settingAttributes are the attributes of a sandbox block, and how each is read.
var settingAttributes = map[string]func(*settings, hcl.Expression, *hcl.EvalContext) hcl.Diagnostics{
	"clients": (*settings).readClients,
	"token_ttl": func(s *settings, expr hcl.Expression, scope *hcl.EvalContext) (diags hcl.Diagnostics) {
		s.tokenTTL, diags = action.Duration(expr, scope, s.tokenTTL)
		return diags
	},
	"enforce_scopes": func(s *settings, expr hcl.Expression, scope *hcl.EvalContext) hcl.Diagnostics {
		value, diags := action.Constant(expr, scope, cty.Bool)
		s.enforceScopes = value != cty.NilVal && value.True()
		return diags
	},
	"session_ttl": func(s *settings, expr hcl.Expression, scope *hcl.EvalContext) (diags hcl.Diagnostics) {
		s.sessionTTL, diags = action.Duration(expr, scope, s.sessionTTL)
		return diags
	},
	"max_sessions": func(s *settings, expr hcl.Expression, scope *hcl.EvalContext) (diags hcl.Diagnostics) {
		s.maxSessions, diags = action.Integer(expr, scope, s.maxSessions, 1, 1_000_000)
		return diags
	},
	"page_size": func(s *settings, expr hcl.Expression, scope *hcl.EvalContext) (diags hcl.Diagnostics) {
		s.pageSize, diags = action.Integer(expr, scope, s.pageSize, 1, 1000)
		return diags
	},
}

func (s *settings) readClients(expr hcl.Expression, scope *hcl.EvalContext) hcl.Diagnostics {
	value, diags := action.Constant(expr, scope, cty.Map(cty.String))
	if value == cty.NilVal {
		return diags
	}
	s.clients = make(map[string]string, value.LengthInt())
	for id, secret := range value.Elements() {
		if !secret.IsNull() {
			s.clients[id.AsString()] = secret.AsString()
		}
	}
	return diags
}

// compileSettings reads a sandbox block and its faults.
func compileSettings(spec Spec) (settings, []*fault, hcl.Diagnostics) {
	s := defaults
	if spec.Settings == nil {
		return s, nil, nil
	}
	var diags hcl.Diagnostics
	for _, name := range keys(spec.Settings.Settings) {
		attribute := spec.Settings.Settings[name]
		read, ok := settingAttributes[name]
		if !ok {
			diags = append(diags, unsupported(attribute, keys(settingAttributes)))
			continue
		}
		diags = append(diags, read(&s, attribute.Expr, spec.Scope)...)
	}
	var faults []*fault
	for _, block := range spec.Settings.Faults {
		f, problems := compileTenantFault(block, spec)
		diags = append(diags, problems...)
		faults = append(faults, f)
	}
	return s, faults, diags
}

func compileTenantFault(block *specfile.Fault, spec Spec) (*fault, hcl.Diagnostics) {
	op := operation(block.Operation)
	if !slices.Contains(operations, op) {
		names := make([]string, len(operations))
		for i, known := range operations {
			names[i] = string(known)
		}
		return &fault{}, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Unknown operation", Subject: &block.Range,
			Detail: "The sandbox has no operation " + block.Operation + "." + didYouMean(block.Operation, names) +
				" A fault strikes one of " + strings.Join(names, ", ") + ".",
		}}
	}
	reader := newFaultReader(op, "sandbox."+block.Operation, block.Range, spec.Scope, spec.Seed)
	reader.vectors = spec.Vectors
	f, diags := reader.read(block.Settings, block.Range)
	return f, append(diags, action.Check(f.when, withVariable(spec.Scope, "input", cty.DynamicVal), cty.Bool)...)
}

func withVariable(scope *hcl.EvalContext, name string, value cty.Value) *hcl.EvalContext {
	child := scope.NewChild()
	child.Functions = scope.Functions // HCL suggests names from the innermost scope only
	child.Variables = map[string]cty.Value{name: value}
	return child
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return h.Sum64()
}
