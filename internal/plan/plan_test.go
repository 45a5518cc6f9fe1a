package plan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/plugins/sdk"
)

// The plugins of the tests, with the attributes that matter here.
var described = map[string]sdk.Description{
	"builtin/terse": {Kinds: []sdk.Kind{sdk.KindSink}, Schema: sdk.Schema{Attributes: []sdk.Attribute{{Name: "to", Type: sdk.String, Required: true}}}},
	"builtin/auth": {Kinds: []sdk.Kind{sdk.KindAuth}, Schema: sdk.Schema{Attributes: []sdk.Attribute{
		{Name: "client_id", Type: sdk.String, Required: true, Description: "The client's id."},
		{Name: "client_secret", Type: sdk.String, Sensitive: true},
	}}},
	"builtin/cxone": {
		Kinds:  []sdk.Kind{sdk.KindTarget},
		Target: &sdk.TargetTraits{ActionIDPattern: `[0-9a-f]{4}`, ActionIDHint: "four hex digits"},
		Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "base_url", Type: sdk.String, Required: true, Format: sdk.FormatURL, Description: "Where."},
			{Name: "environment", Type: sdk.String, Enum: []string{"dev", "test", "prod"}, Default: []byte(`"test"`)},
			{Name: "timeout", Type: sdk.String, Format: sdk.FormatDuration, Default: []byte(`"8s"`)},
			{Name: "poll", Type: sdk.Object(map[string]sdk.Type{"max": sdk.String, "attempts": sdk.Number}, "max", "attempts")},
		}},
	},
	"builtin/audit": {Kinds: []sdk.Kind{sdk.KindSink}, Sink: &sdk.SinkTraits{Required: true}},
}

const base = `
plugin "auth" {
  client_id = "demo"
}
plugin "cxone" {
  auth     = plugin.auth
  base_url = "http://127.0.0.1:1"
}
action "sync" {
  id        = "00ff"
  input     = object({ sku = string, qty = optional(number) })
  sensitive = ["sku"]
  error "E1" {
    message  = "first"
    category = "timeout"
  }
}
`

// build plans a suite of one file; options that are not set serve a run.
func build(t *testing.T, spec string, options Options) (*Plan, hcl.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "suite.assay.hcl"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	suite, diags := specfile.Load(dir, "0.1.0")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if options.Inputs.LookupEnv == nil {
		options.Inputs.LookupEnv = func(string) (string, bool) { return "", false }
	}
	options.Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	options.Describe = describe
	return Build(t.Context(), suite, options)
}

func describe(_ context.Context, p *specfile.Plugin) (sdk.Description, error) {
	d, ok := described[p.Source]
	if !ok {
		return d, fmt.Errorf("there is no such plugin")
	}
	return d, nil
}

