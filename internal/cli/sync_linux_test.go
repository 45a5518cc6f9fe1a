package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Killing a process loses nothing that the system has, synced or not. So this
// takes the disk's part: where it cannot sync, nothing may count as written.
func TestWhatIsNotSyncedDoesNotCount(t *testing.T) {
	t.Parallel()
	tenant := httptest.NewServer(&instantTenant{})
	t.Cleanup(tenant.Close)
	hooks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hooks.Close)
	spec := strings.Replace(fmt.Sprintf(killSpec, tenant.URL, hooks.URL), "range(400)", "range(3)", 1)
	common, sinks, _ := strings.Cut(spec, `plugin "webhook"`)
	webhook, vectors, _ := strings.Cut(sinks, `plugin "audit" {}`)
	for name, test := range map[string]struct{ sink, summary string }{
		"audit":  {`plugin "audit" {}`, "Audit record could not be written"},
		"outbox": {`plugin "webhook"` + webhook, "Outbox could not be written"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := suite(t, "sync.assay.hcl", common+test.sink+vectors)
			if out := run(t, dir, nil, "run", ".", "--var", "run=1"); out.code != 0 {
				t.Fatalf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
			}
			var out outcome
			whereSyncFails(t, func() { out = run(t, dir, nil, "run", ".", "--var", "run=2") })
			if out.code != 3 || strings.Contains(out.stdout, "  pass   v[") || !strings.Contains(out.stdout+out.stderr, test.summary) {
				t.Errorf("exit status %d, want 3 and %q\n%s%s", out.code, test.summary, out.stdout, out.stderr)
			}
		})
	}
}

// whereSyncFails does something from a thread whose child processes get an
// input/output error for each sync.
func whereSyncFails(t *testing.T, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if err := failSyncs(); err != nil {
			done <- err
			return
		}
		do()
	}()
	if err := <-done; err != nil {
		missing(t, "no filter can be set for system calls: "+err.Error())
	}
}

func failSyncs() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const load, equal, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load}, // the number of the system call
		{Code: equal, K: unix.SYS_FSYNC, Jt: 1},
		{Code: equal, K: unix.SYS_FDATASYNC, Jf: 1},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
