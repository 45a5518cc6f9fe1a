package cli_test

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
)

// acmes are builds of testdata/acme, by version.
var acmes sync.Map

// acme is the program of a third party's plugin in that version.
func acme(version string) (string, error) {
	build, _ := acmes.LoadOrStore(version, sync.OnceValues(func() (string, error) {
		path := filepath.Join(binDir, "acme-"+version)
		out, err := exec.Command("go", "build", "-ldflags", "-s -w -X main.version="+version, "-o", path, "./testdata/acme").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build acme: %w\n%s", err, out)
		}
		return path, nil
	}))
	return build.(func() (string, error))()
}

// place copies a program. Another process does it: what this one writes, a
// fork at the same time holds open, and nothing executes it until then.
func place(version, path string) error {
	program, err := acme(version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("cp", program, path+".new").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Rename(path+".new", path)
}

func newRegistry(tb testing.TB) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	tb.Cleanup(server.Close)
	return server
}

func putAcme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: acme VERSION PATH")
	}
	ts.Check(place(args[0], ts.MkAbs(args[1])))
}

func serveRegistry(ts *testscript.TestScript, neg bool, args []string) {
	state := ts.Value(scriptKey{}).(*scriptState)
	switch {
	case neg:
		ts.Fatalf("usage: registry [down]")
	case len(args) == 0 && state.registry == nil:
		state.registry = newRegistry(state.t)
		ts.Setenv("REGISTRY", state.registry.Listener.Addr().String())
		ts.Setenv("PLATFORM", runtime.GOOS+"/"+runtime.GOARCH)
	case len(args) == 1 && args[0] == "down" && state.registry != nil:
		state.registry.Close()
	default:
		ts.Fatalf("usage: registry [down]")
	}
}

const acmeSuite = `
plugin "acme" {
  source = "oci://%s/acme/assay-plugin-acme"
  file   = "names.txt"
}
`

// TestInitAtTheSameTime locks the same suite from several processes, which
// share a cache that is empty.
func TestInitAtTheSameTime(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	address := registry.Listener.Addr().String()
	dir := suite(t, "x.assay.hcl", fmt.Sprintf(acmeSuite, address))
	program, err := acme("1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	source := "oci://" + address + "/acme/assay-plugin-acme"
	if out := run(t, dir, nil, "plugin", "push", source, runtime.GOOS+"/"+runtime.GOARCH+"="+program); out.code != 0 {
		t.Fatal(out.stderr)
	}
	all := make([]*running, 4)
	for i := range all {
		all[i] = start(t, dir, nil, "init", ".")
	}
	for _, r := range all {
		if out := r.end(); out.code != 0 {
			t.Errorf("exit status %d: %s", out.code, out.stderr)
		}
	}
	if out := run(t, dir, nil, "plugin", "list", "."); out.code != 0 || !strings.Contains(out.stdout, "locked") {
		t.Errorf("exit status %d: %s%s", out.code, out.stdout, out.stderr)
	}
	for _, file := range files(t, filepath.Join(dir, ".cache")) {
		name := filepath.Base(strings.Fields(file)[0])
		if strings.HasPrefix(name, ".") || strings.Contains(name, "tmp") {
			t.Errorf("left behind: %s", file)
		}
	}
}
