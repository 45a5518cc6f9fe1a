package pluginhost_test

import (
	"bufio"
	"bytes"
	"context"
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

	"github.com/assay-cx/assay/internal/pluginhost"
	"github.com/assay-cx/assay/plugins/sdk"
)

// isAlive is false for a zombie too: whoever inherits it reaps it. One with
// threads left still has its sockets.
func isAlive(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		return false // it ended while we read
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return !bytes.HasPrefix(state, []byte("Z")) || len(threads) > 1
}

// waitForEnd fails the test where the process is still there after a while.
func waitForEnd(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for isAlive(t, pid) {
		select {
		case <-deadline:
			t.Fatalf("process %d is still there", pid)
		case <-tick.C:
		}
	}
}

func TestCrash(t *testing.T) {
	tests := map[string]struct{ status, line string }{
		"exit":      {"exit status 7", "last words"},
		"goroutine": {"exit status 2", "panic: in a goroutine"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := launch(t, newHost(t))
			_, err := client.Call(t.Context(), name, nil)
			var crash *pluginhost.CrashError
			if !errors.As(err, &crash) {
				t.Fatalf("got %#v", err)
			}
			if crash.Plugin != "helper" || crash.ExitStatus != test.status || !crash.Sent {
				t.Errorf("got %+v", crash)
			}
			if !strings.Contains(strings.Join(crash.Stderr, "\n"), test.line) {
				t.Errorf("%q is not in its last lines %q", test.line, crash.Stderr)
			}
			if message := err.Error(); !strings.Contains(message, `plugin "helper" crashed (`+test.status) || !strings.Contains(message, test.line) || strings.Contains(message, "\n") {
				t.Errorf("the message is %q", message)
			}
			var typed *sdk.Error
			if !errors.As(err, &typed) || typed.Kind != sdk.Internal || !typed.Sent {
				t.Errorf("typed as %#v", typed)
			}
		})
	}
}

func TestCrashWithManyCallsInFlight(t *testing.T) {
	client := launch(t, newHost(t))
	failed := make(chan error)
	for range 32 {
		go func() {
			_, err := client.Call(t.Context(), "wait", nil)
			failed <- err
		}()
	}
	if _, err := client.Call(t.Context(), "exit", nil); err == nil {
		t.Error("no error")
	}
	for range 32 {
		var crash *pluginhost.CrashError
		if err := <-failed; !errors.As(err, &crash) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFloodDoesNotHang(t *testing.T) {
	client := launch(t, newHost(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := client.Call(ctx, "flood", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Call(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
}

func TestFailedStart(t *testing.T) {
	tests := map[string][]string{
		"exits":   {`plugin "exits" crashed (exit status 3)`, "no licence found"},
		"babbles": {`plugin "babbles" did not start`, "hello, I am not a plugin"},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			process := newHost(t).Launch(name, "builtin/"+name)
			_, err := process.Client(t.Context())
			for _, part := range want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q in it", err, part)
				}
			}
		})
	}
	t.Run("no such program", func(t *testing.T) {
		o := options(t, slog.New(slog.DiscardHandler))
		o.Executable = filepath.Join(t.TempDir(), "nothing")
		host := pluginhost.New(o)
		_, err := host.Launch("x", "builtin/helper").Client(t.Context())
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `start plugin "x"`) {
			t.Errorf("got %v", err)
		}
		if err := host.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWhileStarting(t *testing.T) {
	host := newHost(t)
	process := host.Launch("silent", "builtin/silent")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := process.Client(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	closeWithin(t, host, time.Second)
	if _, err := process.Client(t.Context()); !errors.Is(err, pluginhost.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func closeWithin(t *testing.T, host *pluginhost.Host, limit time.Duration) {
	t.Helper()
	began := time.Now()
	if err := host.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("closing took %v", took)
	}
}

func TestCloseKillsWhatWillNotEnd(t *testing.T) {
	host := newHost(t)
	client, err := host.Launch("stubborn", "builtin/stubborn").Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Configure(t.Context(), sdk.Config{}); err != nil {
		t.Fatal(err)
	}
	pid := call[int](t, client, "pid")
	closeWithin(t, host, 2*time.Second)
	waitForEnd(t, pid)
}

func TestCloseWithCallsInFlight(t *testing.T) {
	host := newHost(t)
	client := launch(t, host)
	failed := make(chan error)
	go func() {
		_, err := client.Call(t.Context(), "wait", nil)
		failed <- err
	}()
	call[int](t, client, "pid")
	closeWithin(t, host, 2*time.Second)
	if err := <-failed; err == nil {
		t.Error("no error")
	}
}

func TestCloseTakesGrandchildrenAlong(t *testing.T) {
	host := newHost(t)
	client := launch(t, host)
	pid := call[int](t, client, "child")
	closeWithin(t, host, 2*time.Second)
	waitForEnd(t, pid)
}

// A process that left the plugin's group is out of reach, but holds nothing up.
func TestCloseDoesNotWaitForWhoKeepsThePipesOpen(t *testing.T) {
	host := newHost(t)
	client := launch(t, host)
	pid := call[int](t, client, "escapee")
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	closeWithin(t, host, 2*time.Second)
	if !isAlive(t, pid) {
		t.Error("the process is gone: the test no longer tests what it says")
	}
}

// By the lifeline or, where a plugin does not watch it, by the parent-death
// signal.
func TestPluginDiesWithItsHost(t *testing.T) {
	for _, plugin := range []string{"helper", "unwatched"} {
		t.Run(plugin, func(t *testing.T) { testDiesWithItsHost(t, plugin) })
	}
}

func testDiesWithItsHost(t *testing.T, plugin string) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(executable, "host", plugin)
	temp, err := os.MkdirTemp("/tmp", "assay-t") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	host.Env = append(os.Environ(), "TMPDIR="+temp)
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = host.Process.Kill()
		_ = host.Wait()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if !isAlive(t, pid) {
		t.Fatalf("process %d never lived", pid)
	}
	_ = host.Process.Kill()
	waitForEnd(t, pid)
	if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
