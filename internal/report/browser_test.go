package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/assay-cx/assay/internal/result"
)

// patience is the longest that a browser may take for one test.
const patience = 2 * time.Minute

// browser is a page of a headless Chromium, and what it did that a report
// must not do.
type browser struct {
	context.Context
	t *testing.T

	mu       sync.Mutex
	offences []string // console messages, exceptions, dialogs, requests
}

// openReport writes a report into a file and opens it from there.
func openReport(t *testing.T, document string) *browser {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(closeBrowser)
	ctx, closePage := chromedp.NewContext(ctx)
	t.Cleanup(closePage)
	b.Context = ctx
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1200, 900), chromedp.Navigate("file://"+path))
	return b
}

// chromium is the browser; without one the test is skipped, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
		t.Fatal("the report cannot be opened: chromium is not installed")
	}
	t.Skip("the report is not opened: chromium is not installed")
	return ""
}

func (b *browser) watch(event any) {
	var offence string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		offence = fmt.Sprintf("console.%s", e.Type)
	case *runtime.EventExceptionThrown:
		offence = fmt.Sprintf("exception: %+v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		offence = fmt.Sprintf("log: %s %s", e.Entry.Source, e.Entry.Text)
	case *cdppage.EventJavascriptDialogOpening:
		offence = "dialog: " + e.Message
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file://") || e.Type != network.ResourceTypeDocument {
			offence = "request: " + e.Request.URL
		}
	}
	if offence != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.offences = append(b.offences, offence)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// assertInert finds what the page did that a report must not do.
func (b *browser) assertInert() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, offence := range b.offences {
		b.t.Errorf("the page did %.300s", offence)
	}
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

const (
	listed    = `document.querySelectorAll("#vectors > .vector").length`
	announced = `document.querySelector("#tools output").textContent`
	focused   = `document.activeElement.closest(".vector")?.querySelector(".name").textContent ?? document.activeElement.tagName`
)

func TestTheReportInABrowser(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	if title := ask[string](b, "document.title"); !strings.Contains(title, "1 failed") {
		t.Errorf("title %q", title)
	}
	names := `[...document.querySelectorAll("#vectors .name")].map(n => n.textContent).join(" ")`
	if got := ask[string](b, names); got != `orders/lost inventory/throttled["W-1"] orders/later inventory/happy_path` {
		t.Errorf("listed, worst first: %s", got)
	}

	b.do(chromedp.SendKeys("#tools input", "smoke"))
	if n, said := ask[int](b, listed), ask[string](b, announced); n != 1 || said != "1 of 4 vectors" {
		t.Errorf("a tag finds %d vectors and says %q", n, said)
	}
	b.do(chromedp.KeyEvent("\x1b"))
	b.do(chromedp.SendKeys("#tools input", "503 THROTTLED"))
	if n := ask[int](b, listed); n != 1 {
		t.Errorf("a step's error and a name find %d vectors", n)
	}
	b.do(chromedp.KeyEvent("\x1b"))
	if n := ask[int](b, listed); n != 4 {
		t.Errorf("Escape leaves %d vectors", n)
	}
	for _, status := range []string{"fail", "skip", "pass", "error", ""} {
		b.do(chromedp.Click(fmt.Sprintf(`button[data-status="%s"]`, status)))
		if n := ask[int](b, listed); (status == "" && n != 4) || (status != "" && n != 1) {
			t.Errorf("the filter %q shows %d vectors", status, n)
		}
		if pressed := ask[string](b, `document.querySelector("button[aria-pressed=true]").dataset.status`); pressed != status {
			t.Errorf("the filter %q is pressed instead of %q", pressed, status)
		}
	}

	ask[int](b, `(document.querySelector("#v2 summary").click(), 0)`)
	b.do(chromedp.WaitVisible("#v2 details[open] .waterfall rect"))
	text := ask[string](b, `document.querySelector("#v2").innerText`)
	for _, want := range []string{"RATE_LIMIT_EXCEEDED", "output.b = nothing", "the date is missing", "EXTERNAL_DEPENDENCY_OUTAGE", "95", "The step saw HTTP 503.", "503 <Service>", "+150ms", "inventory.assay.hcl:42"} {
		if !strings.Contains(text, want) {
			t.Errorf("the opened failure lacks %q:\n%s", want, text)
		}
	}
	b.assertInert()
}

