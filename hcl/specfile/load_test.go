package specfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// inSuite makes a suite of the given files the current folder.
func inSuite(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// outline gives a line for each diagnostic: place, summary, and detail.
func outline(diags hcl.Diagnostics) []string {
	var lines []string
	for _, d := range diags {
		place := "-"
		if d.Subject != nil {
			place = fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", place, d.Summary, d.Detail))
	}
	return lines
}

func TestLoadLanguageExample(t *testing.T) {
	suite, diags := Load(filepath.Join("testdata", "language"), "0.1.0")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	if suite.Settings.Name != "inventory" || suite.Settings.Parallel == nil {
		t.Errorf("settings: %+v", suite.Settings)
	}
	var plugins []string
	for _, p := range suite.Plugins {
		plugins = append(plugins, p.Name+" "+p.Source)
	}
	if diff := cmp.Diff([]string{"audit builtin/audit", "auth builtin/auth", "cxone builtin/cxone", "webhook builtin/webhook"}, plugins); diff != "" {
		t.Error(diff)
	}
	checkVariables(t, suite)
	checkCxone(t, suite.Plugins[2])
	checkAction(t, suite.Actions[0])
	checkRest(t, suite)
}

func checkVariables(t *testing.T, suite *Suite) {
	t.Helper()
	url, secret := suite.Variables["cxone_url"], suite.Variables["client_secret"]
	if url.Type != cty.String || !url.Default.IsNull() || url.Env != "CXONE_BASE_URL" || url.Sensitive || url.Description == "" {
		t.Errorf("cxone_url: %+v", url)
	}
	if !secret.Sensitive || secret.Default.AsString() != "sandbox" {
		t.Errorf("client_secret: %+v", secret)
	}
	if suite.Locals["base_url"] == nil {
		t.Error("no local base_url")
	}
}

func checkCxone(t *testing.T, p *Plugin) {
	t.Helper()
	if p.Auth == nil || p.Retry == nil || p.Breaker == nil || p.RateLimit == nil {
		t.Errorf("cxone: %+v", p)
	}
	if len(p.Attributes) != 3 || p.Attributes["poll"] == nil || p.Attributes["auth"] != nil {
		t.Errorf("attributes of cxone: %v", p.Attributes)
	}
}

func checkAction(t *testing.T, a *Action) {
	t.Helper()
	if !a.Output.Type.AttributeOptional("lastModified") || a.Output.Type.AttributeOptional("synced") {
		t.Errorf("output: %#v", a.Output.Type)
	}
	if a.InputSchema != nil || a.Target != nil {
		t.Error("what the spec does not set is not nil")
	}
	if len(a.Errors) != 4 || a.Errors[0].Code != "INVALID_INPUT_FORMAT" {
		t.Errorf("errors: %v", a.Errors)
	}
	step := a.Handler.Steps[0]
	if step.Name != "sync" || step.Request.URL == nil || step.Request.Form != nil || step.Retry.Attempts == nil || step.Set != nil {
		t.Errorf("step: %+v", step)
	}
}

func checkRest(t *testing.T, suite *Suite) {
	t.Helper()
	if len(suite.Mocks) != 2 || len(suite.Mocks[1].Routes) != 3 || suite.Mocks[1].Routes[0].Pattern != "POST /v1/inventory/sync" {
		t.Errorf("mocks: %v", suite.Mocks)
	}
	fault := suite.Sandbox.Faults[0]
	if fault.Operation != "submit" || len(fault.Settings) != 3 {
		t.Errorf("fault: %+v", fault)
	}
	if suite.Classifier.Rules[0].Name != "erp-maintenance" || suite.Hooks.Script == nil {
		t.Error("classifier or hooks")
	}
	v := suite.Vectors[0]
	if len(suite.Vectors) != 2 || v.Name != "happy_path" || v.ForEach != nil || v.Expect.Output == nil || v.Expect.ErrorCode != nil || v.Checks[0].Name != "has a date" {
		t.Errorf("vectors: %+v", suite.Vectors)
	}
	if v.Range.Start.Line == 0 || v.Range.Filename != filepath.Join("testdata", "language", "inventory.assay.hcl") {
		t.Errorf("range: %v", v.Range)
	}
	if len(suite.Thresholds) != 2 || suite.Thresholds[1].Window != nil {
		t.Errorf("thresholds: %v", suite.Thresholds)
	}
}

// names lists what a suite declares, in its order.
func names(suite *Suite) []string {
	names := []string{"suite " + suite.Settings.Name}
	for _, p := range suite.Plugins {
		names = append(names, fmt.Sprintf("plugin %s %d attributes, retry %t, timeout %t", p.Name, len(p.Attributes), p.Retry != nil, p.Timeout != nil))
	}
	for _, a := range suite.Actions {
		names = append(names, fmt.Sprintf("action %s %#v %d errors %d steps", a.Name, a.Input.Type, len(a.Errors), len(a.Handler.Steps)))
	}
	for _, m := range suite.Mocks {
		names = append(names, fmt.Sprintf("mock %s %d routes", m.Name, len(m.Routes)))
	}
	for _, v := range suite.Vectors {
		names = append(names, fmt.Sprintf("vector %s %d checks, tags %t", v.Name, len(v.Checks), v.Tags != nil))
	}
	for name, v := range suite.Variables {
		names = append(names, fmt.Sprintf("variable %s %#v %t", name, v.Default, v.Sensitive))
	}
	names = append(names, fmt.Sprintf("%d faults", len(suite.Sandbox.Faults)))
	return names
}

func TestLoadJSONIsTheSame(t *testing.T) {
	native := `
suite { name = "s" }
variable "secret" {
  type      = string
  default   = "x"
  sensitive = true
}
plugin "cxone" {
  base_url = sandbox.url
  retry { attempts = 3 }
  timeout { attempt = "20s" }
}
plugin "auth" {
  timeout = "2s"
}
sandbox {
  fault "submit" { every = 2 }
}
action "sync" {
  id    = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input = object({ sku = string, note = optional(string) })
  error "DOWN" { message = "down" }
  handler {
    step "call" {
      request { url = mock.erp.url }
    }
  }
}
mock "erp" {
  route "GET /" { when = request.json.a == 1 }
  route "GET /" {}
}
vector "v" {
  action = action.sync
  check "c" { condition = result.status == "COMPLETED" }
}
`
	json := `{
"//": "a comment",
"suite": {"name": "s"},
"variable": {"secret": {"type": "string", "default": "x", "sensitive": true}},
"plugin": {"cxone": {"base_url": "${sandbox.url}", "retry": {"attempts": 3}, "timeout": {"attempt": "20s"}}, "auth": {"timeout": "2s"}},
"sandbox": {"fault": {"submit": {"every": 2}}},
"action": {"sync": {
  "id": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
  "input": "object({ sku = string, note = optional(string) })",
  "error": {"DOWN": {"message": "down"}},
  "handler": {"step": {"call": {"request": {"url": "${mock.erp.url}"}}}}}},
"mock": {"erp": {"route": {"GET /": [{"when": "${request.json.a == 1}"}, {}]}}},
"vector": {"v": {"action": "${action.sync}", "check": {"c": {"condition": "${result.status == \"COMPLETED\"}"}}}}
}`
	inSuite(t, map[string]string{"native/a.assay.hcl": native, "json/a.assay.json": json})
	fromNative, diags := Load("native", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	fromJSON, diags := Load("json", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	if diff := cmp.Diff(names(fromNative), names(fromJSON)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadMergesFilesInOrder(t *testing.T) {
	inSuite(t, map[string]string{
		"b.assay.hcl":       `vector "second" { action = action.a }`,
		"a.assay.hcl":       "vector \"zero\" { action = action.a }\nvector \"first\" { action = action.a }",
		"c.assay.json":      `{"vector": {"third": {"action": "${action.a}"}}}`,
		".hidden.assay.hcl": `nonsense`,
		"other.hcl":         `nonsense`,
	})
	suite, diags := Load(".", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	var order []string
	for _, v := range suite.Vectors {
		order = append(order, v.Name)
	}
	if diff := cmp.Diff([]string{"zero", "first", "second", "third"}, order); diff != "" {
		t.Error(diff)
	}
	if dir, err := os.Getwd(); err != nil || suite.Dir != dir || suite.Settings.Name != filepath.Base(dir) {
		t.Errorf("dir %s, name %s, want %s", suite.Dir, suite.Settings.Name, dir)
	}
}

func TestLoadResolvesTheFolder(t *testing.T) {
	inSuite(t, map[string]string{"real/a.assay.hcl": "vector \"v\" {\n  action = action.a\n}"})
	if err := os.Symlink("real", "link"); err != nil {
		t.Fatal(err)
	}
	suite, diags := Load("link", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	want, err := filepath.Abs("real")
	if err != nil {
		t.Fatal(err)
	}
	if suite.Dir != want || suite.Settings.Name != "real" {
		t.Errorf("dir %s, name %s, want %s", suite.Dir, suite.Settings.Name, want)
	}
	if name := suite.Vectors[0].Range.Filename; name != "link/a.assay.hcl" {
		t.Errorf("diagnostics would name %s, not the path that the user gave", name)
	}
}

func TestPluginSource(t *testing.T) {
	inSuite(t, map[string]string{"a.assay.hcl": `plugin "a" {
  source  = "./bin/x"
  version = "~> 1.2"
}
plugin "b" {}`})
	suite, diags := Load(".", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	a, b := suite.Plugins[0], suite.Plugins[1]
	if a.Source != "./bin/x" || a.SourceRange.Start.Line != 2 || a.Version != "~> 1.2" || len(a.Attributes) > 0 {
		t.Errorf("a: %+v", a)
	}
	if b.Source != "builtin/b" || b.SourceRange.Start.Line != 5 || b.Version != "" {
		t.Errorf("b: %+v", b)
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	inSuite(t, map[string]string{
		"a.assay.hcl":  `vector "broken" {`,
		"b.assay.hcl":  "vectr \"x\" {}\nvector \"y\" {\n  acton = 1\n}",
		"c.assay.hcl":  `suite { parallel = }`,
		"d.assay.json": `{"vector": {"z": {"action": "a", "tag": []}}}`,
	})
	suite, diags := Load(".", "dev")
	want := []string{
		`a.assay.hcl:1 Unclosed configuration block: There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file.`,
		`b.assay.hcl:1 Unsupported block type: Blocks of type "vectr" are not expected here. Did you mean "vector"?`,
		`b.assay.hcl:2 Missing required argument: The argument "action" is required, but no definition was found.`,
		`b.assay.hcl:3 Unsupported argument: An argument named "acton" is not expected here. Did you mean "action"?`,
		`c.assay.hcl:1 Invalid expression: Expected the start of an expression, but found an invalid expression token.`,
		`d.assay.json:1 Extraneous JSON object property: No argument or block type is named "tag". Did you mean "tags"?`,
	}
	if diff := cmp.Diff(want, outline(diags)); diff != "" {
		t.Error(diff)
	}
	if len(suite.Files) != 4 {
		t.Errorf("%d files to illustrate the diagnostics with", len(suite.Files))
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	inSuite(t, map[string]string{"suite/good.assay.hcl": "suite {}", "outside": "suite {}"})
	if err := os.Symlink("../outside", "suite/link.assay.hcl"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", "suite/device.assay.hcl"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("good.assay.hcl", "suite/inside.assay.hcl"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo("suite/pipe.assay.hcl", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("suite/folder.assay.hcl", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("suite/large.assay.hcl", make([]byte, MaxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags := Load("suite", "dev")
	want := []string{
		"suite/device.assay.hcl:1 Cannot read spec file: suite/device.assay.hcl: path escapes from parent",
		"suite/folder.assay.hcl:1 Cannot read spec file: suite/folder.assay.hcl: it is a folder, not a regular file",
		"suite/inside.assay.hcl:1 Duplicate block: Only one suite block is allowed here, and one stands already at suite/good.assay.hcl:1,1-6",
		"suite/large.assay.hcl:1 Cannot read spec file: suite/large.assay.hcl: it is larger than 10 MB",
		"suite/link.assay.hcl:1 Cannot read spec file: suite/link.assay.hcl: path escapes from parent",
		"suite/pipe.assay.hcl:1 Cannot read spec file: suite/pipe.assay.hcl: it is a named pipe, not a regular file",
	}
	var got []string
	for _, line := range outline(diags) {
		line, _, _ = strings.Cut(line, ". ")
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadWithoutFolderOrFiles(t *testing.T) {
	inSuite(t, map[string]string{"file": "", "empty/other.hcl": ""})
	for dir, want := range map[string]string{
		"nothing": "- Cannot read suite: The folder nothing cannot be read: no such file or directory. Name an existing folder that holds *.assay.hcl files.",
		"file":    "- Cannot read suite: The folder file cannot be read: not a directory. Name an existing folder that holds *.assay.hcl files.",
		"empty":   "- No spec files: The folder empty holds no *.assay.hcl or *.assay.json file, so it is no suite. Name a folder that does, or write empty/... to use every suite below it.",
	} {
		suite, diags := Load(dir, "dev")
		if diff := cmp.Diff([]string{want}, outline(diags)); diff != "" || suite == nil {
			t.Error(diff)
		}
	}
}

func TestRequiredVersion(t *testing.T) {
	tests := []struct {
		constraint, version string
		ok                  bool
	}{
		{">= 0.1.0", "0.1.0", true},
		{">= 0.1.0", "0.2.0-rc1", true},
		{">= 0.3.0", "0.2.0-rc1", false},
		{"~> 1.2", "2.0.0", false},
		{">= 9", "dev", true},
		{">= 9", "0.0.0-dev", true},
		{">= 9", "(devel)", true},
	}
	for _, test := range tests {
		inSuite(t, map[string]string{"a.assay.hcl": fmt.Sprintf("assay {\n  required_version = %q\n}", test.constraint)})
		_, diags := Load(".", test.version)
		if diags.HasErrors() == test.ok {
			t.Errorf("%s on %s: %v", test.constraint, test.version, outline(diags))
		}
		if !test.ok && (len(diags) != 1 || diags[0].Subject.Start.Line != 2 || !strings.Contains(diags[0].Detail, test.version)) {
			t.Errorf("%s on %s: %v", test.constraint, test.version, outline(diags))
		}
	}
}

func TestLoadRefusesDeepNesting(t *testing.T) {
	const deep = 1_000_000
	for name, text := range map[string]string{
		"parentheses": "locals {\n  a = " + strings.Repeat("(", deep),
		"lists":       "locals {\n  a = " + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "\n}",
		"signs":       "locals {\n  a = " + strings.Repeat("!", deep) + "true\n}",
		"templates":   "locals {\n  a = " + strings.Repeat("\"${", deep),
		"blocks":      "locals {\n  " + strings.Repeat("a {", deep),
	} {
		inSuite(t, map[string]string{"a.assay.hcl": text, "b.assay.json": `{"locals":` + strings.Repeat("[", deep)})
		_, diags := Load(".", "dev")
		if len(diags) != 2 || diags[0].Summary != "Nested too deeply" || diags[0].Subject.Start.Line != 2 || diags[1].Subject.Start.Line != 1 {
			t.Errorf("%s: %v", name, outline(diags))
		}
	}
}

func TestLoadTakesUnbalancedText(t *testing.T) {
	payload := strings.Repeat("vector \"v\" {\n  input = \"((((\"\n}\n", maxNesting)
	if at, deep := nesting([]byte(payload)); deep {
		t.Errorf("refused at %v", at)
	}
	fits := strings.Repeat("[", maxNesting-1) + strings.Repeat("]", maxNesting-1)
	inSuite(t, map[string]string{"a.assay.hcl": "locals {\n  a = " + fits + "\n}"})
	if _, diags := Load(".", "dev"); len(diags) > 0 {
		t.Error(outline(diags))
	}
}

func TestWriteDiagnostics(t *testing.T) {
	inSuite(t, map[string]string{"specs/a.assay.hcl": "suite {\n  timout = 3\n}\n"})
	suite, diags := Load("specs", "dev")
	var out strings.Builder
	if err := WriteDiagnostics(&out, suite.Files, diags, 60, false); err != nil {
		t.Fatal(err)
	}
	want := `Error: Unsupported argument

  on specs/a.assay.hcl line 2, in suite:
   2:   timout = 3

An argument named "timout" is not expected here. Did you
mean "timeout"?

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("testdata", "language", "inventory.assay.hcl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example, false)
	f.Add([]byte(`{"mock": {"erp": {"route": {"GET /": [{"when": true}, {}]}}}, "plugin": [{"a": [{"x": 1}]}]}`), true)
	f.Add([]byte(`[{"vector": {"": {}}}, {"locals": {"a": 1, "a": 2}}]`), true)
	f.Fuzz(func(t *testing.T, text []byte, json bool) {
		name := "a" + nativeSuffix
		if json {
			name = "a" + jsonSuffix
		}
		suite := &Suite{Dir: "/suite", Files: map[string]*hcl.File{}}
		diags := decode(suite, []source{{name, text}}, "dev")
		for _, d := range diags {
			if d.Subject == nil || d.Summary == "" || d.Detail == "" {
				t.Errorf("incomplete diagnostic: %+v", d)
			}
		}
	})
}
