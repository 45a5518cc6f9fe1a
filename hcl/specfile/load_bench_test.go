package specfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
)

// largeSuite is a suite of n vectors as people write them.
func largeSuite(n int) []byte {
	var b strings.Builder
	b.WriteString("action \"sync\" {\n  id = \"a1b2c3d4-e5f6-4890-abcd-ef1234567890\"\n}\n")
	for i := range n {
		fmt.Fprintf(&b, `
vector "v%d" {
  action = action.sync
  tags   = ["smoke"]
  input  = { sku = "SKU-%d", warehouseId = "W-1" }
  expect {
    status = "COMPLETED"
    output = { synced = true }
  }
  check "has a date" {
    condition     = result.output.lastModified != null
    error_message = "lastModified is missing"
  }
}
`, i, i)
	}
	return []byte(b.String())
}

// BenchmarkLoad is to stay below 1.5 times BenchmarkParse.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.assay.hcl"), largeSuite(1000), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		suite, diags := Load(dir, "dev")
		if diags.HasErrors() || len(suite.Vectors) != 1000 {
			b.Fatal(diags)
		}
	}
}

// BenchmarkParse is the parser alone.
func BenchmarkParse(b *testing.B) {
	text := largeSuite(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := hclparse.NewParser().ParseHCL(text, "large.assay.hcl"); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}
