package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestPluginNew begins a plugin of each kind, and does with it what its author
// would: it compiles against this tree, its tests pass, and it conforms.
func TestPluginNew(t *testing.T) {
	t.Parallel()
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for kind, skipped := range map[string][]string{
		"auth":   {"panics", "large-documents"},
		"target": {"panics", "secrets"},
		"sink":   {"panics", "secrets"},
		"hook":   {"panics", "secrets", "one-attempt", "deadline", "cancel", "independence"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := run(t, dir, nil, "plugin", "new", kind, "my-"+kind, "--replace", tree)
			if out.code != 0 {
				t.Fatalf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
			module := filepath.Join(dir, "assay-plugin-my-"+kind)
			if err := goCommand(t, module, "mod", "tidy"); err != nil {
				missing(t, "the modules that a plugin needs cannot be had: "+err.Error())
			}
			for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}, {"build", "-o", "bin/plugin", "."}} {
				if err := goCommand(t, module, args...); err != nil {
					t.Fatal(err)
				}
			}
			report, out := conformance(t, filepath.Join(module, "plugintest.json"), filepath.Join(module, "bin", "plugin"))
			assertConforms(t, report, out, skipped...)
			if kind == "hook" {
				useNewHook(t, module)
			}
		})
	}
}

// useNewHook runs a suite that uses the new hook plugin: it sets a field of the
// input.
func useNewHook(t *testing.T, module string) {
	t.Helper()
	dir := suite(t, "s.assay.hcl", newHookSuite)
	if err := goCommand(t, module, "build", "-o", filepath.Join(dir, "bin", "plugin"), "."); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"init", "run"} {
		if out := run(t, dir, nil, command, "."); out.code != 0 {
			t.Errorf("assay %s: exit status %d\n%s%s", command, out.code, out.stdout, out.stderr)
		}
	}
}

const newHookSuite = `
plugin "mine" {
  source = "./bin/plugin"
  field  = "by"
}
plugin "auth" {
  token_url     = "${sandbox.url}/api/v2/oauth/token"
  client_id     = "demo"
  client_secret = "sandbox"
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = sandbox.url
  environment = "test"
}
action "a" {
  id     = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input  = object({ name = string, by = optional(string) })
  output = object({ by = string })
  handler {
    output = { by = input.by }
  }
}
vector "v" {
  action = action.a
  input  = { name = "Ada" }
  expect {
    status = "COMPLETED"
    output = { by = "my-hook" }
  }
}
`

// goCommand runs the go command with the tester's own environment.
func goCommand(t *testing.T, dir string, args ...string) error {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	if err != nil {
		t.Logf("go %v:\n%s", args, output)
	}
	return err
}

// missing skips a test that needs what is not installed; CI has everything.
func missing(t *testing.T, why string) {
	t.Helper()
	if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
		t.Fatal(why)
	}
	t.Skip(why)
}

// TestPluginNewNeedsThisGo: what a new plugin's go.mod asks for is what ours
// asks for.
func TestPluginNewNeedsThisGo(t *testing.T) {
	ours, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if out := run(t, dir, nil, "plugin", "new", "hook", "mark", "--dir", "."); out.code != 0 {
		t.Fatalf("exit status %d\n%s", out.code, out.stderr)
	}
	theirs, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^go .*$`)
	if want, got := line.FindString(string(ours)), line.FindString(string(theirs)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
