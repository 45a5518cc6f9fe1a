package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
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
