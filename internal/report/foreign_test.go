package report

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/assay-cx/assay/internal/result"
)

// missing skips a test that needs what is not installed, but not in CI.
func missing(t *testing.T, why string) {
	t.Helper()
	if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
		t.Fatal("reports cannot be held against the programs of others: " + why)
	}
	t.Skip("reports are not held against the programs of others: " + why)
}

// installed installs npm packages into a folder of its own.
func installed(t *testing.T, packages ...string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool+" is not installed")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true,"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts"}, packages...)...)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "npm install: "+err.Error()+"\n"+string(out))
	}
	return dir
}

// Each prints what a foreign parser counts in a report.
const (
	readTAP = `
import { Parser } from "tap-parser";
const p = new Parser();
let errored = 0;
p.on("assert", r => { if (!r.ok && r.diag && r.diag.status === "error") errored++; });
p.on("complete", r => console.log(JSON.stringify({
  total: r.count, passed: r.pass - r.skip, failed: r.fail - errored, errored: errored, skipped: r.skip, failures: r.failures.filter(f => f.tapError).length,
})));
process.stdin.pipe(p);`
	readJUnit = `
import { parse } from "junit2json";
let text = "";
for await (const chunk of process.stdin) text += chunk;
const all = ((await parse(text)).testsuite ?? []).flatMap(s => s.testcase ?? []);
const failed = all.filter(c => c.failure).length, errored = all.filter(c => c.error).length, skipped = all.filter(c => c.skipped).length;
console.log(JSON.stringify({ total: all.length, passed: all.length - failed - errored - skipped, failed, errored, skipped }));`
	readJUnitPython = `
import json, sys, xml.etree.ElementTree as tree
all = list(tree.fromstring(sys.stdin.buffer.read()).iter("testcase"))
n = lambda kind: sum(c.find(kind) is not None for c in all)
failed, errored, skipped = n("failure"), n("error"), n("skipped")
print(json.dumps(dict(total=len(all), passed=len(all)-failed-errored-skipped, failed=failed, errored=errored, skipped=skipped)))`
)

// A reader of somebody else's must count what we count, also where texts are
// hostile.
func TestOtherProgramsCountTheSame(t *testing.T) {
	dir := installed(t, "tap-parser@18.3.4", "junit2json@4.0.0")
	readers := map[string]struct {
		format  string
		command []string
	}{
		"tap-parser":  {"tap", []string{"node", "--input-type=module", "-e", readTAP}},
		"junit2json":  {"junit", []string{"node", "--input-type=module", "-e", readJUnit}},
		"xml.etree":   {"junit", []string{"python3", "-c", readJUnitPython}},
		"Python json": {"json", []string{"python3", "-c", "import json, sys; print(json.dumps(json.load(sys.stdin)['summary']))"}},
	}
	told := runs()
	hostile := told["one of each"]
	hostile.vectors = hostileVectors()
	hostile.run = hostileRun(hostile.vectors)
	told["hostile"] = hostile
	for program, reader := range readers {
		if _, err := exec.LookPath(reader.command[0]); err != nil {
			missing(t, reader.command[0]+" is not installed")
		}
		for _, name := range []string{"one of each", "many", "interrupted", "hostile"} {
			t.Run(program+" "+name, func(t *testing.T) {
				read := exec.CommandContext(t.Context(), reader.command[0], reader.command[1:]...)
				read.Dir = dir
				read.Stdin = strings.NewReader(renderRun(t, Formats[reader.format], told[name].vectors, told[name].run))
				out, err := read.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				var got struct {
					result.Summary
					Failures int
				}
				if err := json.Unmarshal(out, &got); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if diff := cmp.Diff(told[name].run.Summary, got.Summary); diff != "" || got.Failures > 0 {
					t.Errorf("%d of its own failures; %s", got.Failures, diff)
				}
			})
		}
	}
}

func TestCTRFIsAsItsSchemaSays(t *testing.T) {
	dir := installed(t, "ctrf@0.3.0")
	schemas, err := filepath.Glob(filepath.Join(dir, "node_modules/ctrf/dist/ctrf-schema-*.json"))
	if err != nil || len(schemas) != 1 {
		t.Fatalf("schemas %v: %v", schemas, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(schemas[0])
	if err != nil {
		t.Fatal(err)
	}
	told := runs()
	hostile := told["one of each"]
	hostile.vectors = hostileVectors()
	hostile.run = hostileRun(hostile.vectors)
	told["hostile"] = hostile
	for name, one := range told {
		t.Run(name, func(t *testing.T) {
			document, err := jsonschema.UnmarshalJSON(strings.NewReader(renderRun(t, Formats["ctrf"], one.vectors, one.run)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(document); err != nil {
				t.Error(err)
			}
		})
	}
}
