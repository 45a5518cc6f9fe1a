package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stampSpec is a suite with scripts and two hook plugins of one program, whose
// names are not in the order in which they stand.
const stampSpec = `
suite { parallel = 1 }
variable "key" {
  type      = string
  default   = "c4nary-of-a-variable"
  sensitive = true
}
plugin "zeta" {
  source = "./bin/assay-plugin-stamp"
  mark   = "zeta"
  blame  = "of_"
}
plugin "alpha" {
  source = "./bin/assay-plugin-stamp"
  mark   = "alpha"
  blame  = "alpha"
  crash  = "%[2]s"
}
plugin "auth" {
  token_url     = "${sandbox.url}/api/v2/oauth/token"
  client_id     = "demo"
  client_secret = "sandbox"
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = sandbox.url
  environment = "test"
}
plugin "webhook" {
  url         = "%[1]s"
  secret      = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
  allow_cidrs = ["127.0.0.0/8"]
}
classifier { script = "classify.lua" }
hooks { script = "hooks.lua" }
action "a" {
  id        = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input     = object({ fails = bool, seen = string, pin = string, key = string })
  output    = object({ seen = string, pin = string, ok = bool })
  sensitive = ["pin"]
  error "DOWN" { message = "The service is down" }
  handler {
    step "call" {
      request { url = input.fails ? "${mock.erp.url}/down" : "${mock.erp.url}/up" }
      retry { attempts = 1 }
    }
    output = { seen = input.seen, pin = input.pin, ok = input.key == var.key }
    errors = { default = "DOWN" }
  }
}
mock "erp" {
  route "GET /down" { status = 500 }
  route "GET /up" {}
}
vector "passes" {
  action = action.a
  input  = { fails = false, seen = "", pin = "c4nary-at-a-path", key = var.key }
  expect {
    status = "COMPLETED"
    output = { seen = " lua alpha zeta", pin = "c4nary-at-a-path", ok = true }
  }
}
vector "fails" {
  for_each = toset(["of_alpha", "of_lua", "of_zeta", "builtin"])
  action   = action.a
  input    = { fails = true, seen = "", pin = "c4nary-at-a-path", key = var.key }
  expect { status = "FAILED" }
}
`

const (
	stampClassifier = `function classify(failure)
  return failure.vector:find("of_lua", 1, true) and "timeout" or nil
end
`
	stampHooks = `function before_vector(vector)
  vector.input.seen = vector.input.seen .. " lua"
  return vector
end
function on_event(event)
  event.session_id = (event.session_id or "") .. " lua"
  return event
end
`
)

// stampSuite is a suite with the plugin in its place, not locked yet.
func stampSuite(t *testing.T, crash string) (string, *dashboard) {
	t.Helper()
	r := newDashboard(t, nil)
	dir := suite(t, "stamp.assay.hcl", fmt.Sprintf(stampSpec, r.URL, crash), "classify.lua", stampClassifier, "hooks.lua", stampHooks)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "bin", "assay-plugin-stamp"), "./testdata/stamp")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir, r
}

// Hook plugins of third parties are asked what the suite's scripts are asked:
// after them, in the order of their names.
func TestHookPlugins(t *testing.T) {
	t.Parallel()
	dir, r := stampSuite(t, "")
	if out := run(t, dir, nil, "run", "."); out.code != 2 || !strings.Contains(out.stderr, "locked") {
		t.Fatalf("not locked: exit status %d\n%s", out.code, out.stderr)
	}
	if out := run(t, dir, nil, "init", "."); out.code != 0 {
		t.Fatalf("exit status %d\n%s", out.code, out.stderr)
	}
	out := run(t, dir, nil, "run", ".", "--report", "json=result.json")
	if out.code != 0 {
		t.Fatalf("exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	d := readDocument(t, dir)
	sources := map[string]string{}
	for _, v := range d.Vectors {
		sources[v.Name] = v.Classification.Source
		var added []string
		for _, c := range v.Checks[len(v.Checks)-2:] {
			added = append(added, c.Name)
		}
		own := len(v.Checks) - 2
		if want := []string{fmt.Sprintf("alpha saw %d checks", own), fmt.Sprintf("zeta saw %d checks", own+1)}; fmt.Sprint(added) != fmt.Sprint(want) {
			t.Errorf("%s: checks %q, want %q", v.Name, added, want)
		}
	}
	want := map[string]string{
		"passes": "", `fails["of_alpha"]`: "plugin:alpha", `fails["of_lua"]`: "script:classify.lua",
		`fails["of_zeta"]`: "plugin:zeta", `fails["builtin"]`: "builtin",
	}
	if fmt.Sprint(sources) != fmt.Sprint(want) {
		t.Errorf("sources %v, want %v", sources, want)
	}
	bodies, _ := r.got()
	for _, body := range bodies {
		if !strings.Contains(body, ` lua alpha zeta"`) {
			t.Errorf("the receiver got %s", body)
		}
	}
	if len(bodies) != len(want) {
		t.Errorf("%d events, want %d", len(bodies), len(want))
	}
	if o := d.operation("alpha", "call"); o.Calls != 3*5+3 { // of four failures the script judged one
		t.Errorf("alpha got %d calls", o.Calls)
	}
	session := filepath.Join(dir, "session.json")
	if err := os.WriteFile(session, []byte(`{"status":"FAILED","result":{"message":"of_zeta is down"},"trace":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, dir, nil, "classify", "--suite", ".", session); out.code != 0 || !strings.Contains(out.stdout, "(plugin:zeta)") {
		t.Errorf("classify: exit status %d\n%s%s", out.code, out.stdout, out.stderr)
	}
	assertNoSecrets(t, []string{"c4nary-of-a-variable", "c4nary-at-a-path"}, everything(t, dir))
}

// A hook plugin that dies is the error of the vector that it had, and is there
// for the next.
func TestHookPluginCrashes(t *testing.T) {
	t.Parallel()
	dir, _ := stampSuite(t, "passes")
	if out := run(t, dir, nil, "init", "."); out.code != 0 {
		t.Fatalf("exit status %d\n%s", out.code, out.stderr)
	}
	out := run(t, dir, nil, "run", ".", "--report", "json=result.json")
	d := readDocument(t, dir)
	if out.code != 3 || d.Summary.Errored != 1 || d.Summary.Passed != 4 || d.operation("alpha", "call").Restarts != 1 {
		t.Errorf("exit status %d, %+v, %+v", out.code, d.Summary, d.Operations)
	}
	for _, v := range d.Vectors {
		if v.Name != "passes" {
			continue
		}
		if v.Error.Summary != "A plugin crashed" || !strings.Contains(v.Error.Detail, "hook before_vector of plugin alpha: ") || !strings.Contains(v.Error.Detail, "stamp is dry") {
			t.Errorf("got %+v", v.Error)
		}
	}
}

// Scripts run under a name that a block may not take beside them.
func TestHookPluginMayNotTakeTheScriptsName(t *testing.T) {
	t.Parallel()
	dir, _ := stampSuite(t, "")
	spec := filepath.Join(dir, "lua.assay.hcl")
	if err := os.WriteFile(spec, []byte("plugin \"lua\" {\n  hooks = \"hooks.lua\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, dir, nil, "init", "."); out.code != 0 {
		t.Fatalf("exit status %d\n%s", out.code, out.stderr)
	}
	out := run(t, dir, nil, "validate", ".")
	if out.code != 2 || !strings.Contains(out.stderr, "Name is taken") || !strings.Contains(out.stderr, "on lua.assay.hcl line 1") {
		t.Errorf("exit status %d\n%s", out.code, out.stderr)
	}
}
