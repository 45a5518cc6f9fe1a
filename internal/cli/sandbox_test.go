package cli_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// actionID is that of the action of the specs in these tests.
const actionID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"

// sandboxSpec is a suite without a tenant and without vectors: an action, its
// upstream, and an embedded tenant whose analytics come in small pages.
const sandboxSpec = `
sandbox {
  page_size = 1
  fault "submit" {
    kind        = "status"
    status      = 429
    retry_after = "0"
    first       = 1
  }
}
action "sync" {
  id     = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  name   = "InventorySyncAction"
  input  = object({ sku = string, warehouseId = string })
  output = object({ synced = bool, lastModified = optional(string) })
  error "UPSTREAM_TIMEOUT" {
    message = "External service did not respond within threshold"
  }
  error "RATE_LIMIT_EXCEEDED" {
    message = "External API returned 429 status"
  }
  handler {
    step "sync" {
      request {
        method = "POST"
        url    = "${mock.erp.url}/v1/inventory/sync"
        json   = input
      }
    }
    output = { synced = true, lastModified = step.sync.response.json.updated_at }
    errors = { rate_limited = "RATE_LIMIT_EXCEEDED", default = "UPSTREAM_TIMEOUT" }
  }
}
mock "erp" {
  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "SKU-429"
    status = 429
  }
  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "SKU-503"
    status = 503
  }
  route "POST /v1/inventory/sync" {
    json = { updated_at = "2026-01-02T03:04:05Z" }
  }
}
`

// startSandbox serves a suite, and answers the base URL once it stands in the
// port file.
func startSandbox(t *testing.T, dir string, args ...string) (*running, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	r := start(t, dir, nil, append([]string{"sandbox", ".", "--port-file", file}, args...)...)
	var url string
	eventually(t, "the port file", func() bool {
		text, err := os.ReadFile(file)
		url = strings.TrimSpace(string(text))
		select {
		case <-r.done:
			t.Fatalf("it has ended: %s", r.stderr)
		default:
		}
		return err == nil
	})
	return r, url
}

