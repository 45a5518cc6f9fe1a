// Package redact keeps secrets and personal data out of whatever leaves the
// process: output, reports, sinks, errors. It is the one place that masks.
//
// A Redactor knows the run's secrets; a vector's own sensitive input values
// are given beside it. Start reading at Redactor.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// shortest is the length, in bytes, under which a text is not looked for
// inside others: masking every "1" would hide nothing and spoil everything.
// As a whole value it is masked all the same.
const shortest = 3

// Redactor masks texts that it was told of, in the encodings in which they
// travel. It is safe for concurrent use; the zero value knows nothing.
type Redactor struct {
	mu      sync.Mutex
	secrets []string
	current atomic.Pointer[masker]
}

// Add makes the redactor know more secrets.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, secrets...)
	r.current.Store(newMasker(r.secrets))
}

// With is the redactor's view for one vector: what it knows and the vector's
// own sensitive values.
func (r *Redactor) With(values []string) View {
	view := View{global: r.current.Load()}
	if len(values) > 0 {
		view.local = newMasker(values)
	}
	return view
}

// View masks with a fixed set of secrets.
type View struct{ global, local *masker }

// String masks a text.
func (v View) String(text string) string {
	if text == "" {
		return text
	}
	return v.local.mask(v.global.mask(text))
}

// Text masks free text: what is secret, and personal data that it detects.
func (v View) Text(text string) string { return personal(v.String(text)) }

// JSON masks the strings and keys of a document, as Text does. What is not
// JSON is masked as text and answered as a JSON string.
func (v View) JSON(document json.RawMessage) json.RawMessage {
	if len(document) == 0 {
		return document
	}
	decoder := json.NewDecoder(strings.NewReader(string(document)))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		value = string(document)
	}
	encoded, err := json.Marshal(v.value(value))
	if err != nil {
		return json.RawMessage(`"` + Masked + `"`)
	}
	return encoded
}

func (v View) value(value any) any {
	switch value := value.(type) {
	case string:
		return v.Text(value)
	case json.Number:
		if text := v.number(value.String()); text != value.String() {
			return text
		}
		return value
	case []any:
		for i := range value {
			value[i] = v.value(value[i])
		}
		return value
	case map[string]any:
		masked := make(map[string]any, len(value))
		for key, member := range value {
			masked[v.Text(key)] = v.value(member)
		}
		return masked
	default:
		return value
	}
}

// number masks a number. Only what is written as a whole one can be personal.
func (v View) number(text string) string {
	if strings.ContainsAny(text, ".eE") {
		return v.String(text)
	}
	return v.Text(text)
}

// masker replaces a set of texts. A nil masker replaces nothing.
type masker struct {
	whole    map[string]bool // masked where they are all of a text
	forms    []string        // masked inside of texts, the longest first
	replacer *strings.Replacer
}

func newMasker(secrets []string) *masker {
	m := &masker{whole: make(map[string]bool, len(secrets))}
	var forms []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		m.whole[secret] = true
		if len(secret) >= shortest {
			forms = append(forms, encodings(secret)...)
		}
	}
	// The longest first: a secret that holds another must not leave a rest.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.Compact(forms)
	m.forms = forms
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Masked)
	}
	m.replacer = strings.NewReplacer(pairs...)
	return m
}

func (m *masker) idle() bool { return m == nil || len(m.whole) == 0 }

func (m *masker) mask(text string) string {
	if m.idle() {
		return text
	}
	if m.whole[text] {
		return Masked
	}
	text = m.replacer.Replace(text)
	return maskEscaped(splice(text, m.cuts(text)), m.find)
}

// find finds secrets, also the starts of those that are cut.
func (m *masker) find(text string) []span {
	spans := m.cuts(text)
	for _, form := range m.forms {
		for from := 0; ; {
			at := strings.Index(text[from:], form)
			if at < 0 {
				break
			}
			from += at + len(form)
			spans = append(spans, span{from - len(form), from, Masked})
		}
	}
	return spans
}

// ellipsis ends what a plugin has shortened.
const ellipsis = "…"

// shortestCut is the length, in bytes, from which the start of a secret is
// masked where a shortened text cuts the rest of it off.
const shortestCut = 4

// cuts finds the starts of secrets before an ellipsis.
func (m *masker) cuts(text string) []span {
	var spans []span
	for end := 0; ; end += len(ellipsis) {
		at := strings.Index(text[end:], ellipsis)
		if at < 0 {
			return spans
		}
		end += at
		for _, form := range m.forms {
			n := min(len(form)-1, end)
			for n >= shortestCut && !strings.HasSuffix(text[:end], form[:n]) {
				n--
			}
			if n >= shortestCut {
				spans = append(spans, span{end - n, end, Masked})
				break
			}
		}
	}
}

// encodings are the forms in which a secret travels, but for those that
// maskEscaped undoes.
func encodings(secret string) []string {
	forms := []string{secret, strings.ReplaceAll(secret, " ", "+"), url.QueryEscape(secret), url.PathEscape(secret), quote(secret, true), quote(secret, false)}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	for _, text := range forms { // as they are now
		raw := []byte(text)
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			forms = append(forms, encoding.EncodeToString(raw), encoding.WithPadding(base64.NoPadding).EncodeToString(raw))
			forms = append(forms, inside(encoding, raw)...)
		}
	}
	// Where a text's escapes are undone, so are those that a secret itself holds.
	plain := secret
	for range deepest {
		if plain, _ = unescape(plain); len(plain) >= shortest {
			forms = append(forms, plain)
		}
	}
	digits := hex.EncodeToString([]byte(secret))
	return append(forms, digits, strings.ToUpper(digits))
}

// quote is a text as it stands in a JSON string, <, > and & escaped or not.
func quote(text string, html bool) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	if encoder.Encode(text) != nil { // strings always encode
		return text
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// inside are what stands for a secret where it is encoded together with other
// text, as the pair of HTTP Basic is: without the characters that its first
// and last bytes share with that text.
func inside(encoding *base64.Encoding, secret []byte) []string {
	var forms []string
	for before := range 3 {
		padded := append(make([]byte, before), secret...)
		whole := padded[:len(padded)-len(padded)%3]
		form := encoding.EncodeToString(whole)
		if before > 0 && len(form) >= 4 {
			form = form[4:]
		}
		if len(form) >= 2*shortest {
			forms = append(forms, form)
		}
	}
	return forms
}
