package pluginv1

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
