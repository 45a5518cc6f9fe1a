// Package look is how assay's pages look and behave: the report that --report
// html writes, which is one file, and the page of the monitor. Both import it,
// so that a vector, its checks, its classification and its trace show the same
// in either.
//
// The report has Style and Script inline and Policy as its content security
// policy; the monitor's page has a script and a policy of its own. Both are made
// of Templates: "status" shows a verdict, "vector" a row of a list that opens to
// all that is known of a vector, "detail" that alone. Script gives a list with
// the id "vectors" search, filters and keys; the report works without it.
//
// All texts may be hostile. html/template escapes them, the policy lets nothing
// else run or load, and VectorOf bounds what a vector takes of a page.
//
// Start reading at VectorOf and vector.tmpl.
package look

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	//go:embed look.css
	style string
	//go:embed list.js
	script string
	//go:embed vector.tmpl
	templates embed.FS
)

// Style is the style sheet, for an inline style element.
func Style() template.CSS { return template.CSS(style) } //nolint:gosec // our own file

// Script is the script of lists, for an inline script element at the page's end.
func Script() template.JS { return template.JS(script) } //nolint:gosec // our own file

// Policy is a content security policy that lets Style and Script be, and
// nothing else: no other script, no style, no request.
func Policy() string {
	return "default-src 'none'; script-src '" + Digest(script) + "'; style-src '" + Digest(style) +
		"'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
}

// Digest is what a policy names an inline script or style by.
func Digest(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Templates are the shared templates, for a page to add its own to.
func Templates() *template.Template {
	return template.Must(template.New("look").Funcs(template.FuncMap{"mark": mark}).ParseFS(templates, "vector.tmpl"))
}

// mark is a verdict as a sign, for those who do not see its colour.
func mark(status string) string {
	switch status {
	case "pass":
		return "✓"
	case "fail":
		return "✕"
	case "error", "interrupted":
		return "!"
	case "warn":
		return "▲"
	default:
		return "–"
	}
}

// Duration is a span of milliseconds for people.
func Duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.String()
}

// Clip cuts a text that is longer than so many bytes, and shows that it did.
// What is not UTF-8 shows as such.
func Clip(text string, size int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size] + "…"
}
