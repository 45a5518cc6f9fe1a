package script

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// request calls f with a document.
func request(document string) Request {
	return Request{
		Function: "f", Document: []byte(document), Limits: limits(),
		Key: func() string { return document }, Log: func(LogLine) {},
	}
}

// TestCallsShareNothing lets each call try to leave something to the next.
func TestCallsShareNothing(t *testing.T) {
	t.Parallel()
	script := load(t, `
local count = 0
function f()
  count = count + 1
  local found = {}
  local function look(what, there) if there then found[#found + 1] = what end; end
  look("global", leftover)
  look("local", count > 1)
  look("library", string.evil or assay.evil or assay.json.evil or re.evil)
  look("replaced", pcall(function() return table.concat(1, 2, 3) end) and true)
  look("method", pcall(function() return ("x"):evil() end))
  look("registry", getmetatable("") ~= "string")
  look("metatable of _G", getmetatable(_G))
  look("module", require("lib").count > 1)
  look("null", pcall(setmetatable, assay.json.null, {}))
  leftover = 1
  string.evil, assay.evil, assay.json.evil, re.evil = 1, 1, 1, 1
  table.concat = function() return true end
  rawset(string, "evil", function() end)
  setmetatable(_G, { __index = function() return "evil" end })
  return found
end`)
	s := suite(t, map[string]string{"main.lua": "", "lib.lua": "local m = { count = 0 } m.count = m.count + 1 return m"})
	script.suite.root = s.root
	for range 3 {
		answer, err := script.Call(t.Context(), request("null"))
		if err != nil || string(answer.Document) != "{}" {
			t.Fatalf("found %s, %v", answer.Document, err)
		}
	}
}

func TestStringMetatableIsOutOfReach(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`getmetatable("").__index = nil`,
		`setmetatable("", {})`,
		`setmetatable(1, {__add = print})`,
		`setmetatable(print, {__index = _G})`,
		`setmetatable(nil, {})`,
		`setmetatable(coroutine.create(print), {})`,
		`setmetatable(setmetatable({}, {__metatable = 1}), {})`,
	} {
		if answer, err := evaluate(t, body, "null"); err == nil {
			t.Errorf("%s answered %s", body, answer)
		}
	}
	// The table that it holds is this call's own.
	if answer, err := evaluate(t, `string.upper = nil return pcall(string.upper, "x")`, "null"); err != nil || answer != "false" {
		t.Error(answer, err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source string
		line         int
		want         string
		file         string
	}{
		{"error", "function f()\n  error('no')\nend", 2, "no", ""},
		{"error without position", "function f()\n  error('no', 0)\nend", 1, "no", ""},
		{"error of the caller", "local function g() error('no', 2) end\nfunction f()\n  g()\nend", 3, "no", ""},
		{"error of the caller's caller", "local function g() error('no', 3) end\nlocal function h() g() end\nfunction f()\n  h()\nend", 4, "no", ""},
		{"error object", "function f()\n\n  error({})\nend", 1, "raised an error that is a table", ""},
		{"nil", "function f(x)\n  local y = x.a\n  return y.b.c\nend", 3, "attempt to index a non-table object(nil)", ""},
		{"call of nil", "function f()\n  nope()\nend", 2, "attempt to call a non-function object", ""},
		{"store in nil", "function f(x)\n\n  x.a.b = 1\nend", 3, "attempt to index a non-table object(nil)", ""},
		{"concatenation", "function f(x)\n  return 'a' ..\n    x\nend", 2, "attempt to concatenate a string and a table", ""},
		{"arithmetic", "function f(x)\n  return 1 + x\nend", 2, "cannot perform add operation", ""},
		{"top level", "local x = 1\nx()\nfunction f() end", 2, "attempt to call", ""},
		{"not a function", "f = 1", 0, "f is a number, not a function", ""},
		{"bad argument", "function f()\n  ('x'):rep('y')\nend", 2, "bad argument #2 to rep (number expected, got string)", ""},
		{"bad pattern", "function f()\n  ('x'):find('[')\nend", 2, "malformed pattern", ""},
		{"bad expression", "function f()\n  re.find('x', '(')\nend", 2, "missing closing )", ""},
		{"bad JSON", "function f()\n  assay.json.decode('{\"a\":}')\nend", 2, "not valid JSON: invalid character '}'", ""},
		{"level", "function f()\n  assay.log('loud', 'x')\nend", 2, "level must be", ""},
		{"answer", "\nfunction f()\n  return print\nend", 2, "cannot write a function as JSON", ""},
		{"answer of both", "function f()\n  return {1, a = 1}\nend", 1, `both a list and fields (such as "a")`, ""},
		{"answer with odd keys", "function f()\n  return {[1.5] = 1}\nend", 1, "a number (1.5) as a key", ""},
		{"answer of no number", "function f()\n  return 0/0\nend", 1, "cannot write NaN", ""},
		{"module", "local lib = require('sub.lib')\nfunction f() lib.g() end", 3, "inside", "sub/lib.lua"},
		{"module that does not compile", "require('bad')\nfunction f() end", 1, `require("bad"): bad.lua:2: syntax error`, ""},
		{"module that is missing", "function f()\n  require('x.y')\nend", 2, "there is no such file", ""},
		{"module out of the suite", "function f()\n  require('../x.lua')\nend", 2, "cannot be read", ""},
		{"module of itself", "require('loop')\nfunction f() end", 1, "loop.lua is required while it is being required", "loop.lua"},
		{"coroutine", "function f()\n  coroutine.wrap(function()\n    error('deep')\n  end)()\nend", 3, "deep", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := suite(t, map[string]string{
				"main.lua": test.source, "bad.lua": "\nx = = 1", "loop.lua": "require('loop')",
				"sub/lib.lua": "local m = {}\nfunction m.g()\n  error('inside')\nend\nreturn m",
			})
			script, err := s.Load("main.lua")
			if err != nil {
				t.Fatal(err)
			}
			_, err = script.Call(t.Context(), request("{}"))
			var failed *Error
			if !errors.As(err, &failed) {
				t.Fatalf("err = %v", err)
			}
			file := "main.lua"
			if test.file != "" {
				file = test.file
			}
			if failed.Kind != Failed || failed.File != file || failed.Line != test.line || !strings.Contains(failed.Message, test.want) {
				t.Errorf("%q is %+v; want %s:%d %q", failed, failed, file, test.line, test.want)
			}
			if strings.HasPrefix(failed.Message, "main.lua") || strings.TrimSpace(failed.Message) != failed.Message {
				t.Errorf("message %q", failed.Message)
			}
		})
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	s := suite(t, map[string]string{
		"main.lua":      "local a, b = require('lib.rules'), require('lib/rules.lua')\nfunction f() return { a == b, a.name, require('plain'), require('lib.rules').loads } end",
		"lib/rules.lua": "loads = (loads or 0) + 1\nreturn { name = ..., loads = loads }",
		"plain.lua":     "x = 1",
	})
	script, err := s.Load("main.lua")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := script.Call(t.Context(), request("null"))
	if want := `[true,"lib.rules",true,1]`; err != nil || string(answer.Document) != want {
		t.Errorf("got %s, %v; want %s", answer.Document, err, want)
	}
}