func TestTheReportByKeyboard(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	b.do(chromedp.KeyEvent("j"))
	if got := ask[string](b, focused); got != "orders/lost" {
		t.Errorf("j goes to %s", got)
	}
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	if got := ask[string](b, focused); got != `inventory/throttled["W-1"]` {
		t.Errorf("j goes on to %s", got)
	}
	if !ask[bool](b, `document.querySelector("#v2 details").open`) {
		t.Error("Enter opens nothing")
	}
	b.do(chromedp.KeyEvent("k"), chromedp.KeyEvent("/"))
	if got := ask[string](b, focused); got != "INPUT" {
		t.Errorf("/ goes to %s", got)
	}
	b.do(chromedp.KeyEvent("j"))
	if got := ask[string](b, `document.querySelector("#tools input").value`); !strings.HasSuffix(got, "j") {
		t.Errorf("in the search, j writes %q", got)
	}
	ask[int](b, `(location.hash = "#v3", 0)`)
	b.do(chromedp.WaitVisible("#v3 details[open] .detail"))
	if got := ask[string](b, focused); got != "orders/lost" {
		t.Errorf("a link goes to %s", got)
	}
	b.assertInert()
}

func TestTheReportWithoutScripts(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	if _, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Reload(), chromedp.WaitVisible("noscript p"), chromedp.WaitVisible("#v2 summary"), chromedp.WaitNotVisible("#tools"))
	b.do(chromedp.Focus("#v2 summary"), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#v2 details[open] .waterfall rect"))
	b.assertInert()
}

