package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdkhttp"
	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// What stands between the two marks stands in plugins/README.md too.
//
// README begins here.

// Acme runs actions on Acme's platform, which answers at once: the base gives
// it the operations that the platform lacks, polling among them.
type Acme struct {
	sdk.UnsupportedTarget

	settings struct {
		BaseURL string       `json:"base_url"`
		Timeout sdk.Duration `json:"timeout"`
	}
	client *http.Client
}

// Describe is pure. The host checks a suite against the schema before anything
// starts: types, required attributes, formats, unknown names.
func (a *Acme) Describe() sdk.Description {
	return sdk.Description{
		Name: "acme", Version: "0.1.0", Summary: "Runs actions on Acme's platform.",
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "base_url", Type: sdk.String, Required: true, Format: sdk.FormatURL, Description: "Where the platform is."},
			{Name: "timeout", Type: sdk.String, Default: json.RawMessage(`"10s"`), Format: sdk.FormatDuration, Description: "Limit of one request."},
		}},
	}
}

// Configure is called once. What the schema cannot say is checked here, and
// reported with the attribute, so that the user sees the line.
func (a *Acme) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	if err := config.Decode(&a.settings); err != nil {
		return sdk.Configured{}, err
	}
	if a.settings.Timeout <= 0 {
		return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{
			Attribute: "timeout", Summary: "Timeout out of range", Detail: `The timeout must be greater than zero, such as "10s".`,
		}}}
	}
	a.client = &http.Client{Timeout: time.Duration(a.settings.Timeout)}
	return sdk.Configured{}, nil
}

// Submit makes one attempt: no retry, no wait. The errors of sdkhttp tell the
// host what it needs to decide that.
func (a *Acme) Submit(ctx context.Context, request sdk.SubmitRequest) (sdk.SubmitResult, error) {
	target := a.settings.BaseURL + "/actions/" + url.PathEscape(request.ActionID)
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(request.Input))
	if err != nil {
		return sdk.SubmitResult{}, err
	}
	post.Header.Set("Authorization", "Bearer "+request.Token)
	post.Header.Set("Content-Type", "application/json")
	response, err := sdkhttp.Do(a.client, post, 16<<20)
	if err != nil {
		return sdk.SubmitResult{}, err
	}
	if response.Status != http.StatusOK {
		return sdk.SubmitResult{}, sdkhttp.FromStatus("run the action", response)
	}
	var execution sdk.Execution // here, Acme speaks as the SDK does
	if err := json.Unmarshal(response.Body, &execution); err != nil {
		return sdk.SubmitResult{}, &sdk.Error{Kind: sdk.Protocol, Sent: true, Message: "run the action: the answer is not JSON", Cause: err}
	}
	return sdk.SubmitResult{Execution: &execution}, nil
}

// README ends here.

func acmePlatform() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var input bytes.Buffer
		_, _ = input.ReadFrom(r.Body)
		switch r.URL.Path {
		case "/actions/hang":
			<-r.Context().Done()
		case "/actions/busy":
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			fmt.Fprintf(w, `{"status":"COMPLETED","duration_ms":12,"output":%s}`, input.Bytes())
		}
	}))
}

func acmeConfig(server *httptest.Server) sdk.Config {
	return sdk.Config{Attributes: json.RawMessage(fmt.Sprintf(`{"base_url":%q,"timeout":"5s"}`, server.URL))}
}

func Example() {
	server := acmePlatform()
	defer server.Close()
	ctx := context.Background()
	acme := new(Acme)
	if _, err := acme.Configure(ctx, acmeConfig(server)); err != nil {
		fmt.Println(err)
	}
	result, err := acme.Submit(ctx, sdk.SubmitRequest{ActionID: "greet", Input: json.RawMessage(`{"name":"Ada"}`)})
	fmt.Println(result.Execution.Status, string(result.Execution.Output), err)

	_, err = acme.Submit(ctx, sdk.SubmitRequest{ActionID: "busy"})
	fmt.Println(err)
	// Output:
	// COMPLETED {"name":"Ada"} <nil>
	// run the action: HTTP 429 Too Many Requests
}

func TestExampleConforms(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	samples, err := sdktest.ReadSamples("testdata/acme.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("program", func(t *testing.T) {
		sdktest.Run(t, sdktest.Subject{Command: []string{executable, "acme"}, Samples: samples})
	})
	t.Run("value", func(t *testing.T) {
		sdktest.Run(t, sdktest.Subject{New: func() sdk.Plugin { return new(Acme) }, Samples: samples})
	})
}

func TestReadmeShowsTheExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "// README begins here.\n\n")
	example, _, found := strings.Cut(rest, "// README ends here.")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !found || !strings.Contains(string(readme), "```go\n"+strings.TrimSpace(example)+"\n```") {
		t.Error("plugins/README.md must hold the example as it is in plugins/sdk/example_test.go")
	}
}

// TestReadmeDocuments: the JSON in the documentation is what the SDK reads.
func TestReadmeDocuments(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	samples, err := os.ReadFile("testdata/acme.json")
	if err != nil {
		t.Fatal(err)
	}
	documents := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(documents) != 4 || !bytes.Equal(documents[0][1], samples) {
		t.Fatalf("plugins/README.md must hold testdata/acme.json and three documents, and holds %d blocks of JSON", len(documents))
	}
	for i, into := range []any{new(sdk.Description), new(sdk.Execution), new(sdk.Event)} {
		decoder := json.NewDecoder(bytes.NewReader(documents[i+1][1]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Errorf("%T: %v", into, err)
		}
	}
}
