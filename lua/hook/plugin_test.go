package hook

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// TestConformance runs the SDK's checks on the value and on its process.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	source := `
function before_vector(vector) return vector end
function after_vector() while true do end; end`
	if err := os.WriteFile(filepath.Join(dir, "hooks.lua"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	subject := sdktest.Subject{New: New, Samples: sdktest.Samples{
		Workspace: dir,
		Operation: sdktest.Operation{
			Attributes: map[string]json.RawMessage{"hooks": json.RawMessage(`"hooks.lua"`), "timeout": json.RawMessage(`"10s"`)},
			Hook:       &sdktest.HookSample{Name: "before_vector", Document: json.RawMessage(`{"input":{"text":"x"}}`)},
		},
		Wrong: map[string]json.RawMessage{
			"hooks": json.RawMessage(`"none.lua"`), "classifier": json.RawMessage(`"none.lua"`),
			"timeout": json.RawMessage(`"-1s"`), "memory_mb": json.RawMessage(`0`),
		},
		Hang: &sdktest.Operation{Hook: &sdktest.HookSample{Name: "after_vector", Document: json.RawMessage(`{}`)}},
	}}
	sdktest.Run(t, subject)
	subject.New, subject.Command = nil, []string{os.Args[0], "serve"}
	t.Run("process", func(t *testing.T) { sdktest.Run(t, subject) })
}

// BenchmarkClassifyCall is a classifier's call over gRPC on a unix socket, as
// the host makes it.
func BenchmarkClassifyCall(b *testing.B) {
	p := configured(b, map[string]string{"classify.lua": classifier}, map[string]any{"classifier": "classify.lua"})
	listener, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	// The guard wants Configure over the wire; this plugin has its settings.
	server := sdk.NewServer(ready{p})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	connection, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	client := sdk.NewClient(connection)
	if _, err := client.Configure(b.Context(), sdk.Config{}); err != nil {
		b.Fatal(err)
	}
	document := failureDocument(b)
	call := func() time.Duration {
		start := time.Now()
		if answer, err := client.Call(b.Context(), "classify", document); err != nil || len(answer) < 10 {
			b.Error(string(answer), err)
		}
		return time.Since(start)
	}
	b.Run("alone", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			took = append(took, call())
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
	})
	b.Run("32 in flight", func(b *testing.B) {
		var group sync.WaitGroup
		start := time.Now()
		for range 32 {
			group.Go(func() {
				for range b.N/32 + 1 {
					call()
				}
			})
		}
		group.Wait()
		b.ReportMetric(float64(32*(b.N/32+1))/time.Since(start).Seconds(), "calls/s")
	})
}

// ready is a plugin that has its settings already.
type ready struct{ sdk.Hook }

func (ready) Configure(context.Context, sdk.Config) (sdk.Configured, error) {
	return sdk.Configured{}, nil
}
