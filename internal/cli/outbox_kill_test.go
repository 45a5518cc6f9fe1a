package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// killSpec is a suite whose vectors' names hold var.run, so that those of
// different runs can be told apart.
const killSpec = `
suite { parallel = 8 }
variable "run" {
  type    = string
  default = "none"
}
plugin "auth" {
  token_url     = "%[1]s/api/v2/oauth/token"
  client_id     = "kill"
  client_secret = "kill-secret"
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = "%[1]s"
  environment = "test"
}
plugin "webhook" {
  url         = "%[2]s/hook"
  secret      = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
  allow_cidrs = ["127.0.0.0/8"]
  retry {
    attempts   = 100
    base_delay = "5ms"
    max_delay  = "50ms"
  }
  breaker {
    failures = 100000
  }
}
plugin "audit" {}
action "act" {
  id    = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input = object({ n = number })
}
vector "v" {
  for_each = { for n in range(400) : format("%%s-%%03d", var.run, n) => n }
  action   = action.act
  input    = { n = each.value }
  expect {
    status = each.value %% 10 == 0 ? "FAILED" : "COMPLETED"
  }
}
`

// moody is a receiver that tells repetitions by id, and is out of sorts now
// and then.
type moody struct {
	mu     sync.Mutex
	bodies map[string][]byte          // by id
	ids    map[string]map[string]bool // of a vector
	posts  int
	random *rand.Rand
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts++
	mood := m.random.IntN(100)
	if err != nil || mood < 5 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	m.keep(r.Header.Get("webhook-id"), body)
	if mood < 10 { // has it, and does not say so
		panic(http.ErrAbortHandler)
	}
}

func (m *moody) keep(id string, body []byte) {
	var event struct{ Vector string }
	_ = json.Unmarshal(body, &event)
	if m.ids[event.Vector] == nil {
		m.ids[event.Vector] = map[string]bool{}
	}
	m.ids[event.Vector][id] = true
	if known := m.bodies[id]; known != nil && !bytes.Equal(known, body) {
		m.ids[event.Vector]["other body"] = true
	}
	m.bodies[id] = body
}

// What a run has told of reaches the receiver, whatever is killed and when, by
// as many runs at a time: each event under one id, and nothing torn.
func TestOutboxSurvivesKills(t *testing.T) {
	t.Parallel()
	rounds, writers := 10, 4
	if testing.Short() {
		rounds = 2
	}
	tenant := httptest.NewServer(&instantTenant{})
	defer tenant.Close()
	receiver := &moody{bodies: map[string][]byte{}, ids: map[string]map[string]bool{}, random: rand.New(rand.NewPCG(1, 2))}
	hooks := httptest.NewServer(receiver)
	defer hooks.Close()
	dir := suite(t, "kill.assay.hcl", fmt.Sprintf(killSpec, tenant.URL, hooks.URL))
	told := map[string]bool{}
	var mu sync.Mutex
	for round := range rounds {
		var wait sync.WaitGroup
		for writer := range writers {
			wait.Go(func() {
				for name := range runAndKill(t, dir, fmt.Sprintf("%d-%d", round, writer)) {
					mu.Lock()
					told[name] = true
					mu.Unlock()
				}
			})
		}
		wait.Wait()
	}
	for tries := 0; ; tries++ {
		out := run(t, dir, nil, "outbox", "flush", ".")
		if out.code == 0 {
			break
		}
		if out.code != 1 || tries > 50 {
			t.Fatalf("flush: exit status %d\n%s%s", out.code, out.stdout, out.stderr)
		}
	}
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	for name := range told {
		if n := len(receiver.ids[name]); n != 1 {
			t.Errorf("%s was told, and the receiver has %d events of it", name, n)
		}
	}
	for name, ids := range receiver.ids {
		if len(ids) != 1 {
			t.Errorf("%s came as %v", name, ids)
		}
	}
	t.Logf("%d vectors told, %d events received in %d posts", len(told), len(receiver.bodies), receiver.posts)
	if len(told) == 0 {
		t.Error("no run told anything before it was killed")
	}
	if out := run(t, dir, nil, "outbox", "list", "."); out.stdout != "Nothing.\n" {
		t.Errorf("left in the outbox:\n%s", tail(out.stdout))
	}
	if owners, err := os.ReadDir(filepath.Join(dir, ".assay", "outbox.owners")); err != nil || len(owners) > 0 {
		t.Errorf("owners are left behind: %v, %v", owners, err)
	}
}

var passed = regexp.MustCompile(`(?m)^  pass   (v\["[0-9-]+"\])  .*$`)

// runAndKill runs the suite, kills it or its webhook plugin at some moment,
// and answers the vectors that it told of.
func runAndKill(t *testing.T, dir, name string) map[string]bool {
	t.Helper()
	// Its own folder for temporary files may keep what the killed one left.
	command := exec.Command(filepath.Join(binDir, "assay"), "run", ".", "--var", "run="+name)
	temp := shortTemp(t)
	command.Dir, command.Env = dir, environment(dir, temp)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		t.Error(err)
		return nil
	}
	moment := time.NewTimer(time.Duration(40+rand.IntN(500)) * time.Millisecond)
	defer moment.Stop()
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // killed, mostly
		close(ended)
	}()
	select {
	case <-ended:
	case <-moment.C:
		victim := command.Process.Pid
		if rand.IntN(2) == 0 {
			victim = childServing(victim, "webhook")
		}
		if victim > 0 {
			_ = syscall.Kill(victim, syscall.SIGKILL)
		}
		<-ended
	}
	told := map[string]bool{}
	for _, match := range passed.FindAllStringSubmatch(stdout.String(), -1) {
		told[match[1]] = true
	}
	if text := stdout.String() + stderr.String(); strings.Contains(text, "panic: ") || strings.Contains(text, "Outbox could not") {
		t.Errorf("%s", text)
	}
	return told
}

// childServing is the child of a process that serves a built-in plugin; 0 for
// none.
func childServing(parent int, plugin string) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := bytes.Cut(stat, []byte(") "))
		fields := strings.Fields(string(after))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) && bytes.Contains(arguments, []byte("serve\x00"+plugin)) {
			return pid
		}
	}
	return 0
}
