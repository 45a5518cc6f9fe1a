package cli_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/assay-cx/assay/internal/look/looktest"
)

// A suite's monitor in a browser, while runs of it go on in other processes.
func TestThePageOfASuite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../specs/inventory")); err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(filepath.Join(dir, ".assay"))
	hostile := `vector "refused" {
  for_each = toset(["<img src=x onerror=alert(1)>", "../x/<script>alert(1)</script>"])
  action   = action.inventory_sync
  input    = { sku = "SKU-GARBAGE", warehouseId = "card 4111 1111 1111 1111" }
}`
	if err := os.WriteFile(filepath.Join(dir, "hostile.assay.hcl"), []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	r, base := startServe(t, dir, nil)
	b := looktest.Open(t, func(r *network.EventRequestWillBeSent) bool { return strings.HasPrefix(r.Request.URL, base+"/") })
	b.Do(chromedp.Navigate(base+"/"), chromedp.WaitVisible(`#live[data-state="on"]`), chromedp.WaitVisible("#history .empty"))
	looktest.Ask[int](b, "(window.sameDocument = true, 0)")
	if out := run(t, dir, nil, "run", ".", "--run", "refused|happy"); out.code != 1 {
		t.Fatalf("exit status %d: %s", out.code, out.stderr)
	}
	b.Do(chromedp.WaitVisible("#failures .vector"))
	eventually(t, "the run's end shows", func() bool {
		return looktest.Ask[bool](b, `document.querySelector("#news").textContent.includes("fail, 1 of 3 vectors passed. 2 did not pass")`)
	})
	b.Do(chromedp.Click("#failures summary"), chromedp.WaitVisible("#failures details[open] .waterfall rect"))
	opened := looktest.Ask[string](b, `document.querySelector("#failures details").innerText`)
	for _, want := range []string{`refused["../x/<script>alert(1)</script>"]`, "Broken since", "INTERNAL_LOGIC_FAULT", "schema_mismatch", "invalid JSON in response", `"warehouseId": "card (card)"`, "sync"} {
		if !strings.Contains(opened, want) {
			t.Errorf("the failure lacks %q:\n%s", want, opened)
		}
	}
	b.Do(chromedp.Click(`#failures a[href^="/vector"]`), chromedp.WaitVisible("#timeline .moment"))
	if out := run(t, dir, nil, "run", ".", "--failed"); out.code != 1 {
		t.Fatalf("exit status %d: %s", out.code, out.stderr)
	}
	b.Do(chromedp.WaitVisible("#timeline li:nth-child(2) .moment"))
	if n := looktest.Ask[int](b, `document.querySelectorAll("main img, main script").length`); n != 0 {
		t.Errorf("%d elements come of the names", n)
	}
	r.signal(os.Interrupt)
	b.Do(chromedp.WaitVisible(`#live[data-state="lost"]`))
	if out := r.end(); out.code != 0 || out.took >= patience/2 {
		t.Errorf("exit status %d after %s: %s", out.code, out.took, out.stderr)
	}
}

// The page asks for the token once, and keeps it nowhere.
func TestThePageBehindAToken(t *testing.T) {
	t.Parallel()
	const token = "m0nitor+t0ken/4=canary"
	f := newForeignTenant(t, quirks{metrics: analytics})
	r, base := startServe(t, measured(t, ""), append(f.env(), "ASSAY_SERVE_TOKEN="+token), "--log-level", "debug")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := closing()
	client.Jar = jar
	if status, body := ask(t, client, base+"/actions/inventory_sync", "Accept", "text/html"); status != 401 || !strings.Contains(body, `action="/sign-in"`) {
		t.Errorf("%d %s", status, body)
	}
	response, err := client.PostForm(base+"/sign-in", url.Values{"token": {token}, "to": {"/actions/inventory_sync"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || response.Request.URL.Path != "/actions/inventory_sync" {
		t.Fatalf("%s at %s: %v", response.Status, response.Request.URL, err)
	}
	for _, want := range []string{"UPSTREAM_TIMEOUT", "6 %", "EXTERNAL_DEPENDENCY_OUTAGE", `action="/sign-out"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	r.signal(os.Interrupt)
	out := r.end()
	cookies := ""
	address, _ := url.Parse(base)
	for _, c := range jar.Cookies(address) {
		cookies += c.Value
	}
	assertNoSecrets(t, append(f.secrets(), token), map[string]string{"page": string(page), "stdout": out.stdout, "stderr": out.stderr, "cookies": cookies})
}
