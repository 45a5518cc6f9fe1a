package hook

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(sdk.Main(New(), os.Args[2:], os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

// configured is the plugin with these scripts and attributes.
func configured(tb testing.TB, files map[string]string, attributes map[string]any) sdk.Hook {
	tb.Helper()
	p, err := configure(tb, files, attributes)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func configure(tb testing.TB, files map[string]string, attributes map[string]any) (sdk.Hook, error) {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	encoded, err := json.Marshal(attributes)
	if err != nil {
		tb.Fatal(err)
	}
	p := New().(sdk.Hook)
	tb.Cleanup(func() {
		if err := p.(sdk.Shutdowner).Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	_, err = p.Configure(tb.Context(), sdk.Config{Attributes: encoded, Workspace: dir})
	return p, err
}

// classifier is a script as an author would write it.
//
//go:embed testdata/classify.lua
var classifier string

// failureDocument is what the host gives a classifier: 1 KB of message and stack,
// five steps.
func failureDocument(tb testing.TB) json.RawMessage {
	tb.Helper()
	stack := ""
	for range 12 {
		stack += "    at Handler.invoke (/var/task/handlers/inventory/sync.js:120:17)\n"
	}
	failing := map[string]any{
		"step_id": "s5", "step_name": "sync", "timestamp": "2026-01-02T03:04:05Z",
		"error": map[string]any{"message": "ERP answered: closed for the quarterly Maintenance Window", "stack": stack, "status": 503},
	}
	steps := []any{}
	for _, name := range []string{"receive", "validate", "token", "prepare"} {
		steps = append(steps, map[string]any{"step_id": name, "step_name": name, "timestamp": "2026-01-02T03:04:05Z"})
	}
	document, err := json.Marshal(map[string]any{
		"vector": "maintenance", "action": map[string]any{"id": "a1", "name": "Sync", "errors": []string{"UPSTREAM_TIMEOUT", "RATE_LIMIT_EXCEEDED"}},
		"status": "FAILED", "duration_ms": 812, "error": map[string]any{"code": "UPSTREAM_TIMEOUT", "message": "failed"},
		"failing_step": failing, "trace": append(steps, failing),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return document
}

func BenchmarkClassify(b *testing.B) {
	p := configured(b, map[string]string{"classify.lua": classifier}, map[string]any{"classifier": "classify.lua"})
	document := failureDocument(b)
	call := func() {
		if answer, err := p.Call(b.Context(), "classify", document); err != nil || len(answer) < 10 {
			b.Error(string(answer), err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			call()
		}
	})
	b.Run("32", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call()
			}
		})
	})
}