func mustBuild(t *testing.T, spec string, options Options) *Plan {
	t.Helper()
	p, diags := build(t, spec, options)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func TestForEach(t *testing.T) {
	p := mustBuild(t, base+`
locals { skus = { big = 10, small = 1 } }
vector "of_map" {
  for_each = local.skus
  action   = action.sync
  input    = { sku = each.key, qty = each.value }
  tags     = ["each-${each.key}"]
}
vector "of_set" {
  for_each = toset(["a", "b"])
  action   = action.sync
  input    = { sku = each.value }
}
vector "of_none" {
  for_each = toset([])
  action   = action.sync
}
`, Options{})
	got := map[string]string{}
	for _, v := range p.Vectors {
		got[v.Name] = string(v.Input) + fmt.Sprint(v.Tags, v.Sensitive)
	}
	want := map[string]string{
		`of_map["big"]`:   `{"qty":10,"sku":"big"}[each-big] [big]`,
		`of_map["small"]`: `{"qty":1,"sku":"small"}[each-small] [small]`,
		`of_set["a"]`:     `{"sku":"a"}[] [a]`,
		`of_set["b"]`:     `{"sku":"b"}[] [b]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVariablePrecedence(t *testing.T) {
	const spec = base + `
variable "qty" {
  type    = number
  default = 1
  env     = "QTY"
}
vector "v" {
  action = action.sync
  input  = { sku = "a", qty = var.qty }
}
`
	file := filepath.Join(t.TempDir(), "x.assayvars")
	if err := os.WriteFile(file, []byte("qty = 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values, _, diags := specfile.LoadVarFile(file)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	env := func(set map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := set[name]; return v, ok }
	}
	both := env(map[string]string{"QTY": "2", "ASSAY_VAR_qty": "3"})
	files := []map[string]specfile.VarValue{values}
	for name, test := range map[string]struct {
		inputs Inputs
		want   string
	}{
		"default":                 {Inputs{LookupEnv: env(nil)}, "1"},
		"env":                     {Inputs{LookupEnv: env(map[string]string{"QTY": "2"})}, "2"},
		"empty env counts not":    {Inputs{LookupEnv: env(map[string]string{"QTY": ""})}, "1"},
		"ASSAY_VAR over env":      {Inputs{LookupEnv: both}, "3"},
		"file over ASSAY_VAR":     {Inputs{LookupEnv: both, Files: files}, "4"},
		"flag over file":          {Inputs{LookupEnv: both, Files: files, Flags: []Flag{{"qty", "5"}}}, "5"},
		"the last flag of a name": {Inputs{LookupEnv: both, Flags: []Flag{{"qty", "5"}, {"qty", "6"}}}, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustBuild(t, spec, Options{Inputs: test.inputs})
			if got := string(p.Vectors[0].Input); got != `{"qty":`+test.want+`,"sku":"a"}` {
				t.Errorf("got %s, want qty %s", got, test.want)
			}
		})
	}
}

func TestUnsetVariablesAreUnknownWhereAllowed(t *testing.T) {
	const spec = base + `
variable "sku" { type = string }
vector "v" {
  action = action.sync
  input  = { sku = var.sku }
}
`
	p := mustBuild(t, spec, Options{Inputs: Inputs{AllowUnset: true}})
	if v := p.Vectors[0]; v.Input != nil || v.Display() != nil {
		t.Errorf("input %s", v.Input)
	}
	_, diags := build(t, spec, Options{})
	wantDiagnostics(t, diags, `19: No value for variable: The variable "sku" has no default and is not set. Give it with --var sku=…, a --var-file or ASSAY_VAR_sku.`)
}

func TestPluginAttributes(t *testing.T) {
	p := mustBuild(t, base+`vector "v" {
  action = action.sync
  with   = { environment = "dev" }
  input  = { sku = "a" }
}
`, Options{})
	cxone := p.Plugins[1]
	if got, want := string(cxone.Attributes), `{"base_url":"http://127.0.0.1:1","environment":"test","timeout":"8s"}`; got != want {
		t.Errorf("attributes %s, want %s", got, want)
	}
	if cxone.Auth != "auth" {
		t.Errorf("auth %q", cxone.Auth)
	}
	if got := string(p.Vectors[0].Overrides); got != `{"environment":"dev"}` {
		t.Errorf("overrides %s", got)
	}
}

func TestPolicy(t *testing.T) {
	p := mustBuild(t, base+`
plugin "audit" {
  retry {
    attempts   = 4
    base_delay = "1s"
    max_delay  = "2s"
  }
  breaker {
    failures = 6
    open_for = "3s"
  }
  rate_limit {
    per_second = 2.5
    burst      = 7
  }
  timeout {
    attempt = "4s"
    total   = "5s"
  }
}
`, Options{})
	want := invoke.Policy{
		Attempts: 4, BaseDelay: time.Second, MaxDelay: 2 * time.Second, Failures: 6, OpenFor: 3 * time.Second,
		PerSecond: 2.5, Burst: 7, Timeout: 4 * time.Second, Total: 5 * time.Second,
	}
	i := slices.IndexFunc(p.Plugins, func(p *Plugin) bool { return p.Name == "audit" })
	if diff := cmp.Diff(want, p.Plugins[i].Policy); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsAreCollected(t *testing.T) {
	p := mustBuild(t, strings.Replace(base, `client_id = "demo"`, `client_id = "demo"
  client_secret = "of the plugin"`, 1)+`
variable "v" {
  default   = { deep = ["of a variable", 12] }
  sensitive = true
}
vector "v" {
  action = action.sync
  input  = { sku = var.v.deep[0] }
}
`, Options{})
	got := map[string]bool{}
	for _, s := range p.Secrets {
		got[s] = true
	}
	if diff := cmp.Diff(map[string]bool{"of a variable": true, "12": true, "of the plugin": true}, got); diff != "" {
		t.Error(diff)
	}
	if got := string(p.Vectors[0].Display()); got != `{"sku":"(sensitive)"}` {
		t.Errorf("display %s", got)
	}
}

func TestExpectedStatus(t *testing.T) {
	for expect, want := range map[string]string{
		``:                                "COMPLETED",
		`expect { output = {} }`:          "COMPLETED",
		`expect { error_code = "E1" }`:    "FAILED",
		`expect { category = "timeout" }`: "FAILED",
		`expect { status = "REJECTED" }`:  "REJECTED",
	} {
		p := mustBuild(t, base+"vector \"v\" {\n  action = action.sync\n  input = { sku = \"a\" }\n  "+expect+"\n}\n", Options{})
		if got := p.Vectors[0].Expect.Status; got != want {
			t.Errorf("%s: %s, want %s", expect, got, want)
		}
	}
}

func TestRejectedVectorsMayBreakTheSchema(t *testing.T) {
	p := mustBuild(t, base+`vector "v" {
  action = action.sync
  input  = { sku = 1, extra = true }
  expect { status = "REJECTED" }
}
`, Options{})
	if got := string(p.Vectors[0].Input); got != `{"extra":true,"sku":1}` {
		t.Errorf("input %s", got)
	}
}

func TestSelect(t *testing.T) {
	p := mustBuild(t, base+`
suite { tags = ["all"] }
vector "one" {
  action = action.sync
  input  = { sku = "a" }
  tags   = ["smoke"]
}
vector "two" {
  action = action.sync
  input  = { sku = "a" }
}
`, Options{})
	for tag, want := range map[string]int{"all": 2, "smoke": 1, "none": 0} {
		q := *p
		if q.Select(Filter{Tags: []string{tag}}); len(q.Vectors) != want {
			t.Errorf("tag %s selects %d, want %d", tag, len(q.Vectors), want)
		}
	}
}

// wantDiagnostics compares diagnostics as "line: summary: detail" lines.
func wantDiagnostics(t *testing.T, diags hcl.Diagnostics, want ...string) {
	t.Helper()
	var got []string
	for _, d := range diags {
		line := 0
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		got = append(got, fmt.Sprintf("%d: %s: %s", line, d.Summary, d.Detail))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiagnostics(t *testing.T) {
	const at = "\nvector \"v\" {\n  action = action.sync\n"
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"unknown references, all at once": {
			base + at + "  input = { sku = var.skuu, qty = local.x }\n}\nvector \"w\" { action = action.synk }\nvariable \"sku\" { default = \"a\" }\n",
			[]string{
				`21: Reference to something that is not declared: There is no variable named "skuu". Did you mean "sku"?`,
				`21: Reference to something that is not declared: There is no local value named "x". Declare it in a block.`,
				`23: Reference to something that is not declared: There is no action named "synk". Did you mean "sync"?`,
			},
		},
		"input that breaks the schema": {
			base + at + "  input = { qty = \"many\", colour = 1 }\n}\n",
			[]string{
				`21: Input breaks the action's schema: input.colour: not declared by the schema. Mend the input of v, or expect { status = "REJECTED" } where the platform is meant to refuse it.`,
				`21: Input breaks the action's schema: input.qty: expected null or number, got string. Mend the input of v, or expect { status = "REJECTED" } where the platform is meant to refuse it.`,
				`21: Input breaks the action's schema: input.sku: required, but missing. Mend the input of v, or expect { status = "REJECTED" } where the platform is meant to refuse it.`,
			},
		},
		"plugin settings": {
			strings.Replace(base, `base_url = "http://127.0.0.1:1"`, `base_url    = "localhost"
  environment = "live"
  timeout     = "soon"
  environmnt  = "dev"
  poll        = { attempts = "x" }`, 1),
			[]string{
				`7: Not a URL: base_url must be an absolute http or https URL such as "https://api.example.com", not "localhost".`,
				`8: Value not allowed: environment must be one of dev, test, prod, not "live".`,
				`9: Not a duration: timeout must be a duration such as "500ms" or "10s", not "soon".`,
				`10: Unsupported argument: The plugin "cxone" has no attribute named "environmnt". Did you mean "environment"?`,
				`11: Wrong type of value: poll must be object: in attempts: a number is required.`,
			},
		},
		"missing setting": {
			strings.Replace(base, `base_url = "http://127.0.0.1:1"`, "", 1),
			[]string{`5: Missing required attribute: The plugin "cxone" needs the attribute "base_url": Where.`},
		},
		"missing setting that is not described": {
			base + "plugin \"terse\" {}\nplugin \"terser\" {\n  source = \"builtin/terse\"\n  to = null\n}\n",
			[]string{
				`18: Missing required attribute: The plugin "terse" needs the attribute "to".`,
				`21: Missing required attribute: to is null here, and it must have a value.`,
			},
		},
		"plugin that is not there": {
			base + "plugin \"sink\" { source = \"builtin/sinc\" }\n",
			[]string{`18: Plugin not usable: The plugin "sink" has the source "builtin/sinc": there is no such plugin.`},
		},
		"target that is not there": { // that there is none to run on is no news
			strings.Replace(base, `plugin "cxone" {`, "plugin \"cxone\" {\n  source = \"builtin/cxon\"", 1) + "vector \"v\" {\n  action = action.sync\n  input = { sku = \"1\" }\n}\n",
			[]string{`6: Plugin not usable: The plugin "cxone" has the source "builtin/cxon": there is no such plugin.`},
		},
		"action id": {
			strings.Replace(base, `"00ff"`, `"00FG"`, 1),
			[]string{`10: Invalid action id: The id must be four hex digits, not "00FG".`},
		},
		"circle of locals": {
			base + "locals {\n  a = local.b\n  b = local.a\n}\n",
			[]string{`19: Local values refer to each other: The value of local.a depends on itself. Take one of the references out of the circle.`},
		},
		"for_each of a list": {
			base + at + "  for_each = [\"a\"]\n}\n",
			[]string{`21: Invalid for_each: for_each takes a map, an object or a set of strings, not tuple. Wrap a list of strings in toset(…); make a map of a list of objects with { for x in LIST : x.KEY => x }.`},
		},
		"wrong words": {
			base + at + "  input = { sku = \"a\" }\n  expect {\n    status = \"DONE\"\n    category = \"timeouts\"\n    max_duration = \"-1s\"\n  }\n}\n",
			[]string{
				`23: Value not allowed: There is no execution status "DONE". There are COMPLETED, FAILED, REJECTED.`,
				`24: Value not allowed: There is no category "timeouts". Did you mean "timeout"?`,
				`25: Not a duration: "-1s" is not a duration of at least 0s. Write a number and a unit, such as "500ms", "10s" or "2m".`,
			},
		},
		"a code that is not declared": {
			base + at + "  input = { sku = \"a\" }\n  expect { error_code = \"E2\" }\n}\n",
			[]string{`22: Error code is not declared: The action "sync" does not declare the error code "E2". Did you mean "E1"?`},
		},
		"thresholds": {
			base + "threshold \"t\" { metric = \"error_rates\" }\nthreshold \"u\" {\n  metric = \"error_rate\"\n  max = 5\n  window = \"24h\"\n}\n",
			[]string{
				`18: Threshold without a bound: Give the threshold a max, a min or a warn: without one it always holds.`,
				`18: Value not allowed: There is no metric "error_rates". Did you mean "error_rate"?`,
				`19: Missing required argument: The metric "error_rate" is read from the platform for one action: action = action.NAME. Metrics of this run start with "run.".`,
				`22: Not a duration: window is an ISO 8601 duration such as "PT24H" or "P7D", not "24h".`,
			},
		},
		"classifier": {
			base + "classifier {\n  script = \"none.lua\"\n  rule \"r\" {\n    match = \"(?=x)\"\n    category = \"outrage\"\n    confidence = 2\n  }\n}\n",
			[]string{
				`19: Script cannot be read: cannot read "none.lua": no such file or directory.`,
				"21: Not a regular expression: match is an RE2 expression: error parsing regexp: invalid or unsupported Perl syntax: `(?=`. RE2 has no look-around and no back-references.",
				`22: Value not allowed: There is no category "outrage". Did you mean "outage"?`,
				`23: Number out of range: confidence lies between 0 and 1.`,
			},
		},
		"check that cannot be right": {
			base + at + "  input = { sku = \"a\" }\n  check \"c\" {\n    condition = resul.status == 1\n    error_message = \"x\"\n  }\n}\n",
			[]string{`23: Unknown variable: There is no variable named "resul". Did you mean "result"?`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := build(t, test.spec, Options{})
			wantDiagnostics(t, diags, test.want...)
		})
	}
}

