package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/plugins/sdk"
)

var savedFile = regexp.MustCompile("(?s)Save this as `([^`]+)`[^\n]*\n\n```[a-z]+\n(.*?)```")

// saveFiles does as a page of documentation says: it saves what is to be saved.
func saveFiles(t *testing.T, dir, page string) {
	t.Helper()
	for _, s := range savedFile.FindAllStringSubmatch(page, -1) {
		mode := os.FileMode(0o600)
		if strings.HasPrefix(s[2], "#!") {
			mode = 0o700
		}
		path := filepath.Join(dir, s[1])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(s[2]), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// foreignPlugin follows plugins/languages.md for one language, and answers
// the folder with the program.
func foreignPlugin(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../plugins/languages.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")
	dir := t.TempDir()
	saveFiles(t, dir, sections[0])
	proto, err := os.ReadFile("../../plugins/pluginv1/plugin.proto")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin.proto"), proto, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, section := range sections[1:] {
		if !strings.HasPrefix(section, language+"\n") {
			continue
		}
		for _, block := range consoleBlock.FindAllStringSubmatch(section, -1) {
			shell := exec.CommandContext(t.Context(), "sh", "-ec", block[1])
			shell.Dir = dir
			if output, err := shell.CombinedOutput(); err != nil {
				missing(t, "what a plugin in "+language+" needs cannot be had: "+err.Error()+"\n"+string(output))
			}
		}
		saveFiles(t, dir, section)
		return dir
	}
	t.Fatalf("plugins/languages.md has nothing on %s", language)
	return ""
}

// installed skips a test where a language's own libraries are not there.
func installed(t *testing.T, command ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		missing(t, strings.Join(command, " ")+": "+err.Error()+"\n"+string(output))
	}
}

// TestPluginsInOtherLanguages: the programs in the documentation conform, and
// the host itself can use them.
func TestPluginsInOtherLanguages(t *testing.T) {
	t.Parallel()
	for language, needs := range map[string][]string{
		"Python":  {"/usr/bin/python3", "-c", "import cryptography, google.protobuf, grpc"},
		"Node.js": {"node", "--version"},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			installed(t, needs...)
			dir := foreignPlugin(t, language)
			tryIt(t, dir)
			t.Run("host", func(t *testing.T) { underHost(t, filepath.Join(dir, "assay-plugin-acme")) })
		})
	}
}

// tryIt types what the page ends with. Of the checks only those are skipped
// that are of other kinds, of sensitive attributes and of panics.
func tryIt(t *testing.T, dir string) {
	t.Helper()
	page, err := os.ReadFile("../../plugins/languages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Try it\n")
	commands := consoleBlock.FindStringSubmatch(section)
	if commands == nil {
		t.Fatal("plugins/languages.md does not say how to try it")
	}
	shell := exec.CommandContext(t.Context(), "sh", "-ec", commands[1])
	shell.Dir, shell.Env = dir, environment(dir, shortTemp(t))
	output, err := shell.CombinedOutput()
	for _, want := range []string{`"acme"`, "\n21 passed, 0 failed, 5 skipped, 0 undecided\n"} {
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("%v, and no %q in\n%s", err, want, output)
		}
	}
}

// underHost starts the program with the host of a run. It stands in for assay
// itself, which would serve a built-in plugin with the arguments that go first.
func underHost(t *testing.T, program string) {
	t.Helper()
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/actions/busy" {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = w.Write([]byte(`{"status":"COMPLETED","output":{"hello":"Ada"}}`))
	}))
	defer platform.Close()
	standIn := filepath.Join(t.TempDir(), "assay")
	if err := os.WriteFile(standIn, []byte("#!/bin/sh\nshift 3\nexec "+quote(program)+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	host := pluginhost.New(pluginhost.Options{
		Executable: standIn, Builtins: map[string]sdk.Plugin{"acme": nil},
		Environ: os.Environ(), Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer func() {
		if err := host.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	client, err := host.Launch("acme", "builtin/acme").Client(ctx)
	if err != nil {
		t.Fatal(err)
	}
	config := sdk.Config{Attributes: json.RawMessage(`{"base_url":"` + platform.URL + `","timeout":20}`)}
	if _, err := client.Configure(ctx, config); err != nil {
		t.Fatal(err)
	}
	done, err := client.Submit(ctx, sdk.SubmitRequest{Token: "t", ActionID: "greet", Input: json.RawMessage(`{}`)})
	if err != nil || done.Execution.Status != sdk.StatusCompleted || string(done.Execution.Output) != `{"hello":"Ada"}` && string(done.Execution.Output) != `{"hello": "Ada"}` {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = client.Submit(ctx, sdk.SubmitRequest{ActionID: "busy", Input: json.RawMessage(`{}`)})
	var typed *sdk.Error
	if !errors.As(err, &typed) || typed.Kind != sdk.RateLimited || typed.RetryAfter != 2*time.Second || !typed.Sent || typed.HTTPStatus != 429 {
		t.Errorf("%+v", err)
	}
}
