package specfile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

// Suite is a folder of spec files, decoded but not evaluated: what depends on
// variables, other blocks or the run is left as expressions. Optional
// expressions that a spec does not set are nil.
type Suite struct {
	// Dir is the suite's folder, absolute and with links resolved.
	Dir string
	// Files are the parsed files by the name that diagnostics give.
	Files map[string]*hcl.File
	// Complete says that all blocks are known by name: no file and no block was
	// left out for being wrong.
	Complete bool
	// Broken are the blocks, by their Range, in which something is wrong.
	Broken map[hcl.Range]bool

	Settings   Settings
	Variables  map[string]*Variable
	Locals     map[string]*Local
	Plugins    []*Plugin // in the order of their names
	Actions    []*Action // likewise
	Mocks      []*Mock   // likewise
	Vectors    []*Vector // in the order of their files and lines
	Thresholds []*Threshold
	Sandbox    *Sandbox    // nil where the spec has no sandbox block
	Classifier *Classifier // nil where the spec has none
	Hooks      *Hooks      // nil where the spec has none
}

// Settings is the suite block.
type Settings struct {
	Name     string // the folder's name where the spec is silent
	Tags     hcl.Expression
	Parallel hcl.Expression
	Timeout  hcl.Expression
}

// Variable is a variable block, with its constant parts evaluated.
type Variable struct {
	Name        string
	Type        cty.Type  // cty.DynamicPseudoType where the spec is silent
	Default     cty.Value // of Type; cty.NilVal: the variable must be given
	Env         string
	Description string
	Sensitive   bool
	Range       hcl.Range

	// TypeDefaults are those of the type's optional attributes, or nil;
	// Convert applies them.
	TypeDefaults *typeexpr.Defaults
}

// Local is one attribute of a locals block.
type Local struct {
	Name  string
	Value hcl.Expression
	Range hcl.Range
}

// Plugin is a plugin block: attributes are the plugin's, blocks are the host's.
type Plugin struct {
	Name        string
	Source      string // builtin/NAME where the spec is silent
	SourceRange hcl.Range
	Version     string // a version constraint, or empty
	Auth        hcl.Expression
	Attributes  hcl.Attributes // the plugin's own
	Retry       *Retry
	Breaker     *Breaker
	RateLimit   *RateLimit
	Range       hcl.Range
}

// Retry is a retry block, of a plugin or of a step.
type Retry struct {
	Attempts  hcl.Expression
	BaseDelay hcl.Expression
	MaxDelay  hcl.Expression
	Range     hcl.Range
}

// Breaker is a breaker block.
type Breaker struct {
	Failures hcl.Expression
	OpenFor  hcl.Expression
	Range    hcl.Range
}

// RateLimit is a rate_limit block.
type RateLimit struct {
	PerSecond hcl.Expression
	Burst     hcl.Expression
	Range     hcl.Range
}

// Action is an action block.
type Action struct {
	Name         string // the block's label
	ID           hcl.Expression
	DisplayName  hcl.Expression // the attribute "name"
	Description  hcl.Expression
	Input        *TypeConstraint
	Output       *TypeConstraint
	InputSchema  hcl.Expression // path of a JSON Schema file
	OutputSchema hcl.Expression
	Sensitive    hcl.Expression // input paths
	Target       hcl.Expression
	Errors       []*ErrorCode
	Handler      *Handler
	Range        hcl.Range
}

// TypeConstraint is a type expression such as object({ sku = string }).
type TypeConstraint struct {
	// Type has the optional attributes of its objects marked, as
	// cty.ObjectWithOptionalAttrs does.
	Type  cty.Type
	Range hcl.Range
}

// ErrorCode is a declared error of an action.
type ErrorCode struct {
	Code     string
	Message  hcl.Expression
	Category hcl.Expression
	Range    hcl.Range
}

// Handler is what an action does.
type Handler struct {
	Steps  []*Step
	Output hcl.Expression
	Errors hcl.Expression
	Range  hcl.Range
}

// Step is one step of a handler: a request, or computed values.
type Step struct {
	Name    string
	Request *Request
	Retry   *Retry
	Set     hcl.Expression
	Timeout hcl.Expression // of the step as a whole
	Range   hcl.Range
}

// Request is the HTTP request of a step.
type Request struct {
	Method  hcl.Expression
	URL     hcl.Expression
	Headers hcl.Expression
	JSON    hcl.Expression
	Form    hcl.Expression
	Body    hcl.Expression
	Timeout hcl.Expression
	Expect  hcl.Expression // HTTP statuses that are a success; 2xx where absent
	Range   hcl.Range
}

// Mock is an HTTP upstream.
type Mock struct {
	Name   string
	Routes []*Route
	Range  hcl.Range
}

// Route is one answer of a mock. The first route of the method and path whose
// When holds answers.
type Route struct {
	Pattern string // "POST /v1/inventory/sync", as net/http's ServeMux reads it
	When    hcl.Expression
	Status  hcl.Expression
	Headers hcl.Expression
	JSON    hcl.Expression
	Body    hcl.Expression
	Delay   hcl.Expression
	Fault   hcl.Expression
	Range   hcl.Range
}

// Sandbox is the sandbox block.
type Sandbox struct {
	// Settings are its attributes, decoded by internal/sandbox.
	Settings hcl.Attributes
	Faults   []*Fault
	Range    hcl.Range
}

// Fault is a fault block of the sandbox; its label is the operation it strikes.
type Fault struct {
	Operation string
	Settings  hcl.Attributes
	Range     hcl.Range
}

// Classifier is the classifier block.
type Classifier struct {
	Script hcl.Expression
	Rules  []*Rule
	Range  hcl.Range
}

// Rule is a rule block of the classifier.
type Rule struct {
	Name       string
	Match      hcl.Expression
	Field      hcl.Expression
	Step       hcl.Expression
	Status     hcl.Expression
	Category   hcl.Expression
	Confidence hcl.Expression
	Range      hcl.Range
}

// Hooks is the hooks block.
type Hooks struct {
	Script hcl.Expression
	Range  hcl.Range
}

// Vector is a vector block.
type Vector struct {
	Name    string
	ForEach hcl.Expression
	Action  hcl.Expression
	With    hcl.Expression
	Tags    hcl.Expression
	Input   hcl.Expression
	Expect  *Expect
	Checks  []*Check
	Range   hcl.Range
}

// Expect is the expect block of a vector.
type Expect struct {
	Status         hcl.Expression
	Output         hcl.Expression
	ErrorCode      hcl.Expression
	Classification hcl.Expression
	Category       hcl.Expression
	MinConfidence  hcl.Expression
	MaxDuration    hcl.Expression
	Range          hcl.Range
}

// Check is a check block of a vector.
type Check struct {
	Name         string
	Condition    hcl.Expression
	ErrorMessage hcl.Expression
	Range        hcl.Range
}

// Threshold is a threshold block.
type Threshold struct {
	Name          string
	Action        hcl.Expression
	Metric        hcl.Expression
	Window        hcl.Expression
	Min           hcl.Expression
	Max           hcl.Expression
	Warn          hcl.Expression
	MinExecutions hcl.Expression
	Range         hcl.Range
}

// MaxFileSize is the size above which a file of a suite is refused, in bytes.
const MaxFileSize = 10 << 20