// TestGlobalsOfModules requires a module that reaches more than its script.
func TestGlobalsOfModules(t *testing.T) {
	t.Parallel()
	s := suite(t, map[string]string{
		"main.lua": `
tostring = function() return "mine" end
local lib = require("lib")
function f() return { tostring(1), lib.floor(1.5), lib.text(1), ("x"):upper(), lib.all() } end`,
		"lib.lua": `return {
  floor = function(x) return math.floor(x) end,
  text = function(x) return tostring(x) end,
  all = function() return require("all") end,
}`,
		"all.lua": `local names = {} for name in pairs(_G) do names[#names + 1] = name end return #names`,
	})
	script, err := s.Load("main.lua")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := script.Call(t.Context(), request("null"))
	want := fmt.Sprintf(`["mine",1,"mine","X",%d]`, len(s.library.globals)+len([]string{"_G", "f"}))
	if err != nil || string(answer.Document) != want {
		t.Errorf("got %s, %v; want %s", answer.Document, err, want)
	}
}

func TestPairsOfLibraryIsTheSame(t *testing.T) {
	t.Parallel()
	source := `function f() local names = {} for _, m in ipairs({ _G, string, assay }) do for k in pairs(m) do names[#names + 1] = k end; end return names end`
	var first string
	for range 5 {
		answer, err := load(t, source).Call(t.Context(), request("null"))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(answer.Document)
		}
		if string(answer.Document) != first {
			t.Fatalf("%s, then %s", first, answer.Document)
		}
	}
}

func TestNoFunction(t *testing.T) {
	t.Parallel()
	answer, err := load(t, "local x = 1").Call(t.Context(), request("{}"))
	if err != nil || string(answer.Document) != "null" || answer.Line != 0 {
		t.Errorf("got %s, line %d, %v", answer.Document, answer.Line, err)
	}
}

