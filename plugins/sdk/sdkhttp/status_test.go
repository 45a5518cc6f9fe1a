package sdkhttp_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                                    0,
		"0":                                   0,
		"2":                                   2 * time.Second,
		" 7 ":                                 7 * time.Second,
		"86400":                               24 * time.Hour,
		"-5":                                  0,
		"+5":                                  0,
		"1.5":                                 0,
		"1e9":                                 0,
		"soon":                                0,
		"99999999999":                         math.MaxInt64,
		"99999999999999999999999999999999999": math.MaxInt64,
		"Sun, 01 Mar 2026 12:01:30 GMT":       90 * time.Second,
		"Sunday, 01-Mar-26 12:01:30 GMT":      90 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT":       0,
		"Sun, 99 Mar 2026 11:00:00 GMT":       0,
	}
	for value, want := range tests {
		if got := sdkhttp.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if got := sdkhttp.RetryAfter(nil, now); got != 0 {
		t.Errorf("absent: got %v", got)
	}
}

func TestFromStatus(t *testing.T) {
	tests := map[int]sdk.ErrorKind{
		204: sdk.Protocol, 302: sdk.Protocol, 400: sdk.Invalid, 401: sdk.Unauthenticated, 403: sdk.Forbidden,
		404: sdk.NotFound, 408: sdk.Timeout, 409: sdk.Invalid, 410: sdk.NotFound, 422: sdk.Invalid,
		429: sdk.RateLimited, 500: sdk.Unavailable, 503: sdk.Unavailable, 599: sdk.Unavailable,
	}
	for status, kind := range tests {
		e := sdkhttp.FromStatus("submit", &sdkhttp.Response{
			Status: status, Header: http.Header{"Retry-After": {"3"}}, Body: []byte("<h1>\n\tGo away</h1>"),
		})
		if e.Kind != kind || !e.Sent || e.HTTPStatus != status || e.RetryAfter != 3*time.Second || e.Detail != "<h1> Go away</h1>" {
			t.Errorf("%d: got %#v", status, e)
		}
	}
	e := sdkhttp.FromStatus("submit", &sdkhttp.Response{Status: 503, Body: []byte("down")})
	if e.Error() != "submit: HTTP 503 Service Unavailable: down" {
		t.Errorf("got %q", e.Error())
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("1")
	f.Add("Sun, 01 Mar 2026 12:01:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got := sdkhttp.RetryAfter(http.Header{"Retry-After": {value}}, time.Unix(0, 0)); got < 0 {
			t.Errorf("%q: got %v", value, got)
		}
	})
}

func FuzzShorten(f *testing.F) {
	f.Add("one\r\ntwo\x1b[31m\xff")
	f.Add(strings.Repeat("日本", 400))
	f.Fuzz(func(t *testing.T, text string) {
		short := sdkhttp.Shorten(text)
		if utf8.RuneCountInString(short) > 300 || !utf8.ValidString(short) || strings.ContainsFunc(short, unicode.IsControl) {
			t.Errorf("got %q", short)
		}
	})
}
