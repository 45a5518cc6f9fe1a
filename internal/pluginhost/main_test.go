package pluginhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

// TestMain lets the test binary be the plugins too, as assay itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "plugin" && os.Args[2] == "serve" {
		os.Exit(serve(os.Args[3], os.Args[4:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "host" {
		os.Exit(beHost(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

func serve(name string, args []string) int {
	switch name {
	case "exits":
		fmt.Fprintln(os.Stderr, "no licence found")
		return 3
	case "babbles":
		fmt.Println("hello, I am not a plugin")
		time.Sleep(time.Minute)
		return 0
	case "silent":
		time.Sleep(time.Minute)
		return 0
	case "unwatched":
		_ = os.Unsetenv(pluginv1.LifelineEnv)
	case "stubborn":
		_ = sdk.Main(newHelper(), args, os.Stdout)
		time.Sleep(time.Minute)
		return 0
	}
	return sdk.Main(builtins()[name], args, os.Stdout)
}

func builtins() map[string]sdk.Plugin {
	all := make(map[string]sdk.Plugin)
	for _, name := range []string{"helper", "other", "exits", "babbles", "silent", "stubborn", "unwatched"} {
		all[name] = newHelper()
	}
	return all
}

// helper is a hook whose name says what it does.
type helper struct {
	settings struct{ Greeting string }
	ended    chan ending // of the calls of wait
}

func newHelper() *helper { return &helper{ended: make(chan ending, 8)} }

// ending is what a plugin sees of the end of a call's context.
type ending struct {
	Deadline, Canceled bool
	Cause              string
}

func endingOf(ctx context.Context) ending {
	return ending{
		Deadline: errors.Is(ctx.Err(), context.DeadlineExceeded),
		Canceled: errors.Is(ctx.Err(), context.Canceled),
		Cause:    context.Cause(ctx).Error(),
	}
}

func (h *helper) Describe() sdk.Description {
	return sdk.Description{Name: "helper", Version: "1.2.3", Summary: "Helps the tests."}
}

func (h *helper) Configure(ctx context.Context, config sdk.Config) (sdk.Configured, error) {
	if err := config.Decode(&h.settings); err != nil {
		return sdk.Configured{}, err
	}
	switch h.settings.Greeting {
	case "hang":
		select {}
	case "once": // refuses a second process
		marker := filepath.Join(config.Workspace, "marker")
		if _, err := os.Stat(marker); err == nil {
			return sdk.Configured{}, &sdk.ConfigError{Problems: []sdk.Problem{{Attribute: "greeting", Summary: "No", Detail: "once is enough"}}}
		}
		return sdk.Configured{}, os.WriteFile(marker, nil, 0o600)
	}
	return sdk.Configured{}, ctx.Err()
}

func (h *helper) Call(ctx context.Context, name string, document json.RawMessage) (json.RawMessage, error) {
	switch name {
	case "echo":
		return document, nil
	case "pid":
		return json.Marshal(os.Getpid())
	case "environ":
		return json.Marshal(os.Environ())
	case "stdin":
		link, err := os.Readlink("/proc/self/fd/0")
		if err != nil {
			return nil, err
		}
		return json.Marshal(link)
	case "child", "escapee": // a process that keeps the plugin's pipes open
		cmd := exec.Command("sleep", "60")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: name == "escapee"}
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return json.Marshal(cmd.Process.Pid)
	case "exit":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(7)
	case "goroutine":
		go panic("in a goroutine")
		<-ctx.Done()
	case "flood":
		return nil, flood()
	case "greeting":
		return json.Marshal(h.settings.Greeting)
	case "panic":
		panic("in a handler")
	case "hang": // ignores its deadline
		fmt.Fprintln(os.Stderr, "looking for an answer")
		select {}
	case "late":
		<-ctx.Done()
		<-time.After(300 * time.Millisecond)
		return document, nil
	case "flood and exit":
		_ = flood()
		for line := range 1000 {
			fmt.Fprintln(os.Stderr, "line", line, strings.Repeat("z", 1<<12))
		}
		os.Exit(9)
	case "drop": // lives on without its connection
		dropConnections()
		<-ctx.Done()
	case "wait":
		<-ctx.Done()
		h.ended <- endingOf(ctx)
		return nil, fmt.Errorf("look for an answer: %w", ctx.Err())
	case "ended": // how the last wait did
		return json.Marshal(<-h.ended)
	case "limited":
		return nil, &sdk.Error{Kind: sdk.RateLimited, Message: "slow down", RetryAfter: time.Second, HTTPStatus: 429, Sent: true}
	}
	return nil, nil
}

// dropConnections closes whatever socket the process has.
func dropConnections() {
	for fd := 3; fd < 64; fd++ {
		if _, err := syscall.Getpeername(fd); err == nil {
			_ = syscall.Shutdown(fd, syscall.SHUT_RDWR)
		}
	}
}

// flood writes more than any pipe holds, in one line, past os.Stdout.
func flood() error {
	raw := os.NewFile(1, "stdout")
	_, err := raw.WriteString(strings.Repeat("x", 1<<20) + "\n")
	fmt.Println(strings.Repeat("y", 1<<20))
	return err
}

func newHost(tb testing.TB) *pluginhost.Host {
	tb.Helper()
	return newLoggedHost(tb, slog.New(slog.DiscardHandler))
}

func newLoggedHost(tb testing.TB, logger *slog.Logger) *pluginhost.Host {
	tb.Helper()
	host := pluginhost.New(options(tb, logger))
	tb.Cleanup(func() {
		if err := host.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return host
}

func options(tb testing.TB, logger *slog.Logger) pluginhost.Options {
	tb.Helper()
	executable, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return pluginhost.Options{Executable: executable, Builtins: builtins(), Environ: os.Environ(), Logger: logger}
}

// launch is a configured helper.
func launch(tb testing.TB, host *pluginhost.Host) *sdk.Client {
	tb.Helper()
	client, err := host.Launch("helper", "builtin/helper").Client(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := client.Configure(tb.Context(), sdk.Config{Attributes: json.RawMessage(`{"greeting":"hi"}`)}); err != nil {
		tb.Fatal(err)
	}
	return client
}

// beHost launches a plugin, says its process id on stdout, and waits to be
// killed.
func beHost(plugin string) int {
	executable, err := os.Executable()
	if err != nil {
		return 1
	}
	host := pluginhost.New(pluginhost.Options{
		Executable: executable, Builtins: builtins(), Environ: os.Environ(), Logger: slog.New(slog.DiscardHandler),
	})
	ctx := context.Background()
	client, err := host.Launch(plugin, "builtin/"+plugin).Client(ctx)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := client.Configure(ctx, sdk.Config{}); err != nil {
		fmt.Println(err)
		return 1
	}
	pid, err := client.Call(ctx, "pid", nil)
	fmt.Println(string(pid), err)
	time.Sleep(time.Minute)
	return 0
}
