package hooktest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-cx/assay/lua/script"
	"github.com/assay-cx/assay/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const classifier = `
local rules = require("lib.rules")
function classify(failure)
  if failure.spin then while true do end; end
  if failure.wrong then print("wrong") return "sunshine" end
  return rules.category(failure.code)
end`

const rules = `
local rules = {}
function rules.category(code)
  return ({ E1 = "outage", E2 = "timeout" })[code]
end
return rules`

// write makes a suite's folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, files map[string]string, settings Settings) (*Suite, error) {
	t.Helper()
	settings.Dir = write(t, files)
	if _, ok := files["classify.lua"]; ok {
		settings.Classifier = "classify.lua"
	}
	if settings.Fixture == nil {
		settings.Fixture = func(recorded []byte) (json.RawMessage, error) {
			if !json.Valid(recorded) {
				return nil, errors.New("is no JSON")
			}
			return recorded, nil
		}
	}
	s, err := Open(t.Context(), settings)
	if err == nil {
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return s, err
}

func results(t *testing.T, files map[string]string, settings Settings) []Result {
	t.Helper()
	s, err := open(t, files, settings)
	if err != nil {
		t.Fatal(err)
	}
	var all []Result
	if err := s.Run(t.Context(), func(r Result) { all = append(all, r) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// one runs a body as the only test.
func one(t *testing.T, body string) Result {
	t.Helper()
	all := results(t, map[string]string{
		"classify.lua": classifier, "lib/rules.lua": rules, "a_test.lua": "it(\"works\", function()\n" + body + "\nend)",
		"failures/e1.json": `{"code":"E1","big":9007199254740993,"list":[1,null]}`, "failures/bad.json": `{`,
		"hooks.lua": "function before_vector(v) v.input.n = 1 return v end function on_event() return false end",
	}, Settings{Hooks: "hooks.lua"})
	if len(all) != 1 {
		t.Fatalf("%d tests", len(all))
	}
	return all[0]
}

func TestWhatPasses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``,
		`expect({ a = { 1, "x" } }).to_equal({ a = { 1, "x" } })`,
		`expect(nil).to_be_nil() expect(1).to_be(1) local t = {} expect(t).to_be(t)`,
		`expect("HTTP 503").to_match([[^HTTP \d+$]])`,
		`expect("a.b").to_contain(".b") expect({ 1, { a = 2 } }).to_contain({ a = 2 })`,
		`expect(function() error("no") end).to_fail() expect(function() error("no") end).to_fail("n.$")`,
		`expect(function() expect(1).to_be(2) end).to_fail("expected 2, got 1")`,
		`expect(fixture("failures/e1.json")).to_equal(fixture("./failures/e1.json"))`,
		`expect(fixture("failures/e1.json").big).to_equal(fixture("failures/e1.json").big)`,
		`expect(hooks.classify(fixture("failures/e1.json"))).to_equal({ category = "outage", confidence = 0.9 })`,
		`expect(hooks.classify({ code = "E3" })).to_be_nil()`,
		`expect(function() hooks.classify({ wrong = true }) end).to_fail([[hook classify: classify.lua:3: .*"sunshine"]])`,
		`expect(hooks.before_vector({ input = {} }).input.n).to_be(1) expect(hooks.on_event({})).to_be(false)`,
		`expect(hooks.after_vector({})).to_be_nil()`,
		`require("classify") expect(classify({ code = "E2" })).to_be("timeout")`,
		`expect(require("lib.rules").category("E1")).to_be("outage")`,
		`expect(call_hook).to_be_nil() expect(load_fixture).to_be_nil()`,
		`pairs, error, type, next = 1, 2, 3, 4; expect({ 1 }).to_equal({ 1 })`,
	} {
		if got := one(t, body); got.Outcome != Passed || got.Message != "" || got.Line != 1 || got.File != "a_test.lua" || got.Name != "works" {
			t.Errorf("%s\n%+v", body, got)
		}
	}
}

func TestWhatFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, want string }{
		{`expect(1).to_equal(2)`, `a_test.lua:2: expected 2, got 1`},
		{"local x = 1\n\nexpect(x).to_equal('1')", `a_test.lua:4: expected "1", got 1`},
		{
			`expect({ a = 1, b = { 1, 2 }, c = "x", ["d e"] = 1 }).to_equal({ a = 2, b = { 1 }, ["d e"] = true, z = { y = "x" } })`,
			"a_test.lua:2: not equal\n  a: expected 2, got 1\n  b[2]: not expected, got 2\n  c: not expected, got \"x\"\n" +
				"  [\"d e\"]: expected true, got 1\n  z: missing, expected { y = \"x\" }",
		},
		{`expect({}).to_be({})`, "a_test.lua:2: equal, but not the same table: {}; compare with to_equal"},
		{`expect(("x"):rep(500) .. "a").to_equal(("x"):rep(500) .. "b")`, `a_test.lua:2: expected …"` + strings.Repeat("x", 40) + `b", got …"` + strings.Repeat("x", 40) + `a"`},
		{`expect({ list = {} }).to_be_nil()`, "a_test.lua:2: expected nil, got { list = {} }"},
		{`expect({ 1, { { { { 1 } } } }, x = assay.json.null }).to_be_nil()`, "a_test.lua:2: expected nil, got { 1, { { { {…} } } }, x = null }"},
		{`expect("x").to_match("^y")`, `a_test.lua:2: expected a text that matches "^y", got "x"`},
		{`expect(1).to_match("1")`, `a_test.lua:2: expected a text that matches "1", got 1`},
		{`expect("x").to_match("(")`, `a_test.lua:2: error parsing regexp: missing closing ): ` + "`(`"},
		{`expect({ 1 }).to_contain(2)`, `a_test.lua:2: expected a table that contains 2, got { 1 }`},
		{`expect("ab").to_contain("c")`, `a_test.lua:2: expected a text that contains "c", got "ab"`},
		{`expect(function() end).to_fail()`, `a_test.lua:2: expected an error, there was none`},
		{`expect(function() error("x", 0) end).to_fail("y")`, `a_test.lua:2: expected an error that matches "y", got "x"`},
		{`expect(1).to_fail()`, `a_test.lua:2: expected a function that fails, got 1`},
		{`expect(1).to_eqal(1)`, `a_test.lua:2: there is no to_eqal: use one of to_be, to_be_nil, to_contain, to_equal, to_fail, to_match`},
		{`expect(1):to_equal(1)`, `a_test.lua:2: write expect(value).to_equal(…), with a dot`},
		{`local x = nil; return x.y`, `a_test.lua:2: attempt to index a non-table object(nil) with key 'y'`},
		{`error({ code = 1 })`, `a_test.lua:1: raised an error that is no text: { code = 1 }`},
		{`error("plain", 0)`, `a_test.lua:1: plain`},
		{`it("within", function() end)`, `a_test.lua:2: it does not stand within it`},
		{`describe("within", function() end)`, `a_test.lua:2: describe does not stand within it`},
		{`fixture("none.json")`, `a_test.lua:2: fixture: none.json: there is no such file in the suite`},
		{`fixture("failures/bad.json")`, `a_test.lua:2: fixture: failures/bad.json: is no JSON`},
		{`fixture("../x.json")`, `a_test.lua:2: fixture: ../x.json: cannot be read: path escapes from parent`},
		{`hooks.classify(print)`, `a_test.lua:1: cannot write a function as JSON`},
		{`next, tostring = 1, 2; expect({ true }).to_be_nil()`, `a_test.lua:2: expected nil, got { true }`},
		{`fixture()`, `a_test.lua:2: fixture takes the path of a file, not a nil`},
		{`hooks.classify({ wrong = true })`, `a_test.lua:2: hook classify: classify.lua:3: answered the category "sunshine", which does not exist; use one of outage, timeout, rate_limited, auth, logic_fault, invalid_input, schema_mismatch, unknown`},
		{`local t, u = {}, {} t.t, u.t = t, u; expect(t).to_equal(u)`, `a_test.lua:2: tables nested deeper than 100 levels, or within themselves, cannot be compared`},
	} {
		got := one(t, test.body)
		if got.Outcome != Failed || got.Message != test.want {
			t.Errorf("%s\n got %s: %s\nwant %s", test.body, got.Outcome, got.Message, test.want)
		}
	}
}

// TestWhatCannotBeDecided passes limits, which nothing may catch.
func TestWhatCannotBeDecided(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, want string }{
		{`pcall(function() local t = {} while true do t[#t + 1] = {} end; end)`, `a_test.lua:2: allocated more than its limit of 64 MiB`},
		{`return ("x"):rep(1e9)`, `a_test.lua:2: built a string of more than 16 MiB`},
		{`expect(function() hooks.classify({ spin = true }) end).to_fail()`, `classify.lua:4: ran longer than its limit of 1s`},
	} {
		got := one(t, test.body)
		if got.Outcome != Undecided || !strings.HasSuffix(got.Message, test.want) {
			t.Errorf("%s\n got %s: %s\nwant %s", test.body, got.Outcome, got.Message, test.want)
		}
	}
}

func TestTestsShareNothing(t *testing.T) {
	t.Parallel()
	all := results(t, map[string]string{"a_test.lua": `
count = 0
describe("outer", function()
  describe("inner", function()
    it("one", function() count = count + 1 expect(count).to_be(1) string.upper = nil end) -- 5
  end)
  it("two", function() count = count + 1 expect(count).to_be(1) expect(("x"):upper()).to_be("X") assay.log("seen") end) -- 7
end)
it("three", function() expect(assay.random(1000000)).to_be(0) end)
`}, Settings{})
	if len(all) != 3 || all[0].Name != "outer: inner: one" || all[1].Name != "outer: two" || all[2].Name != "three" {
		t.Fatalf("%+v", all)
	}
	if all[0].Line != 5 || all[1].Line != 7 || all[2].Line != 9 {
		t.Errorf("lines %d, %d, %d", all[0].Line, all[1].Line, all[2].Line)
	}
	if all[0].Outcome != Passed || all[1].Outcome != Passed || all[2].Outcome != Failed {
		t.Errorf("%+v", all)
	}
	if len(all[1].Logs) != 1 || all[1].Logs[0].Message != "seen" || len(all[0].Logs)+len(all[2].Logs) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestHooksLogToTheirTest(t *testing.T) {
	t.Parallel()
	got := one(t, `assay.log("warn", "before") pcall(hooks.classify, { wrong = true })`)
	if len(got.Logs) != 2 || got.Logs[0].Message != "before" || got.Logs[1].Message != "wrong" || got.Logs[1].File != "classify.lua" {
		t.Errorf("%+v", got.Logs)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a_test.lua": `describe("d", function() it("one", print) it("two", print) end)`, "sub/b.c_test.lua": `it("one", print)`, "z.a_test.lua": `it("one", print)`,
		".hidden/c_test.lua": `it("one", print)`, "other/x.assay.hcl": "", "other/d_test.lua": `it("one", print)`, "e.lua": "x",
	}
	all := results(t, files, Settings{Filter: regexp.MustCompile("one$")})
	if len(all) != 3 || all[0].Name != "d: one" || all[1].File != "sub/b.c_test.lua" || all[2].File != "z.a_test.lua" || all[2].Outcome != Passed {
		t.Errorf("%+v", all)
	}
}

func TestFilesThatCannotBeListed(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"\nerror('no')":                          "a_test.lua:2: no",
		"require('none')":                        `a_test.lua:1: require("none"): none.lua: there is no such file in the suite`,
		"it('x')":                                "a_test.lua:1: it takes a name and a function",
		"\ndescribe(print)":                      "a_test.lua:2: describe takes a name and a function",
		"for i = 1, 1001 do it('x', print) end":  "a_test.lua: has 1001 tests; a file may have 1000",
		"describe('d', function() nope() end)":   "a_test.lua:1: attempt to call a non-function object",
		"local t = {} while true do t = {t} end": "a_test.lua:1: allocated more than its limit of 64 MiB",
	} {
		all := results(t, map[string]string{"a_test.lua": source, "b_test.lua": "it('is run', print)"}, Settings{})
		if len(all) != 2 || all[0].Outcome != Undecided || !strings.HasPrefix(all[0].Message, want) || all[0].Name != "" {
			t.Errorf("%s\n%+v", source, all)
			continue
		}
		if all[1].Outcome != Passed {
			t.Errorf("%+v", all[1])
		}
	}
}

func TestNamesThatChange(t *testing.T) {
	t.Parallel()
	all := results(t, map[string]string{"a_test.lua": `it("at " .. assay.time() .. math.random(1, 1e9), print)`}, Settings{})
	if len(all) != 1 || all[0].Outcome != Undecided || !strings.Contains(all[0].Message, "must not change") {
		t.Errorf("%+v", all)
	}
}

func TestWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	_, err := open(t, map[string]string{"a_test.lua": "x = = 1", "b_test.lua": "\nend", "c_test.lua": "x = 1"}, Settings{})
	var fault *script.Error
	if !errors.As(err, &fault) || fault.Kind != script.Wrong || !strings.Contains(err.Error(), "a_test.lua:1: ") || !strings.Contains(err.Error(), "b_test.lua:2: ") {
		t.Error(err)
	}
	var wrong *sdk.ConfigError
	if _, err = open(t, map[string]string{"classify.lua": "x = = 1"}, Settings{}); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Settings{Dir: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("opened a folder that is not there")
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := open(t, map[string]string{"a_test.lua": "it('one', print) it('spins', function() while true do end; end)"}, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	err = s.Run(ctx, func(Result) { told++; cancel() })
	if !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("%d results, %v", told, err)
	}
}
