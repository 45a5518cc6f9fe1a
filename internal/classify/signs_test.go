package classify

import (
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/result"
)

func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range allSigns() {
		if s.tier < deeper && (result.Categories[s.category] == "" || s.means == "" || s.confidence <= 0 || s.confidence >= 1) {
			t.Errorf("sign %+v is not whole", s)
		}
		if s.ofAnswer != "" && result.Categories[s.ofAnswer] == "" {
			t.Errorf("%q: category %q", s.means, s.ofAnswer)
		}
		for _, phrase := range s.phrases {
			if seen[phrase] {
				t.Errorf("%q stands in two places", phrase)
			}
			seen[phrase] = true
			if phrase != strings.ToLower(phrase) || strings.ContainsAny(phrase, "\n\\") {
				t.Errorf("%q is not as folded text is", phrase)
			}
		}
	}
	for i, a := range suffixes {
		for _, b := range suffixes[:i] {
			if strings.HasSuffix(a.text, b.text) {
				t.Errorf("%q never matches, since %q stands before it", a.text, b.text)
			}
		}
		if len(a.text) > minSuffix && result.Categories[a.sign.category] == "" {
			t.Errorf("%q has no category", a.text)
		}
	}
}

// Every phrase must be found in a text that holds it: one that starts in a
// place where no word starts would never be.
func TestEveryPhraseIsFound(t *testing.T) {
	for _, s := range allSigns() {
		for _, phrase := range s.phrases {
			plain, _ := strings.CutSuffix(phrase, "$")
			text := "x, " + strings.ReplaceAll(plain, "*", "7")
			found := false
			for from, to := range wordsOf(text) {
				h := theIndex().find(text, from, to)
				found = found || h.sign != nil && (h.sign.means == s.means || h.sign.tier > s.tier)
			}
			if !found {
				t.Errorf("%q is not found in %q", phrase, text)
			}
		}
	}
}

func TestGapsEndWithTheLineAndAfterAWhile(t *testing.T) {
	_, p := newPattern("relation * does not exist")
	for text, want := range map[string]bool{
		`relation "orders" does not exist`:                              true,
		"relation \"orders\"\nthe file does not exist":                  false,
		"relation " + strings.Repeat("x", maxGap+1) + " does not exist": false,
		"relation between what exists and what does not existentialism": false,
	} {
		if _, got := p.match(text, 0); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestStatusInWords(t *testing.T) {
	for text, want := range map[string]int{
		"request failed with status code 503":       503,
		"http/1.1 502 bad gateway":                  502,
		"http 429":                                  429,
		"response code 404 (not found)":             404,
		`{"status":"503"}`:                          503,
		`"statuscode": 404,`:                        404,
		"503 server error: service unavailable":     503,
		"(503) server unavailable":                  503,
		"upstream answered 500":                     500,
		"too many 503 error responses":              503,
		"unexpected status: 422 unprocessable":      422,
		"order 503 not found":                       0,
		"took 503 ms, status fine":                  0,
		"status 503ms":                              0,
		"code 404.5":                                0,
		"error at handlers/404 unauthorized.js":     0,
		"10.0.0.404 bad":                            0,
		"status 200":                                0,
		"code 1045":                                 0,
		"line 429 of the file":                      0,
		"received 500 bytes":                        0,
		"server answered 999":                       0,
		"listening on :503 service":                 0,
		"returned 500 rows":                         0,
		"error code 0x80072322 with status 4o4":     0,
		"http 503, then http 429 too many requests": 503,
	} {
		got := 0
		for from, to := range wordsOf(text) {
			if code, ok := statusAt(text, from, to); ok {
				got = code
				break
			}
		}
		if got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`:                      `plain`,
		`{\"a\":\"b\\nc\"}`:          "{\"a\":\"b\nc\"}",
		`it\u0027s \\u003e= 1`:       `it's >= 1`,
		`https:\/\/x`:                `https://x`,
		`\d+`:                        `\d+`,
		`ends in \`:                  `ends in `,
		`\u12`:                       `\u12`,
		`\uzzzz`:                     `\uzzzz`,
		`deep \\\\\\\"quote\\\\\\\"`: `deep "quote"`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAddressesSayNothingButUnsetVariables(t *testing.T) {
	for in, want := range map[string]string{
		`Get "https://h/timeout/503?x=429": EOF`:   `get "https~~~~~~~~~~~~~~~~~~~~~~": eof`,
		`GET https://h/customers/undefined failed`: `get https~~~~~~~~~~~~~~/undefined failed`,
		`no address: a//b`:                         `no address: a//b`,
	} {
		if got := fold(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