// Without a name, a control says nothing to who cannot see it; the signs and
// bars that stand beside words must not be read.
func TestTheReportForScreenReaders(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	for what, find := range map[string]string{
		"controls without a name":  `[...document.querySelectorAll("button, input, summary")].filter(e => !(e.textContent.trim() || e.getAttribute("aria-label"))).length`,
		"tables without headers":   `[...document.querySelectorAll("table")].filter(e => !e.querySelector("thead th[scope=col]") || !e.querySelector("tbody th[scope=row]")).length`,
		"pictures that are read":   `document.querySelectorAll("svg:not([aria-hidden=true])").length`,
		"statuses without a word":  `[...document.querySelectorAll(".status")].filter(e => !/(pass|warn|fail|error|skip|interrupted)/.test(e.textContent)).length`,
		"headings that skip":       `[...document.querySelectorAll("h1,h2,h3")].filter((e, i, all) => i && +e.tagName[1] > +all[i-1].tagName[1] + 1).length`,
		"ids that are not alone":   `(ids => ids.length - new Set(ids).size)([...document.querySelectorAll("[id]")].map(e => e.id))`,
		"main parts that are many": `document.querySelectorAll("main").length - 1`,
		"languages that lack":      `document.documentElement.lang ? 0 : 1`,
	} {
		if n := ask[int](b, find); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

func TestTheReportFitsNarrowScreens(t *testing.T) {
	b := openReport(t, renderHostile(t, "html"))
	b.do(chromedp.EmulateViewport(360, 640))
	ask[int](b, `(document.querySelectorAll("#vectors details").forEach(d => d.open = true), 0)`)
	if width := ask[int](b, "document.documentElement.scrollWidth"); width > 360 {
		t.Errorf("the page is %d pixels wide on a screen of 360", width)
	}
}

// contrast answers the smallest contrast of a text with what is behind it, as
// WCAG 2 counts it.
const contrast = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgb = (color, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const css = ([r, g, b]) => "rgb(" + r + "," + g + "," + b + ")";
  const luminance = (c) => c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const behind = (e) => {
    const layers = [];
    for (; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
    return layers.reduce((under, layer) => css(rgb(layer, under)), "#fff");
  };
  let worst = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.disabled) continue;
    const under = behind(e), [a, b] = [rgb(getComputedStyle(e).color, under), rgb(under, under)].map(luminance);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, e.className + " " + e.textContent.slice(0, 40)];
  }
  return worst[0].toFixed(2) + " " + worst[1];
})()`

func TestTheReportHasContrastInBothSchemes(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	ask[int](b, `(document.querySelectorAll("details").forEach(d => d.open = true), 0)`)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		if dark := ask[bool](b, `matchMedia("(prefers-color-scheme: dark)").matches`); dark != (scheme == "dark") {
			t.Fatalf("the scheme is not %s", scheme)
		}
		said := ask[string](b, contrast)
		ratio, err := strconv.ParseFloat(strings.Fields(said)[0], 64)
		if err != nil || ratio < 4.5 {
			t.Errorf("%s: contrast %s", scheme, said)
		}
	}
}

func TestHostileTextsStayInertInABrowser(t *testing.T) {
	b := openReport(t, renderHostile(t, "html"))
	ask[int](b, `(document.querySelectorAll("#more").forEach(m => { while (!m.hidden) m.click() }), document.querySelectorAll("details").forEach(d => d.open = true), 0)`)
	if n := ask[int](b, listed); n != len(hostileVectors()) {
		t.Errorf("%d vectors are listed, not %d", n, len(hostileVectors()))
	}
	ask[int](b, `(document.querySelectorAll("body *").forEach(e => { e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); }), 0)`)
	b.do(chromedp.SendKeys("#tools input", "<script>"))
	if ask[bool](b, `"pwned" in window`) {
		t.Error("a text of the platform ran")
	}
	for what, find := range map[string]string{
		"elements that load or lead away": `document.querySelectorAll("img, iframe, link, base, object, embed, form, a:not(.skip-link), meta[http-equiv=refresh]").length`,
		"scripts that are not ours":       `document.scripts.length - 2`,
		"styles that are not ours":        `document.querySelectorAll("style").length - 1`,
		"attributes that run":             `[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on") || a.name === "style")).length`,
	} {
		if n := ask[int](b, find); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	b.assertInert()
	// What got in all the same could still not load.
	blocked := ask[string](b, `new Promise(done => {
		document.addEventListener("securitypolicyviolation", e => done(e.effectiveDirective));
		document.body.append(Object.assign(document.createElement("img"), {src: "https://evil.example/x.png"}));
	})`)
	if blocked != "img-src" {
		t.Errorf("the policy blocks %s", blocked)
	}
}

// tenThousand is a run with as many vectors, every tenth of which failed.
func tenThousand() ([]result.Vector, result.Run) {
	told := result.Run{Status: result.Fail, StartedAt: run.StartedAt}
	many := make([]result.Vector, 10_000)
	for i := range many {
		v := vectors[0]
		if i%10 == 0 {
			v = vectors[1]
		}
		v.Name = fmt.Sprintf(`inventory_vector_of_the_load_test["W-%05d"]`, i)
		many[i] = v
		told.Summary.Add(v.Status)
	}
	return many, told
}

func TestTheReportOpensFastWithTenThousandVectors(t *testing.T) {
	many, told := tenThousand()
	document := renderRun(t, Formats["html"], many, told)
	if len(document) > 5_000_000 || countHTML(t, document) != told.Summary {
		t.Errorf("%d bytes", len(document))
	}
	b := openReport(t, document)
	usable := ask[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`)
	t.Logf("%d bytes, usable in %.0f ms, %d failures to open", len(document), usable, strings.Count(document, `<li class="vector"`))
	if usable > 15_000 { // 1.5 s on a machine of its own
		t.Errorf("usable after %.0f ms", usable)
	}
	took := ask[float64](b, `(() => { const from = performance.now(), input = document.querySelector("#tools input"); input.value = "w-09999"; input.dispatchEvent(new Event("input")); return performance.now() - from; })()`)
	if n := ask[int](b, listed); n != 1 {
		t.Errorf("the last vector is found %d times", n)
	}
	t.Logf("searched in %.0f ms", took)
	b.assertInert()
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(b, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}
