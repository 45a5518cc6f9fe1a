package script

import (
	"testing"
)

func TestValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, document, want string }{
		{"nothing", `return nil`, `{}`, `null`},
		{"identity", `return x`, `{"a":[1,2.5,"é<",true,null],"b":{},"c":[],"d":null}`, `{"a":[1,2.5,"é<",true,null],"b":{},"c":[],"d":null}`},
		{"great numbers", `return x`, `[9007199254740993,-9007199254740993,9007199254740992,1e300,18446744073709551617]`, `[9007199254740993,-9007199254740993,9007199254740992,1e+300,18446744073709551617]`},
		{"great number as text", `return tostring(x.n)`, `{"n":9007199254740993}`, `"9007199254740993"`},
		{"null field is nil", `return x.a == nil and x.b.c == nil`, `{"a":null,"b":{"c":null}}`, `true`},
		{"null field set", `x.a = 1; return x`, `{"a":null}`, `{"a":1}`},
		{"null in a list", `return {#x, x[2] == assay.json.null}`, `[1,null,3]`, `[3,true]`},
		{"a list grows", `x[#x+1] = "z"; return x`, `[]`, `["z"]`},
		{"a list becomes an object", `x.a = 1 return x`, `[]`, `{"a":1}`},
		{"concatenation", `return "a" .. 1 .. "b" .. x.n .. tostring(true)`, `{"n":2.5}`, `"a1b2.5true"`},
		{"concatenation of a call's values", `local function f() return "a", "b" end return "x" .. f()`, `{}`, `"xa"`},
		{"concatenation of varargs", `local function f(...) return "x" .. ... end return f("a", "b")`, `{}`, `"xa"`},
		{"concatenation metamethod", `local m = setmetatable({}, {__concat = function(a, b) return (type(a) == "string" and a or "M") .. (type(b) == "string" and b or "M") end}) return "a" .. m .. "b"`, `{}`, `"aMb"`},
		{"several values", `local t, i = {}, 1; i, t[i], t[i+1] = i + 1, "a", "b"; return {i, t[1], t[2]}`, `{}`, `[2,"a","b"]`},
		{"swap", `local t = {1, 2, 3}; t[1], t[3] = t[3], t[1]; return t`, `{}`, `[3,2,1]`},
		{"values of a call", `local function f() return 1, 2, 3 end local t = {}; t.a, t.b = f(); t.c = f(); return t`, `{}`, `{"a":1,"b":2,"c":1}`},
		{"too few values", `local t = {a=1, b=1}; t.a, t.b = 5; return t`, `{}`, `{"a":5}`},
		{"nested tables", `return {a = {1, {b = x}}}`, `"v"`, `{"a":[1,{"b":"v"}]}`},
		{"newindex", `local log = {} local t = setmetatable({}, {__newindex = function(t, k, v) log[#log+1] = k .. v end}); t.a = 1 t["b"] = 2 return log`, `{}`, `["a1","b2"]`},
		{"calls return all values", `local function g() return 1, 2, 3 end local function h() return g() end return {h()}`, `{}`, `[1,2,3]`},
		{"recursion", `local function fact(n) if n == 0 then return 1 end return n * fact(n - 1) end return fact(10)`, `{}`, `3628800`},
		{"goto", `local n = 0 for i = 1, 5 do if i % 2 == 0 then goto continue end n = n + i ::continue:: end return n`, `{}`, `9`},
		{"closures", `local fs = {} for i = 1, 3 do fs[i] = function() return i end; end return fs[1]() + fs[3]()`, `{}`, `4`},
		{"methods", `local o = {n = 1} function o:add(k) self.n = self.n + k return self end return o:add(2):add(3).n`, `{}`, `6`},
		{"local functions see themselves", `local function f(n) if n == 0 then return "end" end return f(n - 1) end return f(3)`, `{}`, `"end"`},
		{"functions in tables", `local t = {a = {}} function t.a.f(x) return x + 1 end function t.a:g(x, ...) return self == t.a and x + select("#", ...) end return {t.a.f(1), t.a:g(1, 2, 3)}`, `{}`, `[2,3]`},
		{"global functions", `function g(x) return x and g() or "g" end return g(1)`, `{}`, `"g"`},
		{"xpcall", `return {xpcall(function() error("no", 0) end, function(e) return "handled " .. e end)}`, `{}`, `[false,"handled no"]`},
		{"xpcall of what works", `return {xpcall(function() return 1, 2 end, print)}`, `{}`, `[true,1,2]`},
		{"pcall of what works", `return {pcall(function(...) return ..., "x" end, 1)}`, `{}`, `[true,1,"x"]`},
		{"no table arg", `local function f(...) return arg == nil end return f(1)`, `{}`, `true`},
		{"varargs", `local function f(...) local t = {...} return select("#", ...) + #t end return f(1, nil, 3)`, `{}`, `6`},
		{"pairs keep their order", `local keys = {} for k in pairs({z=1, y=2, x=3}) do keys[#keys+1] = k end return keys`, `{}`, `["z","y","x"]`},
		{"pcall", `local ok, err = pcall(error, "no", 0) return {ok, err}`, `{}`, `[false,"no"]`},
		{"pcall says where", `local ok, err = pcall(function() error("no") end) return err`, `{}`, `"main.lua:1: no"`},
		{"coroutine", `local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) return {co(1), co(5)}`, `{}`, `[2,10]`},
		{"coroutine error", `local co = coroutine.create(function() error("x", 0) end) local ok, e = coroutine.resume(co) return {ok, e, coroutine.status(co)}`, `{}`, `[false,"x","dead"]`},
		{"tostring", `return {tostring({}), tostring(print), tostring(nil), tostring(1.5), tostring(setmetatable({}, {__tostring = function() return "T" end}))}`, `{}`, `["table","function","nil","1.5","T"]`},
		{"no loaders", `return {load == nil, loadstring == nil, dofile == nil, loadfile == nil, os == nil, io == nil, debug == nil, package == nil, module == nil, setfenv == nil, getfenv == nil, newproxy == nil, collectgarbage == nil, channel == nil, string.dump == nil}`, `{}`, `[true,true,true,true,true,true,true,true,true,true,true,true,true,true,true]`},
		{"table functions", `local t = {3, 1, 2} table.sort(t) table.insert(t, 4) table.insert(t, 1, 0) local r = table.remove(t) return {table.concat(t, ","), r, table.concat({}), table.concat({1, 2, 3}, "-", 2, 3), table.maxn(t)}`, `{}`, `["0,1,2,3",4,"","2-3",4]`},
		{"sort by a function", `table.sort(x, function(a, b) return a.n > b.n end) return x[1].n .. x[3].n`, `[{"n":1},{"n":3},{"n":2}]`, `"31"`},
		{"sort texts", `table.sort(x) return x`, `["b","","ab","a"]`, `["","a","ab","b"]`},
		{"math", `return {math.floor(2.7), math.max(1, 5, 3), math.huge > 1e308, math.fmod(7, 3)}`, `{}`, `[2,5,true,1]`},
		{"json", `return assay.json.encode({b = {1, "x"}, a = assay.json.decode('{"k": [true, null]}')})`, `{}`, `"{\"a\":{\"k\":[true,null]},\"b\":[1,\"x\"]}"`},
		{"time", `return assay.time() > 1700000000 and assay.time() < 5000000000`, `{}`, `true`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := evaluate(t, test.body, test.document); err != nil || got != test.want {
				t.Errorf("got %s, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, expr, want string }{
		{"method", `("abc"):upper()`, `"ABC"`},
		{"find", `{string.find("hello world", "o w")}`, `[5,7]`},
		{"find with captures", `{string.find("key=val", "(%w+)=(%w+)")}`, `[1,7,"key","val"]`},
		{"find from", `{string.find("aXbX", "X", 3)}`, `[4,4]`},
		{"find from the end", `{string.find("abcabc", "b", -3)}`, `[5,5]`},
		{"find plain", `{string.find("a.b", ".", 1, true)}`, `[2,2]`},
		{"find nothing", `string.find("abc", "x") == nil`, `true`},
		{"find empty", `string.find("abc", "", 10) == nil`, `true`},
		{"match", `{string.match("2026-01-02", "(%d+)-(%d+)-(%d+)")}`, `["2026","01","02"]`},
		{"match whole", `string.match("  trim  ", "%S+")`, `"trim"`},
		{"match position", `{string.match("abc", "()b()")}`, `[2,3]`},
		{"match nothing", `string.match("abc", "%d") == nil`, `true`},
		{"gmatch", `(function() local t = {} for w in string.gmatch("one two", "%a+") do t[#t+1] = w end return t end)()`, `["one","two"]`},
		{"gmatch pairs", `(function() local t = {} for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do t[k] = v end return t end)()`, `{"a":"1","b":"2"}`},
		{"gmatch empty matches", `(function() local n = 0 for _ in ("ab"):gmatch("x*") do n = n + 1 end return n end)()`, `3`},
		{"gsub", `{string.gsub("hello", "l", "L")}`, `["heLLo",2]`},
		{"gsub times", `{string.gsub("hello", "l", "L", 1)}`, `["heLlo",1]`},
		{"gsub captures", `(string.gsub("a=b", "(%w)=(%w)", "%2=%1 %0 %%"))`, `"b=a a=b %"`},
		{"gsub table", `(string.gsub("$a $b", "%$(%w)", {a = "1"}))`, `"1 $b"`},
		{"gsub function", `(string.gsub("abc", "%w", function(c) if c ~= "b" then return c:upper() end end))`, `"AbC"`},
		{"gsub empty", `{string.gsub("abc", "x*", "-")}`, `["-a-b-c-",4]`},
		{"gsub anchored", `{string.gsub("aaa", "^a", "b")}`, `["baa",1]`},
		{"gsub number", `(string.gsub("a", "a", 5))`, `"5"`},
		{"rep", `("ab"):rep(3)`, `"ababab"`},
		{"rep none", `("ab"):rep(-1) .. (""):rep(1e9)`, `""`},
		{"reverse", `("abc"):reverse()`, `"cba"`},
		{"sub", `{("hello"):sub(2, 3), ("hello"):sub(-3), ("hello"):sub(4, 2)}`, `["el","llo",""]`},
		{"byte and char", `{string.char(72, 105), ("A"):byte(), #"abc"}`, `["Hi",65,3]`},
		{"format", `string.format("%d %5.2f %s %x %% %-4s| %q %c %i %g", 42, 3.14159, "x", 255, "ab", 'a"b', 65, 7, 0.1)`, `"42  3.14 x ff % ab  | \"a\\\"b\" A 7 0.1"`},
		{"format other values", `string.format("%s %s %s", nil, true, {})`, `"nil true table"`},
		{"format of many", `#string.format(("%s"):rep(1000), unpack((function() local t = {} for i = 1, 1000 do t[i] = ("x"):rep(100) end return t end)()))`, `100000`},
		{"re match", `{re.match("HTTP 503 from erp", [[HTTP (\d+) from (\w+)]])}`, `["503","erp"]`},
		{"re flags", `re.match("Gateway TIMEOUT", "(?i)timeout")`, `"TIMEOUT"`},
		{"re alternatives", `re.match("x ETIMEDOUT", "ECONNRESET|ETIMEDOUT")`, `"ETIMEDOUT"`},
		{"re nothing", `re.match("abc", [[\d]]) == nil`, `true`},
		{"re absent capture", `(function() local a, b = re.match("b", "(a)|(b)") return {a == nil, b} end)()`, `[true,"b"]`},
		{"re find", `{re.find("abc 42", [[(\d)(\d)]])}`, `[5,6,"4","2"]`},
		{"re find from", `{re.find("a1b2", [[\d]], 3)}`, `[4,4]`},
		{"re gsub", `{re.gsub("a1b22", [[\d+]], "<%0>")}`, `["a<1>b<22>",2]`},
		{"re gsub word borders", `(re.gsub("cat concat cat", [[\bcat\b]], "dog"))`, `"dog concat dog"`},
		{"re gsub function", `(re.gsub("1 2", [[\d]], function(d) return d * 2 end))`, `"2 4"`},
		{"re gmatch", `(function() local t = {} for k, v in re.gmatch("a=1 b=2", [[(\w)=(\d)]]) do t[#t+1] = k .. v end return t end)()`, `["a1","b2"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := evaluate(t, "return "+test.expr, "{}"); err != nil || got != test.want {
				t.Errorf("%s = %s, %v; want %s", test.expr, got, err, test.want)
			}
		})
	}
}
