package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look/looktest"
	"github.com/assay-cx/assay/internal/result"
)

const (
	isLive  = `#live[data-state="on"]`
	focused = `document.activeElement.closest(".vector")?.querySelector(".name").textContent ?? document.activeElement.tagName`
)

func text(b *looktest.Browser, selector string) string {
	return looktest.Ask[string](b, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

func assertSays(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", where, want, text)
		}
	}
}

// Everything that matters can be seen, opened and read in either scheme, and
// the pages lead to each other.
func TestPagesInABrowser(t *testing.T) {
	m := serve(t, optionsOf(t, threeRuns(t), healthy()), "127.0.0.1:0")
	b := m.open("/")
	b.Do(chromedp.WaitVisible(isLive))
	assertSays(t, "the first page", text(b, "main"), "fail", "12\u202f345", "6 %", "312ms", "UPSTREAM_TIMEOUT", "EXTERNAL_DEPENDENCY_OUTAGE timeout", "700", "8.1s",
		"broken for 2 runs", "coin", "Latest run run00003: fail, 2 of 3 vectors passed.", "33 %", "sam")
	b.Do(chromedp.Click("#failures summary"), chromedp.WaitVisible("#failures details[open] .waterfall rect"))
	assertSays(t, "the opened failure", text(b, "#failures details"), "Broken since", "run00002", "for 2 runs in a row", `"warehouseId": "***"`, "COMPLETED", "95\u00a0% sure", "The step saw HTTP 503.",
		"503 <Service>", "+100ms", "RATE_LIMIT_EXCEEDED")
	if zone := looktest.Ask[bool](b, `[...document.querySelectorAll("time")].every(t => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/.test(t.title) && !t.textContent.includes("UTC"))`); !zone {
		t.Error("times are not told in the viewer's zone, with UTC as a title")
	}
	b.AssertNoBarriers()
	b.AssertContrast()
	for _, link := range []struct{ click, wait, says string }{
		{`#actions a`, `#chart-rate svg`, "action.sync"},
		{`#latest a`, `#vectors .vector`, "2 of 3 vectors passed, 1 failed."},
		{`a[href*="status=fail"]`, `a[href*="status=fail"][aria-current]`, "1 to 1 of 1"},
		{`#vectors summary`, `#vectors details[open] .waterfall`, "HTTP 503"},
		{`.since a[href^="/vector"]`, `#timeline .moment`, "Broken since"},
		{`#timeline li:nth-child(3) a`, `#timeline li:nth-child(3) a[aria-current]`, "In an earlier run"},
		{`nav a[href="/runs"]`, `#all table`, "run00001"},
		{`#all tr:last-child th a`, `#vectors .vector`, "3 of 3 vectors passed."},
	} {
		b.Do(chromedp.Click(link.click), chromedp.WaitVisible(link.wait), chromedp.WaitVisible(isLive))
		assertSays(t, link.click, text(b, "main"), link.says)
		b.AssertNoBarriers()
		b.AssertContrast()
	}
	b.AssertInert()
}

func TestPagesByKeyboard(t *testing.T) {
	m := serve(t, optionsOf(t, threeRuns(t), healthy()), "127.0.0.1:0")
	b := m.open("/")
	b.Do(chromedp.WaitVisible(isLive), chromedp.KeyEvent("\t"))
	if got := text(b, ":focus"); got != "To the main part" {
		t.Errorf("Tab goes to %q first", got)
	}
	b.Do(chromedp.KeyEvent("\r"))
	if got := looktest.Ask[string](b, "document.activeElement.id"); got != "main" {
		t.Errorf("the skip link goes to %q", got)
	}
	b.Do(chromedp.KeyEvent("j"))
	if got := looktest.Ask[string](b, focused); got != "broken" {
		t.Errorf("j goes to %s", got)
	}
	if outline := looktest.Ask[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("the focus is shown as %q", outline)
	}
	b.Do(chromedp.KeyEvent("\r"), chromedp.WaitVisible("#failures details[open] .waterfall"), chromedp.KeyEvent("\t"))
	if got := text(b, ":focus"); got != "run00002" {
		t.Errorf("Tab goes on to %q", got)
	}
	b.Do(chromedp.KeyEvent("\r"), chromedp.WaitVisible("#vectors input"), chromedp.WaitVisible(isLive), chromedp.KeyEvent("/"))
	if got := looktest.Ask[string](b, "document.activeElement.name"); got != "q" {
		t.Errorf("/ goes to %q", got)
	}
	// The driver types the slash whatever the page says to the key.
	looktest.Ask[int](b, `(document.activeElement.value = "", 0)`)
	b.Do(chromedp.KeyEvent("coin\r"), chromedp.WaitVisible(`input[value="coin"]`))
	if got := text(b, ".found"); !strings.HasPrefix(got, "1 to 1 of 1") {
		t.Errorf("the search finds %s", got)
	}
	b.AssertInert()
}

