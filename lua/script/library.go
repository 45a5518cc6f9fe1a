package script

import (
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/assay-cx/assay/lua/pattern"
)

// library is what scripts see. Its functions hold no state and are shared by
// all calls; the tables that hold them are made afresh for each call, so that
// no call sees what another did to them.
type library struct {
	globals map[string]*lua.LFunction
	modules map[string]module // by name: string, table, math, coroutine, re
	assay   module
	json    module

	meters []lua.LValue // concat, store, table and key, see instrument

	states   sync.Pool      // of *lua.LState
	null     *lua.LUserData // JSON's null within a list
	number   *lua.LTable    // metatable of numbers that Lua cannot hold
	patterns cache          // Lua's
	res      cache          // RE2
	done     chan struct{}  // closed
}

// module is a table of functions and constants.
type module map[string]lua.LValue

// newLibrary builds the library: gopher-lua's functions as they are where they
// cannot do harm, ours where they could.
func newLibrary() *library {
	// A state only to take functions from.
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	own := func(function lua.LGFunction) *lua.LFunction { return L.NewFunction(function) }
	l := &library{null: &lua.LUserData{Metatable: lua.LNil}, done: make(chan struct{})}
	close(l.done)
	l.patterns.compile, l.res.compile = pattern.Lua, pattern.RE2

	l.globals = map[string]*lua.LFunction{
		"print": own(printLine), "rawset": own(rawSet), "require": own(require),
		"setmetatable": own(setMetatable), "tostring": own(toString),
	}
	base := functionsOf(L, lua.OpenBase)
	for _, name := range []string{
		"assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal",
		"rawget", "select", "tonumber", "type", "unpack", "xpcall",
	} {
		l.globals[name] = base.RawGetString(name).(*lua.LFunction)
	}
	l.modules = map[string]module{
		"string":    l.stringModule(own),
		"table":     tableModule(L, own),
		"math":      mathModule(L, own),
		"coroutine": coroutineModule(L, own),
		"re":        l.reModule(own),
	}
	l.assay = module{"log": own(log), "time": own(now), "random": own(random)}
	l.json = module{"encode": own(jsonEncode), "decode": own(jsonDecode), "null": l.null}
	l.meters = []lua.LValue{own(concatenate), own(storeValue), own(newTable), own(newKey)}
	l.number = L.CreateTable(0, 2)
	l.number.RawSetString("__tostring", own(numberString))
	l.number.RawSetString("__metatable", lua.LString("number"))
	return l
}

// functionsOf opens one of gopher-lua's libraries and gives its table.
func functionsOf(L *lua.LState, open lua.LGFunction) *lua.LTable {
	L.Push(L.NewFunction(open))
	L.Call(0, 1)
	defer L.Pop(1)
	return L.Get(-1).(*lua.LTable)
}

// take is the functions of a gopher-lua library that are used as they are.
func take(from *lua.LTable, names ...string) module {
	m := module{}
	for _, name := range names {
		m[name] = from.RawGetString(name)
	}
	return m
}

// The size of a state's registry, in values: one call passes at most as many
// arguments as there is room.
const (
	registrySize = 256
	maxRegistry  = 16 << 10
)

// state is a state with fresh globals: another call may have used it before.
func (l *library) state() *lua.LState {
	L, used := l.states.Get().(*lua.LState)
	if used {
		L.G.Global = L.CreateTable(0, 64)
		L.Env = L.G.Global
	} else {
		L = lua.NewState(lua.Options{
			CallStackSize: MaxDepth, SkipOpenLibs: true,
			RegistrySize: registrySize, RegistryMaxSize: maxRegistry, RegistryGrowStep: 1024,
		})
	}
	l.open(L)
	return L
}

// open sets a state's globals, and the metatable of strings.
func (l *library) open(L *lua.LState) {
	globals := L.G.Global
	for name, function := range l.globals {
		globals.RawSetString(name, function)
	}
	globals.RawSetString("_G", globals)
	globals.RawSetString("_VERSION", lua.LString(lua.LuaVersion))
	for name, m := range l.modules {
		globals.RawSetString(name, m.table(L))
	}
	assay := l.assay.table(L)
	assay.RawSetString("json", l.json.table(L))
	globals.RawSetString("assay", assay)

	strings := L.CreateTable(0, 2)
	strings.RawSetString("__index", globals.RawGetString("string"))
	strings.RawSetString("__metatable", lua.LString("string"))
	L.SetMetatable(lua.LString(""), strings)
}

func (m module) table(L *lua.LState) *lua.LTable {
	table := L.CreateTable(0, len(m))
	for name, value := range m {
		table.RawSetString(name, value)
	}
	return table
}
