// Package plan turns a decoded suite into what will run: variables resolved,
// expressions evaluated, plugin settings checked against the plugins' own
// schemas, inputs checked against the actions'. It sends nothing.
//
// Start reading at Build.
package plan

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/check"
	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/schema"
	"github.com/assay-cx/assay/plugins/sdk"
)

// Plan is one suite, ready to run.
type Plan struct {
	Suite      string
	Dir        string
	Parallel   int           // vectors in flight
	Timeout    time.Duration // of the whole suite; 0 for none
	Plugins    []*Plugin
	Actions    []*Action
	Vectors    []*Vector // in the order of the spec
	Thresholds []*Threshold
	Rules      classify.Rules
	// ClassifyScript and HooksScript are Lua files, relative to Dir; empty for none.
	ClassifyScript string
	HooksScript    string
	// Scope evaluates what is left for the run: handlers and mocks.
	Scope *hcl.EvalContext
	// Secrets are values that must not leave the process but where the spec sends them.
	Secrets []string
}

// Scripted reports whether the suite has Lua scripts to run.
func (p *Plan) Scripted() bool { return p.ClassifyScript != "" || p.HooksScript != "" }

// Plugin is a plugin block, evaluated.
type Plugin struct {
	Name        string
	Source      string
	Version     string // the constraint of the block, or empty
	Description sdk.Description
	Attributes  json.RawMessage // a JSON object of the schema's attributes, defaults filled in
	Auth        string          // name of the auth plugin, or empty
	Policy      invoke.Policy
	Range       hcl.Range

	ranges map[string]hcl.Range // of the attributes that the spec sets
}

// Is reports whether the plugin is of a kind.
func (p *Plugin) Is(kind sdk.Kind) bool {
	return slices.Contains(p.Description.Kinds, kind)
}

// SetRange says where the spec sets an attribute.
func (p *Plugin) SetRange(attribute string, expr hcl.Expression) {
	if expr == nil {
		return
	}
	if p.ranges == nil {
		p.ranges = map[string]hcl.Range{}
	}
	p.ranges[attribute] = expr.Range()
}

// Diagnostics points problems that the plugin itself found at the attributes
// that they are about.
func (p *Plugin) Diagnostics(problems []sdk.Problem) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, problem := range problems {
		subject := p.Range
		if r, ok := p.ranges[problem.Attribute]; ok {
			subject = r
		}
		diags = diags.Append(&hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  problem.Summary,
			Detail:   problem.Detail,
			Subject:  &subject,
		})
	}
	return diags
}

// Action is an action block, evaluated.
type Action struct {
	action.Definition
	Runtime *action.Runtime // nil where the spec has no handler
	Target  *Plugin         // nil where the suite has no target
}

// Codes are the error codes that the action declares.
func (a *Action) Codes() []string {
	codes := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		codes[i] = e.Code
	}
	return codes
}

// Declared are the error codes as the classifier takes them.
func (a *Action) Declared() []classify.DeclaredError {
	declared := make([]classify.DeclaredError, len(a.Errors))
	for i, e := range a.Errors {
		declared[i] = classify.DeclaredError{Code: e.Code, Category: e.Category}
	}
	return declared
}

// Vector is one instance of a vector block.
type Vector struct {
	Name       string // throttled["W-1"] where the block has for_each
	Action     *Action
	Tags       []string
	Input      json.RawMessage // a JSON object; nil where a value is known only in a run
	Overrides  json.RawMessage // settings of the target for this vector; nil for none
	Expect     check.Expect
	Conditions []check.Condition
	// Sensitive are the values of the input that are masked wherever they show.
	Sensitive []string
	Range     hcl.Range
}

// Threshold is a threshold block, evaluated.
type Threshold struct {
	Name          string
	Metric        string
	Action        *Action // nil: the whole run
	Window        string  // ISO 8601 duration
	Min           *float64
	Max           *float64
	Warn          *float64
	MinExecutions int64
	Range         hcl.Range
}

// Contract is what the vector's action promises.
func (v *Vector) Contract() check.Contract {
	return check.Contract{Output: v.Action.Output, Codes: v.Action.Codes()}
}

// Options are what a plan depends on beside the spec.
type Options struct {
	Inputs Inputs
	// Describe tells what the plugin of a block is, without starting it.
	Describe func(ctx context.Context, block *specfile.Plugin) (sdk.Description, error)
	// SandboxURL and MockURLs are where the suite's own servers listen; where
	// they are not up the values are unknown.
	SandboxURL string
	MockURLs   map[string]string
	Now        time.Time // what timestamp() answers
	Handlers   action.Options
}

// Filter selects vectors. A zero Filter selects all.
type Filter struct {
	Tags []string       // any of them
	Run  *regexp.Regexp // over the vector's name
	// Only are the vectors that may be selected; nil for all.
	Only map[*Vector]bool
}

func (f Filter) selects(v *Vector) bool {
	if f.Run != nil && !f.Run.MatchString(v.Name) || f.Only != nil && !f.Only[v] {
		return false
	}
	if len(f.Tags) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Tags, func(tag string) bool { return slices.Contains(v.Tags, tag) })
}

// Select keeps the vectors that the filter selects.
func (p *Plan) Select(filter Filter) {
	kept := make([]*Vector, 0, len(p.Vectors))
	for _, v := range p.Vectors {
		if filter.selects(v) {
			kept = append(kept, v)
		}
	}
	p.Vectors = kept
}

// Active reports whether the filter leaves anything out.
func (f Filter) Active() bool { return len(f.Tags) > 0 || f.Run != nil || f.Only != nil }

// Build evaluates a suite. Where the diagnostics have errors the plan is not
// to be run. Of a suite that has errors already it tells what else is wrong: of
// its broken blocks only the names count.
func Build(ctx context.Context, suite *specfile.Suite, options Options) (*Plan, hcl.Diagnostics) {
	b := &builder{suite: suite, options: options, plan: &Plan{Suite: suite.Settings.Name, Dir: suite.Dir}}
	b.resolveVariables()
	b.openScope()
	b.settings()
	b.plugins(ctx)
	b.actions()
	b.classifier()
	b.vectors()
	b.thresholds()
	slices.SortStableFunc(b.diags, specfile.ByPosition)
	return b.plan, b.diags
}

type builder struct {
	suite   *specfile.Suite
	options Options
	plan    *Plan
	diags   hcl.Diagnostics

	variables map[string]cty.Value
	locals    map[string]cty.Value
	resolving map[string]bool // locals being evaluated, to find cycles
	scope     *hcl.EvalContext
	targets   []*Plugin
	unknown   bool // what some plugin is could not be told: it may be a target
	actionOf  map[string]*Action
	inputs    map[string]*schema.Schema // by schema file, so that each is compiled once
}

func (b *builder) errorf(at hcl.Range, summary, detail string) {
	b.diags = b.diags.Append(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
}
