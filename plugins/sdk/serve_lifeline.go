package sdk

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// watchLifeline ends the process when the host is gone: the descriptor is the
// reading end of a pipe that only the host holds open, and never writes to.
func watchLifeline(descriptor string) {
	if descriptor == "" {
		return
	}
	fd, err := strconv.ParseUint(descriptor, 10, 31)
	if err != nil {
		fmt.Fprintf(os.Stderr, "the lifeline %q is not a file descriptor\n", descriptor)
		return
	}
	pipe := os.NewFile(uintptr(fd), "lifeline")
	_, _ = io.Copy(io.Discard, pipe)
	os.Exit(1)
}
