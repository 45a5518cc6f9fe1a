package pluginsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/go-version"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/assay-cx/assay/hcl/specfile"
)

// What a release is in a registry: under the version as its tag an image
// index, in it a manifest for each platform, in that one layer, the program
// itself. So the digest of the layer is the hash that the lock file keeps.
const (
	artifactType = "application/vnd.assay.plugin.v1"
	programType  = "application/vnd.assay.plugin.program.v1"
)

const (
	maxManifest     = 4 << 20 // bytes
	maxTagPages     = 1000
	answerTimeout   = 30 * time.Second // until a registry starts to answer
	downloadTimeout = 10 * time.Minute // of one program
)

// RegistryError says that a registry could not be talked to, or answered what
// cannot be used.
type RegistryError struct {
	Host string
	Err  error
}

func (e *RegistryError) Error() string {
	var answer *errcode.ErrorResponse
	var network *net.OpError
	hint := ""
	switch {
	case errors.Is(e.Err, auth.ErrBasicCredentialNotFound),
		errors.As(e.Err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		hint = "; sign in with: docker login " + e.Host
	case errors.Is(e.Err, errdef.ErrNotFound), errors.As(e.Err, &answer) && answer.StatusCode == http.StatusNotFound:
		hint = "; check the address, and whether the version was pushed"
	case errors.As(e.Err, &network):
		hint = "; is it up, and is the address right?"
	}
	return fmt.Sprintf("registry %s: %s%s", e.Host, printable(e.Err.Error()), hint)
}

func (e *RegistryError) Unwrap() error { return e.Err }

// maxWords bounds what is told of a registry's own words, in bytes.
const maxWords = 500

// printable is a peer's text on one line, without control characters.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxWords {
		return strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return text
}

// registry is one repository of plugins.
type registry struct{ *remote.Repository }

func openRegistry(source string) (*registry, error) {
	repository, err := remote.NewRepository(strings.TrimPrefix(source, specfile.OCIScheme))
	if err != nil {
		return nil, err
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("the credentials for registries cannot be read from Docker's configuration: %w; set HOME or DOCKER_CONFIG", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	policy := &retry.GenericPolicy{
		Retryable: retry.DefaultPredicate, Backoff: retry.DefaultBackoff,
		MinWait: 200 * time.Millisecond, MaxWait: 3 * time.Second, MaxRetry: 3,
	}
	repository.Client = &auth.Client{
		Client: &http.Client{Transport: guarded{&retry.Transport{
			Base: transport, Policy: func() retry.Policy { return policy },
		}}},
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}
	repository.PlainHTTP = isLoopback(repository.Reference.Host())
	repository.TagListMaxPages = maxTagPages
	return &registry{repository}, nil
}

func (r *registry) fail(err error) error { return &RegistryError{Host: r.Reference.Registry, Err: err} }

// guarded lets no request out in the clear but to this machine, whatever a
// registry redirects to or names as the place to sign in.
type guarded struct{ http.RoundTripper }

func (g guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !isLoopback(request.URL.Host) {
		return nil, fmt.Errorf("it leads to %s://%s, and only registries on this machine are talked to without TLS", request.URL.Scheme, request.URL.Host)
	}
	return g.RoundTripper.RoundTrip(request)
}

func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newest is the highest version that fits the constraint. Versions before a
// release count only where the constraint names one.
func (r *registry) newest(ctx context.Context, constraint string) (string, error) {
	wanted, err := version.NewConstraint(constraint)
	if err != nil && constraint != "" {
		return "", err
	}
	var versions []*version.Version
	err = r.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if v, err := version.NewSemver(tag); err == nil && v.String() == tag {
				versions = append(versions, v)
			}
		}
		return nil
	})
	if err != nil {
		return "", r.fail(err)
	}
	slices.SortFunc(versions, func(a, b *version.Version) int { return b.Compare(a) })
	fits := func(v *version.Version) bool {
		if constraint == "" {
			return v.Prerelease() == ""
		}
		return wanted.Check(v)
	}
	if i := slices.IndexFunc(versions, fits); i >= 0 {
		return versions[i].String(), nil
	}
	return "", fmt.Errorf("the registry has no version that fits %q; it has %s", constraint, some(versions))
}

