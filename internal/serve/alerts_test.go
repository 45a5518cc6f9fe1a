package serve

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed: it comes with Debian's package prometheus")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rules, tests := filepath.Join(dir, "alerts.yml"), filepath.Join(dir, "tests.yml")
	text, err := os.ReadFile("testdata/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{rules: AlertRules, tests: strings.Replace(string(text), "RULES", rules, 1)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "check", "rules", rules)
	promtool(t, "test", "rules", tests)
}

// The README's configuration of Prometheus takes the rules in.
func TestReadmeConfiguration(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(rule_files:.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no configuration of Prometheus")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"assay-alerts.yml": AlertRules, "prometheus.yml": string(block[1])} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "check", "config", filepath.Join(dir, "prometheus.yml"))
}

// The rules and the metrics speak of the same things.
func TestAlertRulesUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	o.BurnRates = true
	m := New(o)
	_, body := ask(m, "/metrics")
	used := regexp.MustCompile(`assay_\w+`).FindAllString(AlertRules, -1)
	windows := regexp.MustCompile(`window="\w+"`).FindAllString(AlertRules, -1)
	if len(used) < 5 || len(windows) < 4 {
		t.Fatalf("the rules use %v, %v", used, windows)
	}
	for _, name := range used {
		if !strings.Contains(body, "\n"+name+"{") {
			t.Errorf("the rules use %s, which is not told", name)
		}
	}
	for _, window := range windows {
		if !strings.Contains(body, window) {
			t.Errorf("the rules use %s, which is not told", window)
		}
	}
}
