package redact

import (
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// span is a part of a text, in bytes, and what is to stand in its place.
type span struct {
	from, to int
	stands   string
}

// splice puts in what stands for the spans; of those that overlap, one.
func splice(text string, spans []span) string {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	var b strings.Builder
	end := 0
	for _, s := range spans {
		if s.from >= end {
			b.WriteString(text[end:s.from])
			b.WriteString(s.stands)
		}
		end = max(end, s.to)
	}
	b.WriteString(text[end:])
	return b.String()
}

// deepest is how often a text may have been escaped again.
const deepest = 4

// escapes are those of URLs, of JSON and programming languages, and of HTML
// and XML; also one that a cut leaves the beginning of.
var escapes = regexp.MustCompile(`%[0-9A-Fa-f]{2}` +
	`|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[^ux]` +
	`|&(?:[A-Za-z]{2,8}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});` +
	`|(?:%[0-9A-Fa-f]?|\\(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|&#?[0-9A-Za-z]{0,8})` + ellipsis)

// maskEscaped masks what find finds in a text once its escapes are undone,
// however they are mixed: no list of ways to write a secret is whole.
func maskEscaped(text string, find func(plain string) []span) string {
	if !strings.ContainsAny(text, `%\&`) {
		return text
	}
	var spans []span
	plain, at := text, []int(nil)
	for range deepest {
		next, from := unescape(plain)
		if from == nil {
			break
		}
		for i := range from {
			if at != nil {
				from[i] = at[from[i]]
			}
		}
		plain, at = next, from
		for _, s := range find(plain) {
			spans = append(spans, span{at[s.from], at[s.to], s.stands})
		}
	}
	if spans == nil {
		return text
	}
	return splice(text, spans)
}

// unescape undoes escapes once. at says where each byte of plain begins in the
// text, and where the text ends; it is nil where there are none.
func unescape(text string) (plain string, at []int) {
	found := escapes.FindAllStringIndex(text, -1)
	if found == nil {
		return text, nil
	}
	var b strings.Builder
	at = make([]int, 0, len(text)+1)
	literally := func(from, to int) {
		b.WriteString(text[from:to])
		for ; from < to; from++ {
			at = append(at, from)
		}
	}
	end := 0
	for _, f := range found {
		literally(end, f[0])
		end = f[1]
		if strings.HasSuffix(text[f[0]:end], ellipsis) {
			literally(end-len(ellipsis), end)
			continue
		}
		meant := meaning(text[f[0]:end])
		b.WriteString(meant)
		at = append(at, slices.Repeat([]int{f[0]}, len(meant))...)
	}
	literally(end, len(text))
	return b.String(), append(at, len(text))
}

// meaning is what one escape stands for.
func meaning(escape string) string {
	switch {
	case escape[0] == '&':
		return html.UnescapeString(escape)
	case escape[0] == '%', escape[1] == 'x':
		code, err := strconv.ParseUint(escape[len(escape)-2:], 16, 8)
		if err != nil { // the pattern has hex digits there
			return escape
		}
		return string([]byte{byte(code)})
	}
	if i := strings.IndexByte("bfnrt", escape[1]); i >= 0 {
		return "\b\f\n\r\t"[i : i+1]
	}
	if escape[1] == 'u' {
		return decodeUnicode(escape)
	}
	return escape[1:]
}

// decodeUnicode is the character of \u escapes, one or a pair of surrogates.
func decodeUnicode(escape string) string {
	var character string
	if json.Unmarshal([]byte(`"`+escape+`"`), &character) != nil {
		return escape
	}
	return character
}
