//go:build unix

package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/sdk"
)

// roleVariable makes the test binary a writer of its own: "write" or "limit".
const roleVariable = "ASSAY_AUDIT_TEST_ROLE"

// Several writers in each of several processes: every line is whole and there
// once.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const processes, goroutines, deliveries, size = 4, 3, 10, 5
	if os.Getenv(roleVariable) == "write" {
		writeMany(t, goroutines, deliveries, size)
		return
	}
	workspace := t.TempDir()
	var running sync.WaitGroup
	for range processes {
		running.Go(func() {
			if out, err := again(t, "write", workspace).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	running.Wait()
	ids := map[string]int{}
	for _, line := range lines(t, today(t, filepath.Join(workspace, ".assay/audit"))) {
		var r auditfile.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ids[r.SessionID]++
	}
	if want := processes * goroutines * deliveries * size; len(ids) != want {
		t.Errorf("%d sessions, want %d", len(ids), want)
	}
	for id, times := range ids {
		if times != 1 {
			t.Errorf("%s stands there %d times", id, times)
		}
	}
}

// again runs the current test in another process, in a role.
func again(t *testing.T, role, workspace string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), roleVariable+"="+role, "ASSAY_AUDIT_TEST_DIR="+workspace)
	return command
}

func writeMany(t *testing.T, goroutines, deliveries, size int) {
	t.Helper()
	p := configured(t, os.Getenv("ASSAY_AUDIT_TEST_DIR"), nil)
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			for d := range deliveries {
				events := make([]sdk.Event, size)
				for i := range events {
					events[i] = session(fmt.Sprintf("p%d-g%d-d%d-%d", os.Getpid(), g, d, i))
				}
				if err := p.Deliver(t.Context(), events); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}

// Where the file cannot grow (here by a limit on its size, as on a full disk)
// a delivery fails, says so, and leaves nothing of its lines behind.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	const delivered = 4
	if os.Getenv(roleVariable) == "limit" {
		fillUp(t, delivered)
		return
	}
	workspace := t.TempDir()
	out, err := again(t, "limit", workspace).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content, err := os.ReadFile(today(t, filepath.Join(workspace, ".assay/audit")))
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(content, []byte("\n")); got != delivered || !bytes.HasSuffix(content, []byte("\n")) {
		t.Errorf("%d whole lines, want %d: %q", got, delivered, content)
	}
	if strings.Contains(string(content), "too-much") {
		t.Error("something of the failed delivery is left")
	}
}

func fillUp(t *testing.T, deliveries int) {
	t.Helper()
	workspace := os.Getenv("ASSAY_AUDIT_TEST_DIR")
	p := configured(t, workspace, nil)
	for i := range deliveries {
		if err := p.Deliver(t.Context(), []sdk.Event{session(strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(today(t, filepath.Join(workspace, ".assay/audit")))
	if err != nil {
		t.Fatal(err)
	}
	// Room for the first of two lines and a part of the second.
	limit := uint64(info.Size()) * 7 / 4
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	var events []sdk.Event
	for range deliveries {
		events = append(events, session("too-much"))
	}
	failure := asError(t, p.Deliver(t.Context(), events))
	if failure.Kind != sdk.Unavailable || !strings.Contains(failure.Message, "file too large; raise the limit") {
		t.Errorf("%+v, want unavailable and what to do", failure)
	}
}
