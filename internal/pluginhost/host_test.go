package pluginhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/sdk"
)

// call is the answer of the helper, read into T.
func call[T any](tb testing.TB, client *sdk.Client, name string) T {
	tb.Helper()
	answer, err := client.Call(tb.Context(), name, nil)
	if err != nil {
		tb.Fatal(err)
	}
	var value T
	if err := json.Unmarshal(answer, &value); err != nil {
		tb.Fatal(err)
	}
	return value
}

func TestDescribe(t *testing.T) {
	host := newHost(t)
	description, err := host.Describe(t.Context(), pluginsource.Block{Source: "builtin/helper"})
	if err != nil {
		t.Fatal(err)
	}
	if description.Name != "helper" || description.Protocol != 1 || !slices.Equal(description.Kinds, []sdk.Kind{sdk.KindHook}) {
		t.Errorf("got %+v", description)
	}
	for source, want := range map[string]string{
		"builtin/helpr":  `did you mean "builtin/helper"?`,
		"builtin/zzzzzz": `the built-in plugins are "builtin/babbles", `,
		"./bin/x":        "nothing runs that is not locked",
		"x":              "nothing runs that is not locked",
	} {
		block := pluginsource.Block{Dir: t.TempDir(), Name: "x", Source: source}
		_, err := host.Describe(t.Context(), block)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", source, err, want)
		}
		if _, err := host.LaunchBlock(block).Client(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("launch %q: got %v, want %q in it", source, err, want)
		}
	}
}

