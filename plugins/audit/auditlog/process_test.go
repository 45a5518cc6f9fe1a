//go:build unix

package auditlog_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
	"github.com/assay-cx/assay/plugins/audit/audittest"
)

// The tests of this file run this test binary again, in a role, as another
// process.
const (
	roleVariable = "ASSAY_AUDITLOG_TEST_ROLE"
	dirVariable  = "ASSAY_AUDITLOG_TEST_DIR"
)

func again(t *testing.T, role, workspace string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+workspace)
	return command
}

// Writers are killed at random moments, again and again. After each kill the
// log verifies as it is, before any writer could mend it; what was
// acknowledged stands in it once, and nothing in it is torn.
func TestKill(t *testing.T) {
	if os.Getenv(roleVariable) == "write" {
		writeAndTell(t)
		return
	}
	t.Parallel()
	cycles := 40
	if testing.Short() {
		cycles = 5
	}
	workspace := t.TempDir()
	acknowledged := map[string]bool{}
	inDoubt := 0
	for cycle := range cycles {
		for id := range killCycle(t, workspace) {
			acknowledged[id] = true
		}
		report := audittest.Verify(t, workspace, auditread.Trust{})
		if !report.Intact || !report.Complete {
			t.Fatalf("cycle %d: %+v", cycle, report)
		}
		inDoubt += len(report.Notes)
	}
	times := recordedTimes(t, workspace)
	for id := range acknowledged {
		if times[id] != 1 {
			t.Errorf("%s was acknowledged and stands there %d times", id, times[id])
		}
	}
	t.Logf("%d kills: %d records acknowledged, %d in the log, %d notes of what a kill left", 4*cycles, len(acknowledged), len(times), inDoubt)
	if len(acknowledged) < 10*cycles {
		t.Errorf("only %d records were acknowledged: the writers hardly ran", len(acknowledged))
	}
}

// recordedTimes counts a log's sessions.
func recordedTimes(t *testing.T, workspace string) map[string]int {
	t.Helper()
	s, err := auditread.OpenSnapshot(t.Context(), filepath.Join(workspace, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	times := map[string]int{}
	for record, err := range s.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if record.Event == "session" {
			times[record.SessionID]++
		}
	}
	return times
}

// killCycle starts four writers, kills each at a moment of its own, and
// answers what they acknowledged.
func killCycle(t *testing.T, workspace string) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			command := again(t, "write", workspace)
			out, err := command.StdoutPipe()
			if err != nil {
				t.Error(err)
				return
			}
			if err := command.Start(); err != nil {
				t.Error(err)
				return
			}
			told := bufio.NewReader(out)
			for count, last := 0, 1+rand.IntN(60); ; count++ {
				line, err := told.ReadString('\n')
				if err != nil {
					break
				}
				mu.Lock()
				acknowledged[strings.TrimSpace(line)] = true
				mu.Unlock()
				if count == last {
					time.AfterFunc(rand.N(3*time.Millisecond), func() { _ = command.Process.Kill() })
				}
			}
			var exit *exec.ExitError
			if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Errorf("a writer ended by itself: %v", err)
			}
		})
	}
	running.Wait()
	return acknowledged
}

// writeAndTell appends records until it is killed, and says on stdout which
// were acknowledged.
func writeAndTell(t *testing.T) {
	t.Helper()
	l := audittest.Open(t, os.Getenv(dirVariable), audittest.Hard)
	var running sync.WaitGroup
	for g := range 3 {
		running.Go(func() {
			for n := 0; ; n++ {
				records := make([]auditfile.Record, 1+rand.IntN(4))
				var told strings.Builder
				for i := range records {
					id := fmt.Sprintf("p%d-%d-g%d-%d-%d", os.Getpid(), time.Now().UnixNano(), g, n, i)
					records[i] = audittest.Session(id)
					told.WriteString(id + "\n")
				}
				if err := l.Append(t.Context(), records); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
				_, _ = io.WriteString(os.Stdout, told.String())
			}
		})
	}
	running.Wait()
}

