package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportFromPlatform takes over all that a tenant has into a suite that
// declares nothing, and finds that deploying it changes nothing.
func TestImportFromPlatform(t *testing.T) {
	t.Parallel()
	url, end := sandboxed(t, "")
	env := []string{"CXONE_BASE_URL=" + url}
	from := suite(t, "platform.assay.hcl", platformSpec, "sync.assay.hcl", syncSpec, "order.assay.hcl", orderSpec, "schemas/order.json", orderSchema)
	if out := run(t, from, env, "deploy", ".", "--auto-approve"); out.code != 0 {
		t.Fatal(out.stderr)
	}
	to := suite(t, "platform.assay.hcl", platformSpec)
	out := run(t, to, env, "import", "--from-platform", ".")
	if out.code != 0 || out.stderr != "schemas/order.input.json: written, because no type constraint says what this JSON Schema does\n" {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}
	for _, want := range []string{
		"action \"order\" {\n  id   = \"" + orderID + "\"\n", "  input_schema = \"schemas/order.input.json\"\n  output       = any\n",
		"\n}\n\naction \"inventory_sync\" {\n  id          = \"" + actionID + "\"\n",
		"  input = object({\n    sku         = string\n    warehouseId = optional(string)\n  })\n",
		"  error \"UPSTREAM_TIMEOUT\" {\n    message = \"External service did not respond within threshold\"\n  }\n",
	} {
		if !strings.Contains(out.stdout, want) {
			t.Errorf("no %q in\n%s", want, out.stdout)
		}
	}
	if err := os.WriteFile(filepath.Join(to, "actions.assay.hcl"), []byte(out.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, to, env, "deploy", ".", "--plan"); out.code != 0 || !strings.Contains(out.stdout, "2 unchanged") {
		t.Errorf("deploying what was imported: exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	imported := out.stdout

	// What is declared is left out, but for what is asked for: that keeps its label.
	if out := run(t, to, env, "import", "--from-platform", "."); out.code != 0 || out.stdout != "" || !strings.HasPrefix(out.stderr, "Nothing to import: ") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out := run(t, from, env, "import", "--from-platform", "--id", actionID); out.code != 0 || !strings.HasPrefix(out.stdout, "action \"sync\" {\n") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	out = run(t, to, env, "import", "--from-platform", ".", "--id", strings.ToUpper(orderID), "--id", actionID)
	if out.code != 0 || len(out.stdout) != len(imported) || out.stderr != "" {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out := run(t, to, env, "import", "--from-platform", "--id", "0d9f3c71-6a58-47d2-b1a4-f2c85e4d7a96"); out.code != 2 || !strings.Contains(out.stderr, "has no schema document of this action") {
		t.Errorf("exit status %d: %s", out.code, out.stderr)
	}

	// A file of the user's is not overwritten.
	write(t, filepath.Join(to, "schemas", "order.input.json"), "{}")
	out = run(t, to, env, "import", "--from-platform", ".", "--id", orderID)
	if out.code != 2 || out.stdout != "" || !strings.Contains(out.stderr, "schemas/order.input.json is there already and says something else") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	end()
	if out := run(t, to, env, "import", "--from-platform", "."); out.code != 3 || out.stdout != "" || !strings.Contains(out.stderr, "connection refused") {
		t.Errorf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestImportOddPlatforms reads what only a foreign platform has.
func TestImportOddPlatforms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		documents []string
		code      int
		want      string
	}{
		"nothing":          {nil, 0, "Nothing to import: "},
		"no name":          {[]string{`{"id":"x"}`}, 3, "the schema document 1 of 1 cannot be read: name is missing"},
		"not a schema":     {[]string{`{"id":"x","name":"A","input":{"type":"strin"}}`}, 3, `the schema document of "A" (x): input: not a JSON Schema`},
		"the same name":    {[]string{`{"id":"x","name":"A"}`, `{"id":"y","name":"A"}`}, 0, ""},
		"a $ref elsewhere": {[]string{`{"id":"x","name":"A","output":{"$ref":"http://127.0.0.1:1/x"}}`}, 3, "leaves the document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			p.mutex.Lock()
			for i, document := range test.documents {
				p.documents[string(rune('a'+i))] = []byte(document)
			}
			p.mutex.Unlock()
			dir := suite(t, "platform.assay.hcl", platformSpec)
			out := run(t, dir, []string{"CXONE_BASE_URL=" + p.URL}, "import", "--from-platform", ".")
			if out.code != test.code || !strings.Contains(out.stderr, test.want) || test.want == "" && out.stderr != "" {
				t.Errorf("exit status %d, want %d with %q\n%s%s", out.code, test.code, test.want, out.stdout, out.stderr)
			}
			if blocks := strings.Count(out.stdout, "\naction ") + strings.Count(out.stdout, "action \"a\" {"); test.want == "" && (blocks != 2 || !strings.Contains(out.stdout, `action "a_2" {`)) {
				t.Errorf("%d blocks:\n%s", blocks, out.stdout)
			}
			assertNoSecrets(t, []string{"t0ken-c4nary", "s3cret-c4nary"}, map[string]string{"stdout": out.stdout, "stderr": out.stderr})
		})
	}
}

// TestImportStaysInside lets a link lead out of the folder.
func TestImportStaysInside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := suite(t, "a.json", `{"id":"x","name":"A","input":{"type":"object"}}`)
	if err := os.Symlink(outside, filepath.Join(dir, "schemas")); err != nil {
		t.Fatal(err)
	}
	out := run(t, dir, nil, "import", "a.json")
	if left := files(t, outside); out.code != 2 || len(left) > 0 || out.stdout != "" {
		t.Errorf("exit status %d, wrote %v\n%s%s", out.code, left, out.stdout, out.stderr)
	}
}
