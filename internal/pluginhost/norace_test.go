//go:build !race

package pluginhost_test

import "time"

const closeLimit = 300 * time.Millisecond
