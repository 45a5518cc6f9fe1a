package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/serve"
)

// tokenVariable is the environment variable that holds the monitor's token.
const tokenVariable = "ASSAY_SERVE_TOKEN"

// serveOptions are the flags of `assay serve`.
type serveOptions struct {
	inputFlags
	dirs       []string
	listen     string
	portFile   portFile
	tokenFile  string
	noAuth     bool
	cert, key  string
	burnRates  bool
	alertRules bool
}

func newServe(p *process) *cobra.Command {
	o := &serveOptions{}
	command := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Serve the health of a suite's actions, for people, clients and Prometheus",
		Long: `Serve the health of the suite's actions, from the platform's analytics over the
last 24 hours, and the history of the suite's runs, until Ctrl-C. Nothing is
run; only the plugins that talk to platforms are started.

  GET /                      pages for people: how the actions are, what does not
                             pass and since when, runs and their vectors; they
                             follow what happens, also in runs of other processes
  GET /health?action_id=ID   figures, most frequent error codes and thresholds
                             of the action with this id or name, as JSON
  GET /metrics               the same and more for Prometheus
  GET /livez, /readyz        whether it runs; whether it takes requests

The platform is asked when somebody asks, or has the page open, at most once a
minute for each action and window however many do. Where it fails, the last figures are told with
"stale": true; where it limits the rate, it is left alone for as long as it says.

It listens on loopback. To listen elsewhere give a token, which clients send as
"Authorization: Bearer TOKEN" and people sign in with (all but /livez and /readyz
ask for it), in a file or in ` + tokenVariable + `; where something in front of
it decides who may ask, --no-auth. A token over plain HTTP can be read on the
way: give --tls-cert and --tls-key too.

--alert-rules prints rules for Prometheus, among them two on how fast an error
budget is used up. They need --burn-rates: figures over four shorter windows,
which are four more queries a minute for each action.

Exit status:
  0    ended by Ctrl-C or SIGTERM
  2    wrong usage, a wrong spec, or an address that cannot be listened on
  3    a plugin did not start, or the monitor could not go on`,
		Example: `  assay serve ./specs/inventory
  curl 'http://127.0.0.1:8000/health?action_id=inventory_sync'

  # For Prometheus on another machine
  assay serve ./specs/inventory --listen :8443 --token-file token --tls-cert cert.pem --tls-key key.pem --burn-rates
  assay serve --alert-rules > assay-alerts.yml`,
		Args: atMostOne("serve"),
		RunE: func(command *cobra.Command, args []string) error {
			o.dirs = args
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8000", "`ADDRESS` to answer at, as HOST:PORT; port 0 is any free one")
	flags.StringVar((*string)(&o.portFile), "port-file", "", "write the base URL to this `FILE` once it answers; removed at the end")
	flags.StringVar(&o.tokenFile, "token-file", "", "`FILE` that holds the token that clients must send; else "+tokenVariable)
	flags.BoolVar(&o.noAuth, "no-auth", false, "ask for no token wherever it listens: something in front of it does")
	flags.StringVar(&o.cert, "tls-cert", "", "`FILE` with the certificate chain, in PEM: answer with TLS")
	flags.StringVar(&o.key, "tls-key", "", "`FILE` with the certificate's key, in PEM")
	flags.BoolVar(&o.burnRates, "burn-rates", false, "tell Prometheus figures over PT5M, PT30M, PT1H and PT6H too")
	flags.BoolVar(&o.alertRules, "alert-rules", false, "print alert rules for Prometheus, and end")
	return command
}

// restartsRenewed is how long a plugin has to be up to be started again as often
// as at first: a monitor is to outlive the odd crash of a year.
const restartsRenewed = time.Hour

func (o *serveOptions) execute(ctx context.Context, p *process) error {
	if o.alertRules {
		_, err := fmt.Fprint(p.stdout, serve.AlertRules)
		return err
	}
	token, certificates, err := o.security(p)
	if err != nil {
		return err
	}
	if err := o.portFile.clear(); err != nil {
		return err
	}
	ctx, unhurried, release := p.interruptible(ctx)
	defer release()
	s, err := o.open(unhurried, p, opening{paths: o.dirs, log: handlerLog})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.host.Renew(restartsRenewed)
	actions, err := s.measurable()
	if err != nil {
		return err
	}
	s.redactor.Add(token)
	listener, err := o.bind(unhurried, p, token, certificates)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	m := &monitoring{serveOptions: o, platforms: &platforms{opened: s}, actions: actions, token: token}
	if err := m.start(unhurried); err != nil {
		return err
	}
	return m.run(ctx, unhurried.Done(), listener, certificates)
}

// security reads the token and the certificate.
func (o *serveOptions) security(p *process) (token string, certificates *tls.Config, err error) {
	token, _ = p.lookupEnv(tokenVariable)
	if o.tokenFile != "" {
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return "", nil, usageError("--token-file: %w", err)
		}
		if token = string(text); strings.TrimSpace(token) == "" {
			return "", nil, usageError("--token-file: %s is empty", o.tokenFile)
		}
	}
	token = strings.TrimSpace(token)
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", nil, usageError("--token-file and %s hold one token of printable ASCII characters, without spaces", tokenVariable)
	}
	if token != "" && o.noAuth {
		return "", nil, usageError("--no-auth asks for no token, and there is one in --token-file or %s: leave one of them out", tokenVariable)
	}
	if (o.cert == "") != (o.key == "") {
		return "", nil, usageError("--tls-cert and --tls-key go together: give both")
	}
	if o.cert == "" {
		return token, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return "", nil, usageError("--tls-cert and --tls-key: %w", err)
	}
	return token, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// bind takes the port. What it tells is for those who may read it: beyond this