// Another process's run shows without a reload, and leaves what the viewer did.
func TestPagesFollow(t *testing.T) {
	dir := t.TempDir()
	p := healthy()
	m := serve(t, optionsOf(t, dir, p), "127.0.0.1:0")
	b := m.open("/")
	b.Do(chromedp.WaitVisible(isLive), chromedp.WaitVisible("#history .empty"))
	looktest.Ask[int](b, `(window.sameDocument = true, 0)`)
	record(t, dir, 1, failedAs("broken"), passed("coin"))
	b.Do(chromedp.WaitVisible("#failures summary"), chromedp.WaitNotPresent("#history"), chromedp.Click("#failures summary"), chromedp.Focus("#failures summary"))
	record(t, dir, 2, failedAs("broken"), passed("coin"))
	b.Do(chromedp.WaitVisible(`#latest a[href="/runs/run00002-0000"]`))
	if state := looktest.Ask[string](b, "("+focused+`) + document.querySelector("#failures details").open`); state != "brokentrue" {
		t.Errorf("the viewer's place is lost: %s", state)
	}
	if said := text(b, "#said"); !strings.Contains(said, "Latest run run00002: fail, 1 of 2 vectors passed. 1 did not pass when last tried.") {
		t.Errorf("read out: %q", said)
	}
	if !looktest.Ask[bool](b, "window.sameDocument === true") {
		t.Error("the page was loaded anew")
	}
	b.AssertInert()

	// The end of the stream is said, and the page stays as it is.
	address := m.server.Listener.Addr().String()
	m.stop()
	b.Do(chromedp.WaitVisible(`#live[data-state="lost"]`), chromedp.WaitVisible("#failures details[open] .waterfall"))
	assertSays(t, "a page without its stream", text(b, "#live"), "Not live since", "trying again")
	record(t, dir, 3, passed("broken"), passed("coin"))
	serve(t, optionsOf(t, dir, p), address)
	b.Do(chromedp.WaitVisible(isLive), chromedp.WaitVisible(`#latest a[href="/runs/run00003-0000"]`), chromedp.WaitNotPresent("#failures summary"))
}

