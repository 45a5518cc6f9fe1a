package pluginhost

import (
	"fmt"
	"os/exec"
	"syscall"
)

// isolate puts the process into a group of its own, so that a Ctrl-C in the
// terminal is the host's to handle, and lets it die with the host.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// openedPath is a path by which a process executes a file that it has open as
// that descriptor.
func openedPath(descriptor int, _ string) string {
	return fmt.Sprintf("/proc/self/fd/%d", descriptor)
}
