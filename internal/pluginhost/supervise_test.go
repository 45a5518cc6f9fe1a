package pluginhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/plugins/sdk"
)

// supervised is a configured helper and its process.
func supervised(tb testing.TB, config sdk.Config) (*pluginhost.Process, *sdk.Client) {
	tb.Helper()
	process := newHost(tb).Launch("helper", "builtin/helper")
	client, err := process.Client(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if config.Attributes == nil {
		config.Attributes = json.RawMessage(`{"greeting":"hi"}`)
	}
	if _, err := client.Configure(tb.Context(), config); err != nil {
		tb.Fatal(err)
	}
	return process, client
}

func wantRestarts(t *testing.T, process *pluginhost.Process, want map[string]int64) {
	t.Helper()
	if got := process.Restarts(); !maps.Equal(got, want) {
		t.Errorf("restarts %v, want %v", got, want)
	}
}

func crashOf(t *testing.T, client *sdk.Client, name string) *pluginhost.CrashError {
	t.Helper()
	_, err := client.Call(t.Context(), name, nil)
	var crash *pluginhost.CrashError
	if !errors.As(err, &crash) {
		t.Fatalf("%s: got %#v", name, err)
	}
	return crash
}

// Whatever ends the process, the next call has another, with the same settings.
func TestRestart(t *testing.T) {
	for _, way := range []string{"exit", "goroutine", "flood and exit", "drop", "kill"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			process, client := supervised(t, sdk.Config{})
			pid := call[int](t, client, "pid")
			var crash *pluginhost.CrashError
			if way == "kill" {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				waitForEnd(t, pid)
			} else if crash = crashOf(t, client, way); !crash.Sent || crash.Restart != nil || crash.Restarts != 0 {
				t.Errorf("got %+v", crash)
			}
			if greeting := call[string](t, client, "greeting"); greeting != "hi" {
				t.Errorf("the restarted plugin has the greeting %q", greeting)
			}
			if again := call[int](t, client, "pid"); again == pid || isAlive(t, pid) {
				t.Errorf("process %d follows %d", again, pid)
			}
			wantRestarts(t, process, map[string]int64{"call": 1})
			if way == "flood and exit" && !strings.HasPrefix(crash.Stderr[len(crash.Stderr)-1], "line 999 zzz") {
				t.Errorf("its last line is %.20q", crash.Stderr[len(crash.Stderr)-1])
			}
		})
	}
}

func TestThreeRestartsAndNoMore(t *testing.T) {
	process, client := supervised(t, sdk.Config{})
	for n := range 4 {
		if crash := crashOf(t, client, "exit"); !crash.Sent || crash.Restarts != n {
			t.Errorf("crash %d: %+v", n, crash)
		}
	}
	crash := crashOf(t, client, "echo")
	if crash.Sent || !strings.Contains(crash.Error(), `plugin "helper" crashed (exit status 7) and is not started again after 3 restarts; its last lines: last words`) {
		t.Errorf("got %v", crash)
	}
	wantRestarts(t, process, map[string]int64{"call": 3})
}

// A process that was up for long enough earns the restarts back.
func TestRenewedRestarts(t *testing.T) {
	for name, test := range map[string]struct {
		after    time.Duration
		restarts int64
	}{
		"it lasted":         {time.Nanosecond, 7},
		"it did not":        {time.Hour, 3},
		"the host is short": {0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := newHost(t)
			host.Renew(test.after)
			process := host.Launch("helper", "builtin/helper")
			client, err := process.Client(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Configure(t.Context(), sdk.Config{Attributes: json.RawMessage(`{}`)}); err != nil {
				t.Fatal(err)
			}
			for n := range int64(8) {
				if crash := crashOf(t, client, "exit"); crash.Sent != (n <= test.restarts) {
					t.Errorf("crash %d: %v", n, crash)
				}
			}
			wantRestarts(t, process, map[string]int64{"call": test.restarts})
		})
	}
}

// A call that found no connection did not reach the plugin, and says so: it is
// safe to make again.
func TestCallThatNeverLeft(t *testing.T) {
	t.Parallel()
	process, client := supervised(t, sdk.Config{})
	var crash *pluginhost.CrashError
	if err := process.CallAfterCut(t.Context()); !errors.As(err, &crash) || crash.Sent {
		t.Errorf("got %#v", err)
	}
	if crash := crashOf(t, client, "exit"); !crash.Sent {
		t.Errorf("a call that reached the next process: %+v", crash)
	}
	wantRestarts(t, process, map[string]int64{"call": 1})
}

// Those whose call was in flight get an error, those who come after it share
// one restart.
func TestManyCallersShareARestart(t *testing.T) {
	process, client := supervised(t, sdk.Config{})
	crashOf(t, client, "exit")
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			if _, err := client.Call(t.Context(), "echo", json.RawMessage("1")); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	wantRestarts(t, process, map[string]int64{"call": 1})
}

// A plugin that ignores the deadline of a call, or that stands still as a
// whole, is killed and started again.
func TestHang(t *testing.T) {
	for _, way := range []string{"hang", "stopped"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			process, client := supervised(t, sdk.Config{})
			pid := call[int](t, client, "pid")
			name := way
			if way == "stopped" {
				name = "echo"
				stop(t, pid)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := client.Call(ctx, name, nil)
			var crash *pluginhost.CrashError
			if !errors.As(err, &crash) || !crash.Hung || !crash.Sent || crash.Summary() != "A plugin hung" {
				t.Fatalf("got %#v", err)
			}
			if way == "hang" && !strings.Contains(err.Error(), "its last lines: looking for an answer") {
				t.Errorf("got %v", err)
			}
			waitForEnd(t, pid)
			if greeting := call[string](t, client, "greeting"); greeting != "hi" {
				t.Errorf("the restarted plugin has the greeting %q", greeting)
			}
			wantRestarts(t, process, map[string]int64{"call": 1})
		})
	}
}

