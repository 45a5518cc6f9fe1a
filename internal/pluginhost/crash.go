package pluginhost

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

// shownLines is how many of a plugin's last lines the message of an error holds.
const shownLines = 5

// CrashError is what calls answer whose process has ended of itself, or was
// killed because it did not answer. It is a *sdk.Error of kind Internal to
// errors.As.
type CrashError struct {
	Plugin     string
	ExitStatus string   // such as "exit status 2" or "signal: killed"
	Stderr     []string // its last lines, 100 at most
	// Sent is false where the process was gone before the call.
	Sent bool
	// Hung says that it was killed, because it ignored the deadline of a call.
	Hung bool
	// Restarts is how often it was started again before; at three it is not
	// any more.
	Restarts int
	// Restart is why it could not be started again; nil where nobody tried.
	Restart error
}

func (e *CrashError) Error() string {
	message := fmt.Sprintf("plugin %q %s", e.Plugin, e.reason())
	switch {
	case e.Restart != nil:
		message += fmt.Sprintf(" and could not be started again: %v", e.Restart)
	case !e.Sent && e.Restarts == len(restartWaits):
		message += fmt.Sprintf(" and is not started again after %d restarts", e.Restarts)
	}
	if len(e.Stderr) == 0 {
		return message + "; it wrote nothing to stderr"
	}
	return message + "; " + lastLines(e.Stderr)
}

func (e *CrashError) reason() string {
	if e.Hung {
		return "hung: it did not answer by the deadline of a call, and was killed"
	}
	return fmt.Sprintf("crashed (%s)", e.ExitStatus)
}

// Summary heads reports of the error.
func (e *CrashError) Summary() string {
	if e.Hung {
		return "A plugin hung"
	}
	return "A plugin crashed"
}

// lastLines quotes the end of what a plugin wrote. Of a program in Go that is
// a stack: the line that says why stands above it.
func lastLines(lines []string) string {
	why := -1
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			why = i
		}
	}
	from := max(0, len(lines)-shownLines)
	shown := strings.Join(lines[from:], " | ")
	if why >= 0 && why < from {
		shown = lines[why] + " | … | " + shown
	}
	return "its last lines: " + shown
}

// Unwrap types the error as the SDK does.
func (e *CrashError) Unwrap() error {
	return &sdk.Error{Kind: sdk.Internal, Sent: e.Sent, Message: e.Error()}
}

// crash is the error of a call to a process that has ended, or is about to.
func (g *generation) crash(sent bool) error {
	if g.process.stopping.Load() {
		return ErrClosed
	}
	e := g.cause()
	e.Sent = sent
	return e
}

// cause is how the process ended, or why there was none.
func (g *generation) cause() *CrashError {
	if before := new(CrashError); g.number > 0 && errors.As(g.err, &before) {
		again := *before // of the last process that there was
		again.Restarts = g.number
		return &again
	}
	e := &CrashError{Plugin: g.process.name, ExitStatus: "still ending", Hung: g.hung.Load(), Restarts: g.number}
	if g.awaitExit(2 * exitWait) { // it is killed by then
		e.ExitStatus = g.child.exitStatus()
	}
	e.Stderr = g.child.tail.last()
	return e
}
