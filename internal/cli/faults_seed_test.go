package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kindsOf are the kinds of the tables' rows about a place.
func kindsOf(tables map[string][]faultRow, place string) []string {
	kinds := map[string]bool{}
	for _, row := range tables[place] {
		kinds[row.kind] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}

var kindsListed = regexp.MustCompile(`The kinds are ([a-z_, ]+)\.`)

// TestFaultTablesAreComplete holds the tables against what assay itself lists
// where a spec names a kind that there is not.
func TestFaultTablesAreComplete(t *testing.T) {
	t.Parallel()
	tables := faultRows(t)
	for _, place := range []string{"token", "submit", "poll", "analytics", placeDeploy, placeMock} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			row := faultRow{place: place, kind: "nothing"}
			spec := group{row}.preamble() + row.blocks(0) + "sandbox {\n" + row.tenantFault(0) + "}\n"
			out := run(t, suite(t, "faults.assay.hcl", spec), nil, "validate", ".", "--json")
			listed := kindsListed.FindStringSubmatch(out.stdout)
			if listed == nil {
				t.Fatalf("no kinds are listed:\n%s%s", out.stdout, out.stderr)
			}
			known := strings.Split(listed[1], ", ")
			slices.Sort(known)
			if diff := cmp.Diff(known, kindsOf(tables, place)); diff != "" {
				t.Errorf("the product's kinds, and those of the table:\n%s", diff)
			}
		})
	}
}

// seededSuite has faults by chance at every turn of 200 vectors, each of which
// makes a vector end in a way of its own. Nothing is tried again.
const seededSuite = `
suite {
  parallel = 16
}
plugin "auth" {
  token_url     = "${sandbox.url}/api/v2/oauth/token"
  client_id     = "demo"
  client_secret = "faults-client-secret"
}
plugin "cxone" {
  auth        = plugin.auth
  base_url    = sandbox.url
  environment = "test"
  poll        = { initial = "2ms", max = "20ms", attempts = 500, timeout = "30s" }
  retry {
    attempts = 1
  }
  breaker {
    failures = 1000
  }
}
action "lookup" {
  id     = "5eed0000-0000-4000-8000-000000000000"
  input  = object({ n = number })
  output = object({ done = bool })
  error "DOWN" {
    message = "down"
  }
  handler {
    step "ask" {
      request {
        url = "${mock.upstream.url}/jobs/${input.n}"
      }
    }
    output = { done = step.ask.response.json.done }
    errors = { default = "DOWN" }
  }
}
mock "upstream" {
  route "GET /jobs/{n}" {
    json  = { done = true }
    fault = { kind = "garbage", probability = 0.15 }
  }
}
sandbox {
  fault "submit" {
    kind        = "status"
    status      = 503
    probability = 0.15
  }
  fault "submit" {
    kind        = "latency"
    delay       = { median = "1ms", sigma = 1 }
    probability = 0.3
  }
  fault "poll" {
    kind        = "undeclared_code"
    probability = 0.15
  }
}
vector "chance" {
  for_each = toset([for n in range(200) : tostring(n)])
  action   = action.lookup
  input    = { n = tonumber(each.key) }
}
`

// chances is what chance did in a run, as far as it does not depend on which
// vector came first.
type chances struct {
	Ends   map[string]string // by vector
	Faults []faultCount
}

func runChances(t *testing.T, args ...string) (chances, uint64) {
	t.Helper()
	dir := suite(t, "chance.assay.hcl", seededSuite)
	out := run(t, dir, nil, append([]string{"run", ".", "--report", "json=result.json"}, args...)...)
	d := readFaultDocument(t, dir, out)
	ends := map[string]string{}
	for _, raw := range d.Vectors {
		var v struct {
			Name, Status string
			Execution    struct {
				Error struct{ Code string }
			}
		}
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		ends[v.Name] = strings.TrimSpace(v.Status + " " + v.Execution.Error.Code)
	}
	return chances{ends, d.Faults}, d.Seed
}