// stop has a process stand still.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for { // the signal takes its time
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "T") {
			return
		}
	}
}

func TestHangInConfigure(t *testing.T) {
	t.Parallel()
	client, err := newHost(t).Launch("helper", "builtin/helper").Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Configure(ctx, sdk.Config{Attributes: json.RawMessage(`{"greeting":"hang"}`)})
	var crash *pluginhost.CrashError
	if !errors.As(err, &crash) || !crash.Hung {
		t.Errorf("got %#v", err)
	}
	if crash := crashOf(t, client, "echo"); crash.Sent {
		t.Errorf("a plugin without settings was called: %v", crash)
	}
}

// Being late is not hanging.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	process, client := supervised(t, sdk.Config{})
	pid := call[int](t, client, "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.Call(ctx, "late", nil); !errors.Is(err, sdk.Timeout) {
		t.Errorf("got %v", err)
	}
	if again := call[int](t, client, "pid"); again != pid {
		t.Errorf("process %d follows %d", again, pid)
	}
	wantRestarts(t, process, map[string]int64{})
}

func TestPanicInAHandlerIsAnswered(t *testing.T) {
	process, client := supervised(t, sdk.Config{})
	pid := call[int](t, client, "pid")
	_, err := client.Call(t.Context(), "panic", nil)
	var crash *pluginhost.CrashError
	if !errors.Is(err, sdk.Internal) || errors.As(err, &crash) || !strings.Contains(err.Error(), "panicked in Call") {
		t.Errorf("got %#v", err)
	}
	if again := call[int](t, client, "pid"); again != pid {
		t.Errorf("process %d follows %d", again, pid)
	}
	wantRestarts(t, process, map[string]int64{})
}

func TestRestartThatFails(t *testing.T) {
	t.Parallel()
	t.Run("settings refused", func(t *testing.T) {
		process, client := supervised(t, sdk.Config{Workspace: t.TempDir(), Attributes: json.RawMessage(`{"greeting":"once"}`)})
		crashOf(t, client, "exit")
		for range 4 {
			crash := crashOf(t, client, "echo")
			if crash.Sent || !strings.Contains(crash.Error(), `crashed (exit status 7) and could not be started again: it refuses the settings that it took before: greeting: once is enough; its last lines: last words`) {
				t.Errorf("got %v", crash)
			}
		}
		wantRestarts(t, process, map[string]int64{"call": 3})
	})
	t.Run("program gone", func(t *testing.T) {
		o := options(t, slog.New(slog.DiscardHandler))
		o.Executable = copyOf(t, o.Executable)
		host := pluginhost.New(o)
		defer func() { _ = host.Close(t.Context()) }()
		client := launch(t, host)
		if err := os.Remove(o.Executable); err != nil {
			t.Fatal(err)
		}
		crashOf(t, client, "exit")
		if crash := crashOf(t, client, "echo"); !errors.Is(crash.Restart, os.ErrNotExist) {
			t.Errorf("got %v", crash)
		}
	})
}

func copyOf(t *testing.T, program string) string {
	t.Helper()
	source, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	path := filepath.Join(t.TempDir(), "plugin")
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCloseWhileRestarting(t *testing.T) {
	host := newHost(t)
	client := launch(t, host)
	crashOf(t, client, "exit")
	crashOf(t, client, "exit")
	failed := make(chan error)
	for range 8 {
		go func() {
			_, err := client.Call(t.Context(), "echo", json.RawMessage("1"))
			failed <- err
		}()
	}
	closeWithin(t, host, 2*time.Second)
	for range 8 {
		if err := <-failed; err != nil && !errors.Is(err, pluginhost.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// A caller whose time is over does not wait for a restart.
func TestRestartIsNotWaitedForBeyondTheDeadline(t *testing.T) {
	_, client := supervised(t, sdk.Config{})
	crashOf(t, client, "exit")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Call(ctx, "echo", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Call(t.Context(), "echo", json.RawMessage("1")); err != nil {
		t.Error(err)
	}
}

// A half-open breaker whose probe hangs lets another one through later.
func TestHungProbe(t *testing.T) {
	t.Parallel()
	process, client := supervised(t, sdk.Config{})
	stack := invoke.New("helper", invoke.Policy{Failures: 1, OpenFor: 50 * time.Millisecond, Timeout: 300 * time.Millisecond}, 1)
	do := func(name string) error {
		call[string](t, client, "greeting") // past the breaker: a restart may take longer than an attempt
		for {
			err := stack.Do(t.Context(), invoke.Call, func(ctx context.Context) error {
				_, err := client.Call(ctx, name, json.RawMessage("1"))
				return err
			})
			var open *invoke.OpenError
			if !errors.As(err, &open) {
				return err
			}
			if err := invoke.Sleep(t.Context(), 10*time.Millisecond); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"exit", "hang"} { // the second is the probe
		var crash *pluginhost.CrashError
		if err := do(name); !errors.As(err, &crash) || crash.Hung != (name == "hang") {
			t.Fatalf("%s: got %v", name, err)
		}
	}
	if err := do("echo"); err != nil {
		t.Error(err)
	}
	wantRestarts(t, process, map[string]int64{"call": 2})
}
