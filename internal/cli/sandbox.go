package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// sandboxOptions are the flags of `assay sandbox`.
type sandboxOptions struct {
	inputFlags
	dirs     []string
	listen   string
	portFile portFile
	seed     uint64
}

func newSandbox(p *process) *cobra.Command {
	o := &sandboxOptions{}
	command := &cobra.Command{
		Use:   "sandbox [DIR]",
		Short: "Serve the embedded tenant and a suite's mocks",
		Long: `Serve the embedded CXone tenant with the actions of the suite in DIR, and the
suite's mocks, until Ctrl-C. Any client that speaks the platform's API works
against it: tokens, debug sessions, schema documents, analytics. Every non-empty
client id and secret is accepted, unless the suite's sandbox block names its
clients; nothing is kept when it ends.

Faults of the suite (sandbox and mock blocks) strike as in a run; how often each
did is printed at the end.

Exit status:
  0    ended by Ctrl-C or SIGTERM
  2    wrong usage, a wrong spec, or an address that cannot be listened on
  3    the servers could not be started`,
		Example: `  assay sandbox ./specs/inventory

  # In a script: a fixed address, and a file that tells when it is ready
  assay sandbox ./specs/inventory --listen 127.0.0.1:8080 --port-file url.txt &
  curl -u me:secret -d grant_type=client_credentials "$(cat url.txt)/api/v2/oauth/token"`,
		Args: atMostOne("sandbox"),
		RunE: func(command *cobra.Command, args []string) error {
			o.dirs = args
			if !command.Flags().Changed("seed") {
				o.seed = rand.Uint64() >> 11
			}
			return o.execute(command.Context(), p)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.StringVar(&o.listen, "listen", "", "`ADDRESS` of the tenant, as HOST:PORT; a free loopback port where it is not given")
	flags.StringVar((*string)(&o.portFile), "port-file", "", "write the base URL to this `FILE` once the tenant answers; removed at the end")
	flags.Uint64Var(&o.seed, "seed", 0, "repeat the faults that struck with this seed")
	return command
}

// atMostOne lets a command take the suite's folder, or none for the current one.
func atMostOne(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError("%s works on one suite, not %d: see assay %s --help", command, len(args), command)
		}
		return nil
	}
}

func (o *sandboxOptions) execute(ctx context.Context, p *process) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.portFile.clear(); err != nil {
		return err
	}
	s, err := o.open(ctx, p, opening{paths: o.dirs, listen: o.listen, seed: o.seed, log: handlerLog})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.sandbox.Serve(ctx, s.listeners)
	url := s.listeners.SandboxURL()
	if err := awaitAnswer(ctx, url); err != nil {
		return &exitError{exitUndecided, err}
	}
	if err := o.portFile.write(url); err != nil {
		return &exitError{exitUndecided, err}
	}
	defer o.portFile.remove()
	if _, err := fmt.Fprint(p.stdout, s.addresses(o.seed)); err != nil {
		return err
	}
	<-ctx.Done()
	// `timeout` sends a second one; the end has a limit of its own.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	s.close(ctx)
	s.tellMocks()
	return s.tellFaults()
}

// awaitAnswer asks the tenant for anything: an answer of any kind will do.
func awaitAnswer(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the tenant does not answer: %w", err)
	}
	return response.Body.Close()
}

// addresses tells where everything listens.
func (o *opened) addresses(seed uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the tenant answers at %s\n", o.plan.Suite, o.listeners.SandboxURL())
	for _, a := range o.plan.Actions {
		if a.Handler != nil {
			fmt.Fprintf(&b, "  action.%s %s\n", a.Name, a.ID)
		}
	}
	for _, m := range o.spec.Mocks {
		fmt.Fprintf(&b, "  mock.%s %s\n", m.Name, o.listeners.MockURL(m.Name))
	}
	if len(o.sandbox.Faults()) > 0 {
		fmt.Fprintf(&b, "  faults have seed %d\n", seed)
	}
	b.WriteString("Ctrl-C stops it.\n")
	return b.String()
}

// tellFaults tells how often each fault struck.
func (o *opened) tellFaults() error {
	for _, f := range o.sandbox.Faults() {
		if _, err := fmt.Fprintf(o.process.stdout, "fault %s %s: struck %d of %d requests\n", f.Place, f.Kind, f.Hits, f.Seen); err != nil {
			return err
		}
	}
	return nil
}
