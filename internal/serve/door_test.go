package serve

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// send posts a form, and answers without following.
func send(tb testing.TB, address string, form url.Values) *http.Response {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		tb.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	o.Token = "s3cret-token"
	server := started(t, o)
	browser := []string{"Accept", "text/html,application/xhtml+xml"}
	response, body := get(t, server.URL+"/runs?x=1", browser...)
	if response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `<form method="post" action="/sign-in">`) ||
		!strings.Contains(body, `value="/runs?x=1"`) || strings.Contains(body, "inventory") {
		t.Errorf("who may not read gets %s: %s", response.Status, body)
	}
	for _, token := range []string{"", "s3cret", "s3cret-token2", "S3CRET-TOKEN"} {
		response := send(t, server.URL+"/sign-in", url.Values{"token": {token}, "to": {"/runs"}})
		if response.StatusCode != http.StatusUnauthorized || len(response.Cookies()) > 0 {
			t.Errorf("%q: %s with %v", token, response.Status, response.Cookies())
		}
	}
	response = send(t, server.URL+"/sign-in", url.Values{"token": {" s3cret-token\n"}, "to": {"/runs?x=1"}})
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/runs?x=1" || len(response.Cookies()) != 1 {
		t.Fatalf("%s to %s", response.Status, response.Header.Get("Location"))
	}
	cookie := response.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge != 12*60*60 || strings.Contains(cookie.String(), "s3cret") {
		t.Errorf("cookie %s", cookie)
	}
	signedIn := cookie.Name + "=" + cookie.Value
	for _, path := range []string{"/", "/runs", "/health?action_id=sync", "/metrics"} {
		if response, body := get(t, server.URL+path, "Cookie", signedIn); response.StatusCode != http.StatusOK || strings.Contains(body, "s3cret") {
			t.Errorf("%s signed in: %s", path, response.Status)
		}
		for _, wrong := range []string{cookie.Name + "=", cookie.Name + "=" + cookie.Value + "x", "other=" + cookie.Value, cookie.Name + "=s3cret-token"} {
			if response, _ := get(t, server.URL+path, "Cookie", wrong); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %q: %s", path, wrong, response.Status)
			}
		}
	}
	if response, _ := get(t, server.URL+"/events"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("events: %s", response.Status)
	}
	if response := send(t, server.URL+"/sign-out", nil); len(response.Cookies()) != 1 || response.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out leaves %v", response.Cookies())
	}
	if response := send(t, server.URL+"/sign-in", url.Values{"token": {strings.Repeat("x", 1<<20)}}); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a huge token: %s", response.Status)
	}
}

// Whoever signs in is sent to this monitor and nowhere else.
func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]bool{
		"/": true, "/runs?status=fail&q=%2F%2F": true, "/vector?name=a%5B%22b%22%5D": true,
		"": false, "//evil.example/": false, `/\evil.example/`: false, "https://evil.example/": false, "evil": false, "/\t/evil.example": false,
		"/\r\nSet-Cookie: x": false, "javascript:alert(1)": false, " /": false, "/ok\x7f": false,
	} {
		if got := isOwnPath(to); got != want {
			t.Errorf("%q: %v", to, got)
		}
	}
}

func TestTheCookieIsSecureUnderTLS(t *testing.T) {
	t.Parallel()
	o := options(t, &platform{})
	o.Token = "s3cret-token"
	request := httptest.NewRequest(http.MethodPost, "https://monitor.example/sign-in", strings.NewReader("token=s3cret-token&to=//evil.example"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	New(o).ServeHTTP(recorder, request)
	if cookie := recorder.Header().Get("Set-Cookie"); !strings.Contains(cookie, "; Secure") || recorder.Header().Get("Location") != "/" {
		t.Errorf("cookie %s to %s", cookie, recorder.Header().Get("Location"))
	}
}

func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	server := started(t, options(t, &platform{}))
	for _, path := range []string{"/", "/runs", "/actions/sync", "/actions/none", "/vector?name=none", "/runs/none"} {
		response, _ := get(t, server.URL+path)
		policy := response.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || response.Header.Get("X-Content-Type-Options") != "nosniff" ||
			response.Header.Get("Referrer-Policy") != "no-referrer" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, response.Header)
		}
	}
}

// Streams do not hold the monitor's end up.
func TestStopWithStreams(t *testing.T) {
	t.Parallel()
	m := New(options(t, &platform{}))
	address, stop := running(t, m)
	var streams []*http.Response
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		streams = append(streams, response)
	}
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took >= stopGrace {
		t.Errorf("it took %s to stop", took)
	}
	for _, s := range streams {
		_ = s.Body.Close()
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
