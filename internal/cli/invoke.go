package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/schema"
)

// invokeOptions are the flags of `assay invoke`.
type invokeOptions struct {
	inputFlags
	dir    string
	action string
	input  string
	trace  bool
}

func newInvoke(p *process) *cobra.Command {
	o := &invokeOptions{}
	command := &cobra.Command{
		Use:   "invoke DIR ACTION",
		Short: "Run an action's handler against its real upstream",
		Long: `Run the handler of one action of the suite in DIR on one input, against the
upstream that the suite's variables name. Where the handler calls a mock, the
mock is started. The tenant is not asked and no plugin is started.

The envelope, {"success":true,"data":…} or {"success":false,"error":…}, goes to
stdout as it is; the execution log, and the steps with --trace, to stderr with
sensitive values masked.

Exit status:
  0    the handler succeeded
  1    the handler failed: the envelope holds the error
  2    wrong usage or a wrong spec: nothing was sent
  130  interrupted`,
		Example: `  # On the suite's own mock
  assay invoke ./specs/inventory inventory_sync --input '{"sku":"SKU-1","warehouseId":"W-1"}'

  # Against a real ERP, with the steps
  assay invoke ./specs/inventory inventory_sync --var erp_url=https://erp.example.com --input @order.json --trace

  # The error code alone
  assay invoke ./specs/inventory inventory_sync --input '{"sku":"SKU-503","warehouseId":"W-1"}' | jq -r .error.code`,
		Args: exactly("invoke", "DIR", "ACTION"),
		RunE: func(command *cobra.Command, args []string) error {
			o.dir, o.action = args[0], strings.TrimPrefix(args[1], "action.")
			if !command.Flags().Changed("log-level") {
				o.logLevel = "info" // the execution log is what this command is for
			}
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.StringVar(&o.input, "input", "{}", "the input, as `JSON` or as @FILE")
	flags.BoolVar(&o.trace, "trace", false, "print the steps to stderr")
	flags.Lookup("log-level").DefValue = "info"
	return command
}

// exactly wants one argument for each name.
func exactly(command string, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError("%s takes %d arguments, %s, not %d: see assay %s --help", command, len(names), strings.Join(names, " and "), len(args), command)
		}
		return nil
	}
}

func (o *invokeOptions) execute(ctx context.Context, p *process) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	input, err := readInput(o.input)
	if err != nil {
		return err
	}
	s, err := o.open(ctx, p, opening{paths: []string{o.dir}, log: func(_ context.Context, l *slog.Logger) *slog.Logger { return l }})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	chosen, err := chooseAction(s.plan, o.action)
	if err != nil {
		return err
	}
	if decoded, err := schema.Decode(input); err == nil {
		_, hidden := redact.Mask(decoded, chosen.Sensitive)
		s.redactor.Add(hidden...)
	}
	s.sandbox.Serve(ctx, s.listeners)
	outcome := chosen.Runtime.Run(ctx, input)
	s.tellMocks()
	if o.trace {
		writeTrace(p.stderr, outcome.Steps, s.redactor.With(nil))
	}
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted: the handler did not end")}
	}
	if _, err := fmt.Fprintf(p.stdout, "%s\n", outcome.Envelope()); err != nil {
		return err
	}
	if outcome.Error != nil {
		return &exitError{code: exitFail}
	}
	return nil
}

// readInput reads --input: JSON itself, or the file after an @.
func readInput(given string) (json.RawMessage, error) {
	text, from := []byte(given), "--input"
	if name, ok := strings.CutPrefix(given, "@"); ok {
		var err error
		if text, err = readBounded(name); err != nil {
			return nil, usageError("--input: %w", err)
		}
		from = name
	}
	if _, err := schema.Decode(text); err != nil {
		return nil, usageError("%s%s: %w", from, placeOf(text, err), err)
	}
	return text, nil
}

// readBounded reads a file that the user names, which may be a pipe.
func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, specfile.MaxFileSize+1))
	if err == nil && len(text) > specfile.MaxFileSize {
		err = fmt.Errorf("%s is larger than %d MB", name, specfile.MaxFileSize>>20)
	}
	return text, err
}

// placeOf is where in a text its JSON ends to be such, as :line:column.
func placeOf(text []byte, err error) string {
	var syntax *json.SyntaxError
	before := text
	switch {
	case errors.As(err, &syntax): // its offset is behind the byte that is wrong
		before = text[:max(0, min(int(syntax.Offset)-1, len(text)))]
	case !errors.Is(err, io.ErrUnexpectedEOF):
		return ""
	}
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf(":%d:%d", line, column)
}

func chooseAction(p *plan.Plan, name string) (*plan.Action, error) {
	var names []string
	for _, a := range p.Actions {
		if a.Name == name && a.Handler == nil {
			return nil, usageError("action %q has no handler block, so there is nothing to run; its code is on the platform alone", name)
		}
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	switch near := specfile.Nearest(name, names); {
	case near != "":
		return nil, usageError("the suite has no action %q: did you mean %q?", name, near)
	case len(names) == 0:
		return nil, usageError("the suite has no action %q, nor any other", name)
	default:
		return nil, usageError("the suite has no action %q; there are %s", name, strings.Join(names, ", "))
	}
}

// writeTrace tells the steps of an execution to a person.
func writeTrace(w io.Writer, steps []action.Step, mask redact.View) {
	for i, step := range steps {
		fmt.Fprintf(w, "Step %d: %s (%s)\n", i+1, step.ID, step.Duration.Round(time.Millisecond))
		if step.Input != nil {
			fmt.Fprintf(w, "  input   %s\n", mask.JSON(step.Input))
		}
		if step.Output != nil {
			fmt.Fprintf(w, "  output  %s\n", mask.JSON(step.Output))
		}
		if step.Error != nil {
			fmt.Fprintf(w, "  error   %s\n", strings.ReplaceAll(mask.Text(step.Error.Stack), "\n", "\n          "))
		}
	}
}

// tellMocks tells which routes of the suite's mocks could not be evaluated.
func (o *opened) tellMocks() {
	for _, p := range o.sandbox.MockProblems() {
		fmt.Fprintf(o.process.stderr, "Warning: mock.%s answered 500 (requests: %d), because the route %q cannot be evaluated: %s\n",
			p.Mock, p.Count, p.Route, o.redactor.With(nil).Text(p.Text))
	}
}
