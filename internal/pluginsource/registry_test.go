package pluginsource

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPublishResolveAndLock(t *testing.T) {
	t.Run("docker-registry", func(t *testing.T) { publishResolveAndLock(t, debianRegistry(t)) })
	t.Run("in process", func(t *testing.T) {
		source, _ := serveRegistry(t, nil)
		publishResolveAndLock(t, source)
	})
}

func publishResolveAndLock(t *testing.T, source string) {
	t.Helper()
	both := map[string]string{platform: "one", "linux/arm64": "one for arm"}
	publish(t, source, "1.0.0", both)
	publish(t, source, "1.0.0", both) // the same again
	publish(t, source, "1.10.0", map[string]string{platform: "ten"})
	publish(t, source, "1.9.0", map[string]string{platform: "nine"})
	publish(t, source, "2.0.0-rc.1", map[string]string{platform: "rc"})

	for constraint, want := range map[string]string{
		"": "1.10.0 ten", "~> 1.0": "1.10.0 ten", "< 1.10": "1.9.0 nine", "1.0.0": "1.0.0 one", ">= 2.0.0-rc.0": "2.0.0-rc.1 rc",
	} {
		finder := newFinder(t)
		block := Block{Dir: t.TempDir(), Name: "acme", Source: source, Version: constraint}
		resolved, err := finder.Resolve(t.Context(), block, Locked{})
		if err != nil {
			t.Fatalf("%q: %v", constraint, err)
		}
		content, err := os.ReadFile(resolved.Path)
		if got := resolved.Version + " " + string(content); err != nil || got != want || !resolved.Downloaded {
			t.Errorf("%q: got %q, %v, want %q", constraint, got, err, want)
		}
		file, err := resolved.Open()
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}

	finder := newFinder(t)
	locked := Locked{Source: source, Version: "1.0.0", Hashes: map[string]string{platform: hashOfText("one")}}
	block := Block{Dir: t.TempDir(), Name: "acme", Source: source, Version: ">= 1.0"}
	if resolved, err := finder.Resolve(t.Context(), block, locked); err != nil || resolved.Version != "1.0.0" {
		t.Errorf("the locked version does not stay: %+v, %v", resolved, err)
	}
	hashes, err := finder.Hashes(t.Context(), block, locked, nil)
	if diff := cmp.Diff(map[string]string{platform: hashOfText("one"), "linux/arm64": hashOfText("one for arm")}, hashes); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = finder.Hashes(t.Context(), block, locked, []string{"darwin/arm64"})
	mustFail(t, err, "version 1.0.0 is not there for darwin/arm64; it is for linux/amd64, linux/arm64")
}

func TestWhatIsNotThere(t *testing.T) {
	source, server := serveRegistry(t, nil)
	publish(t, source, "1.2.3", map[string]string{"plan9/arm": "x"})
	finder := newFinder(t)
	resolve := func(block Block, locked Locked) error {
		block.Dir = t.TempDir()
		_, err := finder.Resolve(t.Context(), block, locked)
		return err
	}
	mustFail(t, resolve(Block{Source: source, Version: "~> 2.0"}, Locked{}), `no version that fits "~> 2.0"; it has 1.2.3`)
	mustFail(t, resolve(Block{Source: source}, Locked{}), "is not there for linux/amd64; it is for plan9/arm")
	mustFail(t, resolve(Block{Source: source}, Locked{Source: source, Version: "1.0.0"}), "check the address, and whether the version was pushed")
	mustFail(t, resolve(Block{Source: source + "-x"}, Locked{}), "check the address")
	server.Close()
	err := resolve(Block{Source: source}, Locked{})
	mustFail(t, err, "is it up, and is the address right?")
	var registry *RegistryError
	if !errors.As(err, &registry) || registry.Host != server.Listener.Addr().String() {
		t.Errorf("got %#v", err)
	}
	if left := kept(t, finder.Cache); len(left) > 0 {
		t.Errorf("kept: %v", left)
	}
}