func TestPagesWithoutScripts(t *testing.T) {
	m := serve(t, optionsOf(t, threeRuns(t), healthy()), "127.0.0.1:0")
	b := m.open("/runs")
	b.WithoutScripts()
	b.Do(chromedp.Navigate(m.server.URL+"/"), chromedp.WaitVisible("#actions table"))
	b.Do(chromedp.Focus("#failures summary"), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#failures details[open] .waterfall rect"))
	b.Do(chromedp.Click(`#failures a[href^="/vector"]`), chromedp.WaitVisible("#timeline .moment"))
	b.Do(chromedp.Click(`#outcomes tbody tr:nth-child(1) a`), chromedp.Click(`#result-title a`), chromedp.WaitVisible("#vectors input"))
	b.Do(chromedp.SendKeys("#vectors input", "steady\r"), chromedp.WaitVisible(`input[value="steady"]`), chromedp.WaitNotPresent("#vectors summary"))
	b.AssertInert()
	_, body := m.get("/")
	assertSays(t, "the page's source", body, "As of <span", " UTC</time>", "RATE_LIMIT_EXCEEDED", `<details class="more"`)
}

// hostile is a history and a platform that say each text of the corpus
// wherever somebody else decides what is said.
func hostile(t *testing.T) (string, *platform) {
	t.Helper()
	dir := t.TempDir()
	p := healthy()
	var vectors []result.Vector
	for i, s := range looktest.Corpus {
		quoted, _ := json.Marshal(map[string]string{s: s})
		v := failedAs(fmt.Sprintf("%s %d", s, i))
		v.Action, v.Tags, v.Input = s, []string{s}, quoted
		v.Execution = &result.Execution{
			Status: s, SessionID: s, InputHash: s, Output: quoted,
			Error: &result.ExecutionError{Code: s, Message: s, Stack: s, Details: quoted},
			Trace: []result.Step{{ID: s, Name: s, Timestamp: s}, {ID: s, Name: s, Error: &result.StepError{Message: s, Stack: s, Code: s, Status: 500}}},
		}
		v.Classification = &result.Classification{Class: s, Category: s, Confidence: 7, Reason: s, Source: s}
		v.Checks = []result.Check{{Name: s, Status: result.Fail, Expected: s, Actual: s, Message: s}}
		if i%2 == 0 {
			v.Status, v.Error = result.Errored, &result.Error{Summary: s, Detail: s}
		}
		vectors = append(vectors, v, func() result.Vector { v := passed(s); v.Action = s; return v }())
		p.health.Codes = append(p.health.Codes, health.Code{Code: s, Executions: 1e6, Errors: int64(1e6 - i)})
	}
	run := history.Run{ID: "run-hostile", Suite: "inventory", StartedAt: epoch, Filters: looktest.Corpus[0], Actor: history.Actor{User: looktest.Corpus[1], Commit: looktest.Corpus[4]}}
	recorder := history.Record(t.Context(), dir, run, history.Kept)
	for _, v := range vectors {
		recorder.Finished(v)
		run.Summary.Add(v.Status)
	}
	run.Status = "error"
	for _, s := range looktest.Corpus {
		run.Errors = append(run.Errors, result.Error{Summary: s, Detail: s})
		run.Warnings = append(run.Warnings, result.Error{Summary: s, Detail: s})
		run.Thresholds = append(run.Thresholds, result.Threshold{Name: s, Metric: s, Status: result.Fail, Message: s})
	}
	if err := recorder.End(run); err != nil {
		t.Fatal(err)
	}
	return dir, p
}

func TestHostileTextsStayInertInABrowser(t *testing.T) {
	dir, p := hostile(t)
	o := optionsOf(t, dir, p)
	o.Suite = looktest.Corpus[0]
	m := serve(t, o, "127.0.0.1:0")
	b := m.open("/")
	b.Do(chromedp.EmulateViewport(360, 640))
	name := looktest.Corpus[2] + " 2"
	for _, path := range []string{
		"/", "/actions/sync", "/runs", "/runs/run-hostile", "/runs/run-hostile?page=2&q=" + url.QueryEscape(looktest.Corpus[4]),
		"/runs/run-hostile?status=error&page=2", vectorLink(name, ""), vectorLink(looktest.Corpus[0], "run-hostile"),
	} {
		b.Do(chromedp.Navigate(m.server.URL+path), chromedp.WaitVisible(isLive))
		assertHarmless(t, b, path)
	}
	p.fail(errors.New(strings.Join(looktest.Corpus[:20], " ")))
	failing := o
	failing.Health = health.NewCache(t.Context(), p.query)
	defer failing.Health.Wait()
	other := serve(t, failing, "127.0.0.1:0")
	for _, path := range []string{"/", "/actions/sync"} {
		_, body := other.get(path)
		assertSays(t, path, body, "Failed to fetch action metrics: &lt;script&gt;")
	}
	// What comes with an update is as inert.
	record(t, dir, 9, failedAs(looktest.Corpus[1]))
	b.Do(chromedp.Navigate(m.server.URL+"/"), chromedp.WaitVisible(isLive))
	record(t, dir, 10, failedAs(looktest.Corpus[4]+"new"))
	b.Do(chromedp.WaitVisible(`#latest a[href="/runs/run00010-0000"]`))
	if looktest.Ask[bool](b, `"pwned" in window || document.querySelectorAll("img").length > 0`) {
		t.Error("a text of an update ran")
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

// assertHarmless opens all that opens, and finds what a text of somebody else did.
func assertHarmless(t *testing.T, b *looktest.Browser, where string) {
	t.Helper()
	looktest.Ask[int](b, `(document.querySelectorAll("details").forEach(d => d.open = true), document.querySelectorAll("body *").forEach(e => e.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}))), 0)`)
	if looktest.Ask[bool](b, `"pwned" in window`) {
		t.Errorf("%s: a text of the platform ran", where)
	}
	for what, find := range map[string]string{
		"elements that load or embed": `document.querySelectorAll("img, iframe, base, object, embed, meta[http-equiv], link:not([rel=icon])").length`,
		"links that lead away":        `[...document.querySelectorAll("a, form, area")].filter(e => new URL(e.href || e.action).origin !== location.origin).length`,
		"scripts that are not ours":   `document.scripts.length - 1`,
		"styles that are not ours":    `document.querySelectorAll("style").length - 1`,
		"attributes that run":         `[...document.querySelectorAll("*")].filter(e => [...e.attributes].some(a => a.name.startsWith("on") || a.name === "style")).length`,
		"pixels too wide":             `Math.max(0, document.documentElement.scrollWidth - 360)`,
	} {
		if n := looktest.Ask[int](b, find); n != 0 {
			t.Errorf("%.60s: %s: %d", where, what, n)
		}
	}
	b.AssertNoBarriers()
}
