package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// tutorialStep is a block of the Lua tutorial: its language, the file that it
// is or the exit status that it comes to, and its text.
var tutorialStep = regexp.MustCompile("(?ms)^```(hcl|lua|sh)(?: (\\S+))?\n(.*?)^```$")

// TestLuaTutorial types what the tutorial types. It runs the failing commands
// too, and looks for what it shows of them.
func TestLuaTutorial(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../lua/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tutorial, _ := strings.Cut(string(readme), "in ten minutes\n")
	tutorial, _, _ = strings.Cut(tutorial, "\n## ")
	dir, tmp := t.TempDir(), shortTemp(t)
	var shown strings.Builder
	commands := 0
	for _, step := range tutorialStep.FindAllStringSubmatch(tutorial, -1) {
		language, title, text := step[1], step[2], step[3]
		if language != "sh" {
			path := filepath.Join(dir, title)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		commands++
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", text)
		command.Dir, command.Env = dir, environment(dir, tmp)
		out, _ := command.CombinedOutput() // its exit status is looked at
		shown.Write(out)
		want, _ := strconv.Atoi(strings.TrimPrefix(title, "exits-"))
		if got := command.ProcessState.ExitCode(); got != want {
			t.Fatalf("exit status %d, the tutorial says %d:\n%s\n%s", got, want, text, out)
		}
	}
	for _, text := range regexp.MustCompile("(?ms)^```text\n(.*?)^```$").FindAllStringSubmatch(tutorial, -1) {
		if !strings.Contains(shown.String(), text[1]) {
			t.Errorf("not shown:\n%s", text[1])
		}
	}
	told := `expected { category = "outage", confidence = 0.9 }, got nil`
	if commands < 5 || !strings.Contains(tutorial, told) || !strings.Contains(shown.String(), told) {
		t.Errorf("%d commands, which showed\n%s", commands, shown.String())
	}
}

// TestSpecsHooks runs the tests of the example suites' scripts, as they stand
// and with failures recorded just now.
func TestSpecsHooks(t *testing.T) {
	t.Parallel()
	dir := copySpecs(t)
	before := files(t, dir)
	out := run(t, dir, nil, "hook", "test", "./specs/...")
	if out.code != 0 || out.stderr != "" || !strings.Contains(out.stdout, "5 tests: 5 passed") {
		t.Fatalf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if after := files(t, dir); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("it left something behind: %v", after)
	}
	recorded := filepath.Join("specs", "orders", "failures")
	if err := os.RemoveAll(filepath.Join(dir, recorded)); err != nil {
		t.Fatal(err)
	}
	if out := run(t, dir, nil, "run", "./specs/orders", "--save-failures", recorded); out.code != 0 {
		t.Fatalf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out := run(t, dir, nil, "hook", "test", "./specs/orders"); out.code != 0 {
		t.Errorf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
}

// TestSavedFailuresAreRedacted records failures of a suite with callers' data
// and looks for the data in them.
func TestSavedFailuresAreRedacted(t *testing.T) {
	t.Parallel()
	dir := copySpecs(t)
	var secrets []string
	for _, name := range []string{"contacts.csv", "failures.csv"} {
		content, err := os.ReadFile(filepath.Join(dir, "specs/crm", name))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, dataCell.FindAllString(string(content), -1)...)
	}
	if err := os.WriteFile(filepath.Join(dir, "specs/crm/echo.assay.hcl"), []byte(echo), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, "canary/client+secret", "canary/crm+token")
	out := run(t, dir, []string{"CXONE_CLIENT_SECRET=canary/client+secret", "CRM_TOKEN=canary/crm+token"}, "run", "./specs/crm", "--save-failures", "saved")
	saved := everything(t, filepath.Join(dir, "saved"))
	if len(saved) < 3 || !strings.Contains(saved["crm.echo_failure.json"], `"output"`) {
		t.Fatalf("exit status %d, saved %d:\n%s%s", out.code, len(saved), out.stdout, out.stderr)
	}
	assertNoSecrets(t, secrets, saved)
}

// TestHookTestInterrupted ends tests that take too long for somebody.
func TestHookTestInterrupted(t *testing.T) {
	t.Parallel()
	dir := suite(t, "a.assay.hcl", `suite { name = "slow" }`, "a_test.lua", "it('starts', function() end) it('spins', function() while true do end; end)")
	r := start(t, dir, nil, "hook", "test", "--junit", "junit.xml")
	r.stdout.await(t, "pass   starts")
	r.signal(syscall.SIGINT)
	out := r.end()
	if out.code != 130 || !strings.Contains(out.stderr, "interrupted") {
		t.Errorf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}
