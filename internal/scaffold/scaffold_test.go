package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

func plugin(change func(*Plugin)) Plugin {
	p := Plugin{Kind: sdk.KindTarget, Name: "acme", Version: "0.1.0", Go: "1.26.0"}
	change(&p)
	return p
}

func TestRefused(t *testing.T) {
	for why, change := range map[string]func(*Plugin){
		`"Acme" is no name`:               func(p *Plugin) { p.Name = "Acme" },
		`"" is no name`:                   func(p *Plugin) { p.Name = "" },
		`"../acme" is no name`:            func(p *Plugin) { p.Name = "../acme" },
		`"acme-" is no name`:              func(p *Plugin) { p.Name = "acme-" },
		`40 characters at most`:           func(p *Plugin) { p.Name = strings.Repeat("a", 41) },
		`there is no kind "tarjet"`:       func(p *Plugin) { p.Kind = "tarjet" },
		`the module path cannot be used:`: func(p *Plugin) { p.Module = "example.com/a b" },
	} {
		dir := filepath.Join(t.TempDir(), "new")
		_, err := New(dir, plugin(change))
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want an error that says %q", err, why)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something was written", why)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "main.go")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir, plugin(func(*Plugin) {})); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v, want a refusal", err)
	}
	if content, err := os.ReadFile(mine); err != nil || string(content) != "mine" {
		t.Errorf("%s, %v", content, err)
	}
}

// TestFiles: what depends on the options; that each kind compiles and conforms
// is tested in internal/cli.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	names, err := New(dir, plugin(func(p *Plugin) { p.Module = "acme.example/x"; p.Replace = "/src/assay" }))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 8 {
		t.Errorf("%d files: %v", len(names), names)
	}
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	want := "module acme.example/x\n\ngo 1.26.0\n\nrequire github.com/assay-cx/assay v0.1.0\n\nreplace github.com/assay-cx/assay => /src/assay\n"
	if err != nil || string(content) != want {
		t.Errorf("go.mod is\n%s, want\n%s (%v)", content, want, err)
	}
}

// TestReadmeShowsTheTest: the test in plugins/README.md is the one that new
// plugins get.
func TestReadmeShowsTheTest(t *testing.T) {
	template, err := templates.ReadFile("templates/plugin_test.go.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(template), "func TestConforms")
	readme, err := os.ReadFile("../../plugins/README.md")
	if err != nil || !strings.Contains(string(readme), "```go\nfunc TestConforms"+body+"```") {
		t.Errorf("plugins/README.md must hold the test of new plugins (%v)", err)
	}
}