// some names the highest versions.
func some(versions []*version.Version) string {
	if len(versions) == 0 {
		return "none at all"
	}
	const shown = 5
	var names []string
	for _, v := range versions[:min(shown, len(versions))] {
		names = append(names, v.String())
	}
	if more := len(versions) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// release is one version in a registry.
type release struct {
	registry  *registry
	version   string
	manifests map[string]ocispec.Descriptor // by platform
}

func (r *registry) release(ctx context.Context, version string) (*release, error) {
	descriptor, body, err := r.FetchReference(ctx, version)
	if err != nil {
		return nil, r.fail(err)
	}
	defer func() { _ = body.Close() }()
	var index ocispec.Index
	if err := r.decode(descriptor, body, &index); err != nil {
		return nil, err
	}
	found := &release{registry: r, version: version, manifests: map[string]ocispec.Descriptor{}}
	for _, m := range index.Manifests {
		if m.Platform != nil {
			found.manifests[m.Platform.OS+"/"+m.Platform.Architecture] = m
		}
	}
	if len(found.manifests) == 0 {
		return nil, r.fail(fmt.Errorf("what stands under %s is not a release of a plugin: it holds nothing for any platform", version))
	}
	return found, nil
}

// decode reads a document whose bytes are what its descriptor says.
func (r *registry) decode(descriptor ocispec.Descriptor, body io.Reader, document any) error {
	if descriptor.Size > maxManifest {
		return r.fail(fmt.Errorf("a manifest of %d bytes is too large", descriptor.Size))
	}
	text, err := content.ReadAll(body, descriptor)
	if err != nil {
		return r.fail(err)
	}
	if err := json.Unmarshal(text, document); err != nil {
		return r.fail(fmt.Errorf("a manifest cannot be read: %w", err))
	}
	return nil
}

func (r *release) platforms() []string { return slices.Sorted(maps.Keys(r.manifests)) }

// program is the layer for a platform.
func (r *release) program(ctx context.Context, platform string) (ocispec.Descriptor, error) {
	none := ocispec.Descriptor{}
	descriptor, ok := r.manifests[platform]
	if !ok {
		return none, fmt.Errorf("version %s is not there for %s; it is for %s. Ask its publisher for it", r.version, platform, strings.Join(r.platforms(), ", "))
	}
	body, err := r.registry.Fetch(ctx, descriptor)
	if err != nil {
		return none, r.registry.fail(err)
	}
	defer func() { _ = body.Close() }()
	var manifest ocispec.Manifest
	if err := r.registry.decode(descriptor, body, &manifest); err != nil {
		return none, err
	}
	if manifest.ArtifactType != artifactType || len(manifest.Layers) != 1 || !hashForm.MatchString(manifest.Layers[0].Digest.String()) {
		return none, r.registry.fail(fmt.Errorf("what stands under %s is not a plugin: publish one with assay plugin push", r.version))
	}
	return manifest.Layers[0], nil
}

// download puts a program into the cache.
func (r *release) download(ctx context.Context, layer ocispec.Descriptor, to Cache) error {
	if layer.Size > maxProgram {
		return r.registry.fail(fmt.Errorf("a program of more than %d MB is no plugin", maxProgram>>20))
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	body, err := r.registry.Blobs().Fetch(ctx, layer)
	if err != nil {
		return r.registry.fail(err)
	}
	defer func() { _ = body.Close() }()
	return to.put(layer.Digest.String(), &verified{content.NewVerifyReader(body, layer), r.registry})
}

// verified ends in an error where a download is not what its descriptor says.
type verified struct {
	*content.VerifyReader
	registry *registry
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.VerifyReader.Read(p)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, v.registry.fail(fmt.Errorf("the download broke off: %w", err))
	}
	if err := v.Verify(); err != nil {
		return n, v.registry.fail(fmt.Errorf("the download is not what was asked for: %w", err))
	}
	return n, io.EOF
}
