package specfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Discover finds the suites' folders that command-line patterns name: a folder
// that holds spec files, a spec file (its folder is meant), or DIR/... for
// every suite below DIR. No pattern means the current folder. The folders are
// sorted and each is given once, as its pattern spells it.
func Discover(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	var dirs []string
	var problems []error
	for _, pattern := range patterns {
		found, err := discover(pattern)
		dirs = append(dirs, found...)
		problems = append(problems, err)
	}
	slices.Sort(dirs)
	return distinct(dirs), errors.Join(problems...)
}

func discover(pattern string) ([]string, error) {
	if root, ok := strings.CutSuffix(filepath.ToSlash(pattern), "..."); ok && (root == "" || strings.HasSuffix(root, "/")) {
		return below(filepath.FromSlash(root))
	}
	info, err := os.Stat(pattern)
	if err != nil {
		return nil, fmt.Errorf("cannot find suite %s: %w; name a folder that holds *%s files, or DIR/... for every suite below it", pattern, bare(err), nativeSuffix)
	}
	if !info.IsDir() {
		if !isSpec(filepath.Base(pattern)) {
			return nil, fmt.Errorf("%s is not a spec file: a suite is a folder of *%s or *%s files; name the folder", pattern, nativeSuffix, jsonSuffix)
		}
		return []string{filepath.Dir(pattern)}, nil
	}
	isSuite, err := holdsSpecs(pattern)
	if err != nil {
		return nil, err
	}
	if !isSuite {
		return nil, fmt.Errorf("%s is not a suite: it holds no *%s or *%s file; name a folder that does, or %s for every suite below it", pattern, nativeSuffix, jsonSuffix, filepath.Join(pattern, "..."))
	}
	return []string{filepath.Clean(pattern)}, nil
}

// below finds every suite in the tree at root.
func below(root string) ([]string, error) {
	start := filepath.Join(root, ".")
	var dirs []string
	// The separator makes the walk enter a root that is a link.
	err := filepath.WalkDir(start+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("cannot look for suites in %s: %w", filepath.Clean(path), bare(err))
		case entry.IsDir() && filepath.Clean(path) != start && skipped(entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && isSpec(entry.Name()):
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	if err == nil && len(dirs) == 0 {
		err = fmt.Errorf("no suite in %s: no folder there holds a *%s or *%s file", filepath.Join(start, "..."), nativeSuffix, jsonSuffix)
	}
	return dirs, err
}

func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || name == "node_modules"
}

func holdsSpecs(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("cannot read suite %s: %w", dir, bare(err))
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isSpec(e.Name()) }), nil
}

// distinct drops folders that an earlier one spells otherwise.
func distinct(dirs []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		key, err := filepath.Abs(dir)
		if err != nil {
			key = dir
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}
