package pluginsource

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
)

// LockFile is the name of the lock file in a suite's folder.
const LockFile = "assay.lock.hcl"

const lockHeader = `# The plugins of this suite that assay does not hold itself, as "assay init" found
# them. A run starts nothing else. Commit this file; let "assay init" change it.
`

// Lock is a suite's lock file.
type Lock struct {
	Plugins map[string]Locked // by the name of the plugin block
}

// Locked is what is known of one plugin.
type Locked struct {
	Source     string
	Version    string            // exact
	Constraint string            // of the block when it was locked, or empty
	Protocol   int               // that the plugin speaks
	Hashes     map[string]string // by platform, such as "linux/amd64"
}

// lockDocument is the file as HCL has it.
type lockDocument struct {
	Plugins []lockBlock `hcl:"plugin,block"`
}

type lockBlock struct {
	Name       string            `hcl:"name,label"`
	Source     string            `hcl:"source"`
	Version    string            `hcl:"version"`
	Constraint string            `hcl:"constraint,optional"`
	Protocol   int               `hcl:"protocol"`
	Hashes     map[string]string `hcl:"hashes"`
}

var (
	hashForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	platformForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`)
)

// IsPlatform reports whether a text names a platform as this package writes
// them, such as "linux/amd64".
func IsPlatform(text string) bool { return platformForm.MatchString(text) }

// ReadLock reads the lock file of a suite; without one nothing is locked.
func ReadLock(dir string) (*Lock, error) {
	text, err := (&specfile.Suite{Dir: dir}).ReadFile(LockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseLock(filepath.Join(dir, LockFile), text)
}

func parseLock(path string, text []byte) (*Lock, error) {
	var document lockDocument
	file, diags := specfile.Parse(path, text)
	if !diags.HasErrors() {
		diags = gohcl.DecodeBody(file.Body, nil, &document)
	}
	if diags.HasErrors() {
		return nil, unusable(path, fmt.Errorf("line %d: %s; %s", diags[0].Subject.Start.Line, diags[0].Summary, strings.TrimSuffix(diags[0].Detail, ".")))
	}
	lock := &Lock{Plugins: map[string]Locked{}}
	for _, b := range document.Plugins {
		if err := b.check(lock); err != nil {
			return nil, unusable(path, fmt.Errorf("plugin %q: %w", b.Name, err))
		}
		lock.Plugins[b.Name] = Locked{Source: b.Source, Version: b.Version, Constraint: b.Constraint, Protocol: b.Protocol, Hashes: b.Hashes}
	}
	return lock, nil
}

func unusable(path string, err error) error {
	return fmt.Errorf("%s cannot be used: %w. Take it from version control as it was, or remove it and run assay init", path, err)
}

func (b lockBlock) check(before *Lock) error {
	if _, again := before.Plugins[b.Name]; again {
		return errors.New("it stands there twice")
	}
	if _, err := version.NewSemver(b.Version); err != nil {
		return fmt.Errorf("%q is not a version", b.Version)
	}
	if kind, err := specfile.ParseSource(b.Source); err != nil || kind == specfile.SourceBuiltin {
		return fmt.Errorf("%q is not a source that can be locked", b.Source)
	}
	if len(b.Hashes) == 0 {
		return errors.New("it has no hash")
	}
	for platform, hash := range b.Hashes {
		if !IsPlatform(platform) || !hashForm.MatchString(hash) {
			return fmt.Errorf("%q = %q is not a platform and its hash", platform, hash)
		}
	}
	return nil
}

// Of is what is locked of a block, where that is still what the block says.
func (l *Lock) Of(b Block) (Locked, error) {
	locked, ok := l.Plugins[b.Name]
	hint := "Lock it with: assay init " + b.Dir
	switch {
	case !ok:
		return Locked{}, fmt.Errorf("%s does not know it, and nothing runs that is not locked. %s; while you work on it, run with --dev-plugin %s=PATH", LockFile, hint, b.Name)
	case locked.Source != b.Source:
		return Locked{}, fmt.Errorf("%s has it from %q. %s", LockFile, locked.Source, hint)
	case !satisfies(locked.Version, b.Version):
		return Locked{}, fmt.Errorf("%s has version %s, which is not %s. %s", LockFile, locked.Version, b.Version, hint)
	}
	return locked, nil
}

// hash is what is locked of a block for a platform.
func (l *Lock) hash(b Block, platform string) (string, error) {
	locked, err := l.Of(b)
	if err != nil {
		return "", err
	}
	hash, ok := locked.Hashes[platform]
	if !ok {
		return "", fmt.Errorf("%s has it for %s, not for %s. Lock it for this one too with: assay init %s", LockFile, strings.Join(slices.Sorted(maps.Keys(locked.Hashes)), ", "), platform, b.Dir)
	}
	return hash, nil
}

// Text is the lock file, the same for the same plugins.
func (l *Lock) Text() []byte {
	file := hclwrite.NewEmptyFile()
	for _, name := range slices.Sorted(maps.Keys(l.Plugins)) {
		locked := l.Plugins[name]
		file.Body().AppendNewline()
		body := file.Body().AppendNewBlock("plugin", []string{name}).Body()
		body.SetAttributeValue("source", cty.StringVal(locked.Source))
		body.SetAttributeValue("version", cty.StringVal(locked.Version))
		if locked.Constraint != "" {
			body.SetAttributeValue("constraint", cty.StringVal(locked.Constraint))
		}
		body.SetAttributeValue("protocol", cty.NumberIntVal(int64(locked.Protocol)))
		hashes := map[string]cty.Value{}
		for platform, hash := range locked.Hashes {
			hashes[platform] = cty.StringVal(hash)
		}
		body.SetAttributeValue("hashes", cty.MapVal(hashes))
	}
	return hclwrite.Format(append([]byte(lockHeader), file.Bytes()...))
}

// Write puts the lock file in place of the one that a suite has, whole, and
// reports whether anything changed. Without plugins there need be none.
func (l *Lock) Write(dir string) (changed bool, err error) {
	suite := &specfile.Suite{Dir: dir}
	before, err := suite.ReadFile(LockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(l.Plugins) == 0 {
			return false, nil
		}
	case err != nil:
		return false, err
	case bytes.Equal(before, l.Text()):
		return false, nil
	}
	if err := renameio.WriteFile(filepath.Join(dir, LockFile), l.Text(), 0o644); err != nil {
		return false, fmt.Errorf("the lock file cannot be written: %w", err)
	}
	return true, nil
}
