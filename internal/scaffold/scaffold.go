// Package scaffold writes the beginning of a plugin: a Go module of its own
// that compiles, conforms, and has its tests, CI and documentation.
//
// Start reading at New. The files are in templates; a name that ends in the
// kind, such as plugin_auth.go.tmpl, is of that kind only.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/mod/module"

	"github.com/assay-cx/assay/plugins/sdk"
)

//go:embed templates
var templates embed.FS

// Plugin is a plugin to begin.
type Plugin struct {
	Kind    sdk.Kind
	Name    string // what suites call it, such as "acme"
	Module  string // its module path; empty for one that is to be changed
	Version string // of assay, without the v
	Go      string // the version of Go that assay needs
	Replace string // a folder that holds assay, absolute; empty for its release
}

var name = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

const maxName = 40

// New writes the plugin into a folder, which must be empty or not there yet.
// It answers the files' names.
func New(dir string, p Plugin) ([]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	files, err := p.render()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty: nothing is overwritten; give another folder", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is no folder that can be read: give another one", dir)
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("write the plugin: %w", err)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return nil, fmt.Errorf("write the plugin: %w", err)
		}
	}
	return names, nil
}

// check also fills in what is absent.
func (p *Plugin) check() error {
	if !name.MatchString(p.Name) || len(p.Name) > maxName {
		return fmt.Errorf("%q is no name for a plugin: use lower-case letters and digits, in words with - between them, such as acme or acme-cloud, of %d characters at most", p.Name, maxName)
	}
	if len(p.Settings()) == 0 {
		return fmt.Errorf("there is no kind %q: use one of auth, target, sink, hook", p.Kind)
	}
	if p.Module == "" {
		p.Module = "example.com/assay-plugin-" + p.Name
	}
	if err := module.CheckImportPath(p.Module); err != nil {
		return fmt.Errorf("the module path cannot be used: %w", err)
	}
	return nil
}

// Settings are lines of an example of its plugin block.
func (p *Plugin) Settings() []string {
	return map[sdk.Kind][]string{
		sdk.KindAuth: {
			`token_url     = "https://` + p.Name + `.example/oauth/token"`, `client_id     = "demo"`, `client_secret = var.client_secret`,
		},
		sdk.KindTarget: {`base_url = "https://` + p.Name + `.example"`},
		sdk.KindSink:   {`url = "https://` + p.Name + `.example/events"`},
		sdk.KindHook:   {`field = "traced_by"`},
	}[p.Kind]
}

// render makes the files, by name.
func (p *Plugin) render() (map[string][]byte, error) {
	all, err := template.ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for file, from := range map[string]string{
		"go.mod":                   "go.mod.tmpl",
		"main.go":                  "main.go.tmpl",
		"plugin.go":                fmt.Sprintf("plugin_%s.go.tmpl", p.Kind),
		"plugin_test.go":           "plugin_test.go.tmpl",
		"plugintest.json":          fmt.Sprintf("plugintest_%s.json.tmpl", p.Kind),
		"README.md":                "README.md.tmpl",
		".gitignore":               "gitignore.tmpl",
		".github/workflows/ci.yml": "ci.yml.tmpl",
	} {
		var content bytes.Buffer
		if err := all.ExecuteTemplate(&content, from, p); err != nil {
			return nil, err
		}
		files[file] = content.Bytes()
		if strings.HasSuffix(file, ".go") {
			if files[file], err = format.Source(content.Bytes()); err != nil {
				return nil, fmt.Errorf("%s: %w", from, err)
			}
		}
	}
	return files, nil
}
