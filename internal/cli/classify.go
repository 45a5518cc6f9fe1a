package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/classify"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/plugins/cxone"
)

// classifyOptions are the flags of `assay classify`.
type classifyOptions struct {
	inputFlags
	file    string
	suite   string
	lines   bool
	explain bool
}

func newClassify(p *process) *cobra.Command {
	o := &classifyOptions{}
	command := &cobra.Command{
		Use:   "classify [--suite DIR] FILE",
		Short: "Say whose fault the failure in a debug session was",
		Long: `Classify debug sessions, as the platform's poll answers them, from a file or, with
-, from standard input. With --suite, the suite's classifier script, hook plugins and
rules are asked first, as in a run, and its actions' declared error codes count.

With --jsonl, each line of the file is a session, or {"id": …, "session": {…}},
and each line of the answer is a JSON document with id, classification, category,
confidence, reason and source.

Exit status 0 says that every session was classified, 1 that a line was not a
failed session, 2 wrong usage, 3 that the suite's script or a hook plugin failed.`,
		Example: `  # One session, and what spoke for the answer
  assay classify --explain session.json

  # Many, with a suite's own classifier
  assay classify --suite ./specs/orders --jsonl failures.jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("name one file of debug sessions, or - for standard input")
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			o.file = args[0]
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	command.Flags().StringVar(&o.suite, "suite", "", "ask the classifier of the suite in this `DIR` first")
	command.Flags().BoolVar(&o.lines, "jsonl", false, "read and write one JSON document a line")
	command.Flags().BoolVar(&o.explain, "explain", false, "tell the evidence, in the order in which it counts")
	return command
}

func (o *classifyOptions) execute(ctx context.Context, p *process) error {
	input, err := openInput(p, o.file)
	if err != nil {
		return err
	}
	defer func() { _ = input.Close() }() // read to its end
	c := &classification{options: o, process: p, classifier: &runner.Classifier{Redactor: &redact.Redactor{}}}
	if o.suite != "" {
		release, err := c.useSuite(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	if o.lines {
		return c.classifyLines(ctx, input)
	}
	return c.classifyOne(ctx, input)
}

// openInput opens a file, or standard input for -.
func openInput(p *process, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return file, nil
}

// classification is one `assay classify` under way.
type classification struct {
	options    *classifyOptions
	process    *process
	classifier *runner.Classifier
	actions    []*plan.Action
}

// useSuite makes the suite's classifier the one that is asked. release ends
// its hook processes.
func (c *classification) useSuite(ctx context.Context) (release func(), err error) {
	p := c.process
	logger, err := p.logger(c.options.logLevel, func(s string) string { return c.classifier.Redactor.With(nil).Text(s) })
	if err != nil {
		return nil, err
	}
	host, err := c.options.host(p, logger)
	if err != nil {
		return nil, err
	}
	release = func() { _ = host.Close(context.WithoutCancel(ctx)) }
	defer func() {
		if err != nil {
			release()
		}
	}()
	var found findings
	inputs, err := c.options.inputs(p, &found)
	if err != nil {
		return nil, err
	}
	inputs.AllowUnset = true
	s := &suite{}
	if !found.load(c.options.suite, s).HasErrors() {
		found.build(ctx, s, host, plan.Options{
			Inputs: inputs, Now: time.Now().UTC(),
			Handlers: action.Options{Client: action.NewClient(), Logger: handlerLog(ctx, logger)},
		})
	}
	if !found.diags.HasErrors() {
		diags, err := s.configureClassifiers(ctx, host)
		found.add(s.spec, diags)
		if err != nil {
			return nil, &exitError{exitUndecided, err}
		}
		c.classifier.Hooks, _ = s.hooks(0)
	}
	if err := found.write(p, c.options.colorDiagnostics(p)); err != nil {
		return nil, err
	}
	if found.diags.HasErrors() {
		return nil, &exitError{code: exitUsage}
	}
	c.classifier.Redactor.Add(s.plan.Secrets...)
	c.classifier.Rules, c.actions = s.plan.Rules, s.plan.Actions
	return release, nil
}

// maxSession bounds one session's document, in bytes.
const maxSession = 16 << 20

func (c *classification) classifyOne(ctx context.Context, input io.Reader) error {
	document, err := io.ReadAll(io.LimitReader(input, maxSession+1))
	if err != nil {
		return usageError("%s: %w", c.options.file, err)
	}
	if len(document) > maxSession {
		return usageError("%s is larger than %d MB; is it a debug session? Many of them go line by line with --jsonl", c.options.file, maxSession>>20)
	}
	_, failure, unread := c.read(document)
	if unread != "" {
		return &exitError{exitFail, fmt.Errorf("%s: %s", c.options.file, unread)}
	}
	judged, err := c.classifier.Classify(ctx, failure)
	if err != nil {
		return &exitError{exitUndecided, err}
	}
	_, err = fmt.Fprintf(c.process.stdout, "%s  %s  confidence %.2f  (%s)\n%s\n%s",
		judged.Class, judged.Category, judged.Confidence, judged.Source, judged.Reason, c.explanation(failure))
	return err
}

// explanation lists the evidence, if that was asked for.
func (c *classification) explanation(failure runner.Failure) string {
	if !c.options.explain {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nEvidence of the built-in rules, in the order in which it counts:\n")
	evidence := classify.Explain(failure.Evidence())
	for i, e := range evidence {
		fmt.Fprintf(&b, "%3d. %-15s %.2f  %s\n", i+1, e.Category, e.Confidence, e.Reason())
	}
	if len(evidence) == 0 {
		b.WriteString("     none\n")
	}
	return b.String()
}

// answer is a line of the answer to --jsonl.
type answer struct {
	ID string `json:"id,omitempty"`
	*result.Classification
	Explain []evidence `json:"explain,omitempty"`
	Error   string     `json:"error,omitempty"` // why there is no classification
}

type evidence struct {
	Category   string  `json:"category"`
	Confidence float64 `json:"confidence"`
	Reason     string  `json:"reason"`
}

func (c *classification) classifyLines(ctx context.Context, input io.Reader) error {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 0, 64<<10), maxSession)
	out := bufio.NewWriter(c.process.stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	unread := 0
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		a, err := c.answer(ctx, lines.Bytes())
		if err != nil {
			return errors.Join(&exitError{exitUndecided, err}, out.Flush())
		}
		if a.Error != "" {
			unread++
		}
		if err := encoder.Encode(a); err != nil {
			return err
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return &exitError{exitUsage, fmt.Errorf("%s: %w", c.options.file, err)}
	}
	if unread > 0 {
		return &exitError{exitFail, fmt.Errorf("%d lines are not failed sessions; their answers say why", unread)}
	}
	return nil
}

func (c *classification) answer(ctx context.Context, line []byte) (answer, error) {
	id, failure, unread := c.read(line)
	if unread != "" {
		return answer{ID: id, Error: unread}, nil
	}
	judged, err := c.classifier.Classify(ctx, failure)
	if err != nil {
		return answer{}, err
	}
	a := answer{ID: id, Classification: &judged}
	if c.options.explain {
		for _, e := range classify.Explain(failure.Evidence()) {
			a.Explain = append(a.Explain, evidence{e.Category, e.Confidence, e.Reason()})
		}
	}
	return a, nil
}

// read makes a failure of a session's document, or of one with an id around
// it; unread says why there is none.
func (c *classification) read(document []byte) (id string, failure runner.Failure, unread string) {
	var labelled struct {
		ID      string          `json:"id"`
		Session json.RawMessage `json:"session"`
	}
	if json.Unmarshal(document, &labelled) == nil && len(labelled.Session) > 0 {
		document = labelled.Session
	}
	session, err := cxone.ParseSession(document)
	switch {
	case err != nil:
		return labelled.ID, failure, err.Error()
	case session.Execution == nil:
		return labelled.ID, failure, fmt.Sprintf("the session has not ended: its status is %q", session.Status)
	case session.Execution.Status != "FAILED":
		return labelled.ID, failure, fmt.Sprintf("the session is %s: only failures are classified", session.Execution.Status)
	}
	failure = runner.Failure{Execution: runner.ExecutionOf(session.Execution)}
	if len(c.actions) == 1 {
		failure.Action = c.actions[0]
	}
	return labelled.ID, failure, ""
}
