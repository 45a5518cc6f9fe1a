package sdktest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	ctyjson "github.com/zclconf/go-cty/cty/json"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const maxDescription = 1 << 20 // bytes

// describe is what the plugin says of itself, asked once.
func (t *trial) describe(ctx context.Context) (*sdk.Description, error) {
	switch {
	case t.description != nil:
		return t.description, nil
	case t.undescribed:
		return nil, skip("the plugin does not describe itself: see the check describe")
	}
	d, err := t.readDescription(ctx)
	t.description, t.undescribed = d, err != nil
	return d, err
}

func (t *trial) readDescription(ctx context.Context) (*sdk.Description, error) {
	if t.Command == nil {
		d := sdk.Describe(t.New())
		return &d, nil
	}
	stdout, err := t.printDescription(ctx)
	if err != nil {
		return nil, err
	}
	var d sdk.Description
	decoder := json.NewDecoder(bytes.NewReader(stdout))
	if err := decoder.Decode(&d); err != nil {
		return nil, failed("`describe --json` does not print the JSON that is due: %w", err)
	}
	if decoder.More() {
		return nil, failed("`describe --json` prints more than one JSON document")
	}
	return &d, nil
}

func (t *trial) printDescription(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := program(ctx, t.Subject, "describe", "--json")
	cmd.WaitDelay = lastWords
	stdout, stderr := &short{limit: maxDescription}, &output{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case stdout.passed:
		return nil, failed("`describe --json` prints more than %d bytes", maxDescription)
	case ctx.Err() != nil:
		return nil, failed("`describe --json` did not end within %v", startTimeout)
	case err != nil:
		return nil, failed("`describe --json`: %w; %s", err, stderr.lastLines())
	}
	return stdout.text.Bytes(), nil
}

func (t *trial) describes(ctx context.Context) (string, error) {
	d, err := t.describe(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case d.Name == "" || d.Version == "" || d.Summary == "":
		return "", failed("name is %q, version %q and summary %q: none may be empty", d.Name, d.Version, d.Summary)
	case d.Protocol != pluginv1.Version:
		return "", failed("protocol is %d, not %d", d.Protocol, pluginv1.Version)
	case len(d.Kinds) == 0:
		return "", failed("kinds is empty: a plugin is auth, target, sink or hook, or several of them")
	}
	for _, kind := range d.Kinds {
		if !slices.Contains([]sdk.Kind{sdk.KindAuth, sdk.KindTarget, sdk.KindSink, sdk.KindHook}, kind) {
			return "", failed("the kind %q is none of auth, target, sink and hook", kind)
		}
	}
	if t.Command != nil {
		if err := t.describesAgain(ctx); err != nil {
			return "", err
		}
	}
	return d.Name + " " + d.Version + ", " + kinds(d) + ": " + d.Summary, nil
}

// describesAgain holds two descriptions against each other, and both against
// what the host reads of them.
func (t *trial) describesAgain(ctx context.Context) error {
	var printed [2]any
	for i := range printed {
		stdout, err := t.printDescription(ctx)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(stdout, &printed[i]); err != nil {
			return failed("`describe --json` does not print JSON: %w", err)
		}
	}
	if !reflect.DeepEqual(printed[0], printed[1]) {
		return failed("`describe --json` prints something else the second time")
	}
	return nil
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// reserved are the attributes of a plugin block that belong to the host.
var reserved = []string{"source", "version", "auth"}

func (t *trial) hasSchema(ctx context.Context) (string, error) {
	d, err := t.describe(ctx)
	if err != nil {
		return "", err
	}
	var wrong []error
	names := make([]string, 0, len(d.Schema.Attributes))
	for _, a := range d.Schema.Attributes {
		if slices.Contains(names, a.Name) {
			wrong = append(wrong, failed("the attribute %q is there twice", a.Name))
		}
		names = append(names, a.Name)
		wrong = append(wrong, wrongAttribute(a))
	}
	if t.Command != nil {
		wrong = append(wrong, t.losesNothing(ctx))
	}
	if err := errors.Join(wrong...); err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "no attributes", nil
	}
	return "attributes: " + strings.Join(names, ", "), nil
}

