package sdk

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

const byHand = `%[1]s %[2]s is a plugin of assay; assay starts it, not a person.

To use it, name it in a suite's *.assay.hcl:

    plugin %[1]q {
      source = "…"   # where this program is
    }

To see what it is and which attributes it takes:

    … describe --json
`

// Serve is the main function of a plugin's process. It does not return.
func Serve(p Plugin) { os.Exit(Main(p, os.Args[1:], os.Stdout)) }

// Main is Serve for a program that is more than one plugin. args are what
// follows the words that chose the plugin. It answers `describe --json` on
// stdout, or serves until the host says goodbye or dies, and returns the exit
// status of the process. Started by hand it says on stderr what it is.
func Main(p Plugin, args []string, stdout io.Writer) int {
	if slices.Equal(args, []string{"describe", "--json"}) {
		return printDescription(p, stdout)
	}
	if os.Getenv(pluginv1.CookieKey) != pluginv1.CookieValue {
		d := p.Describe()
		fmt.Fprintf(os.Stderr, byHand, d.Name, d.Version)
		return 2
	}
	// What a plugin logs with log/slog reaches the host's log at its level.
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	go watchLifeline(os.Getenv(pluginv1.LifelineEnv))
	config, err := serveConfig(p, os.Getenv(pluginv1.ClientCertEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve the plugin:", err)
		return 1
	}
	goplugin.Serve(config)
	return 0
}

func printDescription(p Plugin, stdout io.Writer) int {
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(Describe(p)); err != nil {
		fmt.Fprintln(os.Stderr, "print the description:", err)
		return 1
	}
	return 0
}

// serveConfig may put another file in the place of os.Stdout.
func serveConfig(p Plugin, hostPEM string) (*goplugin.ServeConfig, error) {
	stderrAgain := keepStderr(os.Stderr)
	config := &goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{
			pluginv1.Version: {"plugin": served{}},
		},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return NewServer(p, append(options, grpc.ChainUnaryInterceptor(stderrAgain))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr}),
	}
	if hostPEM == "" {
		return config, nil
	}
	tlsConfig, err := serverTLS(hostPEM)
	if err != nil {
		return nil, err
	}
	stdout, err := announceCertificate(os.Stdout, tlsConfig)
	if err != nil {
		return nil, err
	}
	os.Stdout = stdout
	config.TLSProvider = func() (*tls.Config, error) { return tlsConfig, nil }
	return config, nil
}

// served has nothing to do: NewServer has registered everything.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (served) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

// keepStderr puts os.Stderr back at the first call: go-plugin has replaced it
// with a pipe that goes through gRPC, in which the last words before a crash
// are lost. os.Stdout goes there too, since nothing but the handshake belongs
// on the real one.
func keepStderr(stderr *os.File) grpc.UnaryServerInterceptor {
	var once sync.Once
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		once.Do(func() { os.Stdout, os.Stderr = stderr, stderr })
		return handler(ctx, request)
	}
}
