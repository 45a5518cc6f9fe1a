package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A webhook plugin that is killed in mid-run, with posts under way, costs no
// event: all are delivered before the run ends, each under one id.
func TestWebhookPluginIsKilled(t *testing.T) {
	t.Parallel()
	const events = 400
	posted, killed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := newDashboard(t, func(w http.ResponseWriter, request *http.Request) {
		once.Do(func() { close(posted) })
		select {
		case <-killed:
			w.WriteHeader(http.StatusNoContent)
		case <-request.Context().Done():
		}
	})
	tenant := httptest.NewServer(&instantTenant{})
	defer tenant.Close()
	usual := strings.NewReplacer("attempts   = 100\n", "", "base_delay = \"5ms\"\n", "", "max_delay  = \"50ms\"\n", "", "failures = 100000\n", "")
	dir := suite(t, "kill.assay.hcl", fmt.Sprintf(usual.Replace(killSpec), tenant.URL, r.URL))
	going := start(t, dir, nil, "run", ".", "--report", "json=result.json", "--log-level", "debug")
	pid := going.pluginPID("webhook")
	select {
	case <-posted:
	case <-going.done:
		t.Fatal("the run ended without a post")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the plugin's end", func() bool { return !isAlive(pid) })
	close(killed)
	if out := going.end(); out.code != 0 {
		t.Fatalf("exit status %d\n%s%s", out.code, tail(out.stdout), tail(out.stderr))
	}
	d := readDocument(t, dir)
	if o := d.operation("webhook", "deliver"); o.Restarts != 1 || o.Trips != 0 {
		t.Errorf("operations %+v", o)
	}
	for _, s := range d.Sinks {
		if s.Plugin == "webhook" && (s.Delivered != events || s.Queued+s.Failed > 0) {
			t.Errorf("%+v, want %d delivered", s, events)
		}
	}
	bodies, ids := r.got()
	known := map[string]string{}
	for i, body := range bodies {
		var event struct{ Vector string }
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatal(err)
		}
		if id, ok := known[event.Vector]; ok && id != ids[i] {
			t.Errorf("%s came as %s and as %s", event.Vector, id, ids[i])
		}
		known[event.Vector] = ids[i]
	}
	if len(known) != events || len(bodies) == events {
		t.Errorf("%d posts of %d events, want %d and some that are repeated", len(bodies), len(known), events)
	}
}
