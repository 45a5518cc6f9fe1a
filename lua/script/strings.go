package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (l *library) stringModule(own func(lua.LGFunction) *lua.LFunction) module {
	// A state of its own: opening the library changes the metatable of strings.
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	m := take(functionsOf(L, lua.OpenString), "byte", "char", "len", "sub")
	m["format"], m["rep"], m["reverse"] = own(stringFormat), own(stringRep), own(stringReverse)
	m["lower"], m["upper"] = own(mapped(strings.ToLower)), own(mapped(strings.ToUpper))
	m["find"] = own(l.finder(&l.patterns, true))
	m["match"] = own(l.matcher(&l.patterns))
	m["gmatch"] = own(l.iterator(&l.patterns))
	m["gsub"] = own(l.replacer(&l.patterns))
	return values(m)
}

func (l *library) reModule(own func(lua.LGFunction) *lua.LFunction) module {
	return values(map[string]lua.LValue{
		"find": own(l.finder(&l.res, false)), "match": own(l.matcher(&l.res)),
		"gmatch": own(l.iterator(&l.res)), "gsub": own(l.replacer(&l.res)),
	})
}

// stringRep is string.rep(text, times).
func stringRep(L *lua.LState) int {
	text, times := L.CheckString(1), max(0, L.CheckInt(2))
	if len(text) > 0 && times > MaxString/len(text) {
		times = MaxString/len(text) + 1 // more than chargeString lets pass
	}
	callOf(L).chargeString(L, len(text)*times)
	if text == "" {
		times = 0
	}
	L.Push(lua.LString(strings.Repeat(text, times)))
	return 1
}

func stringReverse(L *lua.LState) int {
	text := L.CheckString(1)
	callOf(L).chargeString(L, len(text))
	reversed := make([]byte, len(text))
	for i := range len(text) {
		reversed[len(text)-1-i] = text[i]
	}
	L.Push(lua.LString(reversed))
	return 1
}

// mapped is a function that changes the case of a text.
func mapped(change func(string) string) lua.LGFunction {
	return func(L *lua.LState) int {
		text := L.CheckString(1)
		callOf(L).chargeString(L, len(text))
		L.Push(lua.LString(change(text)))
		return 1
	}
}

// text is a string being built by one of the script's functions, counted twice
// because it is copied as it grows.
type text struct {
	strings.Builder
	L *lua.LState
}

func (t *text) add(part string) {
	c := callOf(t.L)
	c.check(t.L)
	if t.Len()+len(part) > MaxString {
		c.chargeString(t.L, MaxString+1)
	}
	c.charge(t.L, 2*len(part))
	t.WriteString(part)
}

// push makes the string the function's answer.
func (t *text) push() int {
	t.L.Push(lua.LString(t.String()))
	return 1
}
