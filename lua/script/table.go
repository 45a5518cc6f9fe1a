package script

import (
	"sort"

	lua "github.com/yuin/gopher-lua"
)

func tableModule(L *lua.LState, own func(lua.LGFunction) *lua.LFunction) module {
	m := take(functionsOf(L, lua.OpenTable), "getn", "maxn", "remove")
	m["concat"], m["insert"], m["sort"] = own(tableConcat), own(tableInsert), own(tableSort)
	return values(m)
}

// tableConcat is table.concat(list [, separator [, from [, to]]]).
func tableConcat(L *lua.LState) int {
	list, separator := L.CheckTable(1), L.OptString(2, "")
	from, to := L.OptInt(3, 1), L.OptInt(4, list.Len())
	out := text{L: L}
	for i := from; i <= to; i++ {
		value := list.RawGetInt(i)
		if !lua.LVCanConvToString(value) {
			L.RaiseError("invalid value (%s) at index %d in table for concat", value.Type(), i)
		}
		out.add(lua.LVAsString(value))
		if i < to {
			out.add(separator)
		}
	}
	return out.push()
}

// tableInsert is table.insert(list, [position,] value).
func tableInsert(L *lua.LState) int {
	c := callOf(L)
	list := L.CheckTable(1)
	next := list.Len() + 1
	switch L.GetTop() {
	case 2:
		c.chargeIndex(L, list, next)
		list.RawSetInt(next, L.Get(2))
	case 3:
		position := L.CheckInt(2)
		if position < 1 || position > next {
			L.ArgError(2, "position is outside of the list")
		}
		c.chargeIndex(L, list, next)
		list.Insert(position, L.Get(3))
	default:
		L.RaiseError("wrong number of arguments to insert")
	}
	return 0
}

// tableSort is table.sort(list [, less]).
func tableSort(L *lua.LState) int {
	c := callOf(L)
	list := L.CheckTable(1)
	less := L.OptFunction(2, nil)
	c.charge(L, list.Len()*sizeSlot)
	values := make([]lua.LValue, list.Len())
	for i := range values {
		values[i] = list.RawGetInt(i + 1)
	}
	sort.Slice(values, func(i, j int) bool {
		c.check(L)
		return lessThan(L, less, values[i], values[j])
	})
	for i, value := range values {
		list.RawSetInt(i+1, value)
	}
	return 0
}

func lessThan(L *lua.LState, less *lua.LFunction, a, b lua.LValue) bool {
	if less != nil {
		L.Push(less)
		L.Push(a)
		L.Push(b)
		L.Call(2, 1)
		defer L.Pop(1)
		return lua.LVAsBool(L.Get(-1))
	}
	left, leftOK := a.(lua.LString)
	right, rightOK := b.(lua.LString)
	if leftOK && rightOK {
		return left < right // gopher-lua compares byte by byte, slowly
	}
	return L.LessThan(a, b)
}
