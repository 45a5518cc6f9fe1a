package sdktest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

const (
	startTimeout = 10 * time.Second       // from the start to the handshake, as the host has it
	lastWords    = 100 * time.Millisecond // for pipes that outlive the process
	keptOutput   = 64 << 10               // bytes of stderr
	maxHandshake = 32 << 10               // bytes
)

// process is a plugin's process, started as the host starts one.
type process struct {
	cmd      *exec.Cmd
	host     tls.Certificate
	lifeline *os.File // the end that the host holds
	stdout   *stdout
	stderr   *output
	exited   chan struct{}

	conn *grpc.ClientConn
}

// output keeps what a process wrote last.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	o.text = o.text[max(0, len(o.text)-keptOutput):]
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// lastLines is the end of what it wrote, for messages.
func (o *output) lastLines() string {
	lines := strings.Split(strings.TrimSpace(o.String()), "\n")
	if lines[0] == "" {
		return "it wrote nothing to stderr"
	}
	lines = lines[max(0, len(lines)-5):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 300)]
	}
	return "its last lines: " + strings.Join(lines, " | ")
}

// short takes so many bytes, and breaks the pipe of whoever writes more.
type short struct {
	limit  int
	text   bytes.Buffer
	passed bool
}

func (s *short) Write(p []byte) (int, error) {
	if s.passed = s.text.Len()+len(p) > s.limit; s.passed {
		s.text.Write(p[:s.limit-s.text.Len()])
		return 0, io.ErrShortWrite
	}
	return s.text.Write(p)
}

// launch starts the program. socketDir is where its socket belongs.
func launch(ctx context.Context, s Subject, socketDir string, environ ...string) (*process, error) {
	certificate, err := pluginv1.NewCertificate()
	if err != nil {
		return nil, undecided{err}
	}
	read, held, err := os.Pipe()
	if err != nil {
		return nil, undecided{err}
	}
	defer func() { _ = read.Close() }()
	p := &process{host: certificate, lifeline: held, stdout: &stdout{line: make(chan string, 1)}, stderr: &output{}, exited: make(chan struct{})}
	p.cmd = program(context.WithoutCancel(ctx), s)
	hostPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	p.cmd.Env = slices.Concat(p.cmd.Env, []string{
		pluginv1.CookieKey + "=" + pluginv1.CookieValue,
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", pluginv1.Version),
		"PLUGIN_UNIX_SOCKET_DIR=" + socketDir,
		"PLUGIN_MIN_PORT=0", "PLUGIN_MAX_PORT=0",
		pluginv1.ClientCertEnv + "=" + string(hostPEM),
		pluginv1.LifelineEnv + "=3",
	}, environ)
	p.cmd.ExtraFiles = []*os.File{read}
	p.cmd.WaitDelay = lastWords
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(failed("the program cannot be started: %w", err), held.Close())
	}
	go p.follow()
	return p, nil
}

// program is the subject's program with what the host would give it of the
// environment.
func program(ctx context.Context, s Subject, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Command[0], slices.Concat(s.Command[1:], args)...)
	environ := s.Environ
	if environ == nil {
		environ = cmd.Environ()
	}
	cmd.Env = slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !pluginv1.IsAllowedEnv(name)
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// stdout takes the first line for the handshake, and counts the rest.
type stdout struct {
	first   []byte
	line    chan string  // the handshake, closed where there is none
	extra   atomic.Int64 // bytes that are not the handshake
	hasLine bool
}

func (o *stdout) Write(p []byte) (int, error) {
	rest := p
	if !o.hasLine && len(o.first) < maxHandshake {
		line, after, ended := bytes.Cut(p, []byte("\n"))
		o.first, rest = append(o.first, line...), after
		if ended {
			o.hasLine = true
			o.line <- strings.TrimSpace(string(o.first))
		}
	}
	o.extra.Add(int64(len(rest)))
	return len(p), nil
}

// follow waits for the end of the process.
func (p *process) follow() {
	_ = p.cmd.Wait()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what it started
	close(p.stdout.line)
	close(p.exited)
}

// handshake is the line that a plugin says where it is with.
type handshake struct {
	address     string // of a unix socket
	certificate *x509.Certificate
}

// shakeHands waits for the handshake and reads it.
func (p *process) shakeHands(ctx context.Context) (handshake, error) {
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case line, ok := <-p.stdout.line:
		if !ok {
			<-p.exited
			return handshake{}, failed("it ended (%s) before the handshake; %s", p.cmd.ProcessState, p.stderr.lastLines())
		}
		return readHandshake(line)
	case <-timer.C:
		return handshake{}, failed("no handshake on stdout within %v; %s", startTimeout, p.stderr.lastLines())
	case <-ctx.Done():
		return handshake{}, ctx.Err()
	}
}

// readHandshake reads CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE.
func readHandshake(line string) (handshake, error) {
	fields := strings.Split(line, "|")
	if len(fields) < 6 {
		return handshake{}, failed("the first line on stdout is %q, and not CORE|PROTOCOL|NETWORK|ADDRESS|grpc|CERTIFICATE", line[:min(len(line), 200)])
	}
	for i, want := range []string{"1", fmt.Sprint(pluginv1.Version), "unix", "", "grpc"} {
		if want != "" && fields[i] != want {
			return handshake{}, failed("field %d of the handshake is %q, and must be %q", i+1, fields[i], want)
		}
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(fields[5], "="))
	if err != nil || len(der) == 0 {
		return handshake{}, failed("field 6 of the handshake must be the plugin's certificate, its DER in base64 without padding")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return handshake{}, failed("the certificate in the handshake cannot be read: %w", err)
	}
	return handshake{address: fields[3], certificate: certificate}, nil
}

// tls is the host's half of the connection.
func (p *process) tls(h handshake, certificates ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(h.certificate)
	return &tls.Config{Certificates: certificates, RootCAs: roots, ServerName: pluginv1.ServerName, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}}
}

// connect dials the plugin as the host does.
func (p *process) connect(h handshake) error {
	conn, err := grpc.NewClient("unix:"+h.address,
		grpc.WithTransportCredentials(credentials.NewTLS(p.tls(h, p.host))),
		grpc.WithDefaultCallOptions(messageSizes()...))
	if err != nil {
		return undecided{err}
	}
	p.conn = conn
	return nil
}

func messageSizes() []grpc.CallOption {
	return []grpc.CallOption{grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage), grpc.MaxCallSendMsgSize(pluginv1.MaxMessage)}
}

// stop ends the process at once and waits for its end.
func (p *process) stop() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
	}
	_ = p.lifeline.Close()
}

// ended waits for the end of the process.
func (p *process) ended(ctx context.Context, limit time.Duration) bool {
	return await(ctx, p.exited, limit) == nil
}

// crashed is how a process that should run ended; empty while it runs.
func (p *process) crashed(ctx context.Context) string {
	if !p.ended(ctx, lastWords) {
		return ""
	}
	return fmt.Sprintf("the process ended (%s); %s", p.cmd.ProcessState, p.stderr.lastLines())
}
