package specfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadFile(t *testing.T) {
	inSuite(t, map[string]string{"suite/data/orders.csv": "id\n1\n", "outside": "secret"})
	dir, err := filepath.Abs("suite")
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"inside.csv": "data/orders.csv", "out": "../outside", "absolute": filepath.Join(dir, "data/orders.csv"),
		"device": "/dev/zero", "dangling": "nothing", "loop": "loop", "outdir": "..",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo("suite/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", "suite/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Truncate("suite/data/orders.csv", 5); err != nil {
		t.Fatal(err)
	}
	sparse(t, "suite/limit", MaxFileSize)
	sparse(t, "suite/large", MaxFileSize+1)

	suite := &Suite{Dir: dir}
	for name, want := range map[string]string{
		"data/orders.csv":           "",
		"./data/../data/orders.csv": "",
		"inside.csv":                "",
		"limit":                     "",
		"nothing.csv":               `cannot read "nothing.csv": no such file or directory`,
		"dangling":                  "no such file or directory",
		"loop":                      "too many",
		"":                          "leads out of the suite's folder",
		"/etc/passwd":               "leads out of the suite's folder",
		"../outside":                `cannot read "../outside": the path leads out of the suite's folder`,
		"data/../../outside":        "leads out of the suite's folder",
		"out":                       `cannot read "out": path escapes from parent`,
		"outdir/outside":            "path escapes from parent",
		"absolute":                  "path escapes from parent",
		"device":                    "path escapes from parent",
		"pipe":                      `cannot read "pipe": it is a named pipe, not a regular file`,
		"socket":                    `cannot read "socket"`,
		"data":                      `cannot read "data": it is a folder, not a regular file`,
		"large":                     `cannot read "large": it is larger than 10 MB`,
	} {
		data, err := suite.ReadFile(name)
		switch {
		case want == "":
			if err != nil || len(data) == 0 {
				t.Errorf("%q: %d bytes, %v", name, len(data), err)
			}
		case err == nil || !strings.Contains(err.Error(), want) || data != nil:
			t.Errorf("%q: %d bytes, %v, want %s", name, len(data), err, want)
		}
	}
	if _, err := suite.ReadFile("nothing.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

// sparse makes a file of the given size that takes no room.
func sparse(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

func TestDiscover(t *testing.T) {
	inSuite(t, map[string]string{
		"specs/one/a.assay.hcl":            "",
		"specs/one/b.assay.json":           "",
		"specs/two/deep/a.assay.json":      "",
		"specs/two/readme.md":              "",
		"specs/.hidden/a.assay.hcl":        "",
		"specs/one/.assay/a.assay.hcl":     "",
		"specs/node_modules/x/a.assay.hcl": "",
		"elsewhere/a.assay.hcl":            "",
		"empty/readme.md":                  "",
		"empty/.git/a.assay.hcl":           "",
	})
	for link, target := range map[string]string{"specs/linked": "../elsewhere", "link": "specs"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		patterns []string
		want     []string
		problem  string
	}{
		{[]string{"specs/one"}, []string{"specs/one"}, ""},
		{[]string{"./specs/one/"}, []string{"specs/one"}, ""},
		{[]string{"specs/one/a.assay.hcl"}, []string{"specs/one"}, ""},
		{[]string{"specs/..."}, []string{"specs/one", "specs/two/deep"}, ""},
		{[]string{"./specs/...", "specs/one", here + "/specs/one"}, []string{here + "/specs/one", "specs/two/deep"}, ""},
		{[]string{"..."}, []string{"elsewhere", "specs/one", "specs/two/deep"}, ""},
		{[]string{"./..."}, []string{"elsewhere", "specs/one", "specs/two/deep"}, ""},
		{[]string{"link/..."}, []string{"link/one", "link/two/deep"}, ""},
		{[]string{"specs/linked"}, []string{"specs/linked"}, ""},
		{[]string{"specs/.hidden"}, []string{"specs/.hidden"}, ""},
		{nil, nil, ". is not a suite: it holds no *.assay.hcl or *.assay.json file; name a folder that does, or ... for every suite below it"},
		{[]string{"specs"}, nil, "specs is not a suite: it holds no *.assay.hcl or *.assay.json file; name a folder that does, or specs/... for every suite below it"},
		{[]string{"empty/..."}, nil, "no suite in empty/...: no folder there holds a *.assay.hcl or *.assay.json file"},
		{[]string{"specs/two/readme.md"}, nil, "specs/two/readme.md is not a spec file"},
		{[]string{"nothing", "specs/one", "nowhere/..."}, []string{"specs/one"}, "cannot find suite nothing: no such file or directory; name a folder that holds *.assay.hcl files, or DIR/... for every suite below it\ncannot look for suites in nowhere: no such file or directory"},
	}
	for _, test := range tests {
		got, err := Discover(test.patterns)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.patterns, diff)
		}
		if (err == nil) != (test.problem == "") || err != nil && !strings.HasPrefix(err.Error(), test.problem) {
			t.Errorf("%q: got error %v, want %s", test.patterns, err, test.problem)
		}
	}
}

func TestDiscoverTakesTheCurrentFolder(t *testing.T) {
	inSuite(t, map[string]string{"a.assay.hcl": ""})
	got, err := Discover(nil)
	if diff := cmp.Diff([]string{"."}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