// machine that needs a token.
func (o *serveOptions) bind(ctx context.Context, p *process, token string, certificates *tls.Config) (net.Listener, error) {
	address, err := net.ResolveTCPAddr("tcp", o.listen)
	if err != nil {
		return nil, usageError("--listen %s: %w", o.listen, err)
	}
	if !address.IP.IsLoopback() {
		switch {
		case token == "" && !o.noAuth:
			return nil, usageError("--listen %s: others than this machine could read it there: give a token with --token-file or %s, or --no-auth where something in front of it decides who may", o.listen, tokenVariable)
		case token != "" && certificates == nil:
			fmt.Fprintln(p.stderr, "Warning: the token is sent over plain HTTP and can be read on the way: give --tls-cert and --tls-key, unless something in front of it speaks TLS.")
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, usageError("--listen %s: %w", o.listen, err)
	}
	return listener, nil
}

// monitoring is one `assay serve` under way.
type monitoring struct {
	*serveOptions
	*platforms
	actions []health.Action
	token   string
}

func (m *monitoring) run(ctx context.Context, stop <-chan struct{}, listener net.Listener, certificates *tls.Config) error {
	querying, cancel := context.WithCancel(ctx)
	cache := health.NewCache(querying, m.query)
	defer cache.Wait()
	defer cancel()
	monitor := serve.New(serve.Options{
		Suite: m.plan.Suite, Version: version, Actions: m.actions, Health: cache, BurnRates: m.burnRates,
		Operations: m.operations,
		Breaker:    func(plugin, operation string) string { return m.stacks[plugin].BreakerState(operation) },
		Token:      m.token, LocalOnly: m.token == "" && !m.noAuth, Logger: m.logger,
		Dir: m.plan.Dir, Embedded: m.embedded(),
	})
	defer func() { _ = monitor.Close() }() // the history is only read
	base := baseURL(listener, certificates)
	if err := m.portFile.write(base); err != nil {
		return &exitError{exitUndecided, err}
	}
	defer m.portFile.remove()
	if err := m.greet(base); err != nil {
		return err
	}
	if err := monitor.Run(ctx, stop, listener, certificates); err != nil {
		return &exitError{exitUndecided, err}
	}
	return nil
}

// baseURL is where the listener can be asked from this machine.
func baseURL(listener net.Listener, certificates *tls.Config) string {
	address := listener.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "localhost"
	}
	base := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(address.Port))}
	if certificates != nil {
		base.Scheme = "https"
	}
	return base.String()
}

// greet tells where what stands.
func (m *monitoring) greet(base string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the monitor answers at %s\n", m.plan.Suite, base)
	for _, a := range m.actions {
		fmt.Fprintf(&b, "  action.%s %s/health?action_id=%s\n", a.Name, base, url.QueryEscape(a.ID))
	}
	for _, target := range m.embedded() {
		fmt.Fprintf(&b, "plugin.%s is the embedded tenant: what has run elsewhere does not show there.\n", target)
	}
	b.WriteString("Ctrl-C stops it.\n")
	_, err := fmt.Fprint(m.process.stdout, b.String())
	return err
}
