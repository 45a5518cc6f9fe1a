// Package action is the handler runtime: it runs what an action's handler
// block says, as a platform would. The sandbox and `assay invoke` share it.
//
// New compiles a handler and finds what is wrong with it; Run executes it on
// one input. A run never ends in a Go error: whatever goes wrong becomes one
// of the action's declared error codes. Start reading at Definition, New and
// Runtime.Run; the failures a handler can map are the constants of Failure.
package action

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/schema"
)

// Definition is an action, evaluated but for its handler.
type Definition struct {
	Name        string // the block's label
	ID          string
	DisplayName string
	Description string
	Input       *schema.Schema // nil takes every input
	Output      *schema.Schema // nil takes every output
	Errors      []ErrorCode    // the declared ones
	Sensitive   []string       // input paths, such as card.number or items[*].sku
	Handler     *specfile.Handler
	Range       hcl.Range
}

// ErrorCode is a declared error of an action.
type ErrorCode struct {
	Code     string
	Message  string
	Category string
}

// Options are what all runtimes of a process share.
type Options struct {
	Client *http.Client // for the handlers' requests; nil for one of its own, see NewClient
	Logger *slog.Logger // the execution log; nil for none
	Seed   uint64       // of the jitter between tries
}

// Runtime is an action whose handler is ready to run. It is safe for use by
// many goroutines at once.
type Runtime struct {
	definition Definition
	scope      *hcl.EvalContext
	options    Options
	steps      []*step
	output     hcl.Expression
	codes      map[Failure]ErrorCode
	sensitive  redact.Paths
}

// New compiles a definition. scope holds the variables and functions of the
// spec; values in it may be unknown, as they are while a spec is validated,
// but then the runtime must not be run. Everything that can be known to be
// wrong without an input is a diagnostic.
func New(definition Definition, scope *hcl.EvalContext, options Options) (*Runtime, hcl.Diagnostics) {
	r := &Runtime{definition: definition, scope: scope, options: options, sensitive: redact.ParsePaths(definition.Sensitive)}
	if options.Client == nil {
		r.options.Client = NewClient()
	}
	if options.Logger == nil {
		r.options.Logger = slog.New(slog.DiscardHandler)
	}
	if definition.Handler == nil {
		return r, nil
	}
	r.output = definition.Handler.Output
	diags := r.compileSteps(definition.Handler.Steps)
	diags = append(diags, r.checkOutput()...)
	diags = append(diags, r.compileErrors(definition.Handler.Errors)...)
	return r, diags
}

// Definition is what the runtime was made from.
func (r *Runtime) Definition() Definition { return r.definition }

// NewClient makes an HTTP client for handlers: connections are kept and
// reused, and every wait but the one for the answer, which the request's own
// timeout bounds, has a limit.
func NewClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   128,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}
}
