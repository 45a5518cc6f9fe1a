package serve

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Whatever a client sends, the answer is a document, and the platform is
// asked of the suite's actions alone.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/health", "action_id="+actionID, "Bearer x", "localhost")
	f.Add("POST", "/health/../metrics", "action_id=%zz&action_id=\xff;", "bearer", "[::1]:x")
	f.Add("GET", "//", "", "", "a:b:c")
	p := &platform{}
	o := options(f, p)
	o.Token, o.LocalOnly = "x", true
	m := New(o)
	f.Fuzz(func(t *testing.T, method, path, query, authorization, host string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method, r.Host, r.URL = method, host, &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Authorization", authorization)
		recorder := httptest.NewRecorder()
		m.ServeHTTP(recorder, r)
		if kind := recorder.Header().Get("Content-Type"); kind == "application/json" && !json.Valid(recorder.Body.Bytes()) {
			t.Errorf("%d %s", recorder.Code, recorder.Body)
		}
		if n := p.asked(); n > 2 {
			t.Errorf("%d questions for two actions", n)
		}
	})
}