func TestWhatIsNoPlugin(t *testing.T) {
	source, server := serveRegistry(t, nil)
	put := func(tag, mediaType, manifest string) {
		request, err := http.NewRequest(http.MethodPut, server.URL+"/v2/acme/assay-plugin-acme/manifests/"+tag, strings.NewReader(manifest))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", mediaType)
		response, err := server.Client().Do(request)
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatal(response, err)
		}
		_ = response.Body.Close()
	}
	const image, index = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
	manifest := `{"schemaVersion":2,"mediaType":"` + image + `","layers":[]}`
	put("9.9.9", image, manifest)
	put("1.0.0", image, manifest)
	put("2.0.0", index, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}`,
		image, hashOfText(manifest), len(manifest)))
	finder := newFinder(t)
	for constraint, want := range map[string]string{
		"1.0.0": "is not a release of a plugin",
		"2.0.0": "is not a plugin: publish one with assay plugin push",
	} {
		_, err := finder.Resolve(t.Context(), Block{Dir: t.TempDir(), Source: source, Version: constraint}, Locked{})
		mustFail(t, err, want)
	}
}

// misbehaving lets a test come between a registry and its answers.
type misbehaving struct {
	blob atomic.Pointer[func(w http.ResponseWriter, answer *httptest.ResponseRecorder)]
}

func (m *misbehaving) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		act := m.blob.Load()
		if act == nil || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		(*act)(w, answer)
	})
}

func TestHarmedDownloads(t *testing.T) {
	m := &misbehaving{}
	source, _ := serveRegistry(t, m.around)
	text := strings.Repeat("plugin", 100_000)
	publish(t, source, "1.0.0", map[string]string{platform: text})
	finder := newFinder(t)
	block := Block{Dir: t.TempDir(), Source: source}
	for want, act := range map[string]func(w http.ResponseWriter, answer *httptest.ResponseRecorder){
		"the download is not what was asked for": func(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
			harmed := bytes.Replace(answer.Body.Bytes(), []byte("plugin"), []byte("harmed"), 1)
			_, _ = w.Write(harmed)
		},
		"the download broke off": func(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
			w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
			_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
			panic(http.ErrAbortHandler)
		},
		"only registries on this machine are talked to without TLS": func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
			w.Header().Set("Location", "http://registry.example/blob")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		m.blob.Store(&act)
		_, err := finder.Resolve(t.Context(), block, Locked{})
		mustFail(t, err, want)
		var registry *RegistryError
		if !errors.As(err, &registry) {
			t.Errorf("%T is not a *RegistryError", err)
		}
		if left := kept(t, finder.Cache); len(left) > 0 {
			t.Errorf("%s: kept %v", want, left)
		}
	}
	m.blob.Store(nil)
	if _, err := finder.Resolve(t.Context(), block, Locked{}); err != nil {
		t.Error(err)
	}
}

// A download that is cancelled in the middle leaves nothing behind.
func TestCancelledDownload(t *testing.T) {
	m := &misbehaving{}
	source, _ := serveRegistry(t, m.around)
	publish(t, source, "1.0.0", map[string]string{platform: strings.Repeat("plugin", 100_000)})
	finder := newFinder(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	act := func(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
		_, _ = w.Write(answer.Body.Bytes()[:1000])
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-gone
	}
	m.blob.Store(&act)
	_, err := finder.Resolve(ctx, Block{Dir: t.TempDir(), Source: source}, Locked{})
	close(gone)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := kept(t, finder.Cache); len(left) > 0 {
		t.Errorf("kept %v", left)
	}
}

func TestCacheIsCheckedAndHealed(t *testing.T) {
	source, server := serveRegistry(t, nil)
	publish(t, source, "1.0.0", map[string]string{platform: "good"})
	finder, dir := newFinder(t), t.TempDir()
	block := Block{Dir: dir, Name: "acme", Source: source}
	locked := Locked{Source: source, Version: "1.0.0", Protocol: 1, Hashes: map[string]string{platform: hashOfText("good")}}
	lock := &Lock{Plugins: map[string]Locked{"acme": locked}}
	if _, err := lock.Write(dir); err != nil {
		t.Fatal(err)
	}
	_, err := finder.Find(block)
	mustFail(t, err, "has not been downloaded to this machine yet. Download it with: assay init")
	if _, err := finder.Resolve(t.Context(), block, locked); err != nil {
		t.Fatal(err)
	}
	found, err := finder.Find(block)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(found.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found.Path, []byte("evil"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = found.Open()
	mustFail(t, err, "is not what was locked")
	mustFail(t, err, "Something changed it in the cache. Download it anew")
	if resolved, err := finder.Resolve(t.Context(), block, locked); err != nil || !resolved.Downloaded {
		t.Errorf("got %+v, %v", resolved, err)
	}
	server.Close()
	if resolved, err := finder.Resolve(t.Context(), block, locked); err != nil || resolved.Downloaded {
		t.Errorf("what is there needs no registry: got %+v, %v", resolved, err)
	}
}

func TestAChangedReleaseIsRefused(t *testing.T) {
	source, _ := serveRegistry(t, nil)
	publish(t, source, "1.0.0", map[string]string{platform: "new"})
	finder := newFinder(t)
	block := Block{Dir: t.TempDir(), Name: "acme", Source: source}
	locked := Locked{Source: source, Version: "1.0.0", Hashes: map[string]string{platform: hashOfText("old")}}
	_, err := finder.Resolve(t.Context(), block, locked)
	mustFail(t, err, "somebody has changed a release")
	_, err = finder.Hashes(t.Context(), block, locked, nil)
	mustFail(t, err, "somebody has changed a release")
	if _, err := finder.Resolve(t.Context(), block, Locked{}); err != nil {
		t.Error(err)
	}
	other := program(t, filepath.Join(t.TempDir(), "other"), "other")
	_, err = Push(t.Context(), source, "1.0.0", map[string]Program{platform: other})
	mustFail(t, err, "published already")
	for _, version := range []string{"1.0", "v1.0.0", "1.0.0+build", "latest", ""} {
		_, err = Push(t.Context(), source, version, map[string]Program{platform: other})
		mustFail(t, err, "cannot be the tag of a release")
	}
}

func TestDownloadsAtTheSameTime(t *testing.T) {
	source, _ := serveRegistry(t, nil)
	publish(t, source, "1.0.0", map[string]string{platform: strings.Repeat("plugin", 50_000)})
	finder := newFinder(t)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			resolved, err := finder.Resolve(t.Context(), Block{Dir: t.TempDir(), Source: source}, Locked{})
			if err != nil {
				t.Error(err)
				return
			}
			file, err := resolved.Open()
			if err != nil {
				t.Error(err)
				return
			}
			_ = file.Close()
		})
	}
	running.Wait()
	if left := kept(t, finder.Cache); len(left) != 1 {
		t.Errorf("kept: %v", left)
	}
}

func TestCredentials(t *testing.T) {
	const password = "canary-password"
	source, server := serveRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, given, _ := r.BasicAuth(); user != "ada" || given != password {
				w.Header().Set("WWW-Authenticate", `Basic realm="acme"`)
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"no\u001b[31m entry for %s"}]}`, given)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	signIn := func(password string) {
		t.Helper()
		dir := t.TempDir()
		config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, server.Listener.Addr().String(), base64.StdEncoding.EncodeToString([]byte("ada:"+password)))
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("DOCKER_CONFIG", dir)
	}
	finder := newFinder(t)
	block := Block{Dir: t.TempDir(), Source: source}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err := finder.Resolve(t.Context(), block, Locked{})
	mustFail(t, err, "sign in with: docker login "+server.Listener.Addr().String())
	if strings.Contains(err.Error(), "\x1b") {
		t.Errorf("the registry's control characters come through: %q", err)
	}
	signIn("wrong")
	_, err = finder.Resolve(t.Context(), block, Locked{})
	mustFail(t, err, "sign in with")
	signIn(password)
	publish(t, source, "1.0.0", map[string]string{platform: "x"})
	if _, err = finder.Resolve(t.Context(), block, Locked{}); err != nil {
		t.Error(err)
	}
}

func TestOnlyThisMachineWithoutTLS(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.8.8.8": true, "[::1]:5000": true, "::1": true,
		"registry.example": false, "10.0.0.1:5000": false, "localhost.example": false, "127.0.0.1.example": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: got %t", host, got)
		}
	}
}

func TestNoPlaceForADownload(t *testing.T) {
	source, _ := serveRegistry(t, nil)
	publish(t, source, "1.0.0", map[string]string{platform: "x"})
	occupied := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "set HOME or XDG_CACHE_HOME", occupied: "not a directory"} {
		finder := Finder{Cache: Cache{Dir: dir}, Platform: platform}
		_, err := finder.Resolve(t.Context(), Block{Dir: t.TempDir(), Source: source}, Locked{})
		mustFail(t, err, want)
		if !errors.Is(err, ErrNotKept) {
			t.Errorf("got %v", err)
		}
	}
}
