package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// upstreamSpec is a suite whose handler calls an upstream that a variable names.
const upstreamSpec = `
variable "erp_url" { type = string }
variable "erp_token" {
  type      = string
  default   = "t0ken-c4nary"
  sensitive = true
}
action "sync" {
  id        = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input     = object({ sku = string, phone = string })
  sensitive = ["phone"]
  error "UPSTREAM_TIMEOUT" {
    message = "External service did not respond within threshold"
  }
  handler {
    step "sync" {
      request {
        method  = "POST"
        url     = "${var.erp_url}/v1/sync?token=${var.erp_token}"
        headers = { Authorization = "Bearer ${var.erp_token}" }
        json    = input
      }
      retry {
        attempts   = 3
        base_delay = "1ms"
        max_delay  = "5ms"
      }
    }
    output = { echo = step.sync.response.json.echo }
    errors = { default = "UPSTREAM_TIMEOUT" }
  }
}
action "bare" {
  id = "5f0c6a54-2b9d-4c1e-9d53-8a7f6e21b0c4"
}
`

const phone = "+4930-c4nary"

// invoked is an envelope.
type invoked struct {
	Success bool
	Data    map[string]any
	Error   struct {
		Code    string
		Details struct {
			Trace    string
			Attempts int
		}
	}
}

func envelope(t *testing.T, stdout string) invoked {
	t.Helper()
	var e invoked
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	var raw json.RawMessage
	if err := decoder.Decode(&raw); err != nil {
		t.Fatalf("%v: %q", err, stdout)
	}
	if decoder.More() {
		t.Errorf("more than one document: %s", stdout)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// erp is an upstream that fails some times before it answers.
func erp(t *testing.T, failures int64) *httptest.Server {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer t0ken-c4nary" || !strings.Contains(string(body), phone) {
			t.Errorf("the upstream got %s with %v", body, r.Header)
		}
		if requests.Add(1) <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"echo":%s,"sent":%q}`, body, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		failures int64
		code     int
		log      string
	}{
		"at once": {0, 0, `^<head> msg="Attempt 1/3 succeeded" <trace> action=sync step=sync\n`},
		"with retries": {2, 0, `^<head> msg="Retry 1/3 failed: 503 Service Unavailable" <trace> action=sync step=sync\n` +
			`<head> msg="Retry 2/3 failed: 503 Service Unavailable" <trace> action=sync step=sync\n<head> msg="Attempt 3/3 succeeded" <trace> action=sync step=sync\n`},
		"never": {3, 1, `^(<head> msg="Retry [123]/3 failed: 503 Service Unavailable" <trace> action=sync step=sync\n){3}` +
			`<head> msg="Execution failed: 503 Service Unavailable after 3 attempts" <trace> action=sync code=UPSTREAM_TIMEOUT\n`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := suite(t, "action.assay.hcl", upstreamSpec, "input.json", `{"sku":"SKU-1","phone":"`+phone+`"}`)
			upstream := erp(t, test.failures)
			out := run(t, dir, []string{"ASSAY_VAR_erp_url=" + upstream.URL}, "invoke", ".", "sync", "--input", "@input.json", "--trace")
			if out.code != test.code {
				t.Errorf("exit status %d, want %d", out.code, test.code)
			}
			e := envelope(t, out.stdout)
			if e.Success != (test.code == 0) || test.code == 1 && (e.Error.Code != "UPSTREAM_TIMEOUT" || e.Error.Details.Attempts != 3) {
				t.Errorf("%s", out.stdout)
			}
			if e.Success && !strings.Contains(out.stdout, phone) {
				t.Errorf("the envelope is masked: %s", out.stdout)
			}
			trace := `[0-9a-f-]{36}`
			if !e.Success {
				trace = e.Error.Details.Trace
			}
			log := strings.NewReplacer("<head>", `time=\S+ level=[A-Z]+`, "<trace>", "trace="+trace).Replace(test.log)
			if !regexp.MustCompile(log).MatchString(out.stderr) {
				t.Errorf("the log is not as %s:\n%s", log, out.stderr)
			}
			for _, want := range []string{
				"\nStep 1: sync (", "\n  input   {", `"phone":"(sensitive)"`, `"sku":"SKU-1"`, `"url":"(sensitive)"`, "\n  output  {",
			} {
				if !strings.Contains(out.stderr, want) {
					t.Errorf("no %q in\n%s", want, out.stderr)
				}
			}
			assertNoSecrets(t, []string{phone, "t0ken-c4nary"}, map[string]string{"stderr": out.stderr})
			if left := files(t, dir); len(left) > 2 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Without --trace the steps do not show; what the log shows, --log-level says.
func TestInvokeQuietly(t *testing.T) {
	t.Parallel()
	dir := suite(t, "action.assay.hcl", upstreamSpec)
	upstream := erp(t, 0)
	out := run(t, dir, nil, "invoke", ".", "action.sync", "--var", "erp_url="+upstream.URL, "--log-level", "error",
		"--input", `{"sku":"SKU-1","phone":"`+phone+`"}`)
	if out.code != 0 || out.stderr != "" {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
}

// Ctrl-C does not wait for an upstream that hangs, and prints no envelope.
func TestInvokeInterrupted(t *testing.T) {
	t.Parallel()
	arrived, done := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		discard(r.Body)
		close(arrived)
		<-done
	}))
	defer upstream.Close()
	defer close(done)
	dir := suite(t, "action.assay.hcl", upstreamSpec)
	r := start(t, dir, nil, "invoke", ".", "sync", "--var", "erp_url="+upstream.URL, "--input", `{"sku":"SKU-1","phone":"1"}`)
	select {
	case <-arrived:
	case <-time.After(patience / 2):
		t.Fatal("the upstream is not asked")
	}
	interrupted := time.Now()
	r.signal(os.Interrupt)
	out := r.end()
	if out.code != 130 || out.stdout != "" || !strings.Contains(out.stderr, "interrupted") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	if took := time.Since(interrupted); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
