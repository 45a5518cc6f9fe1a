package cli_test

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// foreignBase is a suite as a user has it, for any tenant, but for its vectors:
// where the tenant is, and who asks, comes from the environment alone. Its
// waits are short.
const foreignBase = `
variable "base_url" {
  type = string
  env  = "CXONE_BASE_URL"
}
variable "client_id" {
  type = string
  env  = "CXONE_CLIENT_ID"
}
variable "client_secret" {
  type      = string
  env       = "CXONE_CLIENT_SECRET"
  sensitive = true
}
plugin "auth" {
  token_url     = "${var.base_url}/api/v2/oauth/token"
  client_id     = var.client_id
  client_secret = var.client_secret
  timeout       = "2s"
  retry {
    attempts   = 3
    base_delay = "5ms"
    max_delay  = "20ms"
  }
  %[1]s
}
plugin "cxone" {
  auth           = plugin.auth
  base_url       = var.base_url
  environment    = "test"
  submit_timeout = "2s"
  poll_timeout   = "2s"
  poll           = { initial = "5ms", max = "20ms", attempts = %[3]d, timeout = %[4]q }
  retry {
    attempts   = 3
    base_delay = "5ms"
    max_delay  = "20ms"
  }
  %[2]s
}
action "inventory_sync" {
  id        = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  name      = "InventorySyncAction"
  input     = object({ sku = string, warehouseId = string })
  output    = object({ synced = bool, lastModified = optional(string) })
  sensitive = ["warehouseId"]
  error "UPSTREAM_TIMEOUT" {
    message  = "External service did not respond within threshold"
    category = "timeout"
  }
}
`

const foreignVectors = `
plugin "audit" {}
vector "sync" {
  for_each = toset([for n in range(%[1]d) : "SKU-${n}"])
  action   = action.inventory_sync
  input    = { sku = each.key, warehouseId = "w4rehouse-c4nary" }
  %[2]s
}
%[3]s
`

// trial is one quirk of a tenant, and what has to come of it.
type trial struct {
	name   string
	quirks quirks

	auth, cxone string // more of the plugin blocks
	polls       int    // the limit of a session's polls; 0 is 8
	pollTimeout string // the limit of a session's time; empty is 20 s
	vectors     int    // 0 is 1
	vector      string // more of the vector block
	more        string // more blocks
	args        []string

	code     int
	status   string         // of each vector; empty for any
	says     []string       // what the failures have to say
	requests map[string]int // exactly
	sessions int            // exactly; -1 for any
	also     func(t *testing.T, f *foreignTenant, d document)
}

// spec is the suite as the trial wants it.
func (r trial) spec() string {
	return fmt.Sprintf(foreignBase, r.auth, r.cxone, cmp.Or(r.polls, 8), cmp.Or(r.pollTimeout, "20s")) +
		fmt.Sprintf(foreignVectors, max(1, r.vectors), r.vector, r.more)
}

func (r trial) suite(t *testing.T) string {
	t.Helper()
	return suite(t, "foreign.assay.hcl", r.spec())
}

// try runs the suite against the tenant and holds what comes of it against
// what holds for every tenant: each vector has one verdict and at most one
// session, and no secret shows anywhere.
func (r trial) try(t *testing.T) {
	t.Helper()
	f := newForeignTenant(t, r.quirks)
	dir := r.suite(t)
	out := run(t, dir, f.env(), append([]string{"run", ".", "--report", "json=result.json"}, r.args...)...)
	if out.code != r.code {
		t.Errorf("exit status %d, want %d\n%s%s", out.code, r.code, out.stdout, out.stderr)
	}
	texts := everything(t, dir)
	texts["stdout"], texts["stderr"] = out.stdout, out.stderr
	assertNoSecrets(t, append(f.secrets(), "w4rehouse-c4nary"), texts)
	for sku, n := range f.started() {
		if n > 1 {
			t.Errorf("%d sessions were started for the vector of %s", n, sku)
		}
	}
	d := readDocument(t, dir)
	if len(d.Vectors) != max(1, r.vectors) {
		t.Errorf("%d vectors in the report, want %d", len(d.Vectors), max(1, r.vectors))
	}
	for _, v := range d.Vectors {
		if r.status != "" && v.Status != r.status {
			t.Errorf("%s: %s, want %s (%+v)", v.Name, v.Status, r.status, v.Error)
		}
	}
	for _, word := range r.says {
		if !strings.Contains(out.stdout, word) {
			t.Errorf("the output does not say %q:\n%s", word, out.stdout)
		}
	}
	r.count(t, f)
	if r.also != nil {
		r.also(t, f, d)
	}
}

func (r trial) count(t *testing.T, f *foreignTenant) {
	t.Helper()
	got := f.requests()
	for operation, want := range r.requests {
		if got[operation] != want {
			t.Errorf("%d requests of %s, want %d (all: %v)", got[operation], operation, want, got)
		}
	}
	started := 0
	for _, n := range maps.All(f.started()) {
		started += n
	}
	if r.sessions >= 0 && started != r.sessions {
		t.Errorf("%d sessions, want %d", started, r.sessions)
	}
}

func runTrials(t *testing.T, trials []trial) {
	t.Helper()
	for _, r := range trials {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.try(t)
		})
	}
}
