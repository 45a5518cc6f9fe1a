package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	config := func(attributes string) sdk.Config {
		return sdk.Config{Attributes: json.RawMessage(attributes), Workspace: dir}
	}
	subject := sdktest.Subject{
		New:    New,
		Config: config(`{"hooks":"hooks.lua","timeout":"10s"}`),
		Wrong: map[string]sdk.Config{
			"hooks": config(`{"hooks":"none.lua"}`), "classifier": config(`{"classifier":"none.lua"}`),
			"timeout": config(`{"timeout":"-1s"}`), "memory_mb": config(`{"memory_mb":0}`),
		},
		Operate: func(ctx context.Context, client *sdk.Client, size int) error {
			document := fmt.Sprintf(`{"input":{"text":%q}}`, strings.Repeat("x", size))
			answer, err := client.Call(ctx, "before_vector", json.RawMessage(document))
			if err == nil && len(answer) != len(document) {
				err = fmt.Errorf("answered %d bytes of %d", len(answer), len(document))
			}
			return err
		},
		Hang: func(ctx context.Context, client *sdk.Client) error {
			_, err := client.Call(ctx, "after_vector", json.RawMessage("{}"))
			return err
		},
	}
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
