package cxone

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
)

var _ sdk.Target = (*Plugin)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	actionID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
	// Canaries: no error may hold them.
	tokenCanary = "tok-canary-5f1d"
	inputCanary = "input-canary-77e0"
)

// attributes are settings of a plugin block.
type attributes map[string]any

// configured gives the plugin as the host would configure it: every default of
// the schema filled in.
func configured(t *testing.T, base string, extra attributes) *Plugin {
	t.Helper()
	p := New()
	t.Cleanup(p.client.CloseIdleConnections)
	settings := attributes{"base_url": base, "environment": "test"}
	maps.Copy(settings, extra)
	got, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, settings)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Poll == nil {
		t.Fatal("no poll policy")
	}
	return p
}

func filled(t *testing.T, schema sdk.Schema, given attributes) json.RawMessage {
	t.Helper()
	all := attributes{}
	for _, a := range schema.Attributes {
		if a.Default != nil {
			all[a.Name] = a.Default
		}
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

// tenant is a server that notes what it gets and answers with answer.
type tenant struct {
	*httptest.Server
	mu       sync.Mutex
	received []received
}

func newTenant(t *testing.T, answer http.HandlerFunc) *tenant {
	t.Helper()
	n := &tenant{}
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

func (n *tenant) requests() []received {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.received)
}

// answer gives a handler that always answers the same. headers are name, value pairs.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
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

func TestConfigure(t *testing.T) {
	t.Parallel()
	p := New()
	all := filled(t, p.Describe().Schema, attributes{"base_url": "https://tenant.example/", "environment": "dev"})
	got, err := p.Configure(t.Context(), sdk.Config{Attributes: all})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Poll != *defaults().Poll.policy() {
		t.Errorf("poll policy %+v", *got.Poll)
	}
	if p.settings.BaseURL != "https://tenant.example" {
		t.Errorf("base URL %q, want its slash trimmed", p.settings.BaseURL)
	}
}

// A poll object may set some of its attributes; the host gives the others as null.
func TestConfigurePartOfPoll(t *testing.T) {
	t.Parallel()
	p := New()
	got, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, attributes{
		"base_url": "https://tenant.example", "environment": "dev",
		"poll": attributes{"initial": "10ms", "max": nil, "attempts": 5, "timeout": nil},
	})})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults().Poll.policy()
	want.Initial, want.Attempts = 10e6, 5
	if *got.Poll != *want {
		t.Errorf("poll policy %+v, want %+v", *got.Poll, *want)
	}
}

func TestConfigureProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given attributes
		want  []string // attributes, in order
	}{
		"base url":       {attributes{"base_url": "tenant.example"}, []string{"base_url"}},
		"query":          {attributes{"base_url": "https://tenant.example/?a=b"}, []string{"base_url"}},
		"environment":    {attributes{"environment": "stage"}, []string{"environment"}},
		"relative path":  {attributes{"submit_path": "debug/{actionId}"}, []string{"submit_path"}},
		"no placeholder": {attributes{"poll_path": "/sessions"}, []string{"poll_path"}},
		"header":         {attributes{"headers": attributes{"x y": "1"}}, []string{"headers"}},
		"header value":   {attributes{"headers": attributes{"x": "1\n2"}}, []string{"headers"}},
		"header name":    {attributes{"workspace_header": "a b"}, []string{"workspace_header"}},
		"metrics":        {attributes{"metrics": []string{"errorCount", "averageDuration"}}, []string{"metrics"}},
		"field":          {attributes{"fields": attributes{"sessionID": "id"}}, []string{"fields"}},
		"timeout":        {attributes{"submit_timeout": "0s"}, []string{"submit_timeout"}},
		"poll":           {attributes{"poll": attributes{"initial": "3s", "max": "1s"}}, []string{"poll"}},
		"duration":       {attributes{"poll": attributes{"initial": "soon"}}, []string{"poll"}},
		"wrong types":    {attributes{"trace": 7, "headers": "x"}, []string{"headers", "trace"}},
		"unknown":        {attributes{"enviroment": "test"}, []string{"enviroment"}}, //nolint:misspell // the misspelling is the test
		"no words":       {attributes{"completed_statuses": []string{}}, []string{"completed_statuses"}},
		"all at once":    {attributes{"base_url": "x", "environment": "y", "poll_path": "z"}, []string{"base_url", "environment", "poll_path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := New()
			given := attributes{"base_url": "https://tenant.example", "environment": "test"}
			maps.Copy(given, test.given)
			_, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, given)})
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

// A value that does not decode is named, not quoted.
func TestConfigureKeepsValuesBack(t *testing.T) {
	t.Parallel()
	for _, given := range []attributes{
		{"headers": tokenCanary}, {"submit_timeout": tokenCanary}, {"poll": attributes{"max": tokenCanary}},
	} {
		p := New()
		_, err := p.Configure(t.Context(), sdk.Config{Attributes: filled(t, p.Describe().Schema, given)})
		if err == nil || strings.Contains(err.Error(), tokenCanary) {
			t.Errorf("%v: error %v", given, err)
		}
	}
}
