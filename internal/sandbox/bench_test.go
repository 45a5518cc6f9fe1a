package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkSession submits and polls until the end, with an upstream that
// answers at once.
func BenchmarkSession(b *testing.B) {
	c := serve(b, strings.Replace(inventory, "400ms", "8s", 1)+erp)
	b.ReportAllocs()
	for b.Loop() {
		c.run(goodInput)
	}
}

// BenchmarkSessions does the same with 32 clients at a time.
func BenchmarkSessions(b *testing.B) {
	c := serve(b, strings.Replace(inventory, "400ms", "8s", 1)+erp)
	c.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.ReportAllocs()
	b.SetParallelism(16) // times GOMAXPROCS
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.run(goodInput)
		}
	})
}

// BenchmarkMock is one request to a route behind another that does not hold.
func BenchmarkMock(b *testing.B) {
	c := upstream(b, `
  route "POST /v1/inventory/sync" {
    when   = request.json.sku == "SKU-429"
    status = 429
  }
  route "POST /v1/inventory/sync" {
    json = { updated_at = "2026-01-02T03:04:05Z" }
  }
`)
	b.ReportAllocs()
	for b.Loop() {
		response, err := c.try(http.MethodPost, "/v1/inventory/sync", goodInput)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}
