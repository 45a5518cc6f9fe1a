// Package looktest opens assay's pages in a headless Chromium for tests, and
// holds what they must withstand.
//
// Start reading at Open.
package looktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is the longest that a browser may take for one test.
const patience = 2 * time.Minute

// Browser is a page of a headless Chromium, and what it did that none of
// assay's pages must do. Its methods end the test where something fails.
type Browser struct {
	context.Context
	t       *testing.T
	allowed func(*network.EventRequestWillBeSent) bool

	mu       sync.Mutex
	offences []string // console messages, exceptions, dialogs, requests
}

// Open starts a Chromium with an empty page, until the test's end. Requests
// that are not allowed count against the page. Without a Chromium the test is
// skipped, but not in CI.
func Open(t *testing.T, allowed func(*network.EventRequestWillBeSent) bool) *Browser {
	t.Helper()
	b := &Browser{t: t, allowed: allowed}
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
	b.Do(chromedp.EmulateViewport(1200, 900))
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
		t.Fatal("the page cannot be opened: chromium is not installed")
	}
	t.Skip("the page is not opened: chromium is not installed")
	return ""
}

func (b *Browser) watch(event any) {
	var offence string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		offence = fmt.Sprintf("console.%s", e.Type)
	case *runtime.EventExceptionThrown:
		offence = fmt.Sprintf("exception: %+v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		offence = fmt.Sprintf("log: %s %s", e.Entry.Source, e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		offence = "dialog: " + e.Message
	case *network.EventRequestWillBeSent:
		if !b.allowed(e) {
			offence = "request: " + e.Request.URL
		}
	}
	if offence != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.offences = append(b.offences, offence)
	}
}

// Do takes steps.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Offences are what the page did so far that it must not do.
func (b *Browser) Offences() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.offences...)
}

// AssertInert finds what the page did that it must not do.
func (b *Browser) AssertInert() {
	b.t.Helper()
	for _, offence := range b.Offences() {
		b.t.Errorf("the page did %.300s", offence)
	}
}

// Scheme has the page see a viewer who prefers light or dark.
func (b *Browser) Scheme(name string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(b, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}

// WithoutScripts has the pages opened from now on run none.
func (b *Browser) WithoutScripts() {
	b.t.Helper()
	if _, err := chromedp.Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
}

// Ask evaluates an expression in the page, and awaits what it promises.
func Ask[T any](b *Browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// barriers are expressions that count what keeps people out who do not see
// the page, or use no mouse: without a name, a control says nothing to them,
// and the signs and bars that stand beside words must not be read.
var barriers = map[string]string{
	"controls without a name":  `[...document.querySelectorAll("button, input:not([type=hidden]), summary, a")].filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).length`,
	"tables without headers":   `[...document.querySelectorAll("table")].filter(e => !e.querySelector("thead th[scope=col]") || !e.querySelector("tbody th[scope=row]")).length`,
	"pictures that are read":   `document.querySelectorAll("svg:not([aria-hidden=true])").length - document.querySelectorAll("[aria-hidden=true] svg:not([aria-hidden=true])").length`,
	"statuses without a word":  `[...document.querySelectorAll(".status")].filter(e => !/(pass|warn|fail|error|skip|interrupted|unknown|going on)/.test(e.textContent)).length`,
	"headings that skip":       `[...document.querySelectorAll("h1,h2,h3")].filter((e, i, all) => i && +e.tagName[1] > +all[i-1].tagName[1] + 1).length`,
	"ids that are not alone":   `(ids => ids.length - new Set(ids).size)([...document.querySelectorAll("[id]")].map(e => e.id))`,
	"main parts that are many": `document.querySelectorAll("main").length - 1`,
	"first headings":           `document.querySelectorAll("h1").length - 1`,
	"languages that lack":      `document.documentElement.lang ? 0 : 1`,
	"titles that lack":         `document.title ? 0 : 1`,
}

// AssertNoBarriers counts what keeps people out.
func (b *Browser) AssertNoBarriers() {
	b.t.Helper()
	for what, find := range barriers {
		if n := Ask[int](b, find); n != 0 {
			b.t.Errorf("%s: %d", what, n)
		}
	}
}

// contrast is an expression that answers the smallest contrast of a text with what is behind it, as
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

// AssertContrast finds text that is hard to read, in either scheme.
func (b *Browser) AssertContrast() {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		if dark := Ask[bool](b, `matchMedia("(prefers-color-scheme: dark)").matches`); dark != (scheme == "dark") {
			b.t.Fatalf("the scheme is not %s", scheme)
		}
		said := Ask[string](b, contrast)
		ratio := 0.0
		if _, err := fmt.Sscan(said, &ratio); err != nil || ratio < 4.5 {
			b.t.Errorf("%s: contrast %s", scheme, said)
		}
	}
}
