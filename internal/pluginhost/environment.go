package pluginhost

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/assay-cx/assay/plugins/pluginv1"
)

// allowed is the part of an environment that plugins get.
//
// Plugins in Go collect garbage at five times their live memory: that is a few
// megabytes, and collecting it at every doubling costs a fifth of a call. Each
// uses half the processors at most: with every plugin on all of them, a tenth
// of the time goes into finding work that another process has.
func allowed(environ []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !pluginv1.IsAllowedEnv(name)
	})
	return append(kept, "GOGC=400", fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.NumCPU()/2)))
}

// maxSocketDir is how long the path of the folder may be: 104 bytes hold the
// path of a socket on every Unix, with the 0 at its end, and go-plugin adds
// "/plugin-dir1234567890/plugin1234567890".
const maxSocketDir = 104 - 1 - 39

// makeSocketDir makes a private folder below base or, where that is too deep,
// below /tmp.
func makeSocketDir(base string) (string, error) {
	dir, err := os.MkdirTemp(base, "assay-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the plugins' sockets: %w", err)
	}
	if len(dir) <= maxSocketDir {
		return dir, nil
	}
	if err := os.Remove(dir); err != nil {
		return "", fmt.Errorf("make a folder for the plugins' sockets: %w", err)
	}
	dir, err = os.MkdirTemp("/tmp", "assay-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the plugins' sockets: %s is too deep for the path of a socket (set TMPDIR to a shorter one): %w", base, err)
	}
	return dir, nil
}
