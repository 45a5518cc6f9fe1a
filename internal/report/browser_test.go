package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/assay-cx/assay/internal/look/looktest"
	"github.com/assay-cx/assay/internal/result"
)

// openReport writes a report into a file and opens it from there.
func openReport(t *testing.T, document string) *looktest.Browser {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	b := looktest.Open(t, func(r *network.EventRequestWillBeSent) bool {
		return strings.HasPrefix(r.Request.URL, "file://") && r.Type == network.ResourceTypeDocument
	})
	b.Do(chromedp.Navigate("file://" + path))
	return b
}

const (
	listed    = `document.querySelectorAll("#vectors > .vector").length`
	announced = `document.querySelector("#tools output").textContent`
	focused   = `document.activeElement.closest(".vector")?.querySelector(".name").textContent ?? document.activeElement.tagName`
)

func TestTheReportInABrowser(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	if title := looktest.Ask[string](b, "document.title"); !strings.Contains(title, "1 failed") {
		t.Errorf("title %q", title)
	}
	names := `[...document.querySelectorAll("#vectors .name")].map(n => n.textContent).join(" ")`
	if got := looktest.Ask[string](b, names); got != `orders/lost inventory/throttled["W-1"] orders/later inventory/happy_path` {
		t.Errorf("listed, worst first: %s", got)
	}

	b.Do(chromedp.SendKeys("#tools input", "smoke"))
	if n, said := looktest.Ask[int](b, listed), looktest.Ask[string](b, announced); n != 1 || said != "1 of 4 vectors" {
		t.Errorf("a tag finds %d vectors and says %q", n, said)
	}
	b.Do(chromedp.KeyEvent("\x1b"))
	b.Do(chromedp.SendKeys("#tools input", "503 THROTTLED"))
	if n := looktest.Ask[int](b, listed); n != 1 {
		t.Errorf("a step's error and a name find %d vectors", n)
	}
	b.Do(chromedp.KeyEvent("\x1b"))
	if n := looktest.Ask[int](b, listed); n != 4 {
		t.Errorf("Escape leaves %d vectors", n)
	}
	for _, status := range []string{"fail", "skip", "pass", "error", ""} {
		b.Do(chromedp.Click(fmt.Sprintf(`button[data-status="%s"]`, status)))
		if n := looktest.Ask[int](b, listed); (status == "" && n != 4) || (status != "" && n != 1) {
			t.Errorf("the filter %q shows %d vectors", status, n)
		}
		if pressed := looktest.Ask[string](b, `document.querySelector("button[aria-pressed=true]").dataset.status`); pressed != status {
			t.Errorf("the filter %q is pressed instead of %q", pressed, status)
		}
	}

	looktest.Ask[int](b, `(document.querySelector("#v2 summary").click(), 0)`)
	b.Do(chromedp.WaitVisible("#v2 details[open] .waterfall rect"))
	text := looktest.Ask[string](b, `document.querySelector("#v2").innerText`)
	for _, want := range []string{"RATE_LIMIT_EXCEEDED", "output.b = nothing", "the date is missing", "EXTERNAL_DEPENDENCY_OUTAGE", "95", "The step saw HTTP 503.", "503 <Service>", "+150ms", "inventory.assay.hcl:42"} {
		if !strings.Contains(text, want) {
			t.Errorf("the opened failure lacks %q:\n%s", want, text)
		}
	}
	b.AssertInert()
}

