package pluginsource

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// locked is a suite's folder whose lock file knows one plugin.
func locked(tb testing.TB, source, hash string) Block {
	tb.Helper()
	dir := tb.TempDir()
	lock := &Lock{Plugins: map[string]Locked{"acme": {Source: source, Version: "1.0.0", Protocol: 1, Hashes: map[string]string{platform: hash}}}}
	if _, err := lock.Write(dir); err != nil {
		tb.Fatal(err)
	}
	return Block{Dir: dir, Name: "acme", Source: source}
}

// try finds and opens a block's program, as a start does.
func try(f Finder, b Block) error {
	found, err := f.Find(b)
	if err != nil {
		return err
	}
	file, err := found.Open()
	if err != nil {
		return err
	}
	return file.Close()
}

func TestByPath(t *testing.T) {
	finder := newFinder(t)
	block := locked(t, "./bin/acme", hashOfText("acme"))
	mustFail(t, try(finder, block), "there is no file")
	program(t, filepath.Join(block.Dir, "bin/acme"), "acme")
	if err := try(finder, block); err != nil {
		t.Error(err)
	}
	program(t, filepath.Join(block.Dir, "bin/acme"), "changed")
	mustFail(t, try(finder, block), "is not what was locked: it has "+hashOfText("changed")+", not "+hashOfText("acme"))

	elsewhere := program(t, filepath.Join(t.TempDir(), "acme"), "acme")
	if err := os.Remove(filepath.Join(block.Dir, "bin/acme")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere.Path, filepath.Join(block.Dir, "bin/acme")); err != nil {
		t.Fatal(err)
	}
	mustFail(t, try(finder, block), "stands in the suite's folder itself")
}

func TestByName(t *testing.T) {
	finder := newFinder(t)
	block := locked(t, "acme", hashOfText("acme"))
	mustFail(t, try(finder, block), "in no folder, since neither ASSAY_PLUGIN_PATH nor HOME is set")
	first, second := t.TempDir(), t.TempDir()
	finder.Folders = []string{first, second}
	mustFail(t, try(finder, block), "there is no program assay-plugin-acme in "+first+", "+second)
	program(t, filepath.Join(second, "assay-plugin-acme"), "acme")
	if err := os.Mkdir(filepath.Join(first, "assay-plugin-acme"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := try(finder, block); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(first, "assay-plugin-acme")); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(first, "assay-plugin-acme"), "planted")
	mustFail(t, try(finder, block), "is not what was locked")
}

func TestDevelopmentNeedsNoLock(t *testing.T) {
	finder := newFinder(t)
	dev := program(t, filepath.Join(t.TempDir(), "acme"), "draft")
	finder.Dev = map[string]Program{"acme": dev}
	block := Block{Dir: t.TempDir(), Name: "acme", Source: "builtin/auth"}
	if found, err := finder.Find(block); err != nil || !found.Dev || found.Hash != hashOfText("draft") {
		t.Errorf("got %+v, %v", found, err)
	}
	program(t, dev.Path, "changed since")
	mustFail(t, try(finder, block), "was changed while assay ran")
}

func TestProgramsThatAnyoneMayWrite(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a", "b", "acme")
	chmod := func(mode os.FileMode, path string) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		spoil func()
		want  string
	}{
		"file":          {func() { chmod(0o777, path) }, "everyone may write to " + path},
		"folder":        {func() { chmod(0o777, filepath.Dir(path)) }, "everyone may write to the folder " + filepath.Dir(path)},
		"sticky folder": {func() { chmod(0o777|os.ModeSticky, filepath.Dir(path)) }, "everyone may write to the folder " + filepath.Dir(path)},
		"a parent":      {func() { chmod(0o777, filepath.Join(root, "a")) }, "everyone may write to the folder " + filepath.Join(root, "a")},
		"no x":          {func() { chmod(0o600, path) }, "cannot be executed. Let it, with: chmod +x"},
		"a pipe": {func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
		"a folder": {func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
	}
	for name, c := range cases {
		if err := os.RemoveAll(filepath.Join(root, "a")); err != nil {
			t.Fatal(err)
		}
		p := program(t, path, "acme")
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		c.spoil()
		_, err := p.Open()
		mustFail(t, err, c.want)
		if _, err := Development(link); err == nil {
			t.Errorf("%s: accepted through a link", name)
		}
		_ = os.Chmod(filepath.Join(root, "a"), 0o700)
	}
	// Nobody replaces a folder of ours in a sticky one such as /tmp.
	if err := os.RemoveAll(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	p := program(t, path, "acme")
	chmod(0o777|os.ModeSticky, filepath.Join(root, "a"))
	file, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	// A link that everyone may turn to another program is not good enough.
	open := t.TempDir()
	if err := os.Symlink(path, filepath.Join(open, "link")); err != nil {
		t.Fatal(err)
	}
	chmod(0o777, open)
	_, err = Development(filepath.Join(open, "link"))
	mustFail(t, err, "everyone may write to the folder "+open)
}
