//go:build unix && !linux

package pluginhost

import (
	"os/exec"
	"syscall"
)

// isolate puts the process into a group of its own, so that a Ctrl-C in the
// terminal is the host's to handle. The lifeline lets it die with the host.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// openedPath is the path itself: this system executes files by path only.
func openedPath(_ int, path string) string { return path }
