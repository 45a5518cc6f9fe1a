package sdkhttp

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/assay-cx/assay/plugins/sdk"
)

// maxDetail is how much of a peer's words an error carries, in runes.
const maxDetail = 300

// FromStatus is the error for an answer that is not what the operation wants,
// such as a 503. what names the operation in the message ("fetch a token");
// the detail is the body, shortened: replace it where the body may hold what
// must not be told.
func FromStatus(what string, response *Response) *sdk.Error {
	return &sdk.Error{
		Kind:       kindOf(response.Status),
		Message:    strings.TrimSpace(fmt.Sprintf("%s: HTTP %d %s", what, response.Status, http.StatusText(response.Status))),
		Sent:       true,
		RetryAfter: RetryAfter(response.Header, time.Now()),
		HTTPStatus: response.Status,
		Detail:     Shorten(string(response.Body)),
	}
}

func kindOf(status int) sdk.ErrorKind {
	switch status {
	case http.StatusUnauthorized:
		return sdk.Unauthenticated
	case http.StatusForbidden:
		return sdk.Forbidden
	case http.StatusNotFound, http.StatusGone:
		return sdk.NotFound
	case http.StatusRequestTimeout:
		return sdk.Timeout
	case http.StatusTooManyRequests:
		return sdk.RateLimited
	}
	switch status / 100 {
	case 4:
		return sdk.Invalid
	case 5:
		return sdk.Unavailable
	}
	return sdk.Protocol
}

// RetryAfter is how long the peer asks to wait: seconds or an HTTP date. It is
// 0 where the header is absent, is neither, or lies in the past. It is not
// capped; that is the host's to do.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, ok := parseSeconds(value); ok {
		return seconds
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}

// parseSeconds reads decimal digits; more of them than a Duration holds are
// the longest Duration.
func parseSeconds(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > math.MaxInt64/int64(time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(seconds) * time.Second, true
}

// Shorten makes one line of at most 300 characters of a peer's words, free of
// control characters.
func Shorten(text string) string {
	// Four bytes hold any rune: no need to walk a long body.
	text = text[:min(len(text), 16*maxDetail)]
	words := strings.FieldsFunc(strings.ToValidUTF8(text, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
	runes := []rune(strings.Join(words, " "))
	if len(runes) <= maxDetail {
		return string(runes)
	}
	return string(runes[:maxDetail-1]) + "…"
}