// TestRandomIsTheSame asks for numbers in another order, and at the same time.
func TestRandomIsTheSame(t *testing.T) {
	t.Parallel()
	script := load(t, `function f(x) return { assay.random(), assay.random(6), assay.random(-3, 3), math.random(1000) } end g = f`)
	call := func(seed uint64, document string) string {
		r := request(document)
		r.Seed = seed
		answer, err := script.Call(t.Context(), r)
		if err != nil {
			t.Error(err)
		}
		return string(answer.Document)
	}
	var first [20]string
	for i := range first {
		first[i] = call(1, fmt.Sprintf(`"%d"`, i))
	}
	if first[0] == first[1] || call(1, `"0"`) == call(2, `"0"`) {
		t.Error("other calls or seeds have the same numbers")
	}
	other := request(`"0"`)
	other.Function, other.Seed = "g", 1
	if answer, err := script.Call(t.Context(), other); err != nil || string(answer.Document) == first[0] {
		t.Errorf("another function has the same numbers: %s, %v", answer.Document, err)
	}
	var group sync.WaitGroup
	for i := len(first) - 1; i >= 0; i-- {
		group.Go(func() {
			if again := call(1, fmt.Sprintf(`"%d"`, i)); again != first[i] {
				t.Errorf("call %d: %s, then %s", i, first[i], again)
			}
		})
	}
	group.Wait()
	for _, expr := range []string{"assay.random(0)", "assay.random(2, 1)", "assay.random(0/0)", "assay.random(2^60)", "assay.random(-math.huge, 1)"} {
		if got, err := evaluate(t, "return "+expr, "null"); err == nil {
			t.Errorf("%s = %s", expr, got)
		}
	}
	got, err := evaluate(t, "math.randomseed(7) local a = math.random() math.randomseed(7) return a == math.random()", "null")
	if err != nil || got != "true" {
		t.Error(got, err)
	}
}

// TestOthersAreUntouched runs attacks beside calls that do as they should.
func TestOthersAreUntouched(t *testing.T) {
	t.Parallel()
	s := suite(t, map[string]string{
		"good.lua": `function f(x) local t = {} for i = 1, 100 do t[i] = x.n end return table.concat(t, ",") end`,
		"bad.lua":  `function f(x) local t = {} while true do pcall(function() t[#t + 1] = ("x"):rep(1000) end) end; end`,
		"slow.lua": `function f(x) while true do end; end`,
	})
	var group sync.WaitGroup
	run := func(name string, n int, check func(i int, answer Answer, err error)) {
		script, err := s.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			group.Go(func() {
				r := request(fmt.Sprintf(`{"n":%d}`, i))
				r.Limits = Limits{Time: 2 * time.Second, Memory: 16 << 20}
				if name == "slow.lua" {
					r.Limits.Time = 100 * time.Millisecond
				}
				answer, err := script.Call(t.Context(), r)
				check(i, answer, err)
			})
		}
	}
	bad := func(_ int, _ Answer, err error) {
		var fault *Error
		if !errors.As(err, &fault) || fault.Kind == Failed {
			t.Errorf("an attack ended with %v", err)
		}
	}
	run("bad.lua", 4, bad)
	run("slow.lua", 2, bad)
	run("good.lua", 50, func(i int, answer Answer, err error) {
		want := `"` + strings.Repeat(fmt.Sprintf("%d,", i), 99) + fmt.Sprintf(`%d"`, i)
		if err != nil || string(answer.Document) != want {
			t.Errorf("call %d: %s, %v", i, answer.Document, err)
		}
	})
	group.Wait()
}

