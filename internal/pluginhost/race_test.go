//go:build race

package pluginhost_test

import "time"

// closeLimit allows for the second that the race detector waits for at the end
// of each process: Close kills the plugins before.
const closeLimit = time.Second
