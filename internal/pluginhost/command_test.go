package pluginhost

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/pluginsource"
)

// What was checked is what runs, whatever stands at its path by then.
func TestTheCheckedFileIsExecuted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux executes open files")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, err := pluginsource.Development(write("acme", "checked"))
	if err != nil {
		t.Fatal(err)
	}
	host := New(Options{Finder: pluginsource.Finder{Dev: map[string]pluginsource.Program{"acme": program}}})
	c, err := host.command(pluginsource.Block{Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := os.Rename(write("planted", "planted"), program.Path); err != nil {
		t.Fatal(err)
	}
	inherited, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inherited.Close() }()
	out, err := c.exec(inherited).Output()
	if err != nil || strings.TrimSpace(string(out)) != "checked" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := host.command(pluginsource.Block{Name: "acme"}); err == nil || !strings.Contains(err.Error(), "was changed while assay ran") {
		t.Errorf("the next start: %v", err)
	}
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(`{"name":"acme","version":"1.2.3","protocol":1,"kinds":["sink"],"sink":{"required":true},"schema":{"attributes":[{"name":"url","type":["list","string"]}]}}`))
	f.Add([]byte(`{"kinds":null,"target":{"action_id_pattern":"(a"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := parseDescription(text)
		if err == nil && (len(d.Kinds) == 0 || d.Protocol != 1) {
			t.Errorf("accepted: %+v", d)
		}
	})
}
