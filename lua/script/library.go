package script

import (
	"maps"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/assay-cx/assay/lua/pattern"
)

// library is what scripts see. Its functions hold no state and are shared by
// all calls; the tables that hold them are made afresh for each call, so that
// no call sees what another did to them.
type library struct {
	globals module         // at most 64
	meters  []lua.LValue   // concat, store, table, key and new, see instrument
	states  sync.Pool      // of *lua.LState
	null    *lua.LUserData // JSON's null within a list
	number  *lua.LTable    // metatable of numbers that Lua cannot hold

	patterns cache         // Lua's
	res      cache         // RE2
	done     chan struct{} // closed
}

// module is a table of functions and constants, in the order of their names.
type module []field

// field is a value, or a module within a module.
type field struct {
	name   string
	value  lua.LValue
	module module
}

// values makes a module of values.
func values(values map[string]lua.LValue) module {
	var m module
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m = append(m, field{name: name, value: values[name]})
	}
	return m
}

// with adds modules, by name.
func (m module) with(modules map[string]module) module {
	for name, inner := range modules {
		m = append(m, field{name: name, module: inner})
	}
	slices.SortFunc(m, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return m
}

// table makes the table, for one call.
func (m module) table(L *lua.LState) *lua.LTable {
	table := L.CreateTable(0, len(m))
	for _, f := range m {
		table.RawSetString(f.name, f.open(L))
	}
	return table
}

func (f field) open(L *lua.LState) lua.LValue {
	if f.module != nil {
		return f.module.table(L)
	}
	return f.value
}

// newLibrary builds the library: gopher-lua's functions as they are where they
// cannot do harm, ours where they could.
func newLibrary() *library {
	// A state only to take functions from.
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	own := func(function lua.LGFunction) *lua.LFunction { return L.NewFunction(function) }
	l := &library{null: &lua.LUserData{Metatable: lua.LNil}, done: make(chan struct{})}
	close(l.done)
	l.patterns.compile, l.res.compile = pattern.Lua, pattern.RE2
	l.meters = []lua.LValue{own(concatenate), own(storeValue), own(newTable), own(newKey), own(newFunction)}
	l.number = values(map[string]lua.LValue{"__tostring": own(numberString), "__metatable": lua.LString("number")}).table(L)

	base := functionsOf(L, lua.OpenBase)
	globals := take(base, "assert", "getmetatable", "ipairs", "next", "pairs", "rawequal",
		"rawget", "select", "tonumber", "type", "unpack", "_VERSION")
	maps.Copy(globals, map[string]lua.LValue{
		"error": own(raise),
		"pcall": own(catching(base.RawGetString("pcall"))), "xpcall": own(handling(base.RawGetString("xpcall"))),
		"print": own(printLine), "rawset": own(rawSet), "require": own(require),
		"setmetatable": own(setMetatable), "tostring": own(toString),
	})
	json := values(map[string]lua.LValue{"encode": own(jsonEncode), "decode": own(jsonDecode), "null": l.null})
	assay := values(map[string]lua.LValue{"log": own(log), "time": own(now), "random": own(random)})
	l.globals = values(globals).with(map[string]module{
		"assay":     assay.with(map[string]module{"json": json}),
		"coroutine": coroutineModule(L, own),
		"math":      mathModule(L, own),
		"re":        l.reModule(own),
		"string":    l.stringModule(own),
		"table":     tableModule(L, own),
	})
	return l
}

// functionsOf opens one of gopher-lua's libraries and gives its table.
func functionsOf(L *lua.LState, open lua.LGFunction) *lua.LTable {
	L.Push(L.NewFunction(open))
	L.Call(0, 1)
	defer L.Pop(1)
	return L.Get(-1).(*lua.LTable)
}

// take is the values of a gopher-lua library that are used as they are.
func take(from *lua.LTable, names ...string) map[string]lua.LValue {
	taken := map[string]lua.LValue{}
	for _, name := range names {
		taken[name] = from.RawGetString(name)
	}
	return taken
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
		L.G.Global = L.CreateTable(0, 16)
		L.Env = L.G.Global
	} else {
		L = lua.NewState(lua.Options{
			CallStackSize: MaxDepth, SkipOpenLibs: true,
			RegistrySize: registrySize, RegistryMaxSize: maxRegistry, RegistryGrowStep: 1024,
		})
	}
	L.G.Global.RawSetString("_G", L.G.Global)
	l.open(L, l.named("string"))
	// What ("x"):upper() finds. Scripts see a text instead.
	methods := L.CreateTable(0, 2)
	methods.RawSetString("__index", L.G.Global.RawGetString("string"))
	methods.RawSetString("__metatable", lua.LString("string"))
	L.SetMetatable(lua.LString(""), methods)
	return L
}

// named is the set of globals of these names, as bits.
func (l *library) named(names ...string) uint64 {
	var set uint64
	for i, f := range l.globals {
		if slices.Contains(names, f.name) {
			set |= 1 << i
		}
	}
	return set
}

// mentioned is the set of globals that a script can reach which mentions these
// names and texts: opening all for every call would take longer than most
// scripts do.
func (l *library) mentioned(words map[string]struct{}) uint64 {
	if _, all := words["_G"]; all {
		return 1<<len(l.globals) - 1
	}
	var set uint64
	for i, f := range l.globals {
		if _, ok := words[f.name]; ok {
			set |= 1 << i
		}
	}
	return set
}

// open sets globals of a state.
func (l *library) open(L *lua.LState, set uint64) {
	for i, f := range l.globals {
		if set&(1<<i) != 0 {
			L.G.Global.RawSetString(f.name, f.open(L))
		}
	}
}
