package script

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// attacks are what is known to hang, bloat or kill gopher-lua, and what might.
var attacks = []struct {
	name, body string
	kind       Kind
}{
	{"endless loop", `while true do end`, TimedOut},
	{"endless loop in pcall", `while true do pcall(function() while true do end end) end`, TimedOut},
	{"endless loop in nested pcall", `local function f() while true do pcall(f) end; end f()`, TimedOut},
	{"endless loop in xpcall's handler", `xpcall(error, function() while true do end end)`, TimedOut},
	{"endless loop in a coroutine", `coroutine.wrap(function() while true do end end)()`, TimedOut},
	{"endless loop in pcall in a coroutine", `local co = coroutine.create(function() while true do pcall(function() while true do end end) end end) while true do coroutine.resume(co) end`, TimedOut},
	{"endless yield", `local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end`, TimedOut},
	{"endless tail call", `local function f(n) return f(n + 1) end return f(0)`, Failed},
	{"endless tail call in pcall", `local function f() return f() end while true do pcall(f) end`, TimedOut},
	{"endless recursion", `local function f() return 1 + f() end return f()`, Failed},
	{"recursion through pcall", `local function f() pcall(f) pcall(f, 1) end f()`, TimedOut},
	{"recursion through metamethods", `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end return t.a`, Failed},
	{"recursion through sort", `local function f(a, b) table.sort({1, 2, 3}, f) return a < b end f(1, 2)`, Failed},
	{"recursion through gsub", `local function f() return (("a"):gsub("a", f)) end f()`, Failed},
	{"recursion through coroutines", `local function f() coroutine.wrap(f)() end f()`, TooLarge},
	{"index loop", `local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x`, Failed},
	{"catastrophic pattern", `return (("a"):rep(100000)):find(".-.-.-.-.-.-.-b")`, ""},
	{"catastrophic pattern over and over", `local s = ("a"):rep(100000) while true do s:find("a*a*a*a*a*a*b") end`, TimedOut},
	{"catastrophic pattern of a reference", `return (("a"):rep(100000)):find("(a*)(a*)%1%2b")`, Failed},
	{"catastrophic balance", `return (("("):rep(1000000)):find("%b()")`, Failed},
	{"catastrophic regular expression", `return re.find(("a"):rep(1000000), "(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*b")`, Failed},
	{"great regular expression", `return re.find(("a"):rep(100000), "((a{1,30}){1,30})b")`, Failed},
	{"quadratic regular expression", `return (re.gsub(("a"):rep(500000), "a[^b]*b|a", "x"))`, TimedOut},
	{"gsub bomb", `local s = "a" while true do s = s:gsub("a", "aaaaaaaaaaaaaaaaaaaa") end`, TooLarge},
	{"gsub bomb of captures", `return (("a"):rep(4096):gsub("(.*)", ("%1"):rep(10000)))`, TooLarge},
	{"gsub without end", `return (("a"):rep(1000000):gsub("a", function() while true do end end))`, TimedOut},
	{"gmatch without end", `while true do for _ in ("a"):rep(1000):gmatch("") do end; end`, TimedOut},
	{"string.rep of 64 GB", `return ("x"):rep(64 * 1024 * 1024 * 1024)`, TooLarge},
	{"string.rep of 2^63", `return ("xy"):rep(2^63)`, ""},
	{"string.rep over and over", `local t = {} while true do t[#t+1] = ("x"):rep(10000000) end`, TooLarge},
	{"string doubling", `local s = "x" while true do s = s .. s end`, TooLarge},
	{"string doubling in pcall", `local s = "x" while true do pcall(function() s = s .. s end) end`, TooLarge},
	{"string times 200", `local s = ("x"):rep(1000000) while true do s = s` + strings.Repeat(` .. s`, 149) + ` end`, TooLarge},
	{"string doubling by format", `local s = "x" while true do s = string.format("%s%s", s, s) end`, TooLarge},
	{"format width", `return string.format("%99999999d", 1)`, Failed},
	{"format of many widths", `return string.format(("%99d"):rep(16000), unpack({}, 1, 16000))`, Failed},
	{"string doubling by table.concat", `local s = "x" while true do s = table.concat({s, s}, s) end`, TooLarge},
	{"string doubling by concat metamethod", `local m = setmetatable({}, {__concat = function(a, b) return ("x"):rep(10000000) end}) local t = {} while true do t[#t+1] = m .. "x" end`, TooLarge},
	{"far index", `local t = {} t[6e7] = 1`, TooLarge},
	{"far index in a constructor", `local t = {[6e7] = 1}`, TooLarge},
	{"far indexes in constructors", `local ts = {} while true do ts[#ts+1] = {[1048576] = 1} end`, TooLarge},
	{"far nils", `local ts = {} while true do local t = {} t[1048576] = nil ts[#ts+1] = t end`, TooLarge},
	{"far nils by rawset", `local ts = {} while true do local t = {} rawset(t, 1048576, nil) ts[#ts+1] = t end`, TooLarge},
	{"far nils in constructors", `local ts = {} while true do ts[#ts+1] = {[1048576] = nil} end`, TooLarge},
	{"far nil", `local t = {} t[6e7] = nil`, TooLarge},
	{"nils inserted", `local t = {} while true do table.insert(t, 1, nil) end`, ""},
	{"functions without end", `local fs = {} while true do local v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21, v22, v23, v24, v25, v26, v27, v28, v29, v30, v31, v32, v33, v34, v35, v36, v37, v38, v39, v40, v41, v42, v43, v44, v45, v46, v47, v48, v49 fs[#fs+1] = function() return {v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21, v22, v23, v24, v25, v26, v27, v28, v29, v30, v31, v32, v33, v34, v35, v36, v37, v38, v39, v40, v41, v42, v43, v44, v45, v46, v47, v48, v49} end; end`, TooLarge},
	{"local functions without end", `local fs = {} while true do local a, b, c, d local function f() return a, b, c, d, f end fs[#fs+1] = f end`, TooLarge},
	{"methods without end", `local os = {} while true do local a, b, c, d local o = {} function o:f() return a, b, c, d, o end os[#os+1] = o end`, TooLarge},
	{"arguments kept", `local l, t = {}, {} for i = 1, 5000 do l[i] = i end local function f(...) return arg or {...} end while true do t[#t+1] = f(unpack(l)) end`, TooLarge},
	{"old arguments kept", `local l, t = {}, {} for i = 1, 5000 do l[i] = i end local function f(...) return arg end while true do t[#t+1] = f(unpack(l)) or {unpack(l)} end`, TooLarge},
	{"errors kept", `local s, t = ("x"):rep(1000000), {} while true do local _, e = pcall(error, s) t[#t+1] = e end`, TooLarge},
	{"errors kept by a handler", `local s, t = ("x"):rep(1000000), {} while true do xpcall(function() local n return n[s] end, function(e) t[#t+1] = e end) end`, TooLarge},
	{"errors kept by coroutines", `local s, t = ("x"):rep(1000000), {} local f = function() error(s) end while true do local _, e = coroutine.resume(coroutine.create(f)) t[#t+1] = e end`, TooLarge},
	{"table.concat over and over", `local t = {("x"):rep(1000000)} while true do table.concat(t) end`, TooLarge},
	{"far indexes within the limit", `local ts = {} while true do local t = {} t[1048576] = 1 ts[#ts+1] = t end`, TooLarge},
	{"far index by rawset", `rawset({}, 6e7, 1)`, TooLarge},
	{"far index by table.insert", `table.insert({}, 6e7, 1)`, Failed},
	{"far index of several", `local t = {} t[6e7], t[5e7] = 1, 2`, TooLarge},
	{"far index by a metamethod", `local t = {} local p = setmetatable({}, {__newindex = t}) p[6e7] = 1`, TooLarge},
	{"tables without end", `local t = {} while true do t = {t} end`, TooLarge},
	{"fields without end", `local t = {} local i = 0 while true do i = i + 1 t["k" .. i] = i end`, ""},
	{"list without end", `local t = {} while true do t[#t+1] = 1 end`, TooLarge},
	{"dead keys without end", `local t = {} local i = 0.5 while true do i = i + 1 t[i] = 1 t[i] = nil end`, TooLarge},
	{"coroutines without end", `local t = {} while true do t[#t+1] = coroutine.create(print) end`, TooLarge},
	{"unpack", `return {unpack({}, 1, 1e9)}`, Failed},
	{"unpack to select", `return select("#", unpack({}, 1, 2^40))`, Failed},
	{"bytes", `return {(("x"):rep(1000000)):byte(1, -1)}`, Failed},
	{"sort of equal texts", `local a, b = ("x"):rep(8000000), ("x"):rep(8000000) local t = {} for i = 1, 100000 do t[i] = i % 2 == 0 and a or b end table.sort(t)`, TimedOut},
	{"sort that lies", `local t = {} for i = 1, 100000 do t[i] = i end table.sort(t, function() return true end) while true do end`, TimedOut},
	{"number of a great text", `while true do local s = ("1"):rep(1000000) return tonumber(s) end`, ""},
	{"json bomb", `return assay.json.decode(("["):rep(1000000))`, Failed},
	{"json of empty lists", `return assay.json.decode("[" .. ("[],"):rep(4000000) .. "[]]")`, TooLarge},
	{"json of a table within itself", `local t = {} t.t = t return t`, Failed},
	{"json of shared tables", `local t = {1} for i = 1, 60 do t = {t, t} end return t`, TooLarge},
	{"json of a great text", `local t = {} for i = 1, 7 do t[i] = ("\0"):rep(7000000) end return t`, TooLarge},
	{"log flood", `while true do assay.log(("x"):rep(1000)) end`, TooLarge},
	{"print flood", `local s = ("x"):rep(1000000) local t = {} for i = 1, 16000 do t[i] = s end print(unpack(t))`, ""},
	{"globals' metatable", `setmetatable(_G, {__index = function(t, k) while true do end end}) return nope`, TimedOut},
	{"patterns without end", `local i = 0 while true do i = i + 1 string.find("x", "a" .. i .. ("b?"):rep(500)) end`, ""},
	{"error objects", `error(setmetatable({}, {__tostring = function() while true do end end}))`, Failed},
}

