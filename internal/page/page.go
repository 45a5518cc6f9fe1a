// Package page is what people see of the monitor in a browser: how a suite's
// actions are, what does not pass and since when, and each run and vector that
// the history holds, on pages with addresses of their own.
//
// The pages are made on the server and are whole without scripts. With one,
// they follow what happens: Page.events tells the browser that something
// changed, and page.js fetches the same page again and puts in what differs.
// Texts of platforms are hostile: html/template escapes them, look bounds them,
// and the policy sent with each page lets nothing else run or load.
//
// Start reading at Page.Routes, then at page.tmpl.
package page

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/assay-cx/assay/internal/health"
	"github.com/assay-cx/assay/internal/history"
	"github.com/assay-cx/assay/internal/look"
)

var (
	//go:embed page.tmpl
	templates string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
	//go:embed icon.svg
	icon []byte
)

// Options are what the pages show.
type Options struct {
	Suite   string
	Dir     string // the suite's folder, whose history is shown
	Actions []health.Action
	Health  *health.Cache
	// Embedded are the platforms that run inside the monitor, where nothing happens.
	Embedded []string
	// SignOut is whether there is something to sign out of.
	SignOut bool
	// Ending is closed when the streams of events, which go on for ever, must end.
	Ending <-chan struct{}
}

// Page makes the pages of one suite.
type Page struct {
	Options
	template *template.Template
	policy   string
	archive  archive
	streams  chan struct{} // a place for each stream of events
	nonce    string        // of this process: what an earlier one told counts for nothing
}

// New makes the pages. They must be closed.
func New(o Options) *Page {
	return &Page{
		Options: o,
		template: template.Must(look.Templates().Funcs(template.FuncMap{
			"clip": clip, "count": count, "duration": look.Duration, "iso": iso, "utc": utc, "short": short, "where": shortID,
			"run": runLink, "action": actionLink, "vector": vectorLink,
		}).Parse(templates)),
		policy: "default-src 'none'; script-src '" + look.Digest(script) + "'; style-src '" + look.Digest(styles()) +
			"'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		archive: archive{dir: o.Dir},
		streams: make(chan struct{}, maxStreams),
		nonce:   rand.Text()[:8],
	}
}

func styles() string { return string(look.Style()) + style }

// Close lets the history go. No request may be under way.
func (p *Page) Close() error { return p.archive.close() }

// Routes are the pages by http.ServeMux's patterns.
func (p *Page) Routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":            p.now,
		"GET /actions/{name}": p.action,
		"GET /runs":           p.runs,
		"GET /runs/{id}":      p.run,
		"GET /vector":         p.vector,
	}
}

// frame is what each page has.
type frame struct {
	Title   string
	Section string // the template of its main part, and what the navigation shows as current
	Suite   string
	Version string // of what it shows; empty where it does not change
	SignOut bool
	Made    time.Time
	Style   template.CSS
	Script  template.JS
}

func (p *Page) frame(ctx context.Context, section, title string) frame {
	return frame{
		Title: title, Section: section, Suite: p.Suite, Version: p.version(ctx), SignOut: p.SignOut, Made: time.Now(),
		Style: template.CSS(styles()), Script: template.JS(script), //nolint:gosec // our own files
	}
}

// render answers with a page, which is whole or not sent.
func (p *Page) render(w http.ResponseWriter, status int, view any) {
	var b bytes.Buffer
	if err := p.template.ExecuteTemplate(&b, "page", view); err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// trouble is a page that says what went wrong, and what to do.
type trouble struct {
	frame
	Heading, Text string
}

func (p *Page) trouble(w http.ResponseWriter, r *http.Request, status int, heading, text string) {
	view := trouble{p.frame(r.Context(), "trouble", heading), heading, text}
	p.render(w, status, view)
}

// failed answers where the history could not be read.
func (p *Page) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, history.ErrNoRun) {
		p.trouble(w, r, http.StatusNotFound, "There is no such run", "The history of this suite does not hold the run: it keeps the newest 100, none of more than 90 days ago.")
		return
	}
	p.trouble(w, r, http.StatusInternalServerError, "The history cannot be read", err.Error())
}

// signIn is the page that asks for the monitor's token.
type signIn struct {
	frame
	To    string // the address to go on to
	Wrong bool
}

// SignIn answers with a form that sends a token, in "token", to /sign-in, and
// in "to" where the browser was going.
func (p *Page) SignIn(w http.ResponseWriter, to string, wrong bool) {
	view := signIn{To: to, Wrong: wrong}
	view.Title, view.Section, view.Suite = "Sign in", "sign-in", ""       // nothing is told to strangers
	view.Style, view.Script = template.CSS(styles()), template.JS(script) //nolint:gosec // our own files
	p.render(w, http.StatusUnauthorized, view)
}

// Icon answers with the pages' icon.
func Icon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "max-age=86400")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(icon)
}
