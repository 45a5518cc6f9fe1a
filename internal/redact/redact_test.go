package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreMaskedInEveryEncoding(t *testing.T) {
	const secret = `s3cr3t/"+ü x`
	quoted, _ := json.Marshal(secret)
	var r Redactor
	r.Add(secret)
	for name, form := range map[string]string{
		"raw":           secret,
		"query":         url.QueryEscape(secret),
		"path":          url.PathEscape(secret),
		"JSON":          string(quoted[1 : len(quoted)-1]),
		"base64":        base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 URL":    base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 no pad": base64.RawStdEncoding.EncodeToString([]byte(secret)),
	} {
		got := r.With(nil).String("token " + form + " refused")
		if got != "token "+Masked+" refused" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestALongerSecretLeavesNoRest(t *testing.T) {
	var r Redactor
	r.Add("abc", "abcdef")
	if got := r.With(nil).String("abcdef abc"); got != Masked+" "+Masked {
		t.Errorf("got %q", got)
	}
}

func TestShortValuesAreMaskedOnlyAsAWhole(t *testing.T) {
	var r Redactor
	view := r.With([]string{"7", "W-1"})
	got := view.JSON(json.RawMessage(`{"pin":"7","n":7,"text":"at 17:07 in W-1","W-1":[true,null]}`))
	want := `{"(sensitive)":[true,null],"n":"(sensitive)","pin":"(sensitive)","text":"at 17:07 in (sensitive)"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestVectorsValuesStayWithTheVector(t *testing.T) {
	var r Redactor
	r.Add("global")
	if got := r.With([]string{"local"}).String("global local"); got != Masked+" "+Masked {
		t.Errorf("got %q", got)
	}
	if got := r.With(nil).String("local"); got != "local" {
		t.Errorf("another vector's value was masked: %q", got)
	}
}

func TestWhatIsNotJSONIsMaskedAsText(t *testing.T) {
	var r Redactor
	r.Add("secret")
	if got := r.With(nil).JSON(json.RawMessage(`<html>secret`)); string(got) != `"\u003chtml\u003e(sensitive)"` {
		t.Errorf("got %s", got)
	}
	if got := (&Redactor{}).With(nil).JSON(json.RawMessage(`{"a":1}`)); string(got) != `{"a":1}` {
		t.Errorf("got %s", got)
	}
}

func TestMask(t *testing.T) {
	const document = `{"card":{"number":"4111","name":"Ann"},"items":[{"sku":"A","n":1},{"sku":"B","n":2}],"pin":42}`
	for name, test := range map[string]struct {
		paths  []string
		want   string
		hidden []string
	}{
		"nothing":        {nil, document, nil},
		"a member":       {[]string{"pin"}, strings.Replace(document, "42", `"(sensitive)"`, 1), []string{"42"}},
		"below input":    {[]string{"input.card.number"}, strings.Replace(document, "4111", Masked, 1), []string{"4111"}},
		"one element":    {[]string{"items[1].sku"}, strings.Replace(document, `"B"`, `"(sensitive)"`, 1), []string{"B"}},
		"every element":  {[]string{"items[*].sku"}, strings.NewReplacer(`"A"`, `"(sensitive)"`, `"B"`, `"(sensitive)"`).Replace(document), []string{"A", "B"}},
		"nothing there":  {[]string{"nothing.there", "pin.deeper"}, document, nil},
		"a whole object": {[]string{"card"}, strings.Replace(document, `{"number":"4111","name":"Ann"}`, `"(sensitive)"`, 1), []string{"4111", "Ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			decode := func(s string) (v any) {
				decoder := json.NewDecoder(strings.NewReader(s))
				decoder.UseNumber()
				if err := decoder.Decode(&v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			original := decode(document)
			masked, hidden := Mask(original, test.paths)
			if diff := cmp.Diff(decode(test.want), masked); diff != "" {
				t.Error(diff)
			}
			sorted := cmp.Transformer("set", func(in []string) map[string]int {
				out := map[string]int{}
				for _, s := range in {
					out[s]++
				}
				return out
			})
			if diff := cmp.Diff(test.hidden, hidden, sorted); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(decode(document), original); diff != "" {
				t.Errorf("the document was changed: %s", diff)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":"secret","b":[1,"xsecretx"]}`))
	f.Add([]byte(`secret`))
	f.Fuzz(func(t *testing.T, document []byte) {
		var r Redactor
		r.Add("secret")
		got := r.With(nil).JSON(document)
		if len(document) > 0 && !json.Valid(got) && strings.Contains(string(got), "secret") {
			t.Errorf("%q left as %q", document, got)
		}
		if json.Valid(got) && strings.Contains(string(got), "secret") {
			t.Errorf("%q masked to %q", document, got)
		}
	})
}

func BenchmarkView(b *testing.B) {
	var r Redactor
	r.Add("client-secret-0123456789", "token-0123456789abcdef")
	view := r.With([]string{"+44 20 7946 0000", "W-1"})
	text := strings.Repeat("connect ECONNREFUSED 10.0.0.1:443 while calling W-1; ", 20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		view.String(text)
	}
}

