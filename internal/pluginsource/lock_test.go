package pluginsource

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var example = Lock{Plugins: map[string]Locked{
	"acme": {
		Source: "oci://registry.example/acme/assay-plugin-acme", Version: "1.2.3", Constraint: "~> 1.2", Protocol: 1,
		Hashes: map[string]string{"linux/amd64": hashOfText("a"), "darwin/arm64": hashOfText("b")},
	},
	"local": {Source: "./bin/x", Version: "0.1.0-rc.1", Protocol: 1, Hashes: map[string]string{"linux/amd64": hashOfText("c")}},
}}

func TestLockIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	empty := &Lock{}
	if changed, err := empty.Write(dir); changed || err != nil {
		t.Errorf("nothing to lock: %t, %v", changed, err)
	}
	if lock, err := ReadLock(dir); err != nil || len(lock.Plugins) > 0 {
		t.Errorf("no file: %v, %v", lock, err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := example.Write(dir); changed != want || err != nil {
			t.Errorf("got %t, %v, want %t", changed, err, want)
		}
	}
	lock, err := ReadLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&example, lock); diff != "" {
		t.Error(diff)
	}
	if changed, err := empty.Write(dir); !changed || err != nil {
		t.Errorf("no plugin any more: %t, %v", changed, err)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLockFileThatCannotBeUsed(t *testing.T) {
	good := string(example.Text())
	dir := t.TempDir()
	for name, c := range map[string]struct{ old, new, want string }{
		"conflict":         {"plugin \"acme\"", "<<<<<<< HEAD\nplugin \"acme\"", "assay.lock.hcl cannot be used: line 4: "},
		"no hashes":        {"hashes", "hushes", `The argument "hashes" is required`},
		"version":          {"1.2.3", "latest", `"latest" is not a version`},
		"hash":             {"sha256:", "md5:", "is not a platform and its hash"},
		"platform":         {"linux/amd64", "linux", "is not a platform and its hash"},
		"source":           {"oci://registry.example/acme/assay-plugin-acme", "../x", "is not a source that can be locked"},
		"built-in":         {"oci://registry.example/acme/assay-plugin-acme", "builtin/auth", "is not a source that can be locked"},
		"twice":            {`plugin "local"`, `plugin "acme"`, "it stands there twice"},
		"expressions":      {`"1.2.3"`, "var.version", "Variables not allowed"},
		"unknown block":    {`plugin "local"`, `provider "local"`, "provider"},
		"deep":             {"protocol   = 1", "protocol   = " + strings.Repeat("[", 1_000_000), "Nested too deeply"},
		"protocol as text": {"protocol   = 1", `protocol   = "one"`, "number"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: nothing replaced in\n%s", name, good)
		}
		if err := os.WriteFile(filepath.Join(dir, LockFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadLock(dir)
		mustFail(t, err, c.want)
		mustFail(t, err, "remove it and run assay init")
	}
}

func TestWhatTheLockDoesNotKnow(t *testing.T) {
	block := Block{Dir: "specs/x", Name: "acme", Source: example.Plugins["acme"].Source, Version: "~> 1.2"}
	if hash, err := example.hash(block, "linux/amd64"); err != nil || hash != hashOfText("a") {
		t.Errorf("got %q, %v", hash, err)
	}
	other := func(change func(*Block)) error {
		changed := block
		change(&changed)
		_, err := example.hash(changed, "linux/amd64")
		return err
	}
	mustFail(t, other(func(b *Block) { b.Name = "new" }), "does not know it, and nothing runs that is not locked. Lock it with: assay init specs/x")
	mustFail(t, other(func(b *Block) { b.Source = "./x" }), `has it from "oci://`)
	mustFail(t, other(func(b *Block) { b.Version = "~> 1.3" }), "has version 1.2.3, which is not ~> 1.3")
	_, err := example.hash(block, "linux/arm64")
	mustFail(t, err, "has it for darwin/arm64, linux/amd64, not for linux/arm64")
}

func FuzzLock(f *testing.F) {
	f.Add(example.Text())
	f.Add([]byte("plugin \"a\" {\n  source = \"x\"\n  version = \"1\"\n  protocol = 1e999\n  hashes = {}\n}\n"))
	f.Add([]byte("<<<<<<< HEAD"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lock, err := parseLock("assay.lock.hcl", text)
		if err != nil {
			return
		}
		again, err := parseLock("assay.lock.hcl", lock.Text())
		if err != nil {
			t.Fatalf("what was read cannot be written: %v\n%s", err, lock.Text())
		}
		if diff := cmp.Diff(lock, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
