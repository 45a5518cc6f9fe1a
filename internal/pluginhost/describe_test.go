package pluginhost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/sdk"
)

const description = `{"name":"acme","version":"1.2.3","summary":"x","protocol":1,"kinds":["hook","balcony"],"schema":{"attributes":[{"name":"url","type":"string","description":"x"}]}}`

// script is a program in a language of its own, as third parties write them.
func script(tb testing.TB, body string) pluginsource.Program {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "acme")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		tb.Fatal(err)
	}
	return measure(tb, path)
}

func measure(tb testing.TB, path string) pluginsource.Program {
	tb.Helper()
	program, err := pluginsource.Development(path)
	if err != nil {
		tb.Fatal(err)
	}
	program.Dev = false
	return program
}

func newCachingHost(tb testing.TB) *pluginhost.Host {
	tb.Helper()
	o := options(tb, slog.New(slog.DiscardHandler))
	o.Finder.Platform = platform
	o.Finder.Cache.Dir = filepath.Join(tb.TempDir(), "cache")
	host := pluginhost.New(o)
	tb.Cleanup(func() {
		if err := host.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return host
}

// What a program says of itself is remembered for the suites that have it
// locked. Whoever locks it asks it anew.
func TestProgramsAreAskedOnce(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	program := script(t, fmt.Sprintf(`echo "$*" >> %s; echo '%s'`, asked, description))
	host, block := newCachingHost(t), locked(t, program)
	times := func(want int) {
		t.Helper()
		if calls, err := os.ReadFile(asked); err != nil || string(calls) != strings.Repeat("describe --json\n", want) {
			t.Errorf("asked with %q, %v; want %d times", calls, err, want)
		}
	}
	for range 3 {
		d, err := host.Describe(t.Context(), block)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name != "acme" || d.Version != "1.2.3" || !slices.Equal(d.Kinds, []sdk.Kind{sdk.KindHook}) || d.Schema.Attributes[0].Name != "url" {
			t.Errorf("got %+v", d)
		}
	}
	times(1)
	if _, err := host.DescribeProgram(t.Context(), program); err != nil {
		t.Error(err)
	}
	times(2)
	if err := os.Chmod(program.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Describe(t.Context(), block); err == nil || !strings.Contains(err.Error(), "cannot be executed") {
		t.Errorf("a program that is remembered is not checked: %v", err)
	}
}

// locked is a block of a suite beside the program, which has it locked.
func locked(t *testing.T, program pluginsource.Program) pluginsource.Block {
	t.Helper()
	dir, source := filepath.Dir(program.Path), "./"+filepath.Base(program.Path)
	lock := pluginsource.Lock{Plugins: map[string]pluginsource.Locked{"acme": {
		Source: source, Version: "1.2.3", Protocol: 1, Hashes: map[string]string{platform: program.Hash},
	}}}
	if _, err := lock.Write(dir); err != nil {
		t.Fatal(err)
	}
	return pluginsource.Block{Dir: dir, Name: "acme", Source: source}
}

const platform = "test/test"

func TestDescriptionsThatCannotBeUsed(t *testing.T) {
	instead := func(old, new string) string {
		return "echo '" + strings.Replace(description, old, new, 1) + "'"
	}
	for name, c := range map[string]struct{ body, want string }{
		"garbage":          {"echo hello", "what it prints is not the description of a plugin"},
		"nothing":          {"true", "what it prints is not the description of a plugin"},
		"fails":            {"echo no licence >&2; exit 3", "exit status 3; its last lines: no licence"},
		"flood":            {"yes", "it writes more than 1 MB"},
		"protocol":         {instead(`"protocol":1`, `"protocol":2`), "it speaks protocol 2 of plugins, and this assay protocol 1"},
		"no protocol":      {instead(`"protocol":1,`, ``), "it speaks protocol 0"},
		"kinds":            {instead(`"hook",`, ``), "it is of no kind that this assay knows"},
		"name":             {instead(`"acme"`, `"\u001b[31m"`), "has a name that cannot be"},
		"version":          {instead("1.2.3", "latest"), `its version "latest" is not one such as 1.2.3`},
		"sink":             {instead("hook", "sink"), `it is a sink, and must say of itself either "required" or "queued"`},
		"pattern":          {instead(`"schema"`, `"target":{"action_id_pattern":"("},"schema"`), "its action_id_pattern is wrong"},
		"reserved":         {instead(`"url"`, `"source"`), `its attribute "source" has a name that is the host's own`},
		"attribute's name": {instead(`"url"`, `"a b"`), `its attribute "a b" has a name that no spec can write`},
		"interpreter":      {"", "cannot be executed: "},
	} {
		t.Run(name, func(t *testing.T) {
			// Written before any of them forks, which would hold it open.
			host, program := newCachingHost(t), script(t, c.body)
			if name == "interpreter" {
				if err := os.WriteFile(program.Path, []byte("#!/nowhere/at/all\n"), 0o700); err != nil {
					t.Fatal(err)
				}
				program = measure(t, program.Path)
			}
			t.Parallel()
			_, err := host.DescribeProgram(t.Context(), program)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), program.Path) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// A program that hangs is killed, with all that it started.
func TestDescriptionInTime(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	program := script(t, fmt.Sprintf("sleep 60 & echo $$ $! > %s; wait", pids))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	host, failed := newCachingHost(t), make(chan error, 1)
	go func() {
		_, err := host.DescribeProgram(ctx, program)
		failed <- err
	}()
	var shell, child int
	eventually(t, "the program runs", func() bool {
		text, _ := os.ReadFile(pids)
		n, _ := fmt.Sscan(string(text), &shell, &child)
		return n == 2
	})
	cancel()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("got %v", err)
	}
	eventually(t, "both are gone", func() bool { return !isAlive(t, shell) && !isAlive(t, child) })
}

func TestDescriptionSeesAllowedEnvironmentOnly(t *testing.T) {
	t.Setenv("CXONE_CLIENT_SECRET", "canary")
	program := script(t, `env | grep canary >&2; exit 1`)
	_, err := newCachingHost(t).DescribeProgram(t.Context(), program)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

// Locked, a plugin runs from its own file; changed, it does not start.
func TestLaunchFromAFile(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A script, so that the test's binary knows which plugin to be. It stands
	// where it finds its own folder, as scripts do.
	body := fmt.Sprintf("#!/bin/sh\nexec %s plugin serve helper \"$@\"\n", executable)
	path := filepath.Join(t.TempDir(), "acme")
	if err := os.WriteFile(path, []byte(body), 0o700); err != nil {
		t.Fatal(err)
	}
	block := locked(t, measure(t, path))
	o := options(t, slog.New(slog.DiscardHandler))
	o.Finder.Platform = platform
	host := pluginhost.New(o)
	defer func() { _ = host.Close(context.Background()) }()
	if d, err := host.Describe(t.Context(), block); err != nil || d.Name != "helper" {
		t.Errorf("got %+v, %v", d, err)
	}
	client, err := host.LaunchBlock(block).Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Configure(t.Context(), sdk.Config{}); err != nil {
		t.Fatal(err)
	}
	if answer, err := client.Call(t.Context(), "echo", json.RawMessage(`"hi"`)); err != nil || string(answer) != `"hi"` {
		t.Errorf("got %s, %v", answer, err)
	}
	if err := os.WriteFile(path, []byte(body+"# changed\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := host.LaunchBlock(block).Client(t.Context()); err == nil || !strings.Contains(err.Error(), "is not what was locked") {
		t.Errorf("got %v", err)
	}
}

func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within 30 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