// A tenant may repeat a secret beside other text, and a plugin may have cut it.
func TestSecretsAreMaskedInsideAndCut(t *testing.T) {
	const secret = `s3cr3t/"+ü <x>`
	var r Redactor
	r.Add(secret)
	for _, user := range []string{"", "a", "ab", "abc"} {
		text := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret + ":end"))
		if got := r.With(nil).String("Basic " + text); !strings.Contains(got, Masked) || len(got) > len("Basic ")+len(Masked)+16 {
			t.Errorf("%q became %q", text, got)
		}
	}
	inner, _ := json.Marshal(map[string]string{"k": secret})
	outer, _ := json.Marshal(string(inner))
	for text, want := range map[string]string{
		`{"k":"s3cr3t/\"+ü <x>"}`:          `{"k":"` + Masked + `"}`, // no escaping of HTML
		string(outer):                      `"{\"k\":\"` + Masked + `\"}"`,
		"the body was: s3cr3t/\"+ü…":       "the body was: " + Masked + "…",
		"a s3cr… and s3cr3t%2F%22… b s3c…": "a " + Masked + "… and " + Masked + "… b s3c…",
		"…":                                "…",
	} {
		if got := r.With(nil).String(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A tenant may have written a secret with any escapes, and mixed them.
func TestSecretsAreMaskedHoweverTheyAreEscaped(t *testing.T) {
	const secret = `s3cr3t/"+ü &x!'`
	var r Redactor
	r.Add(secret, "plain-s3cret")
	component := strings.ReplaceAll(url.QueryEscape(secret), "+", "%20")
	quoted, _ := json.Marshal(secret)
	inner := string(quoted[1 : len(quoted)-1])
	for name, form := range map[string]string{
		"encodeURIComponent":  strings.NewReplacer("%21", "!", "%27", "'").Replace(component),
		"RFC 3986":            component,
		"lower-case URL":      strings.ToLower(url.QueryEscape(secret)),
		"URL twice":           url.QueryEscape(url.QueryEscape(secret)),
		"URL in JSON in JSON": strings.ReplaceAll(component, "%", `\\u0025`),
		"JSON in ASCII":       `s3cr3t/\"+\u00fc &x!'`,
		"JSON of PHP":         `s3cr3t\/\"+\u00fc &x!'`,
		"all escaped":         `\u0073\u0033\u0063\u0072\u0033\u0074\u002f\u0022\u002b\u00fc\u0020\u0026\u0078\u0021\u0027`,
		"bytes":               `s3cr3t/"+\xc3\xbc &x!\'`,
		"HTML":                `s3cr3t/&quot;+&uuml; &amp;x!&#39;`,
		"XML":                 `s3cr3t/&#x22;+ü &#38;x!&apos;`,
		"hex":                 hex.EncodeToString([]byte(secret)),
		"upper-case hex":      strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"base64 of URL":       base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(secret))),
		"base64 of JSON":      base64.StdEncoding.EncodeToString([]byte(inner)),
		"needlessly":          `%70lain\u002ds3&#99;ret`,
	} {
		want := "100% é of C:\\new\n " + Masked + ` &c. \"x`
		if got := r.With(nil).String("100% é of C:\\new\n " + form + ` &c. \"x`); got != want {
			t.Errorf("%s: %q became %q", name, form, got)
		}
	}
	for text, want := range map[string]string{
		"a s3cr3t%2f%2…":      "a " + Masked + "…",
		`a s3cr3t/\"+\u0…`:    "a " + Masked + "…",
		"a s3cr3t/&quot;+&u…": "a " + Masked + "…",
	} {
		if got := r.With(nil).String(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A secret may look as if it were escaped itself.
func TestSecretsWithEscapesAreMaskedHoweverTheyAreEscaped(t *testing.T) {
	const secret = `s3cr+t/c&na=ry"<7f>\%41 &lt;end`
	var r Redactor
	r.Add(secret)
	quoted, _ := json.Marshal(secret)
	for _, form := range []string{
		secret, html.EscapeString(secret), strings.ToLower(url.QueryEscape(secret)), string(quoted[1 : len(quoted)-1]),
		strings.ReplaceAll(string(quoted[1:len(quoted)-1]), "/", `\/`), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
	} {
		if got := r.With(nil).String("a " + form + " b"); got != "a "+Masked+" b" {
			t.Errorf("%q became %q", form, got)
		}
	}
}

func FuzzEscapes(f *testing.F) {
	f.Add("%41%zz&amp;&#x;\\u12\\ud83d\\ude00…", "\\u00e9")
	f.Fuzz(func(t *testing.T, before, after string) {
		plain, at := unescape(before)
		if at != nil && (len(at) != len(plain)+1 || !slices.IsSorted(at) || at[len(plain)] != len(before)) {
			t.Errorf("%q became %q with %v", before, plain, at)
		}
		var r Redactor
		r.Add("s3cr3t/x")
		// What stands before must not make the first byte part of an escape.
		if got := r.With(nil).String(before + " s3cr3t%2fx " + after); strings.Contains(got, " s3cr3t%2fx ") {
			t.Errorf("%q %q: %q", before, after, got)
		}
	})
}