func wrongAttribute(a sdk.Attribute) error {
	encoded, err := json.Marshal(a.Type)
	if err != nil {
		return undecided{err}
	}
	attributeType, err := ctyjson.UnmarshalType(encoded)
	switch {
	case !identifier.MatchString(a.Name) || slices.Contains(reserved, a.Name):
		return failed("the attribute %q must be a lower-case identifier, and none of %s", a.Name, strings.Join(reserved, ", "))
	case err != nil:
		return failed("the type of attribute %q is %s, and must be such as \"string\", \"number\", \"bool\", [\"list\",\"string\"] or [\"object\",{\"max\":\"string\"}]", a.Name, encoded)
	case a.Description == "":
		return failed("the attribute %q has no description", a.Name)
	case a.Required && a.Default != nil:
		return failed("the attribute %q is required and has a default: it can be one of the two", a.Name)
	case !slices.Contains([]sdk.Format{"", sdk.FormatDuration, sdk.FormatURL}, a.Format):
		return failed("the format %q of attribute %q is none of duration and url", a.Format, a.Name)
	case a.Default == nil || string(a.Default) == "null":
		return nil
	}
	if _, err := ctyjson.Unmarshal(a.Default, attributeType); err != nil {
		return failed("the default of attribute %q is not of its type: %w", a.Name, err)
	}
	return nil
}

// losesNothing reads the description and writes it again: a key that the host
// does not know is a key misspelt.
func (t *trial) losesNothing(ctx context.Context) error {
	stdout, err := t.printDescription(ctx)
	if err != nil {
		return err
	}
	var d sdk.Description
	decoder := json.NewDecoder(bytes.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return failed("`describe --json` has what the host does not read: %w", err)
	}
	return nil
}