// attack runs one, with a time limit that it meets where its kind is not
// TooLarge, and says how long it took beyond that limit.
func attack(tb testing.TB, body string, kind Kind) (over time.Duration, err error) {
	tb.Helper()
	limit := 300 * time.Millisecond
	if kind == TooLarge {
		limit = 20 * time.Second
	}
	script := load(tb, "function f(x)\n"+body+"\nend")
	start := time.Now()
	_, err = script.Call(tb.Context(), Request{
		Function: "f", Document: []byte(`{}`), Limits: Limits{Time: limit, Memory: 64 << 20},
		Log: func(LogLine) {},
	})
	return time.Since(start) - limit, err
}

func TestAttacks(t *testing.T) {
	for _, test := range attacks {
		t.Run(test.name, func(t *testing.T) {
			over, err := attack(t, test.body, test.kind)
			if over > time.Second {
				t.Errorf("ended %v after its limit", over)
			}
			var fault *Error
			switch {
			case test.kind == "":
			case !errors.As(err, &fault) || fault.Kind != test.kind:
				t.Errorf("error = %v (%T); want kind %q", err, err, test.kind)
			case fault.File != "main.lua" || fault.Line == 0:
				t.Errorf("error %q names no line", fault)
			}
		})
	}
}

// TestAttacksOnMemory runs every attack in a process of its own.
func TestAttacksOnMemory(t *testing.T) {
	const variable = "ASSAY_TEST_ATTACK"
	if os.Getenv(variable) != "" {
		for _, test := range attacks {
			if _, err := attack(t, test.body, test.kind); test.kind != "" && err == nil {
				t.Errorf("%s succeeded", test.name)
			}
		}
		return
	}
	if testing.Short() || raceEnabled {
		t.Skip("runs every attack again, to measure its memory")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"=1")
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	usage, ok := child.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("this system does not tell what a process used")
	}
	const limit = 256 << 10 // KiB; each call may allocate 64 MiB
	t.Logf("at most %d MiB", usage.Maxrss>>10)
	if usage.Maxrss > limit {
		t.Errorf("the process grew to %d MiB", usage.Maxrss>>10)
	}
}
