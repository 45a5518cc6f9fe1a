package pluginhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	describeTimeout = 10 * time.Second
	// describeLeave is how long the pipes of a program that has answered may be
	// held open by what it started.
	describeLeave = 2 * time.Second
)

// Describe says what the plugin of a block is, without starting it. Built-in
// plugins are described by the code that their process serves; of others the
// program is asked, once for each version of its bytes.
func (h *Host) Describe(ctx context.Context, block pluginsource.Block) (sdk.Description, error) {
	if h.isBuiltin(block) {
		plugin, _, err := h.builtin(block.Source)
		if err != nil {
			return sdk.Description{}, err
		}
		description := sdk.Describe(plugin)
		return description, block.Check(description.Version)
	}
	program, err := h.options.Finder.Find(block)
	if err != nil {
		return sdk.Description{}, err
	}
	if known := h.options.Finder.Cache.Description(program.Hash); known != nil && !program.Dev {
		if description, err := parseDescription(known); err == nil {
			return description, checked(program)
		}
	}
	return h.DescribeProgram(ctx, program)
}

// checked is why a program must not be used.
func checked(program pluginsource.Program) error {
	file, err := program.Open()
	if err != nil {
		return err
	}
	return file.Close()
}

// DescribeProgram asks a program what it is, and has it remembered. Bytes that
// were asked before are asked again: a script may say something new through a
// file beside it.
func (h *Host) DescribeProgram(ctx context.Context, program pluginsource.Program) (sdk.Description, error) {
	file, err := program.Open()
	if err != nil {
		return sdk.Description{}, err
	}
	asked := command{path: program.Path, args: []string{"describe", "--json"}, file: file}
	defer asked.close()
	text, err := h.ask(ctx, asked)
	if err != nil {
		return sdk.Description{}, fmt.Errorf("%s describe --json: %w", program.Path, err)
	}
	description, err := parseDescription(text)
	if err != nil {
		return sdk.Description{}, fmt.Errorf("%s describe --json: %w", program.Path, err)
	}
	if err := h.options.Finder.Cache.KeepDescription(program.Hash, text); err != nil {
		h.options.Logger.Debug("description not kept", "program", program.Path, "error", err)
	}
	return description, nil
}

// ask runs the program, and kills it with all that it started where it does
// not end.
func (h *Host) ask(ctx context.Context, c command) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	stdout, stderr := &bounded{}, &lineWriter{tail: &tail{log: func(string) {}}}
	cmd := c.exec()
	cmd.Env = allowed(h.options.Environ)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = describeLeave
	forker := newForker()
	defer forker.close()
	if err := forker.start(cmd); err != nil {
		return nil, c.started(err)
	}
	killGroup := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	unwatch := context.AfterFunc(ctx, killGroup)
	err := cmd.Wait()
	unwatch()
	killGroup()
	stderr.flush()
	switch {
	case stdout.full:
		return nil, fmt.Errorf("it writes more than %d MB: that is no description", pluginsource.MaxDescription>>20)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it has not answered in %v, and was killed", describeTimeout)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		if last := stderr.tail.last(); len(last) > 0 {
			return nil, fmt.Errorf("%w; %s", err, lastLines(last))
		}
		return nil, err
	}
	return stdout.text.Bytes(), nil
}

// bounded takes a description, and no more than that.
type bounded struct {
	text bytes.Buffer
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > pluginsource.MaxDescription {
		b.full = true
		return 0, io.ErrShortWrite // closes the pipe
	}
	return b.text.Write(p)
}

// parseDescription reads what a program printed, and refuses what the rest of
// the house could not work with.
func parseDescription(text []byte) (sdk.Description, error) {
	var d sdk.Description
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("what it prints is not the description of a plugin: %w", err)
	}
	if d.Protocol != pluginv1.Version {
		return d, fmt.Errorf("it speaks protocol %d of plugins, and this assay protocol %d: use a version of the plugin, or of assay, that fits", d.Protocol, pluginv1.Version)
	}
	known := []sdk.Kind{sdk.KindAuth, sdk.KindTarget, sdk.KindSink, sdk.KindHook}
	d.Kinds = slices.DeleteFunc(d.Kinds, func(k sdk.Kind) bool { return !slices.Contains(known, k) })
	if len(d.Kinds) == 0 {
		return d, errors.New("it is of no kind that this assay knows (auth, target, sink, hook)")
	}
	if !nameForm.MatchString(d.Name) {
		return d, fmt.Errorf("it has a name that cannot be: %q; write it in letters, digits, dashes and underscores", d.Name)
	}
	if _, err := version.NewSemver(d.Version); err != nil {
		return d, fmt.Errorf("its version %q is not one such as 1.2.3", d.Version)
	}
	if slices.Contains(d.Kinds, sdk.KindSink) && (d.Sink == nil || d.Sink.Required == d.Sink.Queued) {
		return d, errors.New("it is a sink, and must say of itself either \"required\" or \"queued\"")
	}
	if d.Target != nil {
		if _, err := regexp.Compile(d.Target.ActionIDPattern); err != nil {
			return d, fmt.Errorf("its action_id_pattern is wrong: %w", err)
		}
	}
	return d, checkAttributes(d.Schema.Attributes)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// reserved are the attributes of a plugin block that are the host's.
var reserved = []string{"source", "version", "auth"}

func checkAttributes(attributes []sdk.Attribute) error {
	seen := map[string]bool{}
	for _, a := range attributes {
		switch {
		case !hclsyntax.ValidIdentifier(a.Name):
			return fmt.Errorf("its attribute %q has a name that no spec can write", a.Name)
		case slices.Contains(reserved, a.Name):
			return fmt.Errorf("its attribute %q has a name that is the host's own", a.Name)
		case seen[a.Name]:
			return fmt.Errorf("its attribute %q stands there twice", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}