// Where files cannot grow (here by a limit on their size, as on a full disk)
// a write fails, says so, and leaves nothing of its records behind, whichever
// file is the first that is full.
func TestNoSpace(t *testing.T) {
	if os.Getenv(roleVariable) == "limit" {
		fillUp(t)
		return
	}
	t.Parallel()
	for name, options := range map[string]string{"journal": "0", "segment": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoSpace$", "-test.v")
			command.Env = append(os.Environ(), roleVariable+"=limit", dirVariable+"="+workspace, "ASSAY_AUDITLOG_TEST_FILE="+options)
			out, err := command.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("file too large")) {
				t.Fatalf("%v: %s", err, out)
			}
			times := recordedTimes(t, workspace)
			report := audittest.Verify(t, workspace, auditread.Trust{})
			audittest.AssertClean(t, report, int64(len(times)))
			if times["too much"] > 0 || len(report.Notes) > 0 || report.Kept != int64(len(times)) {
				t.Errorf("something of the failed write is left: %+v", report)
			}
			l := audittest.Open(t, workspace, auditlog.Options{})
			audittest.Append(t, l, 1000, 1003)
			audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), int64(len(times))+3)
		})
	}
}

func fillUp(t *testing.T) {
	t.Helper()
	workspace := os.Getenv(dirVariable)
	l := audittest.Open(t, workspace, auditlog.Options{JournalBytes: 4000})
	audittest.Append(t, l, 0, 20)
	file := auditfile.JournalName
	if os.Getenv("ASSAY_AUDITLOG_TEST_FILE") == "1" {
		segments := audittest.FolderOf(t, workspace).Segments()
		file = segments[len(segments)-1]
	}
	info, err := os.Stat(audittest.FolderOf(t, workspace).Path(file))
	if err != nil {
		t.Fatal(err)
	}
	limit := uint64(info.Size()) + 1200 // room for a part of what follows
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Fatal(err)
	}
	records := []auditfile.Record{audittest.Session("too much"), audittest.Session("too much"), audittest.Session("too much"), audittest.Session("too much")}
	err = l.Append(t.Context(), records)
	if !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("%v, want file too large", err)
	}
	t.Log(auditlog.Explain(err))
}

// As a user without the right to write, one is told so, and may still read.
func TestReadOnly(t *testing.T) {
	if os.Getenv(roleVariable) == "read" {
		readOnly(t)
		return
	}
	t.Parallel()
	workspace, err := os.MkdirTemp("/tmp", "assay-audit") //nolint:usetesting // TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(workspace) })
	l := audittest.Open(t, workspace, auditlog.Options{})
	audittest.Append(t, l, 0, 3)
	for path, mode := range map[string]os.FileMode{".": 0o555, "audit": 0o555, "audit/.lock": 0o444, "audit/journal": 0o444, "audit/hashes": 0o444, "audit/key.pub": 0o444, "audit/" + audittest.FolderOf(t, workspace).Segments()[0]: 0o444} {
		if err := os.Chmod(filepath.Join(workspace, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	command := again(t, "read", workspace)
	if os.Geteuid() == 0 {
		// The binary may stand where others cannot go: it is handed over open.
		binary, err := os.Open(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		defer binary.Close()
		command.Path, command.Dir = "/proc/self/fd/3", "/"
		command.ExtraFiles = []*os.File{binary}
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func readOnly(t *testing.T) {
	t.Helper()
	workspace := os.Getenv(dirVariable)
	_, err := auditlog.Open(t.Context(), auditlog.Options{Workspace: workspace, Path: "audit"})
	if err == nil || auditlog.Explain(err) != "permission denied; let the user who runs assay write there, or set path to another folder of the suite" {
		t.Errorf("%v", err)
	}
	audittest.AssertClean(t, audittest.Verify(t, workspace, auditread.Trust{}), 3)
}
