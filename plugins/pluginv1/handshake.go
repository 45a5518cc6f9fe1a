package pluginv1

import "strings"

// Version is the number of this protocol, negotiated at the handshake.
const Version = 1

// The cookie tells a plugin that a host has started it, and not a person.
const (
	CookieKey   = "ASSAY_PLUGIN"
	CookieValue = "b7f5a4f0c0c94b3a9b6f3a0e8d1c52e7"
)

// LifelineEnv names the environment variable that holds the number of an
// inherited file descriptor. It reaches its end when the host is gone, however
// the host died: the plugin then exits.
const LifelineEnv = "ASSAY_PLUGIN_LIFELINE"

// MaxMessage is the size of the largest message in bytes, both ways.
const MaxMessage = 16 << 20

// IsAllowedEnv says whether plugins get a variable of the host's environment.
// Secrets live in environments: a plugin gets those that its block names,
// through Configure.
func IsAllowedEnv(name string) bool {
	switch name {
	case "PATH", "HOME", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}
