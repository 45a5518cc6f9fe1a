package pluginhost

import (
	"os/exec"
	"runtime"
)

// forker starts processes from one operating system thread that lives as long
// as the host: on Linux the parent-death signal comes when the thread that
// forked ends, and Go ends threads as it likes.
type forker struct{ jobs chan func() }

func newForker() *forker {
	f := &forker{jobs: make(chan func())}
	go f.run()
	return f
}

func (f *forker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for job := range f.jobs {
		job()
	}
}

func (f *forker) start(cmd *exec.Cmd) error {
	started := make(chan error)
	f.jobs <- func() { started <- cmd.Start() }
	return <-started
}

func (f *forker) close() { close(f.jobs) }
