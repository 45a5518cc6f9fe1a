package sdktest

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// running is a started plugin.
type running struct {
	client *sdk.Client
	stop   func() // ends it and waits for its end
}

// start starts the plugin, for as long as the test runs.
func (s Subject) start(t *testing.T) running {
	t.Helper()
	var r running
	if s.Command != nil {
		r = startProcess(t, s.Command)
	} else {
		r = startValue(t, s.New())
	}
	t.Cleanup(r.stop)
	return r
}

// configured is a plugin that is ready for operations.
func (s Subject) configured(t *testing.T) *sdk.Client {
	t.Helper()
	client := s.start(t).client
	if _, err := client.Configure(t.Context(), s.Config); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	return client
}

func startProcess(t *testing.T, command []string) running {
	t.Helper()
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{pluginv1.Version: {"plugin": dialed{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		Cmd:              exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...),
		Stderr:           t.Output(),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCDialOptions:  []grpc.DialOption{grpc.WithDefaultCallOptions(messageSizes()...)},
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		t.Fatalf("start the plugin: %v", err)
	}
	connection, err := protocol.Dispense("plugin")
	if err != nil {
		client.Kill()
		t.Fatalf("connect to the plugin: %v", err)
	}
	return running{client: sdk.NewClient(connection.(grpc.ClientConnInterface)), stop: client.Kill}
}

func messageSizes() []grpc.CallOption {
	return []grpc.CallOption{grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage), grpc.MaxCallSendMsgSize(pluginv1.MaxMessage)}
}

// dialed gives the bare connection.
type dialed struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (dialed) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }

func (dialed) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

// startValue serves a plugin in this process, over a gRPC connection.
func startValue(t *testing.T, p sdk.Plugin) running {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := sdk.NewServer(p)
	go func() { _ = server.Serve(listener) }()
	connection, err := grpc.NewClient(
		"passthrough:plugin",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(messageSizes()...),
	)
	if err != nil {
		server.Stop()
		t.Fatalf("connect to the plugin: %v", err)
	}
	return running{client: sdk.NewClient(connection), stop: func() {
		_ = connection.Close()
		server.Stop()
	}}
}
