package sdktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/plugins/sdk"
	"github.com/assay-cx/assay/plugins/sdk/sdktest"
)

// TestMain lets the test binary be the plugin too: `plugin FAULT`.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		p := &hook{fault: os.Args[2]}
		os.Exit(p.serve(os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// hook is a plugin that conforms but for its fault.
type hook struct{ fault string }

func (h *hook) serve(args []string) int {
	switch h.fault {
	case "describe":
		return 1
	case "cookie":
		if os.Getenv("ASSAY_PLUGIN") == "" {
			return 0
		}
	}
	code := sdk.Main(h, args, os.Stdout)
	if h.fault == "lingers" {
		time.Sleep(time.Minute)
	}
	return code
}

func (h *hook) Describe() sdk.Description {
	d := sdk.Description{Name: "hook", Version: "1", Summary: "A hook.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
		{Name: "size", Type: sdk.Number, Description: "A size."},
	}}}
	switch h.fault {
	case "nameless":
		d.Name = ""
	case "reserved":
		d.Schema.Attributes[0].Name = "auth"
	case "twice":
		d.Schema.Attributes = append(d.Schema.Attributes, d.Schema.Attributes...)
	}
	return d
}

func (h *hook) Configure(_ context.Context, config sdk.Config) (sdk.Configured, error) {
	var settings struct{ Size int }
	err := config.Decode(&settings)
	switch {
	case h.fault == "refuses":
		return sdk.Configured{}, errors.New("no")
	case err == nil || h.fault == "accepts":
		return sdk.Configured{}, nil
	case h.fault == "plain":
		return sdk.Configured{}, err
	case h.fault == "unnamed":
		return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{Summary: "Wrong", Detail: "So."}}}
	}
	return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{Attribute: "size", Summary: "Wrong", Detail: "So."}}}
}

func (h *hook) Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	switch name {
	case "hang":
		if h.fault == "deaf" {
			<-time.After(time.Minute)
		}
		if h.fault == "untyped" {
			return nil, errors.New("slow")
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case "panic":
		if h.fault == "dies" {
			os.Exit(1)
		}
		panic("as asked")
	}
	if len(document) > 1<<20 && h.fault == "small" {
		return nil, errors.New("too large")
	}
	return document, nil
}

func subject(t *testing.T, fault string) sdktest.Subject {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	call := func(ctx context.Context, client *sdk.Client, name, document string) error {
		answer, err := client.Call(ctx, name, json.RawMessage(document))
		if err == nil && string(answer) != document {
			err = fmt.Errorf("%d bytes came back of %d", len(answer), len(document))
		}
		return err
	}
	return sdktest.Subject{
		Command: []string{executable, "plugin", fault},
		Config:  sdk.Config{Attributes: json.RawMessage(`{"size":1}`)},
		Wrong:   map[string]sdk.Config{"size": {Attributes: json.RawMessage(`{"size":"x"}`)}},
		Operate: func(ctx context.Context, client *sdk.Client, size int) error {
			return call(ctx, client, "echo", `"`+strings.Repeat("x", size)+`"`)
		},
		Hang:  func(ctx context.Context, client *sdk.Client) error { return call(ctx, client, "hang", "1") },
		Panic: func(ctx context.Context, client *sdk.Client) error { return call(ctx, client, "panic", "1") },
	}
}

func TestConforming(t *testing.T) {
	sdktest.Run(t, subject(t, "none"))
}

// TestBroken is run by TestBrokenPluginsFail, in a process of its own.
func TestBroken(t *testing.T) {
	fault := os.Getenv("SDKTEST_FAULT")
	if fault == "" {
		t.Skip("run by TestBrokenPluginsFail")
	}
	sdktest.Run(t, subject(t, fault))
}

func TestBrokenPluginsFail(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, check := range map[string]string{
		"describe": "describes_itself",
		"nameless": "describes_itself",
		"reserved": "describes_itself",
		"twice":    "describes_itself",
		"cookie":   "refuses_to_start_by_hand",
		"refuses":  "takes_its_settings",
		"accepts":  "names_the_attribute_that_is_wrong",
		"plain":    "names_the_attribute_that_is_wrong",
		"unnamed":  "names_the_attribute_that_is_wrong",
		"small":    "takes_documents_of_5_MB",
		"deaf":     "keeps_to_the_deadline",
		"untyped":  "keeps_to_the_deadline",
		"dies":     "answers_a_panic_as_an_error",
		"lingers":  "shuts_down_within_2_seconds",
	} {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), executable, "-test.run=^TestBroken$/^"+check+"$")
			cmd.Env = append(os.Environ(), "SDKTEST_FAULT="+fault)
			output, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: TestBroken/"+check) {
				t.Errorf("the check %q did not fail: %v\n%s", check, err, output)
			}
		})
	}
}
