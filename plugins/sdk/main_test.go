package sdk_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/assay-cx/assay/plugins/sdk"
)

// TestMain lets the test binary be a plugin's process too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "acme" {
		os.Exit(sdk.Main(new(Acme), os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		os.Exit(sdk.Main(new(everything), os.Args[2:], os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

// everything is a plugin of all kinds. It keeps what it got and answers what
// it is told to: err, where that is set.
type everything struct {
	err  error
	got  []any
	does func(ctx context.Context) error // instead of err

	configured sdk.Configured
	token      sdk.Token
	submitted  sdk.SubmitResult
	polled     sdk.PollResult
	metrics    sdk.MetricsPage
	document   json.RawMessage
}

func (e *everything) keep(ctx context.Context, got ...any) error {
	if e.does != nil {
		return e.does(ctx)
	}
	e.got = got
	return e.err
}

func (e *everything) Describe() sdk.Description {
	return sdk.Description{
		Name: "everything", Version: "0.1.0", Summary: "Does what a test needs.",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{{Name: "poll", Type: sdk.Object(map[string]sdk.Type{"max": sdk.String}, "max")}}},
	}
}

func (e *everything) Configure(ctx context.Context, config sdk.Config) (sdk.Configured, error) {
	return e.configured, e.keep(ctx, config)
}

func (e *everything) Shutdown(ctx context.Context) error { return e.keep(ctx, "shutdown") }

func (e *everything) Token(ctx context.Context, rejected string) (sdk.Token, error) {
	return e.token, e.keep(ctx, rejected)
}

func (e *everything) Submit(ctx context.Context, request sdk.SubmitRequest) (sdk.SubmitResult, error) {
	return e.submitted, e.keep(ctx, request)
}

func (e *everything) Poll(ctx context.Context, request sdk.PollRequest) (sdk.PollResult, error) {
	return e.polled, e.keep(ctx, request)
}

func (e *everything) Metrics(ctx context.Context, request sdk.MetricsRequest) (sdk.MetricsPage, error) {
	return e.metrics, e.keep(ctx, request)
}

func (e *everything) GetSchema(ctx context.Context, request sdk.SchemaRequest) (json.RawMessage, error) {
	return e.document, e.keep(ctx, request)
}

func (e *everything) PutSchema(ctx context.Context, request sdk.SchemaRequest, document json.RawMessage) error {
	return e.keep(ctx, request, document)
}

func (e *everything) Deliver(ctx context.Context, events []sdk.Event) error {
	return e.keep(ctx, events)
}

func (e *everything) Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	return e.document, e.keep(ctx, name, document)
}

// dial serves a plugin in this process, over a real gRPC connection.
func dial(tb testing.TB, p sdk.Plugin) *sdk.Client {
	tb.Helper()
	listener := bufconn.Listen(1 << 20)
	server := sdk.NewServer(p)
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(server.Stop)
	conn, err := grpc.NewClient(
		"passthrough:in-process",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return sdk.NewClient(conn)
}

// dialConfigured is dial for a plugin that is to be used.
func dialConfigured(tb testing.TB, p sdk.Plugin) *sdk.Client {
	tb.Helper()
	client := dial(tb, p)
	if _, err := client.Configure(tb.Context(), sdk.Config{}); err != nil {
		tb.Fatal(err)
	}
	return client
}
