package script

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// limits are generous ones for tests that are not about limits.
func limits() Limits { return Limits{Time: 10 * time.Second, Memory: 64 << 20} }

// suite opens a folder with these files.
func suite(tb testing.TB, files map[string]string) *Suite {
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
	s, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// load compiles one source.
func load(tb testing.TB, source string) *Script {
	tb.Helper()
	s, err := suite(tb, map[string]string{"main.lua": source}).Load("main.lua")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// evaluate runs `function f(x) BODY end` on a document.
func evaluate(tb testing.TB, body, document string) (string, error) {
	tb.Helper()
	script := load(tb, "function f(x) "+body+"\nend")
	answer, err := script.Call(tb.Context(), Request{
		Function: "f", Document: []byte(document), Limits: limits(),
		Key: func() string { return "" }, Log: func(line LogLine) { tb.Log(line) },
	})
	return string(answer.Document), err
}