func (t *trial) refusesByHand(ctx context.Context) (string, error) {
	if t.Command == nil {
		return "", skip("not a program")
	}
	stderr, err := t.startByHand(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.startByHand(ctx, pluginv1.CookieKey+"=wrong"); err != nil {
		return "", failed("with a wrong cookie: %w", err)
	}
	first, _, _ := strings.Cut(stderr, "\n")
	return first, nil
}

func (t *trial) startByHand(ctx context.Context, environ ...string) (string, error) {
	dir, err := t.socketDir()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := program(ctx, t.Subject)
	cmd.Env = slices.Concat(cmd.Env, []string{"PLUGIN_UNIX_SOCKET_DIR=" + dir, "TMPDIR=" + dir}, environ)
	cmd.WaitDelay = lastWords
	stdout, stderr := &short{limit: 100}, &output{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case stdout.text.Len() > 0:
		return "", failed("it wrote %q to stdout", stdout.text.String())
	case ctx.Err() != nil:
		return "", failed("it did not end within %v", startTimeout)
	case err == nil:
		return "", failed("it ended with status 0")
	case !errors.As(err, &exit):
		return "", failed("the program cannot be started: %w", err)
	}
	if why := notPlain(stderr.String()); why != "" {
		return "", failed("stderr %s", why)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err == nil && len(left) > 0 {
		return "", failed("it left %s behind", filepath.Base(left[0]))
	}
	return stderr.String(), nil
}

// notPlain says why a text is not for a person.
func notPlain(text string) string {
	for _, trace := range []string{"goroutine ", "Traceback (most", "    at ", "panic: "} {
		if strings.Contains(text, trace) {
			return "holds a stack trace, and not a sentence for a person"
		}
	}
	if !strings.Contains(strings.TrimSpace(text), " ") {
		return "holds no sentence that says what the program is"
	}
	return ""
}

func (t *trial) shakesHands(ctx context.Context) (string, error) {
	if t.Command == nil {
		return "", skip("not a program")
	}
	began := time.Now()
	p, h, err := t.startProcess(ctx)
	took := time.Since(began)
	if err == nil {
		err = goodHandshake(p, h)
	}
	if err == nil {
		err = p.connect(h)
	}
	if err == nil {
		err = p.answers(ctx)
	}
	if err != nil {
		t.dead = err
		return "", err
	}
	return "started in " + took.Round(time.Millisecond).String(), nil
}

func goodHandshake(p *process, h handshake) error {
	var dir string
	for _, variable := range p.cmd.Env {
		if value, ok := strings.CutPrefix(variable, "PLUGIN_UNIX_SOCKET_DIR="); ok {
			dir = value
		}
	}
	info, err := os.Stat(h.address)
	switch {
	case err != nil:
		return failed("the socket of the handshake: %w", err)
	case info.Mode().Type() != os.ModeSocket:
		return failed("%s is not a socket", h.address)
	case !strings.HasPrefix(h.address, dir+"/"):
		return failed("the socket %s is not in PLUGIN_UNIX_SOCKET_DIR (%s)", h.address, dir)
	}
	if err := h.certificate.VerifyHostname(pluginv1.ServerName); err != nil {
		return failed("the certificate must be for %s: %w", pluginv1.ServerName, err)
	}
	return nil
}

// answers makes one call, of any kind: an error that the plugin answers is an
// answer, too.
func (p *process) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if isBroken(err) {
		return failed("no call gets through: %w; %s", err, p.stderr.lastLines())
	}
	return nil
}

func (t *trial) trustsTheHostOnly(ctx context.Context) (string, error) {
	if err := t.needProcess(); err != nil {
		return "", err
	}
	p, h, err := t.startProcess(ctx)
	if err != nil {
		return "", err
	}
	stranger, err := pluginv1.NewCertificate()
	if err != nil {
		return "", undecided{err}
	}
	if err := speaks(ctx, h.address, p.tls(h, p.host)); err != nil {
		return "", failed("the host's own connection fails: %w", err)
	}
	if speaks(ctx, h.address, p.tls(h)) == nil {
		return "", failed("it takes a client that shows no certificate")
	}
	if speaks(ctx, h.address, p.tls(h, stranger)) == nil {
		return "", failed("it takes a client that shows a certificate other than the host's")
	}
	return "strangers are refused", nil
}

// speaks says whether a client of HTTP/2 hears anything from the plugin. In
// TLS 1.3 a client's certificate is refused only after its handshake.
func speaks(ctx context.Context, address string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", address)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(deadline); err != nil {
			return err
		}
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func (t *trial) serves(ctx context.Context) (string, error) {
	d, err := t.describe(ctx)
	if err != nil {
		return "", err
	}
	r, err := t.start(ctx)
	if err != nil {
		return "", err
	}
	if r.process != nil {
		answer, err := grpc_health_v1.NewHealthClient(r.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
		if err != nil {
			return "", failed("grpc.health.v1.Health/Check of \"plugin\": %w", err)
		}
		if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			return "", failed("grpc.health.v1.Health/Check of \"plugin\" answers %s", answer.GetStatus())
		}
	}
	for _, kind := range []sdk.Kind{sdk.KindAuth, sdk.KindTarget, sdk.KindSink, sdk.KindHook} {
		err := r.any(ctx, kind)
		switch {
		case t.is(kind) && isMissing(err):
			return "", failed("it is described as %s, and does not serve that kind's service", kind)
		case !t.is(kind) && !isMissing(err):
			return "", failed("it serves the service of kind %s, which it is not described as", kind)
		}
	}
	return kinds(d), nil
}

func (t *trial) startsInLongPath(ctx context.Context) (string, error) {
	if err := t.needProcess(); err != nil {
		return "", err
	}
	dir, err := t.socketDir()
	if err != nil {
		return "", err
	}
	long := filepath.Join(dir, strings.Repeat("long-", 40))
	if err := os.Mkdir(long, 0o700); err != nil {
		return "", undecided{err}
	}
	p, h, err := t.startProcess(ctx, "TMPDIR="+long)
	if err != nil {
		return "", err
	}
	if err := p.connect(h); err != nil {
		return "", err
	}
	return "", p.answers(ctx)
}
