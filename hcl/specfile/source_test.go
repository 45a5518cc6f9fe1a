package specfile

import (
	"strings"
	"testing"
)

func TestParseSource(t *testing.T) {
	for source, want := range map[string]SourceKind{
		"builtin/cxone":                      SourceBuiltin,
		"./bin/x":                            SourceFile,
		"./x":                                SourceFile,
		"./bin/../x":                         SourceFile,
		"acme":                               SourceName,
		"acme-2_x":                           SourceName,
		"oci://registry.example/acme/x":      SourceRegistry,
		"oci://127.0.0.1:5000/x":             SourceRegistry,
		"oci://[::1]:5000/a/b/c":             SourceRegistry,
		"oci://ghcr.io/acme/assay-plugin.io": SourceRegistry,
	} {
		if got, err := ParseSource(source); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"":                         "no form that is known",
		"a b":                      "no form that is known",
		"acme.exe":                 "no form that is known",
		".":                        "file in the suite's folder",
		"./":                       "file in the suite's folder",
		"../x":                     "file in the suite's folder",
		"./../x":                   "file in the suite's folder",
		"/usr/bin/x":               "file in the suite's folder",
		"bin/x":                    `such as "./bin/x"`,
		"https://example.com/x":    "no such place",
		"oci://":                   "oci://HOST/REPOSITORY",
		"oci://host":               "oci://HOST/REPOSITORY",
		"oci://host/":              "oci://HOST/REPOSITORY",
		"oci://user@host/x":        "oci://HOST/REPOSITORY",
		"oci://host/Acme":          "in lower case",
		"oci://host/x:1.2.3":       "no tag and no digest",
		"oci://host/x@sha256:abcd": "no tag and no digest",
		"oci://host/x?y":           "oci://HOST/REPOSITORY",
		"oci://host/../x":          "oci://HOST/REPOSITORY",
	} {
		if _, err := ParseSource(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", source, err, want)
		}
	}
}
