package specfile

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeLoads loads every snippet of the language's reference: an HCL one
// as a suite of its own, or as the variable file that its first line names.
func TestReadmeLoads(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```(hcl|json)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(snippets) < 10 {
		t.Fatalf("only %d snippets found", len(snippets))
	}
	for _, snippet := range snippets {
		syntax, source := snippet[1], snippet[2]
		first, _, _ := strings.Cut(source, "\n")
		if name, ok := strings.CutPrefix(first, "# "); ok {
			inSuite(t, map[string]string{name: source})
			if values, _, diags := LoadVarFile(name); len(diags) > 0 || len(values) == 0 {
				t.Errorf("%s\n%v", source, outline(diags))
			}
			continue
		}
		inSuite(t, map[string]string{"readme.assay." + syntax: source})
		if _, diags := Load(".", "0.1.0"); len(diags) > 0 {
			t.Errorf("%s\n%v", source, outline(diags))
		}
	}
}