// The same seed strikes the same vectors with the same faults, however many
// are in flight; another seed strikes others.
func TestFaultSeed(t *testing.T) {
	t.Parallel()
	first, _ := runChances(t, "--seed", "7")
	ends := map[string]int{}
	for _, end := range first.Ends {
		ends[end]++
	}
	if len(first.Ends) != 200 || len(ends) != 4 || slices.Min(slices.Collect(maps.Values(ends))) < 10 {
		t.Errorf("%d vectors end as %v, want 200, and each of four ends often", len(first.Ends), ends)
	}
	for _, f := range first.Faults {
		if f.Hits == 0 || f.Hits == f.Seen {
			t.Errorf("%+v, want some of them struck", f)
		}
	}
	again, _ := runChances(t, "--seed", "7", "--parallel", "3")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed, other faults:\n%s", diff)
	}
	other, seed := runChances(t)
	if cmp.Equal(first.Ends, other.Ends) {
		t.Error("another seed, the same faults")
	}
	again, _ = runChances(t, "--seed", fmt.Sprint(seed))
	if diff := cmp.Diff(other, again); diff != "" {
		t.Errorf("the seed that the report tells, other faults:\n%s", diff)
	}
}

// Faults with probability 0 are seen to do nothing: the run is the one without
// them, request by request.
func TestFaultProbabilityZero(t *testing.T) {
	t.Parallel()
	tables := faultRows(t)
	var faults, steps, routes strings.Builder
	for _, operation := range []string{"token", "submit", "poll", "analytics"} {
		for _, kind := range kindsOf(tables, operation) {
			fmt.Fprintf(&faults, "fault %q {\nkind = %q\nprobability = 0\n}\n", operation, kind)
		}
	}
	for _, kind := range kindsOf(tables, placeMock) {
		fmt.Fprintf(&steps, "step %[1]q {\nrequest {\nurl = \"${mock.upstream.url}/%[1]s\"\n}\n}\n", kind)
		fmt.Fprintf(&routes, "route \"GET /%[1]s\" {\njson = { done = true }\nfault = { kind = %[1]q, probability = 0 }\n}\n", kind)
	}
	with := runZero(t, steps.String(), routes.String(), faults.String())
	without := runZero(t, steps.String(), regexp.MustCompile(`fault = .*`).ReplaceAllString(routes.String(), ""), "")
	if diff := cmp.Diff(without.trail, with.trail); diff != "" {
		t.Errorf("without the faults, and with them:\n%s", diff)
	}
	if want := strings.Count(faults.String()+routes.String(), "probability"); len(with.faults) != want || len(without.faults) != 0 {
		t.Errorf("%d faults are counted with %d, %d without any", len(with.faults), want, len(without.faults))
	}
	for _, f := range with.faults {
		if f.Hits != 0 || f.Seen == 0 {
			t.Errorf("%+v, want it seen and never struck", f)
		}
	}
}

// zero is a run with faults that never strike, but for what time decides.
type zero struct {
	trail  []string
	faults []faultCount
}

func runZero(t *testing.T, steps, routes, faults string) zero {
	t.Helper()
	spec := group{{}}.preamble() + fmt.Sprintf(`
action "all" {
  id     = %q
  output = object({ done = bool })
  handler {
    %s
    output = { done = step.reset.response.json.done }
  }
}
mock "upstream" {
  %s
}
sandbox {
  %s
}
vector "all" {
  action = action.all
}
threshold "all" {
  action         = action.all
  metric         = "error_rate"
  max            = 0
  min_executions = 1
}
`, rowAction(0), steps, routes, faults)
	dir := suite(t, "zero.assay.hcl", spec)
	out := run(t, dir, nil, "run", ".", "--seed", "3", "--report", "json=result.json")
	d := readFaultDocument(t, dir, out)
	z := zero{trail: []string{fmt.Sprintf("exit %d", out.code)}, faults: d.Faults}
	for _, raw := range slices.Concat(d.Vectors, d.Thresholds) {
		var one struct {
			Name, Status string
			Execution    struct {
				Status string
				Output json.RawMessage
				Trace  []struct {
					StepID string `json:"step_id"`
				}
			}
		}
		if err := json.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		z.trail = append(z.trail, fmt.Sprintf("%s %s %s %s %v", one.Name, one.Status, one.Execution.Status, one.Execution.Output, one.Execution.Trace))
	}
	for _, o := range d.Operations {
		if o.Operation != "poll" { // how often depends on how fast the session is
			z.trail = append(z.trail, fmt.Sprintf("%s %s: %d attempts", o.Plugin, o.Operation, o.Attempts))
		}
	}
	slices.Sort(z.trail)
	return z
}
