package redact

import (
	"strings"
	"testing"
)

func TestPersonalDataIsMasked(t *testing.T) {
	for text, want := range map[string]string{
		"mail ann.lee+cc@example.co.uk now":                       "mail (email) now",
		"card 4111 1111 1111 1111 declined":                       "card (card) declined",
		"card 378282246310005":                                    "card (card)",
		"pan=5500-0055-5555-5559;":                                "pan=(card);",
		"account DE89 3704 0044 0532 0130 00 is shut":             "account (iban) is shut",
		"GB82WEST12345698765432":                                  "(iban)",
		"ssn 123-45-6789":                                         "ssn (ssn)",
		"call +44 20 7946 0958 or +1 (555) 010-9999":              "call (phone) or (phone)",
		"call (555) 010-9999, 555.010.9999":                       "call (phone), (phone)",
		"GET /users?email=ann%40example.com&tel=%2B4915112345678": "GET /users?email=(email)&tel=(phone)",
		`{\"mail\":\"ann\u0040example.com\"}`:                     `{\"mail\":\"(email)\"}`,
		"q=4111+1111+1111+1111&q=DE89+3704+0044+0532+0130+00":     "q=(card)&q=(iban)",
		"q=%2B44+20+7946+0958&q=%28555%29+010-9999":               "q=(phone)&q=(phone)",
		"'ann.o'neil@exämple.de'":                                 "'(email)'",
		"call +43/660 1234567":                                    "call (phone)",
		"4111\u00a01111\u00a01111\u00a01111, 4111–1111–1111–1111": "(card), (card)",
		`{"email":"a@b.io","phone":"+4915112345678"}`:             `{"email":"(email)","phone":"(phone)"}`,
	} {
		if got := (&Redactor{}).With(nil).Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWhatIsNotPersonalStays(t *testing.T) {
	for _, text := range []string{
		"card 4111 1111 1111 1112",                    // wrong Luhn digit
		"DE88 3704 0044 0532 0130 00",                 // wrong check digits
		"000-12-3456 and 666-12-3456 and 123-00-4567", // never issued
		"2026-01-02T03:04:05.678901Z",
		"took 1234567890 ns, then 1700000000000 ms",
		"connect ECONNREFUSED 192.168.100.200:8443",
		"session 1e7e0e6b-ced3-46a1-9a32-1f37ec630950",
		"484891e6281503fd85d0b7c47fb90483bb448808c8bec78c7725ec4f9df35b00",
		"at handler (/var/task/index.js:120:17)",
		"neither @handle nor user@localhost is an address",
		"v1.2.3+45 build 2026.11.21",
		"ORDER-2024-000123-AB, sku SKU-429, HTTP 503, 10.00 EUR",
		"",
	} {
		if got := (&Redactor{}).With(nil).Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzPersonal(f *testing.F) {
	f.Add("4111 1111 1111 1111 a@b.io +44 20 7946 0958")
	f.Fuzz(func(t *testing.T, text string) {
		once := personal(text)
		if again := personal(once); again != once {
			t.Errorf("%q became %q, and then %q", text, once, again)
		}
	})
}

func BenchmarkPersonal(b *testing.B) {
	text := strings.Repeat("Error: connect ECONNREFUSED 10.0.0.1:443\n    at TCPConnectWrap.afterConnect [as oncomplete] (net.js:1146:16)\n", 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		personal(text)
	}
}

func TestPersonalNumbersInJSON(t *testing.T) {
	got := (&Redactor{}).With(nil).JSON([]byte(`{"pan":4111111111111111,"at":1700000000000,"rate":0.4111111111111111}`))
	if want := `{"at":1700000000000,"pan":"(card)","rate":0.4111111111111111}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
