package sdkhttp

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

// IsSuccess reports whether the status is one of 2xx.
func (r *Response) IsSuccess() bool { return r.Status/100 == 2 }

// IsHTML reports whether the answer is a page, which no API wrote.
func (r *Response) IsHTML() bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") ||
		bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

// Words is what the peer said, as Shorten has it, or a sentence in place of a
// page of HTML.
func (r *Response) Words() string {
	if r.IsHTML() {
		return "the answer is an HTML page: a proxy, a login page or another server wrote it"
	}
	return Shorten(string(r.Body))
}

// Refused is FromStatus for an API whose client does not follow redirects: the
// detail is the answer's Words, and a redirect says where to, by host alone.
func Refused(what string, response *Response) *sdk.Error {
	failure := FromStatus(what, response)
	failure.Detail = response.Words()
	if response.Status/100 == 3 {
		failure.Message = fmt.Sprintf("%s: HTTP %d redirects to %s; redirects are not followed",
			what, response.Status, redirectHost(response.Header))
		failure.Detail = ""
	}
	return failure
}

// redirectHost names the host alone: a location's path or query may hold secrets.
func redirectHost(header http.Header) string {
	location, err := url.Parse(header.Get("Location"))
	switch {
	case err != nil:
		return "a location that is not a URL"
	case location.Host == "":
		return "another path of the same host"
	}
	return location.Host
}

// Unexpected is the error for a success whose body is not what the operation
// wants; why says in which way. It never quotes the body, which may hold
// anything.
func Unexpected(what, why string, response *Response) *sdk.Error {
	kind := response.Header.Get("Content-Type")
	if kind == "" {
		kind = "no content type"
	}
	return &sdk.Error{
		Kind:       sdk.Protocol,
		Message:    fmt.Sprintf("%s: HTTP %d, but %s (%s, %d bytes)", what, response.Status, why, Shorten(kind), len(response.Body)),
		Sent:       true,
		HTTPStatus: response.Status,
	}
}
