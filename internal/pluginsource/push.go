package pluginsource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/assay-cx/assay/hcl/specfile"
)

// Push publishes a version of a plugin: programs by platform, such as
// "linux/amd64". It answers the digest of the release. What is published stays
// as it is: the same again changes nothing, anything else is refused.
//
// A *RegistryError says that the registry is at fault.
func Push(ctx context.Context, source, release string, programs map[string]Program) (string, error) {
	if kind, err := specfile.ParseSource(source); err != nil {
		return "", err
	} else if kind != specfile.SourceRegistry {
		return "", errors.New(`plugins are pushed to a registry: write "oci://HOST/REPOSITORY"`)
	}
	if v, err := version.NewSemver(release); err != nil || v.String() != release || v.Metadata() != "" {
		return "", fmt.Errorf("%q cannot be the tag of a release: it must be a version such as 1.2.3 or 1.2.3-rc.1", release)
	}
	registry, err := openRegistry(source)
	if err != nil {
		return "", err
	}
	content, err := newPublication(release, programs)
	if err != nil {
		return "", err
	}
	there, err := registry.Resolve(ctx, release)
	switch {
	case err == nil && there.Digest == content.index.Digest:
		return content.index.Digest.String(), nil
	case err == nil:
		return "", fmt.Errorf("version %s is published already, with other programs, and whoever uses it has locked those. Give the plugin a new version", release)
	case !errors.Is(err, errdef.ErrNotFound):
		return "", registry.fail(err)
	}
	return content.index.Digest.String(), registry.publish(ctx, content)
}

// publication is a release on its way: what refers to others comes after them.
type publication struct {
	version   string
	programs  []Program
	manifests []ocispec.Descriptor // one a program; Data is the text
	index     ocispec.Descriptor   // likewise
}

func newPublication(version string, programs map[string]Program) (publication, error) {
	p := publication{version: version}
	for _, platform := range slices.Sorted(maps.Keys(programs)) {
		layer, err := programs[platform].descriptor()
		if err != nil {
			return p, err
		}
		manifest := document(ocispec.MediaTypeImageManifest, ocispec.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			ArtifactType: artifactType, Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{layer},
		})
		system, architecture, _ := strings.Cut(platform, "/")
		manifest.Platform = &ocispec.Platform{OS: system, Architecture: architecture}
		p.programs, p.manifests = append(p.programs, programs[platform]), append(p.manifests, manifest)
	}
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, ArtifactType: artifactType,
		Annotations: map[string]string{ocispec.AnnotationVersion: version},
	}
	for _, manifest := range p.manifests {
		manifest.Data = nil // fetched from its own place
		index.Manifests = append(index.Manifests, manifest)
	}
	p.index = document(ocispec.MediaTypeImageIndex, index)
	return p, nil
}

func (r *registry) publish(ctx context.Context, p publication) error {
	for _, program := range p.programs {
		if err := r.pushProgram(ctx, program); err != nil {
			return err
		}
	}
	empty := ocispec.DescriptorEmptyJSON
	if err := r.pushBlob(ctx, empty, bytes.NewReader(empty.Data)); err != nil {
		return err
	}
	for _, manifest := range p.manifests {
		if err := r.Push(ctx, manifest, bytes.NewReader(manifest.Data)); err != nil {
			return r.fail(err)
		}
	}
	if err := r.PushReference(ctx, p.index, bytes.NewReader(p.index.Data), p.version); err != nil {
		return r.fail(err)
	}
	return nil
}

// document is a manifest as it travels, its text in Data.
func document(mediaType string, manifest any) ocispec.Descriptor {
	text, err := json.Marshal(manifest)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text)), Data: text}
}

// descriptor is the program as a layer.
func (p Program) descriptor() (ocispec.Descriptor, error) {
	file, err := p.Open()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return ocispec.Descriptor{MediaType: programType, Digest: digest.Digest(p.Hash), Size: info.Size()}, nil
}

func (r *registry) pushProgram(ctx context.Context, p Program) error {
	layer, err := p.descriptor()
	if err != nil {
		return err
	}
	file, err := p.Open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return r.pushBlob(ctx, layer, file)
}

func (r *registry) pushBlob(ctx context.Context, blob ocispec.Descriptor, content io.Reader) error {
	there, err := r.Blobs().Exists(ctx, blob)
	if err == nil && !there {
		err = r.Blobs().Push(ctx, blob, content)
	}
	if err != nil {
		return r.fail(err)
	}
	return nil
}
