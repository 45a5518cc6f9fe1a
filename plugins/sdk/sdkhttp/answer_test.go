package sdkhttp_test

import (
	"net/http"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	const page = "the answer is an HTML page: a proxy, a login page or another server wrote it"
	for name, test := range map[string]struct {
		response sdkhttp.Response
		kind     sdk.ErrorKind
		want     string
	}{
		"words":    {sdkhttp.Response{Status: 503, Body: []byte("come\nback")}, sdk.Unavailable, "run: HTTP 503 Service Unavailable: come back"},
		"a page":   {sdkhttp.Response{Status: 502, Body: []byte(" <html>")}, sdk.Unavailable, "run: HTTP 502 Bad Gateway: " + page},
		"its type": {sdkhttp.Response{Status: 403, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}, sdk.Forbidden, "run: HTTP 403 Forbidden: " + page},
		"redirect": {
			sdkhttp.Response{Status: 302, Header: http.Header{"Location": {"https://sso.example/in?token=secret"}}, Body: []byte("secret")},
			sdk.Protocol, "run: HTTP 302 redirects to sso.example; redirects are not followed",
		},
		"a path":  {sdkhttp.Response{Status: 307, Header: http.Header{"Location": {"/in"}}}, sdk.Protocol, "run: HTTP 307 redirects to another path of the same host; redirects are not followed"},
		"no URL":  {sdkhttp.Response{Status: 307, Header: http.Header{"Location": {"https://%zz"}}}, sdk.Protocol, "run: HTTP 307 redirects to a location that is not a URL; redirects are not followed"},
		"nowhere": {sdkhttp.Response{Status: 304}, sdk.Protocol, "run: HTTP 304 redirects to another path of the same host; redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := sdkhttp.Refused("run", &test.response)
			if got.Error() != test.want || got.Kind != test.kind || !got.Sent || got.HTTPStatus != test.response.Status {
				t.Errorf("%+v, want %s %q", got, test.kind, test.want)
			}
		})
	}
}

func TestUnexpected(t *testing.T) {
	t.Parallel()
	got := sdkhttp.Unexpected("run", "the answer is no list", &sdkhttp.Response{Status: 200, Body: []byte("secret")})
	if want := "run: HTTP 200, but the answer is no list (no content type, 6 bytes)"; got.Error() != want || got.Kind != sdk.Protocol || !got.Sent {
		t.Errorf("%+v, want %q", got, want)
	}
}