func TestProblemsOfAPluginPointAtTheAttribute(t *testing.T) {
	p := mustBuild(t, base, Options{})
	diags := p.Plugins[1].Diagnostics([]sdk.Problem{{Attribute: "base_url", Summary: "Bad", Detail: "no."}, {Summary: "Worse", Detail: "all."}})
	wantDiagnostics(t, diags, "7: Bad: no.", "5: Worse: all.")
}

func BenchmarkBuild(b *testing.B) {
	dir := b.TempDir()
	spec := base + "vector \"v\" {\n  for_each = toset([for n in range(1000) : tostring(n)])\n  action = action.sync\n  input = { sku = each.key }\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "suite.assay.hcl"), []byte(spec), 0o600); err != nil {
		b.Fatal(err)
	}
	suite, diags := specfile.Load(dir, "0.1.0")
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	options := Options{
		Inputs:   Inputs{LookupEnv: func(string) (string, bool) { return "", false }},
		Describe: func(_ context.Context, p *specfile.Plugin) (sdk.Description, error) { return described[p.Source], nil },
	}
	for b.Loop() {
		if _, diags := Build(b.Context(), suite, options); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

// Whatever a spec holds, planning what is left of it ends, and says only what
// a person can find.
func FuzzBuildOfWhatIsBroken(f *testing.F) {
	f.Add(base + "vector \"a\" {\n acton = action.sync\n}\n")
	f.Add(base + "action \"bad\" {\n inptu = any\n}\nvector \"a\" {\n action = action.bad\n input = { a = action.bad.id }\n}\n")
	f.Add("variable \"v\" {\n typ = any\n}\nlocals {\n a = var.v\n b = local.a\n}\nthreshold \"t\" {\n metric = local.b\n}\n")
	f.Add("plugin \"cxone\" {\n retry {\n attempt = 1\n }\n}\nclassifier {\n rule \"r\" {\n mach = 1\n }\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.assay.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		suite, _ := specfile.Load(dir, "dev")
		if !suite.Complete {
			return
		}
		_, diags := Build(t.Context(), suite, Options{
			Describe: describe, Now: time.Now(),
			Inputs: Inputs{LookupEnv: func(string) (string, bool) { return "", false }},
		})
		for _, d := range diags {
			if d.Subject == nil || d.Summary == "" || d.Detail == "" {
				t.Errorf("incomplete diagnostic: %+v", d)
			}
		}
	})
}
