package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startServe serves a suite's health, and answers the base URL.
func startServe(t *testing.T, dir string, env []string, args ...string) (*running, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	r := start(t, dir, env, append([]string{"serve", ".", "--listen", "127.0.0.1:0", "--port-file", file}, args...)...)
	var url string
	eventually(t, "the port file", func() bool {
		select {
		case <-r.done:
			t.Fatalf("it has ended: %s", r.stderr)
		default:
		}
		text, err := os.ReadFile(file)
		url = strings.TrimSpace(string(text))
		return err == nil
	})
	return r, url
}

// ask asks a monitor, and answers the status and the body. headers are name,
// value pairs.
func ask(t *testing.T, client *http.Client, url string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(body)
}

// closing is a client that keeps no connection, and to which every name leads
// to loopback.
func closing() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}}
}

func TestServeHealth(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{metrics: analytics})
	dir := measured(t, "")
	r, url := startServe(t, dir, f.env(), "--log-level", "debug")
	status, body := ask(t, closing(), url+"/health?action_id="+foreignAction)
	var document struct {
		ActionID        string  `json:"action_id"`
		TotalExecutions int     `json:"total_executions"`
		ErrorCount      int     `json:"error_count"`
		ErrorRate       float64 `json:"error_rate"`
		TopErrorCodes   []struct {
			ErrorCode  string
			ErrorCount int
		} `json:"top_error_codes"`
		Stale      bool
		Thresholds []struct{ Name, Status string }
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil || status != 200 {
		t.Fatalf("%d %v %s", status, err, body)
	}
	if document.ActionID != foreignAction || document.TotalExecutions != 1000 || document.ErrorCount != 60 || document.ErrorRate != 6 || document.Stale ||
		len(document.TopErrorCodes) != 3 || document.TopErrorCodes[0].ErrorCode != "UPSTREAM_TIMEOUT" || document.TopErrorCodes[0].ErrorCount != 30 ||
		len(document.Thresholds) != 1 || document.Thresholds[0].Status != "fail" {
		t.Errorf("got %s", body)
	}
	if status, _ := ask(t, closing(), strings.Replace(url, "127.0.0.1", "monitor.localhost", 1)+"/health"); status != 421 {
		t.Errorf("under a name that may be a stranger's: %d", status)
	}
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() { ask(t, closing(), url+"/health?action_id=inventory_sync") })
	}
	all.Wait()
	_, metrics := ask(t, closing(), url+"/metrics")
	if !strings.Contains(metrics, "\n"+`assay_action_error_ratio{action="inventory_sync",suite="`) || !strings.Contains(metrics, `"} 0.06`+"\n") ||
		!strings.Contains(metrics, "\n"+`assay_plugin_breaker_state{operation="metrics",plugin="cxone",state="closed"} 1`) {
		t.Errorf("got %s", metrics)
	}
	if asked := f.requests(); asked[opMetrics] != 3 || asked[opToken] != 1 {
		t.Errorf("the platform saw %v, want 3 pages and 1 token", asked)
	}
	r.signal(os.Interrupt)
	out := r.end()
	if out.code != 0 || !strings.Contains(out.stdout, ": the monitor answers at "+url+"\n  action.inventory_sync "+url+"/health?action_id="+foreignAction+"\n") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	var launched []string
	for line := range strings.Lines(out.stderr) {
		if strings.Contains(line, `msg="plugin started"`) {
			_, name, _ := strings.Cut(line, "plugin=")
			launched = append(launched, strings.Fields(name)[0])
		}
	}
	if slices.Sort(launched); !slices.Equal(launched, []string{"auth", "cxone"}) {
		t.Errorf("launched %v, want the plugins that talk to the platform", launched)
	}
	assertNoSecrets(t, f.secrets(), map[string]string{"health": body, "metrics": metrics, "stdout": out.stdout, "stderr": out.stderr})
	if left := files(t, dir); len(left) > 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestServeFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer answerer
		status int
		detail string
	}{
		"401":     {always(401, `{}`), 403, `{"detail":"Invalid OAuth token or missing analytics:read scope",`},
		"403":     {always(403, `{}`), 403, `{"detail":"Invalid OAuth token or missing analytics:read scope",`},
		"500":     {always(500, `{}`), 502, `{"detail":"Failed to fetch action metrics: `},
		"an echo": {always(500, foreignSecret), 502, `{"detail":"Failed to fetch action metrics: `},
		"reset":   {reset(), 502, `{"detail":"Failed to fetch action metrics: `},
		"429":     {always(429, `{}`, "Retry-After", "3600"), 503, `{"detail":"Failed to fetch action metrics: `},
		"garbage": {always(200, `{"data":[{"executionCount":"many"}]}`), 502, `{"detail":"Failed to fetch action metrics: `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForeignTenant(t, quirks{instead: map[string]answerer{opMetrics: test.answer}})
			r, url := startServe(t, measured(t, ""), f.env())
			for range 3 {
				status, body := ask(t, closing(), url+"/health?action_id=inventory_sync")
				if status != test.status || !strings.HasPrefix(body, test.detail) {
					t.Errorf("%d %s", status, body)
				}
				assertNoSecrets(t, f.secrets(), map[string]string{"body": body})
			}
			if n := f.requests()[opMetrics]; n > 3 {
				t.Errorf("the platform was asked %d times for one answer", n)
			}
			if status, _ := ask(t, closing(), url+"/livez"); status != 200 {
				t.Errorf("livez: %d", status)
			}
			r.signal(syscall.SIGTERM)
			if out := r.end(); out.code != 0 {
				t.Errorf("exit status %d: %s", out.code, out.stderr)
			}
		})
	}
}

