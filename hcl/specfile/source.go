package specfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// SourceKind is how the source of a plugin is looked up.
type SourceKind int

// The kinds of source.
const (
	SourceBuiltin  SourceKind = iota + 1 // builtin/NAME: part of assay itself
	SourceFile                           // ./PATH: a program in the suite's folder
	SourceName                           // NAME: a program called assay-plugin-NAME
	SourceRegistry                       // oci://HOST/REPOSITORY
)

// OCIScheme stands before a source in a registry.
const OCIScheme = "oci://"

const sourceForms = `Write "builtin/NAME", "./PATH" for a program in the suite's folder, a bare NAME for a program called assay-plugin-NAME, or "oci://HOST/REPOSITORY"`

var (
	sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	// As the distribution specification has them; the host may be in brackets
	// for IPv6.
	sourceRegistry = regexp.MustCompile(`^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:[0-9]+)?/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	sourceTagged   = regexp.MustCompile(`^[^/]+/.*(@|:)`)
)

// ParseSource says of which kind a source is. The error says what to write.
func ParseSource(source string) (SourceKind, error) {
	if address, ok := strings.CutPrefix(source, OCIScheme); ok {
		return SourceRegistry, checkRegistry(address)
	}
	if strings.HasPrefix(source, "builtin/") {
		return SourceBuiltin, nil
	}
	switch {
	case filepath.IsAbs(source) || strings.HasPrefix(source, "."):
		return SourceFile, checkSourceFile(source)
	case sourceName.MatchString(source):
		return SourceName, nil
	case strings.Contains(source, "://"):
		return 0, fmt.Errorf("plugins come from no such place. %s", sourceForms)
	case filepath.IsLocal(source) && strings.Contains(source, "/"):
		return 0, fmt.Errorf(`a path starts with "./", such as "./%s". %s`, source, sourceForms)
	}
	return 0, errors.New("it has no form that is known. " + sourceForms)
}

func checkSourceFile(source string) error {
	if !filepath.IsLocal(source) || filepath.Clean(source) == "." {
		return errors.New("the path must lead to a file in the suite's folder. For a program elsewhere, call it assay-plugin-NAME, name its folder in ASSAY_PLUGIN_PATH and write the bare NAME here; while you work on it, run with --dev-plugin")
	}
	return nil
}

func checkRegistry(address string) error {
	switch {
	case sourceTagged.MatchString(address):
		return errors.New(`an address in a registry has no tag and no digest here: write the version into the attribute version, such as "~> 1.2"; the lock file keeps the digest`)
	case !sourceRegistry.MatchString(address):
		return errors.New(`an address in a registry is "oci://HOST/REPOSITORY", the repository in lower case, such as "oci://registry.example.com/acme/assay-plugin-acme"`)
	}
	return nil
}
