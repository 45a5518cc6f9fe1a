//go:build !race

package sandbox

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestSoak sees that memory does not grow with the number of sessions, once
// they are purged.
func TestSoak(t *testing.T) {
	const sessions = 50_000
	now := time.Now()
	c := serve(t, "action \"quick\" {\n id = \""+actionID+"\"\n handler {\n output = { sku = input.sku }\n }\n}", func(s *Sandbox) {
		s.tenant.sessions.now = func() time.Time { return now }
	})
	submit := func(n int) {
		t.Helper()
		for i := range n {
			c.submit(fmt.Sprintf(`{"sku":"SKU-%d","warehouseId":"%s"}`, i, strings.Repeat("w", 1000)))
		}
	}
	// A first round fills the pools and caches that stay.
	submit(1000)
	now = now.Add(25 * time.Hour)
	before := heap()
	submit(sessions)
	now = now.Add(25 * time.Hour)
	c.await(c.submit(goodInput))
	if n := c.sessions(); n != 1 {
		t.Errorf("%d sessions are kept", n)
	}
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes over %d sessions", grown, sessions)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