func TestTheReportByKeyboard(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	b.Do(chromedp.KeyEvent("j"))
	if got := looktest.Ask[string](b, focused); got != "orders/lost" {
		t.Errorf("j goes to %s", got)
	}
	b.Do(chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	if got := looktest.Ask[string](b, focused); got != `inventory/throttled["W-1"]` {
		t.Errorf("j goes on to %s", got)
	}
	if !looktest.Ask[bool](b, `document.querySelector("#v2 details").open`) {
		t.Error("Enter opens nothing")
	}
	b.Do(chromedp.KeyEvent("k"), chromedp.KeyEvent("/"))
	if got := looktest.Ask[string](b, focused); got != "INPUT" {
		t.Errorf("/ goes to %s", got)
	}
	b.Do(chromedp.KeyEvent("j"))
	if got := looktest.Ask[string](b, `document.querySelector("#tools input").value`); !strings.HasSuffix(got, "j") {
		t.Errorf("in the search, j writes %q", got)
	}
	looktest.Ask[int](b, `(location.hash = "#v3", 0)`)
	b.Do(chromedp.WaitVisible("#v3 details[open] .detail"))
	if got := looktest.Ask[string](b, focused); got != "orders/lost" {
		t.Errorf("a link goes to %s", got)
	}
	b.AssertInert()
}

func TestTheReportWithoutScripts(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	b.WithoutScripts()
	b.Do(chromedp.Reload(), chromedp.WaitVisible("noscript p"), chromedp.WaitVisible("#v2 summary"), chromedp.WaitNotVisible("#tools"))
	b.Do(chromedp.Focus("#v2 summary"), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#v2 details[open] .waterfall rect"))
	b.AssertInert()
}

func TestTheReportForScreenReaders(t *testing.T) {
	openReport(t, render(t, Formats["html"])).AssertNoBarriers()
}

func TestTheReportFitsNarrowScreens(t *testing.T) {
	b := openReport(t, renderHostile(t, "html"))
	b.Do(chromedp.EmulateViewport(360, 640))
	looktest.Ask[int](b, `(document.querySelectorAll("#vectors details").forEach(d => d.open = true), 0)`)
	if width := looktest.Ask[int](b, "document.documentElement.scrollWidth"); width > 360 {
		t.Errorf("the page is %d pixels wide on a screen of 360", width)
	}
}

func TestTheReportHasContrastInBothSchemes(t *testing.T) {
	b := openReport(t, render(t, Formats["html"]))
	looktest.Ask[int](b, `(document.querySelectorAll("details").forEach(d => d.open = true), 0)`)
	b.AssertContrast()
}

func TestHostileTextsStayInertInABrowser(t *testing.T) {
	b := openReport(t, renderHostile(t, "html"))
	looktest.Ask[int](b, `(document.querySelectorAll("#more").forEach(m => { while (!m.hidden) m.click() }), document.querySelectorAll("details").forEach(d => d.open = true), 0)`)
	if n := looktest.Ask[int](b, listed); n != len(hostileVectors()) {
		t.Errorf("%d vectors are listed, not %d", n, len(hostileVectors()))
	}
	looktest.Ask[int](b, `(document.querySelectorAll("body *").forEach(e => { e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); }), 0)`)
	b.Do(chromedp.SendKeys("#tools input", "<script>"))
	if looktest.Ask[bool](b, `"pwned" in window`) {
		t.Error("a text of the platform ran")
	}
	for what, find := range map[string]string{
		"elements that load or lead away": `document.querySelectorAll("img, iframe, link, base, object, embed, form, a:not(.skip-link), meta[http-equiv=refresh]").length`,
		"scripts that are not ours":       `document.scripts.length - 2`,
		"styles that are not ours":        `document.querySelectorAll("style").length - 1`,
		"attributes that run":             `[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on") || a.name === "style")).length`,
	} {
		if n := looktest.Ask[int](b, find); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	b.AssertInert()
	// What got in all the same could still not load.
	blocked := looktest.Ask[string](b, `new Promise(done => {
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
	usable := looktest.Ask[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`)
	t.Logf("%d bytes, usable in %.0f ms, %d failures to open", len(document), usable, strings.Count(document, `<li class="vector"`))
	if usable > 15_000 { // 1.5 s on a machine of its own
		t.Errorf("usable after %.0f ms", usable)
	}
	took := looktest.Ask[float64](b, `(() => { const from = performance.now(), input = document.querySelector("#tools input"); input.value = "w-09999"; input.dispatchEvent(new Event("input")); return performance.now() - from; })()`)
	if n := looktest.Ask[int](b, listed); n != 1 {
		t.Errorf("the last vector is found %d times", n)
	}
	t.Logf("searched in %.0f ms", took)
	b.AssertInert()
}