// TestLimits passes each limit by a little, with memory to spare.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"string", `return #("x"):rep(16777217)`, "built a string of more than 16 MiB"},
		{"joined string", `local s = ("x"):rep(9000000) return #(s .. s)`, "built a string of more than 16 MiB"},
		{"string of pieces", `local s = ("x"):rep(9000000) return #table.concat({s, s})`, "built a string of more than 16 MiB"},
		{"list", `local t = {} t[1048577] = 1`, "used 1048577 as the index of a list, which may have at most 1048576 elements; use tostring(1048577) as the key"},
		{"list in a constructor", `return {[1048577] = 1}`, "used 1048577 as the index of a list"},
		{"depth of JSON", `return assay.json.decode(("["):rep(201) .. ("]"):rep(201))`, "JSON nested deeper than 200 levels"},
		{"depth of an answer", `local t = {} for i = 1, 200 do t = {t} end return t`, "nested deeper than 200 levels, or within itself"},
		{"answer", `local t = {} for i = 1, 9 do t[i] = ("x"):rep(1000000) end return t`, "wrote more than 8 MiB of JSON"},
		{"memory of JSON", `return assay.json.decode("[" .. ("{},"):rep(900000) .. "{}]")`, "allocated more than its limit of 256 MiB"},
		{"pattern", `return ("x"):find(("x?"):rep(3000))`, "the pattern is longer than 4096 bytes"},
		{"expression", `return re.find("x", ("x"):rep(5000))`, "the pattern is longer than 4096 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := request("{}")
			r.Limits.Memory = 256 << 20
			_, err := load(t, "function f() "+test.body+" end").Call(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
	for name, body := range map[string]string{
		"string": `return ("x"):rep(16777216) ~= nil`,
		"list":   `local t = {} t[1048576] = 1 return true`,
		"JSON":   `return assay.json.decode(("["):rep(200) .. ("]"):rep(200)) ~= nil`,
		"answer": `local t = {} for i = 1, 199 do t = {t} end return assay.json.encode(t) ~= nil`,
		"great":  `return #assay.json.encode(("x"):rep(8000000)) == 8000002`,
	} {
		script := load(t, "function f() "+body+" end")
		r := request("{}")
		r.Limits.Memory = 256 << 20
		if answer, err := script.Call(t.Context(), r); err != nil || string(answer.Document) != "true" {
			t.Errorf("%s within its limit: %s, %v", name, answer.Document, err)
		}
	}
}

func TestPatternsAreKept(t *testing.T) {
	t.Parallel()
	script := load(t, `function f() for i = 1, 3000 do ("x"):find("[a-z]%d+" .. ("a?"):rep(50) .. i) end; end`)
	if _, err := script.Call(t.Context(), request("null")); err != nil {
		t.Fatal(err)
	}
	kept := &script.suite.library.patterns
	sum := 0
	for _, expr := range kept.exprs {
		sum += expr.Size()
	}
	if len(kept.exprs) == 0 || sum > maxCached {
		t.Errorf("keeps %d patterns of %d instructions", len(kept.exprs), sum)
	}
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	script := load(t, "function f()\n  assay.log('running')\n  while true do end;\nend")
	ctx, cancel := context.WithCancel(t.Context())
	r := request("null")
	r.Log = func(LogLine) { cancel() }
	_, err := script.Call(ctx, r)
	var fault *Error
	if !errors.As(err, &fault) || fault.Kind != Canceled || fault.Line != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("err = %+v", err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	script := load(t, `function f(x)
  assay.log("plain")
  assay.log("warn", { 1 })
  print("several", 1, nil, true)
  assay.log("debug", "two\nlines\27[31m" .. ("x"):rep(5000))
  for i = 1, 200 do assay.log(i) end -- more than are kept
end`)
	var lines []LogLine
	r := request("null")
	r.Log = func(line LogLine) { lines = append(lines, line) }
	if _, err := script.Call(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := []LogLine{
		{"info", "plain", "main.lua", 2}, {"warn", "table", "main.lua", 3}, {"info", "several 1 nil true", "main.lua", 4},
	}
	for i, line := range want {
		if lines[i] != line {
			t.Errorf("line %d = %+v, want %+v", i, lines[i], line)
		}
	}
	if message := lines[3].Message; !strings.HasPrefix(message, `two\nlines\x1b[31mxx`) || len(message) > maxMessage+20 {
		t.Errorf("message of %d bytes: %.40q", len(message), message)
	}
	if len(lines) != MaxLogLines || !strings.Contains(lines[MaxLogLines-1].Message, "dropped") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1].Message)
	}
}

// TestStandstillIsNotTheScriptsFault stops the process for longer than a
// script's limit while it runs.
func TestStandstillIsNotTheScriptsFault(t *testing.T) {
	const variable = "ASSAY_TEST_STANDSTILL"
	if os.Getenv(variable) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), variable+"=1")
		output, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		for lines.Scan() && lines.Text() != "running" {
			t.Log(lines.Text())
		}
		for _, sent := range []os.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := child.Process.Signal(sent); err != nil {
				t.Error(err)
			}
			if sent == syscall.SIGSTOP {
				<-time.After(2500 * time.Millisecond)
			}
		}
		for lines.Scan() {
			t.Log(lines.Text())
		}
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
		return
	}
	script := load(t, `function f() local start = assay.time() assay.log("running") while assay.time() < start + 2.8 do end; end`)
	r := request("null")
	r.Limits.Time = 2400 * time.Millisecond // less than it takes, more than it runs
	r.Log = func(line LogLine) { fmt.Println(line.Message) }
	if _, err := script.Call(t.Context(), r); err != nil {
		t.Error(err)
	}
}
