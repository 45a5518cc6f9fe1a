package pluginsource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const platform = "linux/amd64"

// program writes a file that is good enough to be locked.
func program(tb testing.TB, path, content string) Program {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		tb.Fatal(err)
	}
	p, err := Development(path)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func hashOfText(text string) string {
	digest := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(digest[:])
}

// newFinder is a user's without any plugin. Docker's configuration is its own.
func newFinder(tb testing.TB) Finder {
	tb.Helper()
	return Finder{Cache: Cache{Dir: filepath.Join(tb.TempDir(), "cache")}, Platform: platform}
}

// serveRegistry is a registry in this process, behind a handler that may
// misbehave; nil for none. The source is of a repository in it.
func serveRegistry(tb testing.TB, around func(http.Handler) http.Handler) (source string, server *httptest.Server) {
	tb.Helper()
	handler := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	if around != nil {
		handler = around(handler)
	}
	server = httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return "oci://" + server.Listener.Addr().String() + "/acme/assay-plugin-acme", server
}

// debianRegistry is Debian's docker-registry as a process. The test is skipped
// where that is not installed.
func debianRegistry(tb testing.TB) (source string) {
	tb.Helper()
	binary, err := exec.LookPath("docker-registry")
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("docker-registry is not installed")
		}
		tb.Skip("docker-registry is not installed: apt-get install docker-registry")
	}
	dir := tb.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	config := fmt.Sprintf("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", dir, address)
	if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, binary, "serve", filepath.Join(dir, "config.yml"))
	if err := server.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stop()
		_ = server.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return "oci://" + address + "/acme/assay-plugin-acme"
		}
		if time.Now().After(deadline) {
			tb.Fatalf("docker-registry does not listen: %v", err)
		}
	}
}

// publish pushes a version whose program for each platform is that text.
func publish(tb testing.TB, source, version string, programs map[string]string) {
	tb.Helper()
	pushed := map[string]Program{}
	dir := tb.TempDir()
	for platform, content := range programs {
		pushed[platform] = program(tb, filepath.Join(dir, strings.ReplaceAll(platform, "/", "-")), content)
	}
	if _, err := Push(tb.Context(), source, version, pushed); err != nil {
		tb.Fatal(err)
	}
}

// kept are the files in a cache.
func kept(tb testing.TB, c Cache) []string {
	tb.Helper()
	var names []string
	err := filepath.WalkDir(c.Dir, func(path string, entry os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, c.Dir+"/"))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

// mustFail wants an error with that text in it.
func mustFail(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		tb.Errorf("got %v, want %q in it", err, want)
	}
}
