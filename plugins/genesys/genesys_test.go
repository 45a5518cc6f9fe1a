package genesys

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

var _ sdk.Target = (*Plugin)(nil)

// TestMain is the plugin's process where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(sdk.Main(New(), os.Args[2:], os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

const (
	actionID = "custom_-_a1b2c3d4-e5f6-4890-abcd-ef1234567890"
	// Canaries: no error may hold them.
	tokenCanary = "tok-canary-5f1d"
	inputCanary = "input-canary-77e0"
)

// attributes are settings of a plugin block.
type attributes map[string]any

// configured gives the plugin as the host would configure it: every default of
// the schema filled in, what is not set null.
func configured(t *testing.T, base string, extra attributes) *Plugin {
	t.Helper()
	p := New()
	t.Cleanup(p.client.CloseIdleConnections)
	given := attributes{"base_url": base}
	maps.Copy(given, extra)
	if _, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, given)}); err != nil {
		t.Fatal(err)
	}
	return p
}

func filled(t *testing.T, given attributes) json.RawMessage {
	t.Helper()
	all := attributes{}
	for _, a := range schema().Attributes {
		all[a.Name] = a.Default
	}
	maps.Copy(all, given)
	encoded, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// received is a request as it came over the wire.
type received struct {
	method, target string // the target still escaped
	header         http.Header
	body           string
}

// platform is a server that notes what it gets and answers with answer.
type platform struct {
	*httptest.Server
	mu       sync.Mutex
	received []received
}

func newPlatform(t *testing.T, answer http.HandlerFunc) *platform {
	t.Helper()
	n := &platform{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n.mu.Lock()
		n.received = append(n.received, received{r.Method, r.RequestURI, r.Header, string(body)})
		n.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *platform) requests() []received {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.received)
}

// answer gives a handler that always answers the same. headers are name, value pairs.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// asError is err as the SDK's, holding none of the canaries.
func asError(t *testing.T, err error) *sdk.Error {
	t.Helper()
	var failure *sdk.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %v (%T), want *sdk.Error", err, err)
	}
	for _, canary := range []string{tokenCanary, inputCanary} {
		if strings.Contains(failure.Error(), canary) {
			t.Errorf("error holds %q: %v", canary, failure)
		}
	}
	return failure
}

func submission() sdk.SubmitRequest {
	return sdk.SubmitRequest{Token: tokenCanary, ActionID: actionID, Input: json.RawMessage(`{"sku":"` + inputCanary + `"}`)}
}

func TestTestURL(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given attributes
		want  string
	}{
		"region":   {attributes{"region": "mypurecloud.de"}, "https://api.mypurecloud.de/api/v2/integrations/actions/a/test"},
		"draft":    {attributes{"region": "usw2.pure.cloud", "draft": true}, "https://api.usw2.pure.cloud/api/v2/integrations/actions/a/draft/test"},
		"base URL": {attributes{"base_url": "https://proxy.example/genesys//"}, "https://proxy.example/genesys/api/v2/integrations/actions/a/test"},
		"path":     {attributes{"base_url": "https://h", "test_path": "/t?x={actionId}"}, "https://h/t?x=a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := New()
			if _, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, test.given)}); err != nil {
				t.Fatal(err)
			}
			if got := p.settings.testURL("a"); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestConfigureProblems(t *testing.T) {
	t.Parallel()
	region := attributes{"region": "mypurecloud.com"}
	with := func(name string, value any) attributes {
		given := maps.Clone(region)
		given[name] = value
		return given
	}
	for name, test := range map[string]struct {
		given attributes
		want  []string // attributes, in order
	}{
		"neither":        {attributes{}, []string{"region"}},
		"both":           {with("base_url", "https://h"), []string{"region"}},
		"region a URL":   {attributes{"region": "https://api.mypurecloud.com"}, []string{"region"}},
		"region a path":  {attributes{"region": "mypurecloud.com/evil"}, []string{"region"}},
		"region a user":  {attributes{"region": "a@mypurecloud.com"}, []string{"region"}},
		"region a name":  {attributes{"region": "frankfurt"}, []string{"region"}},
		"base URL":       {attributes{"base_url": "api.mypurecloud.com"}, []string{"base_url"}},
		"query":          {attributes{"base_url": "https://h/?a=b"}, []string{"base_url"}},
		"relative path":  {with("test_path", "test/{actionId}"), []string{"test_path"}},
		"no placeholder": {with("draft_test_path", "/test"), []string{"draft_test_path"}},
		"timeout":        {with("test_timeout", "0s"), []string{"test_timeout"}},
		"duration":       {with("test_timeout", "soon"), []string{"test_timeout"}},
		"wrong types":    {attributes{"region": 7, "draft": "yes"}, []string{"draft", "region"}},
		"unknown":        {with("regoin", "x"), []string{"regoin"}},
		"all at once":    {attributes{"base_url": "x", "test_path": "y", "test_timeout": "-1s"}, []string{"base_url", "test_path", "test_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New().Configure(t.Context(), sdk.Config{Attributes: filled(t, test.given)})
			var wrong *sdk.ConfigError
			if !errors.As(err, &wrong) {
				t.Fatalf("error %v, want a ConfigError", err)
			}
			var got []string
			for _, problem := range wrong.Problems {
				got = append(got, problem.Attribute)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("problems with %v, want %v", got, test.want)
			}
		})
	}
}
