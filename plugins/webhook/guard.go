package webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"code.dny.dev/ssrf"
)

// howToAllow finishes a sentence about an address that is refused.
const howToAllow = "it is not sent to; where that is meant, add the network to allow_cidrs of the webhook plugin"

// dialTimeout bounds a connection attempt that goes on after its delivery was
// given up.
const dialTimeout = 10 * time.Second

// guardian refuses addresses of private, loopback, link-local and metadata
// networks, but for those that allow_cidrs names.
func (s *settings) guardian(add func(attribute, summary, detail string)) *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, cidr := range s.AllowCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			add("allow_cidrs", "Invalid network", fmt.Sprintf("%q is not a network such as 10.0.0.0/8 or fd00::/8.", cidr))
		case prefix.Addr().Is4():
			v4 = append(v4, prefix.Masked())
		default:
			v6 = append(v6, prefix.Masked())
		}
	}
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// checkEndpoint finds an address that the guard would refuse already in the
// URL. Names are checked at dial time, when it is known what they stand for.
func (s *settings) checkEndpoint(guardian *ssrf.Guardian, local []string, add func(attribute, summary, detail string)) {
	target, err := url.Parse(s.URL)
	if err != nil || target.Hostname() == "" {
		add("url", "Invalid URL", "url must be an absolute http or https URL.")
		return
	}
	if slices.Contains(local, endpoint(target)) {
		return
	}
	address, err := netip.ParseAddr(target.Hostname())
	if err == nil && guardian.SafeAddr(address) != nil {
		add("url", "Address not allowed", fmt.Sprintf("%s is a private, loopback, link-local or metadata address: %s.", address, howToAllow))
	}
}

// newClient dials only what the guard allows, and the suite's own hosts.
func newClient(guardian *ssrf.Guardian, local []string) *http.Client {
	direct := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: guardian.Safe}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns // there is one host only
	// Through a proxy the guard would check the proxy's address, not the receiver's.
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if slices.Contains(local, address) {
			return direct.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// endpoint is the URL's host and port as they are dialed.
func endpoint(target *url.URL) string {
	port := target.Port()
	switch {
	case port != "":
	case target.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(target.Hostname(), port)
}
