package auth

import (
	"bytes"
	"io"
	"mime"
	"net/http"

	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
)

// maxBody bounds a token answer, in bytes.
const maxBody = 1 << 20

// exchange is the round trip under the OAuth library: one attempt with typed
// errors and a bounded body, and two adaptations to how the contract's clients
// and servers behave.
type exchange struct {
	client           *http.Client
	clientID, secret string
}

func newExchange(clientID, secret string) *exchange {
	return &exchange{
		client: &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: lastResponse,
		},
		clientID: clientID,
		secret:   secret,
	}
}

// RoundTrip makes the attempt. Its errors are *sdk.Error.
func (e *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	// The library percent-encodes the pair, as RFC 6749 says; the platform and
	// the clients that its documents show take it as it is.
	req.SetBasicAuth(e.clientID, e.secret)
	req.Header.Set("Accept", "application/json")
	answer, err := sdkhttp.Do(e.client, req, maxBody)
	if err != nil {
		return nil, err
	}
	relabel(answer.Header)
	return &http.Response{
		Status:        http.StatusText(answer.Status),
		StatusCode:    answer.Status,
		Header:        answer.Header,
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Request:       req,
	}, nil
}

// relabel makes JSON of text/plain. The library reads plain text as a query
// string, as some old servers answer, but servers that leave the content type
// to their framework send JSON under that name.
func relabel(header http.Header) {
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil && kind == "text/plain" {
		header.Set("Content-Type", "application/json")
	}
}

// lastResponse keeps a client from following redirects, which would carry the
// credentials to a host that no spec names.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