// A plugin that dies takes the figures along, not the monitor.
func TestServeWithADeadPlugin(t *testing.T) {
	t.Parallel()
	f := newForeignTenant(t, quirks{metrics: analytics})
	r, url := startServe(t, measured(t, ""), f.env(), "--log-level", "debug")
	pid := r.pluginPID("cxone")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin ends", func() bool { return !isAlive(pid) })
	// A plugin that is started again answers; one that is not is said.
	status, body := ask(t, closing(), url+"/health?action_id=inventory_sync")
	if status != 200 && (status != 502 || !strings.Contains(body, "cxone")) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := ask(t, closing(), url+"/metrics"); status != 200 {
		t.Errorf("metrics: %d", status)
	}
	r.signal(os.Interrupt)
	if out := r.end(); out.code != 0 {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
}

// The first Ctrl-C lets requests under way end, the second does not.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string]int{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			f := newForeignTenant(t, quirks{metrics: analytics, instead: map[string]answerer{opMetrics: g.hold}})
			r, url := startServe(t, measured(t, ""), f.env())
			answered := make(chan int, 1)
			go func() {
				response, err := closing().Get(url + "/health?action_id=inventory_sync")
				if err != nil {
					answered <- 0
					return
				}
				_ = response.Body.Close()
				answered <- response.StatusCode
			}()
			g.await(t)
			r.signal(os.Interrupt)
			r.stderr.await(t, "Stopping: ")
			want := 200
			if signals == 2 {
				r.signal(os.Interrupt)
				<-r.done
				want = 0
			}
			g.open()
			if status := <-answered; (status == 200) != (want == 200) {
				t.Errorf("status %d", status)
			}
			if out := r.end(); out.code != 0 {
				t.Errorf("exit status %d: %s", out.code, out.stderr)
			}
		})
	}
}

// certificate writes a certificate for loopback and its key, and answers who
// trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestServeTokenAndTLS(t *testing.T) {
	t.Parallel()
	const token = "m0nitor+t0ken/4=canary"
	f := newForeignTenant(t, quirks{metrics: analytics})
	dir := measured(t, "")
	pool := certificate(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, url := startServe(t, dir, append(f.env(), "ASSAY_SERVE_TOKEN=another"),
		"--token-file", "token", "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--log-level", "debug", "--listen", "0.0.0.0:0")
	if !strings.HasPrefix(url, "https://localhost:") {
		t.Fatalf("it answers at %s", url)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	url = "https://127.0.0.1:" + port
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	health := url + "/health?action_id=inventory_sync"
	for authorization, want := range map[string]int{"Bearer " + token: 200, "Bearer another": 401, "": 401} {
		if status, body := ask(t, client, health, "Authorization", authorization); status != want || strings.Contains(body, token) {
			t.Errorf("%q: %d %s", authorization, status, body)
		}
	}
	if status, _ := ask(t, client, url+"/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	if status, _ := ask(t, closing(), "http://127.0.0.1:"+port+"/readyz"); status != 400 {
		t.Errorf("plain HTTP: %d", status)
	}
	r.signal(os.Interrupt)
	out := r.end()
	if out.code != 0 {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
	assertNoSecrets(t, []string{token}, map[string]string{"stdout": out.stdout, "stderr": out.stderr})
}
