package genesys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// TestConformance runs the SDK's checks on the value and on its process.
func TestConformance(t *testing.T) {
	n := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "hang") {
			<-r.Context().Done()
			return
		}
		answer(200, fmt.Sprintf(`{"finalResult":%q,"success":true}`, strings.Repeat("x", int(r.ContentLength))))(w, r)
	})
	config := func(given attributes) sdk.Config { return sdk.Config{Attributes: filled(t, given)} }
	subject := sdktest.Subject{
		New:    func() sdk.Plugin { return New() },
		Config: config(attributes{"base_url": n.URL}),
		Wrong: map[string]sdk.Config{
			"region":       config(attributes{"region": "no domain"}),
			"base_url":     config(attributes{"base_url": "api"}),
			"test_path":    config(attributes{"base_url": n.URL, "test_path": "x"}),
			"test_timeout": config(attributes{"base_url": n.URL, "test_timeout": "-1s"}),
		},
		Operate: func(ctx context.Context, client *sdk.Client, size int) error {
			input := json.RawMessage(fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", size)))
			got, err := client.Submit(ctx, sdk.SubmitRequest{ActionID: "a", Input: input})
			if err == nil && (got.Execution == nil || len(got.Execution.Output) < size) {
				err = errors.New("the answer is not what was sent")
			}
			return err
		},
		Hang: func(ctx context.Context, client *sdk.Client) error {
			_, err := client.Submit(ctx, sdk.SubmitRequest{ActionID: "hang", Input: json.RawMessage(`{}`)})
			return err
		},
	}
	sdktest.Run(t, subject)
	subject.New, subject.Command = nil, []string{os.Args[0], "serve"}
	t.Run("process", func(t *testing.T) { sdktest.Run(t, subject) })
}
