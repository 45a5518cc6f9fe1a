package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	savedBlock   = regexp.MustCompile("(?s)Save this as `([^`]+)`.*?```hcl\n(.*?)```")
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

	// What differs from run to run.
	volatile = []struct {
		pattern *regexp.Regexp
		stands  string
	}{
		{regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s)\b`), "TIME"},
		{regexp.MustCompile(`sha256:[0-9a-f]+…?`), "sha256:HASH"},
		{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  [0-9a-f]{8}\b`), "DATE AND RUN"},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT[\d:.]+Z`), "DATE"},
		{regexp.MustCompile(`"age_seconds":[\d.e-]+`), "AGE"},
		{regexp.MustCompile(`\bgo1\.[\w.]+`), "GO"},
	}
)

func steady(text string) string {
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.stands)
	}
	return text
}

// TestReadmeTour types what the README's tour types, and sees what it shows.
func TestReadmeTour(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "curl is not installed, which the README uses")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if shown := tour(t, t.TempDir(), readme); shown < 4 {
		t.Errorf("only %d console blocks were run", shown)
	}
}

// TestPluginsReadmeTour publishes and locks a plugin as plugins/README.md does.
func TestPluginsReadmeTour(t *testing.T) {
	readme, err := os.ReadFile("../../plugins/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		t.Skip("the tour is shown for linux/amd64, not for " + platform)
	}
	dir := t.TempDir()
	for _, name := range []string{"acme", "acme-mac"} {
		if err := place("1.0.0", filepath.Join(dir, "dist", name)); err != nil {
			t.Fatal(err)
		}
	}
	address := newRegistry(t).Listener.Addr().String()
	if shown := tour(t, dir, bytes.ReplaceAll(readme, []byte("127.0.0.1:50000"), []byte(address))); shown != 1 {
		t.Errorf("%d console blocks were run", shown)
	}
}

// tour saves in dir what a README says to save, types what it types and sees
// what it shows. It answers how many blocks there are with output.
func tour(t *testing.T, dir string, readme []byte) int {
	t.Helper()
	saveBlocks(t, readme, dir)
	shown := 0
	for _, block := range consoleBlock.FindAllSubmatch(readme, -1) {
		if !bytes.HasPrefix(block[1], []byte("$ ")) {
			continue // commands without output; CI runs them
		}
		shown++
		var commands []string
		for line := range strings.Lines(string(block[1])) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				// The prompt is echoed without touching $?, which a command may print.
				commands = append(commands, "status=$?; echo "+quote("$ "+strings.TrimSuffix(command, "\n"))+"; (exit $status)\n"+command)
			}
		}
		shell := exec.Command("sh", "-c", "exec 2>&1\n"+strings.Join(commands, ""))
		shell.Dir, shell.Env = dir, environment(dir, shortTemp(t))
		got, _ := shell.CombinedOutput() // some commands are there to fail
		if diff := cmp.Diff(steady(string(block[1])), steady(string(got))); diff != "" {
			t.Errorf("the README shows otherwise (-README +now):\n%s", diff)
		}
	}
	return shown
}

// saveBlocks saves what the README says to save.
func saveBlocks(t *testing.T, readme []byte, dir string) {
	t.Helper()
	saved := savedBlock.FindAllSubmatch(readme, -1)
	if len(saved) == 0 {
		t.Fatal("the README has nothing to save")
	}
	for _, s := range saved {
		path := filepath.Join(dir, string(s[1]))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, s[2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var workflowStep = regexp.MustCompile("(?s)```yaml\n- run: ([^\n]+)\n")

// TestReadmeWorkflow runs the step that the README has for GitHub Actions.
func TestReadmeWorkflow(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	step := workflowStep.FindSubmatch(readme)
	if step == nil {
		t.Fatal("the README has no step")
	}
	dir := t.TempDir()
	saveBlocks(t, readme, filepath.Join(dir, "specs"))
	summary := filepath.Join(dir, "summary.md")
	shell := exec.Command("sh", "-c", string(step[1]))
	shell.Dir, shell.Env = dir, environment(dir, shortTemp(t), "GITHUB_STEP_SUMMARY="+summary)
	out, err := shell.Output()
	if err != nil || !strings.HasPrefix(string(out), "::notice title=assay%3A pass::2 vectors: ") {
		t.Errorf("%v: %s", err, out)
	}
	for path, want := range map[string]string{
		summary: "## ✅ pass", filepath.Join(dir, "report.html"): "<h1>2 vectors: 2 passed", filepath.Join(dir, "junit.xml"): `tests="2" failures="0"`,
	} {
		content, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s lacks %q: %v", path, want, err)
		}
	}
}

// quote makes a shell word of a text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
