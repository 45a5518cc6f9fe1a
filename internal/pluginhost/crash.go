package pluginhost

import (
	"fmt"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

// shownLines is how many of a plugin's last lines the message of an error holds.
const shownLines = 5

// CrashError is what every call answers once a plugin's process has ended of
// itself. It is a *sdk.Error of kind Internal to errors.As.
type CrashError struct {
	Plugin     string
	ExitStatus string   // such as "exit status 2" or "signal: killed"
	Stderr     []string // its last lines, 100 at most
	// Sent is false where the process was gone before the call.
	Sent bool
}

func (e *CrashError) Error() string {
	message := fmt.Sprintf("plugin %q crashed (%s)", e.Plugin, e.ExitStatus)
	if len(e.Stderr) == 0 {
		return message + "; it wrote nothing to stderr"
	}
	return message + "; " + lastLines(e.Stderr)
}

// Summary heads reports of the error.
func (e *CrashError) Summary() string { return "A plugin crashed" }

func lastLines(lines []string) string {
	return "its last lines: " + strings.Join(lines[max(0, len(lines)-shownLines):], " | ")
}

// Unwrap types the error as the SDK does.
func (e *CrashError) Unwrap() error {
	return &sdk.Error{Kind: sdk.Internal, Sent: e.Sent, Message: e.Error()}
}
