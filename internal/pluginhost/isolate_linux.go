package pluginhost

import (
	"os/exec"
	"syscall"
)

// isolate puts the process into a group of its own, so that a Ctrl-C in the
// terminal is the host's to handle, and lets it die with the host.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
