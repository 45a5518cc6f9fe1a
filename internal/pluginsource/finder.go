// Package pluginsource finds the programs of plugins that assay does not hold
// itself, and vouches for them: what runs stands in the suite's lock file, and
// has the bytes that stand there.
//
// Start reading at Finder: Find is what a run does, Resolve what `assay init`
// does. lock.go is the lock file, program.go what is checked of a program,
// registry.go where programs are downloaded from, cache.go where they are kept.
package pluginsource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/assay-cx/assay/hcl/specfile"
)

// programPrefix stands before the name in the file name of a plugin that is
// found by its name.
const programPrefix = "assay-plugin-"

// Block is a plugin block, as far as it says where the plugin comes from.
type Block struct {
	Dir     string // the suite's folder
	Name    string // of the block
	Source  string
	Version string // a constraint, or empty
}

// Check holds the version that a plugin says it is against what the block asks
// for.
func (b Block) Check(told string) error {
	if satisfies(told, b.Version) {
		return nil
	}
	return fmt.Errorf("it is version %s, and the block asks for %s. Install a version that fits, or relax the constraint", told, b.Version)
}

// Finder knows where programs may be.
type Finder struct {
	// Folders are searched for plugins that are named, in this order.
	Folders []string
	Cache   Cache
	// Dev are programs by the name of a plugin block: they stand in for what
	// the block says, and no lock file vouches for them.
	Dev map[string]Program
	// Platform is the one that programs must be for, such as "linux/amd64".
	Platform string
}

// Find is the program of a block, as the lock file has it or --dev-plugin says.
// It does not open a locked program: Program.Open checks it.
func (f Finder) Find(b Block) (Program, error) {
	if program, ok := f.Dev[b.Name]; ok {
		return program, nil
	}
	lock, err := ReadLock(b.Dir)
	if err != nil {
		return Program{}, err
	}
	hash, err := lock.hash(b, f.Platform)
	if err != nil {
		return Program{}, err
	}
	path, err := f.locate(b, hash)
	if err != nil {
		return Program{}, err
	}
	advice := "If you trust the file as it is now, lock it with: assay init " + b.Dir
	if strings.HasPrefix(b.Source, specfile.OCIScheme) {
		advice = "Something changed it in the cache. Download it anew with: assay init " + b.Dir
	}
	return Program{Path: path, Hash: hash, advice: advice}, nil
}

// Development is a program that somebody works on, with the bytes that it has
// now.
func Development(path string) (Program, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Program{}, err
	}
	return measured(Program{Path: absolute, Dev: true})
}

// locate is the path of a block's program. hash is what the lock file has.
func (f Finder) locate(b Block, hash string) (string, error) {
	kind, err := specfile.ParseSource(b.Source)
	if err != nil {
		return "", err
	}
	switch kind {
	case specfile.SourceFile:
		return inSuite(b.Dir, b.Source)
	case specfile.SourceName:
		return f.named(b.Source)
	case specfile.SourceRegistry:
		path := f.Cache.program(hash)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("it has not been downloaded to this machine yet. Download it with: assay init %s", b.Dir)
		}
		return path, nil
	case specfile.SourceBuiltin:
	}
	return "", errors.New("built-in plugins have no program of their own")
}

// inSuite is the path of a file in the suite's folder, links followed as long
// as they stay in it.
func inSuite(dir, source string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	_, err = root.Stat(filepath.Clean(source))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no file %s. Build the plugin, or write where it is, relative to the suite's folder", filepath.Join(dir, source))
	case err != nil:
		return "", fmt.Errorf("%s cannot be used: %w; a plugin by path stands in the suite's folder itself", filepath.Join(dir, source), bare(err))
	}
	return filepath.Abs(filepath.Join(dir, source))
}

// named is the first program of that name in the folders.
func (f Finder) named(name string) (string, error) {
	for _, folder := range f.Folders {
		path, err := filepath.Abs(filepath.Join(folder, programPrefix+name))
		if err != nil {
			return "", err
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	searched := "no folder, since neither ASSAY_PLUGIN_PATH nor HOME is set"
	if len(f.Folders) > 0 {
		searched = strings.Join(f.Folders, ", ")
	}
	return "", fmt.Errorf("there is no program %s%s in %s. Install it there, or name its folder in ASSAY_PLUGIN_PATH", programPrefix, name, searched)
}

// satisfies holds a version against a constraint; an empty one takes any.
func satisfies(have, constraint string) bool {
	if constraint == "" {
		return true
	}
	parsed, err := version.NewVersion(have)
	if err != nil {
		return false
	}
	wanted, err := version.NewConstraint(constraint)
	return err == nil && wanted.Check(parsed)
}

// bare takes the operation and path off a file system's error.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