func TestFourPluginsStartAndStop(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	host := newHost(t)
	processes := make([]*pluginhost.Process, 4)
	for i := range processes {
		processes[i] = host.Launch("helper", "builtin/helper")
	}
	var pids []int
	for _, p := range processes {
		client, err := p.Client(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Configure(t.Context(), sdk.Config{}); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, call[int](t, client, "pid"))
	}
	began := time.Now()
	if err := host.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > closeLimit {
		t.Errorf("closing took %v", took)
	}
	for _, pid := range pids {
		if isAlive(t, pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := host.Launch("late", "builtin/helper").Client(t.Context()); !errors.Is(err, pluginhost.ErrClosed) {
		t.Errorf("launch after close: %v", err)
	}
	client, _ := processes[0].Client(t.Context())
	if _, err := client.Call(t.Context(), "pid", nil); !errors.Is(err, pluginhost.ErrClosed) {
		t.Errorf("call after close: %v", err)
	}
}

func TestNothingIsMadeWithoutALaunch(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	host := newHost(t)
	if _, err := host.Describe(t.Context(), pluginsource.Block{Source: "builtin/helper"}); err != nil {
		t.Fatal(err)
	}
	if made, _ := filepath.Glob(temp + "/*"); len(made) > 0 {
		t.Errorf("made: %v", made)
	}
}

func TestEnvironmentIsAllowListed(t *testing.T) {
	t.Setenv("CXONE_CLIENT_SECRET", "canary")
	t.Setenv("LC_TIME", "de_DE.UTF-8")
	t.Setenv("https_proxy", "http://proxy.example")
	client := launch(t, newHost(t))
	environ := call[[]string](t, client, "environ")
	for _, variable := range environ {
		if strings.Contains(variable, "canary") {
			t.Errorf("the plugin got %s", variable)
		}
	}
	for _, want := range []string{"LC_TIME=de_DE.UTF-8", "https_proxy=http://proxy.example", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(environ, want) {
			t.Errorf("the plugin did not get %s", want)
		}
	}
}

func TestDeepTemporaryFolder(t *testing.T) {
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	launch(t, newHost(t))
	if left, _ := filepath.Glob(deep + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestErrorsAndLargeDocuments(t *testing.T) {
	client := launch(t, newHost(t))
	_, err := client.Call(t.Context(), "limited", nil)
	var typed *sdk.Error
	if !errors.As(err, &typed) || !errors.Is(err, sdk.RateLimited) || typed.RetryAfter != time.Second || !typed.Sent || typed.HTTPStatus != 429 {
		t.Errorf("got %#v", err)
	}
	large := json.RawMessage(`"` + strings.Repeat("x", 5<<20) + `"`)
	if answer, err := client.Call(t.Context(), "echo", large); err != nil || !bytes.Equal(answer, large) {
		t.Errorf("got %d bytes, %v", len(answer), err)
	}
	if _, err := client.Call(t.Context(), "echo", make(json.RawMessage, 17<<20)); !errors.Is(err, sdk.Protocol) {
		t.Errorf("17 MB: got %v", err)
	}
}

func TestDeadlineAndCancelReachThePlugin(t *testing.T) {
	client := launch(t, newHost(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := client.Call(ctx, "wait", nil)
	var typed *sdk.Error
	if !errors.As(err, &typed) || typed.Kind != sdk.Timeout || !typed.Sent {
		t.Errorf("deadline: got %#v", err)
	}
	if !errors.As(err, &typed) || !strings.Contains(typed.Message, "context deadline exceeded") {
		t.Errorf("deadline: %q is not the plugin's own answer", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = client.Call(ctx, "wait", nil)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, sdk.Canceled) {
		t.Errorf("cancel: got %#v", err)
	}
}

// The end of a call keeps its kind in both directions: the plugin's context
// says whether it is the deadline or a cancel, and the host's caller has its own
// cause back. The cause itself stays with the host.
func TestEndsOfCallsKeepTheirKind(t *testing.T) {
	t.Parallel()
	stopped := errors.New("the run was stopped")
	over := errors.New("the suite's time is over")
	for name, test := range map[string]struct {
		policy invoke.Policy
		begin  func(ctx context.Context) (context.Context, context.CancelFunc)
		want   error // to errors.Is
		plugin ending
	}{
		"the attempt's time": {
			policy: invoke.Policy{Timeout: time.Second}, begin: context.WithCancel,
			want: sdk.Timeout, plugin: ending{Deadline: true, Cause: "context deadline exceeded"},
		},
		"the caller's deadline": {
			begin: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, time.Second, over)
			},
			plugin: ending{Deadline: true, Cause: "context deadline exceeded"},
		},
		"the caller's cancel": {
			begin: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(200*time.Millisecond, func() { cancel(stopped) })
				return ctx, func() { cancel(nil) }
			},
			want: stopped, plugin: ending{Canceled: true, Cause: "context canceled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := launch(t, newHost(t))
			ctx, cancel := test.begin(t.Context())
			defer cancel()
			err := invoke.New("helper", test.policy, 1).Do(ctx, invoke.Call, func(ctx context.Context) error {
				_, err := client.Call(ctx, "wait", nil)
				return err
			})
			if test.want == nil && !errors.Is(err, sdk.Timeout) && !errors.Is(err, over) { // whichever ends first
				t.Errorf("the host has %#v", err)
			} else if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("the host has %#v, want %v", err, test.want)
			}
			if seen := call[ending](t, client, "ended"); seen != test.plugin {
				t.Errorf("the plugin saw %+v, want %+v", seen, test.plugin)
			}
		})
	}
}

func TestCallsAreLoggedRedacted(t *testing.T) {
	var log bytes.Buffer
	handler := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	host := newLoggedHost(t, slog.New(handler))
	client := launch(t, host)
	_, _ = client.Call(t.Context(), "echo", json.RawMessage(`{"suite":"s","status":"canary 4912345","trace":[{"step_name":"canary"}],"input":{"sku":"canary","+4912345":4912345},"message":"canary","n":1}`))
	_, _ = client.Call(t.Context(), "echo", json.RawMessage(`"canary"`))
	_, _ = client.Call(t.Context(), "limited", nil)
	if err := host.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `"plugin":"helper","operation":"Call","duration":`) || !strings.Contains(log.String(), `"code":"ResourceExhausted"`) {
		t.Errorf("got %s", log.String())
	}
	want := `"{\"document\":{\"input\":{\"(text of 8)\":\"(number)\",\"sku\":\"(text of 6)\"},\"message\":\"(text of 6)\",\"n\":1,\"status\":\"(text of 14)\",\"suite\":\"s\",\"trace\":[{\"step_name\":\"(text of 6)\"}]}`
	if strings.Count(log.String(), `"response":`+want) != 1 || !strings.Contains(log.String(), `"request":`+want+`,\"name\":\"echo\"}"`) {
		t.Errorf("the documents are not logged: %s", log.String())
	}
	if !strings.Contains(log.String(), `{\"attributes\":[{\"name\":\"greeting\",\"value\":\"(text of 2)\"}]}`) {
		t.Errorf("the settings are not logged: %s", log.String())
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "4912345") {
		t.Errorf("a document is in the log: %s", log.String())
	}
}
