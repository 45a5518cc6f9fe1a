package pluginv1

import "strings"

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
