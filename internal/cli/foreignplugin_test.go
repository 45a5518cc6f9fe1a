package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
// suites can use them.
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
		})
	}
}

// tryIt types what the page ends with. Of the checks only those are skipped
// that are of other kinds, of sensitive attributes and of panics; then suites
// can use the plugin.
func tryIt(t *testing.T, dir string) {
	t.Helper()
	page, err := os.ReadFile("../../plugins/languages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Try it\n")
	saveFiles(t, dir, section)
	var output strings.Builder
	for _, commands := range consoleBlock.FindAllStringSubmatch(section, -1) {
		shell := exec.CommandContext(t.Context(), "sh", "-ec", commands[1])
		shell.Dir, shell.Env = dir, environment(dir, shortTemp(t))
		shell.Stdout, shell.Stderr = &output, &output
		if err := shell.Run(); err != nil {
			t.Errorf("%v\n%s", err, commands[1])
		}
	}
	for _, want := range []string{`"acme"`, "\n21 passed, 0 failed, 5 skipped, 0 undecided\n", "Development plugin", "assay.lock.hcl written", "1 vector: 1 passed"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("no %q in\n%s", want, output.String())
		}
	}
}
