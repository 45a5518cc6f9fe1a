package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The benchmarks' suite and tenant: every tenth execution fails, and all four
// plugins, classification and audit are on.
const (
	benchVectors  = 10000
	benchParallel = 32
	benchAction   = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
)

const benchSpec = `
suite {
  parallel = %[1]d
}
plugin "auth" {
  token_url     = "%[2]s/api/v2/oauth/token"
  client_id     = "bench"
  client_secret = "bench-secret"
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = "%[2]s"
  environment = "test"
}
plugin "webhook" {
  url         = "%[2]s/hook"
  allow_cidrs = ["127.0.0.0/8"]
}
plugin "audit" {}
action "bench" {
  id    = "%[3]s"
  input = object({ n = number })
  error "UPSTREAM_TIMEOUT" {
    message  = "The service did not respond"
    category = "timeout"
  }
}
vector "ok" {
  for_each = { for n in jsondecode(file("numbers.json")) : format("%%05d", n) => n if n %% 10 != 0 }
  action   = action.bench
  input    = { n = each.value }
}
vector "failing" {
  for_each = { for n in jsondecode(file("numbers.json")) : format("%%05d", n) => n if n %% 10 == 0 }
  action   = action.bench
  input    = { n = each.value }
  expect {
    status         = "FAILED"
    classification = "EXTERNAL_DEPENDENCY_OUTAGE"
  }
}
`

// instantTenant answers at once. Sessions of inputs that divide by ten fail.
type instantTenant struct {
	first    atomic.Int64 // when the first request came, in ns since the epoch
	requests atomic.Int64
	sessions atomic.Int64
}

var (
	completedSession = []byte(`{"status":"COMPLETED","executionDuration":1,"result":{"ok":true},"trace":[{"stepId":"s1","stepName":"call","timestamp":"2026-01-02T03:04:05Z","input":{},"output":{}}]}`)
	failedSession    = []byte(`{"status":"FAILED","executionDuration":1,"result":{"message":"connect ECONNREFUSED 10.0.0.1:443"},"trace":[{"stepId":"s1","stepName":"call","timestamp":"2026-01-02T03:04:05Z","input":{},"error":{"message":"connect ECONNREFUSED 10.0.0.1:443","stack":"Error: connect ECONNREFUSED 10.0.0.1:443\n    at TCPConnectWrap.afterConnect"}}]}`)
)

func (t *instantTenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.first.CompareAndSwap(0, time.Now().UnixNano())
	switch {
	case r.URL.Path == "/hook":
		_, _ = io.Copy(io.Discard, r.Body)
	case strings.HasSuffix(r.URL.Path, "/oauth/token"):
		fmt.Fprint(w, `{"access_token":"bench-token","expires_in":3600,"token_type":"Bearer"}`)
	case strings.HasSuffix(r.URL.Path, "/debug"):
		t.requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		state := "c"
		if i := bytes.Index(body, []byte(`"n":`)); i >= 0 && bytes.HasSuffix(bytes.TrimRight(body[:i+4+bytes.IndexAny(body[i+4:], ",}")], " "), []byte("0")) {
			state = "f"
		}
		fmt.Fprintf(w, `{"sessionId":"%s-%d"}`, state, t.sessions.Add(1))
	default:
		t.requests.Add(1)
		if strings.Contains(r.URL.Path, "/f-") {
			_, _ = w.Write(failedSession)
		} else {
			_, _ = w.Write(completedSession)
		}
	}
}

// buildBareClient builds a client that makes the tenant requests of the suite
// with nothing around them. Like assay it is a process of its own, so that
// neither shares the tenant's.
func buildBareClient(b *testing.B) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "bareclient")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/bareclient").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

func bareRun(b *testing.B, client, url string) time.Duration {
	b.Helper()
	out, err := exec.Command(client, url+"/api/v2/data-actions/"+benchAction, strconv.Itoa(benchVectors), strconv.Itoa(benchParallel)).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// benchRun runs the suite's first vectors through the built binary.
func benchRun(b *testing.B, tenant *instantTenant, url string, vectors int) (took time.Duration, command *exec.Cmd) {
	b.Helper()
	dir := b.TempDir()
	numbers := make([]int, vectors)
	for n := range numbers {
		numbers[n] = n
	}
	list, err := json.Marshal(numbers)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"bench.assay.hcl": fmt.Sprintf(benchSpec, benchParallel, url, benchAction),
		"numbers.json":    string(list),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	tenant.first.Store(0)
	tenant.requests.Store(0)
	command = exec.Command(filepath.Join(binDir, "assay"), "run", dir, "--report", "json="+filepath.Join(dir, "result.json"))
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	started := time.Now()
	if err := command.Run(); err != nil {
		b.Fatalf("%v\n%s", err, tail(output.String()))
	}
	took = time.Since(started)
	if n := tenant.requests.Load(); n != int64(2*vectors) {
		b.Fatalf("the tenant saw %d requests, want %d", n, 2*vectors)
	}
	b.ReportMetric(float64(time.Unix(0, tenant.first.Load()).Sub(started).Microseconds())/1000, "first-request-ms")
	return took, command
}

// BenchmarkStart runs a suite of one vector: what it takes to the first
// request, and in all.
func BenchmarkStart(b *testing.B) {
	tenant := &instantTenant{}
	server := httptest.NewServer(tenant)
	defer server.Close()
	for b.Loop() {
		benchRun(b, tenant, server.URL, 1)
	}
}

// BenchmarkRun runs 10,000 vectors through the built binary and the same
// tenant requests through a bare client, in turn, and gives the median of the
// ratios, turn by turn.
func BenchmarkRun(b *testing.B) {
	tenant := &instantTenant{}
	server := httptest.NewServer(tenant)
	defer server.Close()
	client := buildBareClient(b)
	var ratios []float64
	for b.Loop() {
		bare := bareRun(b, client, server.URL)
		took, command := benchRun(b, tenant, server.URL, benchVectors)
		ratios = append(ratios, took.Seconds()/bare.Seconds())
		usage := command.ProcessState.SysUsage().(*syscall.Rusage)
		b.ReportMetric(bare.Seconds(), "bare-s")
		b.ReportMetric(took.Seconds(), "assay-s")
		b.ReportMetric(float64(usage.Maxrss)/1024, "peak-MB")
		b.ReportMetric((command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds(), "cpu-s")
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