func TestSandboxEnds(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string][]syscall.Signal{
		"Ctrl-C":  {syscall.SIGINT},
		"SIGTERM": {syscall.SIGTERM},
		// `timeout` sends one to the process and one to its group.
		"impatience": {syscall.SIGTERM, syscall.SIGINT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := suite(t, "sandbox.assay.hcl", sandboxSpec)
			r, url := startSandbox(t, dir)
			response, err := http.Get(url + "/api/v2/dataactions")
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("status %d", response.StatusCode)
			}
			send(t, r, signals)
			out := r.end()
			if out.code != 0 || out.stderr != "" {
				t.Errorf("exit status %d, %s", out.code, out.stderr)
			}
			for _, want := range []string{
				": the tenant answers at " + url + "\n", "  action.sync " + actionID + "\n", "  mock.erp http://127.0.0.1:",
				"fault sandbox.submit status: struck 0 of 0 requests\n",
			} {
				if !strings.Contains(out.stdout, want) {
					t.Errorf("no %q in\n%s", want, out.stdout)
				}
			}
			if left := files(t, dir); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// send sends a signal, or several again and again until the process has ended.
func send(t *testing.T, r *running, signals []syscall.Signal) {
	t.Helper()
	if len(signals) == 1 {
		r.signal(signals[0])
		return
	}
	for i := 0; ; i++ {
		err := r.Process.Signal(signals[i%len(signals)])
		if errors.Is(err, os.ErrProcessDone) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // nobody is faster, and the process needs the processor to end
	}
}

// The port file never holds the address of a sandbox that is gone.
func TestSandboxPortFile(t *testing.T) {
	t.Parallel()
	dir := suite(t, "sandbox.assay.hcl", sandboxSpec, "out/url", "http://stale\n")
	file := filepath.Join(dir, "out", "url")
	wrong := run(t, dir, nil, "sandbox", ".", "--port-file", "out/url", "--var", "nosuch=1")
	if _, err := os.Stat(file); wrong.code != 2 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("exit status %d, and the stale file: %v", wrong.code, err)
	}
	r := start(t, dir, nil, "sandbox", ".", "--port-file", "out/url")
	line := r.stdout.await(t, "the tenant answers at ")
	_, url, _ := strings.Cut(line, " at ")
	text, err := os.ReadFile(file)
	if err != nil || string(text) != url+"\n" {
		t.Errorf("%q, %v, want %q", text, err, url)
	}
	r.signal(os.Interrupt)
	if out := r.end(); out.code != 0 {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
	if left := files(t, filepath.Join(dir, "out")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSandboxListen(t *testing.T) {
	t.Parallel()
	dir := suite(t, "sandbox.assay.hcl", sandboxSpec)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if out := run(t, dir, nil, "sandbox", "--listen", taken.Addr().String()); out.code != 2 || !strings.Contains(out.stderr, "address already in use") {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
	_ = taken.Close()
	r, url := startSandbox(t, dir, "--listen", taken.Addr().String())
	if url != "http://"+taken.Addr().String() {
		t.Errorf("answers at %s, want %s", url, taken.Addr())
	}
	r.signal(os.Interrupt)
	r.end()
}

// client runs a program of testdata/clients in its own language.
func client(t *testing.T, interpreter, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		missing(t, interpreter+" is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, path, append([]string{filepath.Join("testdata", "clients", name)}, args...)...)
	command.Env = environment(t.TempDir(), t.TempDir(), "CLIENT_ID=somebody", "CLIENT_SECRET=else")
	var out, problems strings.Builder
	command.Stdout, command.Stderr = &out, &problems
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), problems.String(), command.ProcessState.ExitCode()
}

// TestForeignClients lets clients in other languages, written against the
// contract alone, work on the sandbox.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	dir := suite(t, "sandbox.assay.hcl", sandboxSpec)
	r, url := startSandbox(t, dir)
	ran := map[string]int{}
	for _, test := range []struct {
		input, status, code string
		times               int
	}{
		{`{"sku":"SKU-1","warehouseId":"W-1"}`, "COMPLETED", "", 2},
		{`{"sku":"SKU-429","warehouseId":"W-1"}`, "FAILED", "RATE_LIMIT_EXCEEDED", 2},
		{`{"sku":"SKU-503","warehouseId":"W-1"}`, "FAILED", "UPSTREAM_TIMEOUT", 1},
	} {
		for range test.times {
			stdout, stderr, code := client(t, "node", "debug.mjs", url, actionID, "test", test.input)
			var session struct {
				SessionID, Status string
				Result            json.RawMessage
				Trace             []struct{ StepID, StepName, Timestamp string }
				ExecutionDuration *float64
			}
			if err := json.Unmarshal([]byte(stdout), &session); err != nil {
				t.Fatalf("%v: %s%s", err, stdout, stderr)
			}
			if session.Status != test.status || (code == 0) != (test.code == "") || session.SessionID == "" || session.ExecutionDuration == nil {
				t.Errorf("exit status %d with %s", code, stdout)
			}
			if len(session.Trace) != 1 || session.Trace[0].StepID != "sync" || session.Trace[0].Timestamp == "" {
				t.Errorf("the trace is %+v", session.Trace)
			}
			if !strings.Contains(string(session.Result), cmp.Or(test.code, `"lastModified":"2026-01-02T03:04:05Z"`)) {
				t.Errorf("the result is %s", session.Result)
			}
			ran[test.code]++
		}
	}
	_, stderr, code := client(t, "node", "debug.mjs", url, actionID, "test", `{"sku":"SKU-1","warehouse":"W-1"}`)
	if code == 0 || !strings.Contains(stderr, ": 400 ") || !strings.Contains(stderr, "warehouse") {
		t.Errorf("input that breaks the schema: exit status %d, %s", code, stderr)
	}
	monitored(t, url, ran)
	r.signal(os.Interrupt)
	out := r.end()
	if submits := 7; !strings.Contains(out.stdout, fmt.Sprintf("fault sandbox.submit status: struck 1 of %d requests\n", submits)) {
		t.Errorf("no or other counts of the fault:\n%s", out.stdout)
	}
}

func monitored(t *testing.T, url string, ran map[string]int) {
	t.Helper()
	stdout, stderr, code := client(t, "python3", "monitor.py", url, actionID)
	want := fmt.Sprintf(`^Action Health Report: %s
Generated: \S+Z
Total Executions: 5
Error Count: 3
Error Rate: 60.0%%

Top Error Codes:
  - RATE_LIMIT_EXCEEDED: %d occurrences \(Avg Duration: \d+ms\)
  - UPSTREAM_TIMEOUT: %d occurrences \(Avg Duration: \d+ms\)
WARNING: Error rate exceeds 5 percent threshold. Review handler logs and upstream dependency status.
$`, actionID, ran["RATE_LIMIT_EXCEEDED"], ran["UPSTREAM_TIMEOUT"])
	if code != 1 || !regexp.MustCompile(want).MatchString(stdout) {
		t.Errorf("exit status %d\n%s%s", code, stdout, stderr)
	}
	if stderr != "3 pages\n" {
		t.Errorf("the monitor read %s", stderr)
	}
}
