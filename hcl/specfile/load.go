package specfile

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// The endings of a spec file's name.
const (
	nativeSuffix = ".assay.hcl"
	jsonSuffix   = ".assay.json"
)

// Load reads the suite in folder dir for the given version of assay, such as
// "0.1.0"; a build without a release version satisfies every required_version.
//
// The suite is never nil, so that its Files can illustrate the diagnostics.
// Where the diagnostics hold errors it is only good for finding more of them,
// and only if it is Complete; what is in Broken blocks may be nil then.
// Diagnostics are
// in the order of files and lines and name files by dir joined with their name.
func Load(dir, version string) (*Suite, hcl.Diagnostics) {
	suite, sources, diags := read(dir)
	if diags.HasErrors() && len(sources) == 0 {
		return suite, diags
	}
	diags = append(diags, decode(suite, sources, version)...)
	slices.SortStableFunc(diags, ByPosition)
	return suite, diags
}

// read reads the spec files of a folder in the order of their names.
func read(dir string) (*Suite, []source, hcl.Diagnostics) {
	suite := &Suite{Dir: dir, Files: map[string]*hcl.File{}}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return suite, nil, hcl.Diagnostics{folderProblem(dir, err)}
	}
	suite.Dir = real

	root, err := os.OpenRoot(real)
	if err != nil {
		return suite, nil, hcl.Diagnostics{folderProblem(dir, err)}
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return suite, nil, hcl.Diagnostics{folderProblem(dir, err)}
	}
	sources, diags := readSources(root, dir, entries)
	return suite, sources, diags
}

func readSources(root *os.Root, dir string, entries []fs.DirEntry) ([]source, hcl.Diagnostics) {
	var sources []source
	var diags hcl.Diagnostics
	for _, entry := range entries {
		if !isSpec(entry.Name()) {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		text, err := readFile(root, entry.Name())
		if err != nil {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Cannot read spec file",
				Detail:   fmt.Sprintf("%s: %v. Every %s and %s file of the folder belongs to the suite: mend, move or rename this one.", name, err, "*"+nativeSuffix, "*"+jsonSuffix),
				Subject:  &hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos},
			})
			continue
		}
		sources = append(sources, source{name, text})
	}
	if len(sources) == 0 && len(diags) == 0 {
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "No spec files",
			Detail:   fmt.Sprintf("The folder %s holds no *%s or *%s file, so it is no suite. Name a folder that does, or write %s to use every suite below it.", dir, nativeSuffix, jsonSuffix, filepath.Join(dir, "...")),
		})
	}
	return sources, diags
}

// isSpec tells a spec file by its name. Hidden files are none: editors keep
// their locks and backups in them.
func isSpec(name string) bool {
	return !strings.HasPrefix(name, ".") &&
		(strings.HasSuffix(name, nativeSuffix) || strings.HasSuffix(name, jsonSuffix))
}

// decode parses the sources and fills the suite with what they declare. A file
// with a syntax error is left out: what it declares cannot be known.
func decode(suite *Suite, sources []source, version string) hcl.Diagnostics {
	d := newDecoder(suite, version)
	var bodies []hcl.Body
	for _, source := range sources {
		file, diags := parse(source)
		d.diags = append(d.diags, diags...)
		suite.Files[source.name] = file
		if !diags.HasErrors() {
			bodies = append(bodies, file.Body)
		}
	}
	d.root(bodies)
	return d.diags
}

func folderProblem(dir string, err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Cannot read suite",
		Detail:   fmt.Sprintf("The folder %s cannot be read: %v. Name an existing folder that holds *%s files.", dir, bare(err), nativeSuffix),
	}
}

// ByPosition orders diagnostics by file and line; those without a place come
// first.
func ByPosition(a, b *hcl.Diagnostic) int {
	var before, after hcl.Range
	if a.Subject != nil {
		before = *a.Subject
	}
	if b.Subject != nil {
		after = *b.Subject
	}
	return cmp.Or(
		cmp.Compare(before.Filename, after.Filename),
		cmp.Compare(before.Start.Byte, after.Start.Byte),
		cmp.Compare(a.Summary, b.Summary),
	)
}
