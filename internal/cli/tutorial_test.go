package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var block = regexp.MustCompile("(?s)(?:Save this as `([^`]+)`[^\n]*\n\n)?```([a-z]+)\n(.*?)```")

// TestPluginTutorial does what plugins/tutorial.md says, in its order.
func TestPluginTutorial(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../plugins/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, b := range block.FindAllStringSubmatch(string(page), -1) {
		name, language, text := b[1], b[2], b[3]
		switch {
		case name != "":
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		case language == "console":
			// There is no release to build against yet.
			text = strings.Replace(text, "plugin new target acme", "plugin new target acme --replace "+quote(tree), 1)
			dir = follow(t, dir, text)
		default:
			t.Errorf("a block of %s is neither saved nor typed:\n%s", language, text)
		}
	}
}

// follow types commands, and answers the folder where they end.
func follow(t *testing.T, dir, commands string) string {
	t.Helper()
	where := filepath.Join(t.TempDir(), "pwd")
	shell := exec.CommandContext(t.Context(), "sh", "-ec", commands+"\npwd >"+quote(where))
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PATH="+binDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := shell.CombinedOutput()
	if err != nil && strings.Contains(string(output), "go: ") && strings.Contains(commands, "go mod tidy") {
		missing(t, "the modules that a plugin needs cannot be had:\n"+string(output))
	}
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, output)
	}
	end, err := os.ReadFile(where)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(end))
}
