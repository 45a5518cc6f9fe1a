package sdkhttp

import "net/http"

// idleConnections is how many connections to the platform stay open between
// requests: more than a run commonly has vectors in flight.
const idleConnections = 64

// NewClient is a client for one platform. It follows no redirects: one would
// carry the token to a host that no spec names.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleConnections
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
