// Package hooktest runs the tests that a suite's authors write for its
// scripts: the functions describe and it of files called *_test.lua. Each test
// runs in an environment of its own and within limits, as hooks do, and calls
// hooks as a run does.
//
// Start reading at Open and Suite.Run; testing.lua is what tests see.
package hooktest

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/assay-cx/assay/lua/hook"
	"github.com/assay-cx/assay/lua/script"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	// maxTests is how many tests a file may have: each runs the file anew.
	maxTests = 1000
	// maxFixture is how many bytes a fixture may have.
	maxFixture = 10 << 20
)

// limits are those of one test. It may call hooks, each within limits of its
// own, so it has more time than they.
func limits() script.Limits { return script.Limits{Time: 10 * time.Second, Memory: 64 << 20} }

// Settings say which suite is tested, and how.
type Settings struct {
	Dir        string
	Classifier string // the scripts of the suite's hooks, relative to Dir; empty for none
	Hooks      string
	Filter     *regexp.Regexp // of test names; nil for all
	// Fixture makes the document that classify gets of a recorded failure.
	Fixture func(recorded []byte) (json.RawMessage, error)
}

// Suite is a suite's tests, found and compiled.
type Suite struct {
	settings Settings
	scripts  *script.Suite
	hook     sdk.Hook
	harness  *script.Script
	files    []string
	log      func(script.LogLine) // of the test that runs
}

//go:embed testing.lua
var harness string

// harnessName stands in positions within testing.lua.
const harnessName = "testing.lua of assay"

// Open finds and compiles the suite's test files. Those that do not compile
// are *script.Errors, joined. The suite must be closed.
func Open(ctx context.Context, settings Settings) (*Suite, error) {
	scripts, err := script.Open(settings.Dir) //nolint:contextcheck // each call brings its own
	if err != nil {
		return nil, fmt.Errorf("open the suite's folder: %w", err)
	}
	s := &Suite{settings: settings, scripts: scripts}
	s.hook = hook.NewLogging(func(_ context.Context, _ string, line script.LogLine) { s.log(line) }).(sdk.Hook)
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (s *Suite) prepare(ctx context.Context) (err error) {
	attributes, err := json.Marshal(map[string]string{"classifier": s.settings.Classifier, "hooks": s.settings.Hooks})
	if err != nil {
		return err
	}
	if _, err = s.hook.Configure(ctx, sdk.Config{Attributes: attributes, Workspace: s.settings.Dir}); err != nil {
		return err
	}
	if s.harness, err = s.scripts.Compile(harnessName, harness); err != nil {
		return err
	}
	if s.files, err = find(s.settings.Dir); err != nil {
		return err
	}
	var wrong []error
	for _, file := range s.files {
		if _, err := s.scripts.Load(file); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// find lists the test files in dir and the folders in it, but for hidden ones
// and those that are suites of their own.
func find(dir string) ([]string, error) {
	var files []string
	tree := os.DirFS(dir)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || isSuite(tree, name)):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, "_test.lua"):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for tests: %w", err)
	}
	return files, nil
}

func isSuite(tree fs.FS, dir string) bool {
	for _, pattern := range []string{"*.assay.hcl", "*.assay.json"} {
		// The pattern is well-formed, so there is no error.
		if specs, _ := fs.Glob(tree, path.Join(dir, pattern)); len(specs) > 0 {
			return true
		}
	}
	return false
}

// Files are the test files, relative to the suite's folder.
func (s *Suite) Files() []string { return s.files }

// Close lets the suite's files go.
func (s *Suite) Close(ctx context.Context) error {
	return errors.Join(s.scripts.Close(), s.hook.(sdk.Shutdowner).Shutdown(ctx))
}
