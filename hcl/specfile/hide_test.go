package specfile

import (
	"bytes"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestHide(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`secret = "s3cret"`:                          `secret = "******"`,
		`headers = { a = "Bearer s3cret" }`:          `headers = { a = "Bearer ******" }`,
		`a = s3cret.url # s3cret`:                    `a = s3cret.url # s3cret`,
		`a = "${s3cret.url}/s3cret"`:                 `a = "${s3cret.url}/******"`,
		"a = <<E\nx s3cret y\nE\n":                   "a = <<E\nx ****** y\nE\n",
		`{"plugin":{"auth":{"secret":"s3cret"}}}`:    `{"plugin":{"auth":{"secret":"******"}}}`,
		`a = "say \"hi\" $${x}"`:                     `a = "****************"`,
		`a = "ab", b = "drab"`:                       `a = "**", b = "drab"`,
		`a = 1234567`:                                `a = *******`,
		`a = "not closed s3cret`:                     `a = "not closed ******`,
		`a = "nothing of the kind"`:                  `a = "nothing of the kind"`,
		`template = "${upper("s3cret")} and s3cret"`: `template = "${upper("******")} and ******"`,
	} {
		secrets := []string{"s3cret", `say "hi" ${x}`, "ab", "1234567", ""}
		if got := string(hide([]byte(source), "x.assay.hcl", secrets)); got != want {
			t.Errorf("%s\n is %s\nwant %s", source, got, want)
		}
	}
}

// Only files that a diagnostic shows are copied.
func TestHideShownFiles(t *testing.T) {
	t.Parallel()
	files := map[string]*hcl.File{"a": {Bytes: []byte(`x = "s3cret"`)}, "b": {Bytes: []byte(`x = "s3cret"`)}}
	diags := hcl.Diagnostics{{Summary: "no place"}, {Subject: &hcl.Range{Filename: "a"}}, {Subject: &hcl.Range{Filename: "c"}}}
	shown := Hide(files, diags, []string{"s3cret"})
	if len(shown) != 1 || string(shown["a"].Bytes) != `x = "******"` || string(files["a"].Bytes) != `x = "s3cret"` {
		t.Errorf("shown %v, kept %s", shown, files["a"].Bytes)
	}
}

func FuzzHide(f *testing.F) {
	f.Add([]byte(`a = "s3cret" # s3cret`), "s3cret")
	f.Add([]byte("a = <<E\n${x}s\nE\n"), "s")
	f.Add([]byte("a = \"\xff"), "\xff")
	f.Fuzz(func(t *testing.T, source []byte, secret string) {
		got := hide(source, "x", []string{secret})
		if len(got) != len(source) || bytes.Count(got, []byte("\n")) != bytes.Count(source, []byte("\n")) {
			t.Errorf("%q became %q", source, got)
		}
	})
}
