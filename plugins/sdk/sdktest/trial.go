package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	checkTimeout = 90 * time.Second
	patience     = 2 * time.Second  // for what should take no time
	callTimeout  = 30 * time.Second // for what may
	token        = "sdktest-token"
)

// trial is a subject while it is checked.
type trial struct {
	Subject

	description *sdk.Description // once it is known
	undescribed bool             // it cannot be known
	dead        error            // why no process of it can be started

	closing []func() // ends what the running check has started
	// All processes so far: what they wrote must hold no secret.
	processes []*process
	texts     []string // of errors
}

func newTrial(s Subject) *trial { return &trial{Subject: s} }

func (t *trial) cleanUp() {
	for _, end := range slices.Backward(t.closing) {
		end()
	}
	t.closing = nil
}

// running is a started plugin.
type running struct {
	*sdk.Client
	conn    grpc.ClientConnInterface
	process *process // nil for a value
	peer    *peer    // nil where the samples have none
	op      Operation
}

// needProcess skips a check that is of programs only.
func (t *trial) needProcess() error {
	switch {
	case t.Command == nil:
		return skip("not a program")
	case t.dead != nil:
		return skip("the plugin does not start: see the check handshake")
	}
	return nil
}

// start starts the plugin, for as long as the check runs.
func (t *trial) start(ctx context.Context) (*running, error) {
	if t.Command == nil {
		return t.startValue()
	}
	if err := t.needProcess(); err != nil {
		return nil, err
	}
	p, h, err := t.startProcess(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.connect(h); err != nil {
		return nil, err
	}
	return &running{Client: sdk.NewClient(p.conn), conn: p.conn, process: p}, nil
}

// startProcess starts the program and shakes hands.
func (t *trial) startProcess(ctx context.Context, environ ...string) (*process, handshake, error) {
	dir, err := t.socketDir()
	if err != nil {
		return nil, handshake{}, err
	}
	p, err := t.launch(ctx, dir, environ...)
	if err != nil {
		return nil, handshake{}, err
	}
	h, err := p.shakeHands(ctx)
	return p, h, err
}

func (t *trial) launch(ctx context.Context, socketDir string, environ ...string) (*process, error) {
	p, err := launch(ctx, t.Subject, socketDir, environ...)
	if err != nil {
		return nil, err
	}
	t.processes = append(t.processes, p)
	t.closing = append(t.closing, p.stop)
	return p, nil
}

// maxSocketDir leaves room for a socket's name: its path may have 104 bytes on
// every Unix.
const maxSocketDir = 64

// socketDir is a private folder whose path is short enough for sockets.
func (t *trial) socketDir() (string, error) {
	base := os.TempDir()
	if len(base)+len("/assay-1234567890") > maxSocketDir {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "assay-")
	if err != nil {
		return "", undecided{fmt.Errorf("make a folder for the plugin's socket: %w", err)}
	}
	t.closing = append(t.closing, func() { _ = os.RemoveAll(dir) })
	return dir, nil
}

// startValue serves the Go value in this process, over a gRPC connection.
func (t *trial) startValue() (*running, error) {
	listener := bufconn.Listen(1 << 20)
	server := sdk.NewServer(t.New())
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient(
		"passthrough:plugin",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(messageSizes()...),
	)
	if err != nil {
		server.Stop()
		return nil, undecided{err}
	}
	t.closing = append(t.closing, func() {
		_ = conn.Close()
		server.Stop()
	})
	return &running{Client: sdk.NewClient(conn), conn: conn}, nil
}

// configured is a started plugin that is ready for an operation of the
// samples. withPeer puts the checks' own peer in, where the samples have one.
func (t *trial) configured(ctx context.Context, op Operation, withPeer bool) (*running, error) {
	if _, err := t.describe(ctx); err != nil {
		return nil, err
	}
	config, played, err := t.config(ctx, op, withPeer)
	if err != nil {
		return nil, err
	}
	r, err := t.start(ctx)
	if err != nil {
		return nil, err
	}
	r.peer, r.op = played, op
	if _, err := r.Configure(ctx, config); err != nil {
		t.note(err)
		return nil, failed("Configure refuses the settings of the samples: %w%s", err, r.afterword(ctx))
	}
	return r, nil
}

// ready is a plugin that is configured for the operation that works.
func (t *trial) ready(ctx context.Context) (*running, error) {
	return t.configured(ctx, t.Samples.Operation, t.Samples.Peer != nil && len(t.Samples.Peer.Answers) > 0)
}

// anyhow is a ready plugin or, where the samples lack settings for it, one that
// is not configured.
func (t *trial) anyhow(ctx context.Context) (*running, error) {
	r, err := t.ready(ctx)
	var lacks skip
	if errors.As(err, &lacks) {
		return t.start(ctx)
	}
	return r, err
}

// played is a plugin that is configured to speak to the checks' own peer.
func (t *trial) played(ctx context.Context) (*running, error) {
	if t.Samples.Peer == nil {
		return nil, skip("the samples name no peer")
	}
	return t.configured(ctx, t.Samples.Operation, true)
}

// config is the settings of an operation, with defaults as the host fills
// them in.
func (t *trial) config(ctx context.Context, op Operation, withPeer bool) (sdk.Config, *peer, error) {
	attributes := make(map[string]json.RawMessage)
	for _, a := range t.description.Schema.Attributes {
		if a.Default != nil {
			attributes[a.Name] = a.Default
		}
	}
	maps.Copy(attributes, op.Attributes)
	var served *peer
	if withPeer {
		var err error
		if served, err = newPeer(ctx, t.Samples.Peer); err != nil {
			return sdk.Config{}, nil, err
		}
		t.closing = append(t.closing, served.close)
		attributes[t.Samples.Peer.Attribute] = served.url(attributes[t.Samples.Peer.Attribute])
	}
	for _, a := range t.description.Schema.Attributes {
		if a.Required && attributes[a.Name] == nil {
			return sdk.Config{}, nil, skip(fmt.Sprintf("the samples lack the attribute %q, which is required", a.Name))
		}
	}
	workspace, err := t.workspace()
	if err != nil {
		return sdk.Config{}, nil, err
	}
	document, err := json.Marshal(attributes)
	if err != nil {
		return sdk.Config{}, nil, undecided{fmt.Errorf("the attributes of the samples: %w", err)}
	}
	config := sdk.Config{Attributes: document, Workspace: workspace}
	if served != nil {
		config.LocalHosts = []string{served.address}
	}
	return config, served, nil
}

// workspace is the suite's folder: an empty one where the samples name none.
func (t *trial) workspace() (string, error) {
	if t.Samples.Workspace != "" {
		return t.Samples.Workspace, nil
	}
	dir, err := t.socketDir()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// url is the peer's, with the path of the one that it takes the place of.
func (p *peer) url(instead json.RawMessage) json.RawMessage {
	var given string
	_ = json.Unmarshal(instead, &given) // not a string: there is no path
	u := &url.URL{}
	if parsed, err := url.Parse(given); err == nil {
		u = parsed
	}
	u.Scheme, u.Host, u.User = "http", p.address, nil
	encoded, _ := json.Marshal(u.String()) // a string always can be
	return encoded
}

// afterword says that the process ended, where it did.
func (r *running) afterword(ctx context.Context) string {
	if r.process == nil {
		return ""
	}
	if how := r.process.crashed(ctx); how != "" {
		return "; " + how
	}
	return ""
}

// note keeps the text of an error for the check of secrets.
func (t *trial) note(err error) {
	if err != nil {
		t.texts = append(t.texts, err.Error())
	}
}

// secrets are the values of sensitive attributes, those that are long enough
// to be told from other text.
func (t *trial) secrets() []string {
	if t.description == nil {
		return nil
	}
	var found []string
	for _, a := range t.description.Schema.Attributes {
		var value any
		if !a.Sensitive || json.Unmarshal(t.Samples.Attributes[a.Name], &value) != nil {
			continue
		}
		found = appendTexts(found, value)
	}
	return found
}

func appendTexts(to []string, value any) []string {
	switch v := value.(type) {
	case string:
		if len(v) >= 6 {
			to = append(to, v)
		}
	case []any:
		for _, element := range v {
			to = appendTexts(to, element)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			to = appendTexts(to, v[name])
		}
	}
	return to
}

// isUnsupported says that the plugin does not have an operation.
func isUnsupported(err error) bool { return errors.Is(err, sdk.Unsupported) }

// isMissing says that the plugin does not serve the operation's service.
func isMissing(err error) bool {
	var e *sdk.Error
	return errors.As(err, &e) && e.Kind == sdk.Unsupported && saidByGRPC(e)
}

// saidByGRPC tells what gRPC itself says, as the SDK words it, from a plugin's
// own answer.
func saidByGRPC(e *sdk.Error) bool {
	return e.Message == "the plugin did not answer in time" || e.Message == "the plugin does not have this operation"
}

// kinds joins the plugin's kinds for a message.
func kinds(d *sdk.Description) string {
	words := make([]string, len(d.Kinds))
	for i, kind := range d.Kinds {
		words[i] = string(kind)
	}
	return strings.Join(words, " and ")
}

func (t *trial) is(kind sdk.Kind) bool { return slices.Contains(t.description.Kinds, kind) }
