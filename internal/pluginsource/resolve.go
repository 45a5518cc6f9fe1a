package pluginsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/assay-cx/assay/hcl/specfile"
)

// Resolved is the program that a block comes to on this machine.
type Resolved struct {
	Program
	// Version is the release in the registry; empty where only the program
	// itself knows.
	Version    string
	Downloaded bool // just now
}

// Check holds the version that the program says it is against what the block
// asks for and where it was found.
func (r Resolved) Check(b Block, told string) error {
	if r.Version != "" && r.Version != told {
		return fmt.Errorf("the registry has it as version %s, and the program says that it is %s: its publisher must push it again, under a new version", r.Version, told)
	}
	return b.Check(told)
}

// Resolve finds the program that is to be locked for a block, and downloads it
// where it comes from a registry. locked is what the lock file has of it: a
// version from there that still fits is kept, and a release whose bytes have
// changed is refused. The zero Locked takes the newest version.
//
// A *RegistryError says that the registry is at fault, ErrNotKept that this
// machine is.
func (f Finder) Resolve(ctx context.Context, b Block, locked Locked) (Resolved, error) {
	kind, err := specfile.ParseSource(b.Source)
	if err != nil {
		return Resolved{}, err
	}
	if kind == specfile.SourceRegistry {
		return f.fromRegistry(ctx, b, locked)
	}
	path, err := f.locate(b, "")
	if err != nil {
		return Resolved{}, err
	}
	program, err := measured(Program{Path: path})
	return Resolved{Program: program}, err
}

func (f Finder) fromRegistry(ctx context.Context, b Block, locked Locked) (Resolved, error) {
	if locked.Source != b.Source || !satisfies(locked.Version, b.Version) {
		locked = Locked{}
	}
	known := locked.Hashes[f.Platform]
	if known != "" && f.Cache.holds(known) {
		return f.cached(known, locked.Version), nil
	}
	found, err := releaseOf(ctx, b, locked)
	if err != nil {
		return Resolved{}, err
	}
	layer, err := found.program(ctx, f.Platform)
	if err != nil {
		return Resolved{}, err
	}
	hash := layer.Digest.String()
	if known != "" && known != hash {
		return Resolved{}, found.changed(f.Platform, known, hash)
	}
	resolved := f.cached(hash, found.version)
	if f.Cache.holds(hash) {
		return resolved, nil
	}
	resolved.Downloaded = true
	return resolved, found.download(ctx, layer, f.Cache)
}

func (f Finder) cached(hash, version string) Resolved {
	return Resolved{
		Program: Program{Path: f.Cache.program(hash), Hash: hash},
		Version: version,
	}
}

// releaseOf is the release that is locked, or the newest that fits.
func releaseOf(ctx context.Context, b Block, locked Locked) (*release, error) {
	registry, err := openRegistry(b.Source)
	if err != nil {
		return nil, err
	}
	version := locked.Version
	if version == "" {
		if version, err = registry.newest(ctx, b.Version); err != nil {
			return nil, err
		}
	}
	return registry.release(ctx, version)
}

func (r *release) changed(platform, known, hash string) error {
	return r.registry.fail(fmt.Errorf("version %s for %s has other bytes (%s) than were locked (%s): somebody has changed a release. Ask its publisher; to take it as it is now: assay init --upgrade", r.version, platform, hash, known))
}

// Hashes are the hashes of a locked release for platforms, or for all that the
// registry has it for where none are given.
func (f Finder) Hashes(ctx context.Context, b Block, locked Locked, platforms []string) (map[string]string, error) {
	if kind, err := specfile.ParseSource(b.Source); err != nil || kind != specfile.SourceRegistry {
		return nil, errors.New("only a registry has a plugin for other platforms: run assay init on a machine of each")
	}
	found, err := releaseOf(ctx, b, locked)
	if err != nil {
		return nil, err
	}
	if len(platforms) == 0 {
		platforms = found.platforms()
	}
	hashes := maps.Clone(locked.Hashes)
	for _, platform := range slices.Sorted(slices.Values(platforms)) {
		layer, err := found.program(ctx, platform)
		if err != nil {
			return nil, err
		}
		hash := layer.Digest.String()
		if known := hashes[platform]; known != "" && known != hash {
			return nil, found.changed(platform, known, hash)
		}
		hashes[platform] = hash
	}
	return hashes, nil
}
