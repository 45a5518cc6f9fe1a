package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// concatenate is the operator "..", counted.
func concatenate(L *lua.LState) int {
	c := callOf(L)
	length, plain := 0, true
	values := make([]lua.LValue, L.GetTop())
	for i := range values {
		values[i] = L.Get(i + 1)
		switch v := values[i].(type) {
		case lua.LString:
			length += len(v)
		case lua.LNumber:
			length += 24
		default:
			plain = false
		}
	}
	c.chargeString(L, length)
	if !plain {
		return concatenateMeta(L, values)
	}
	var out strings.Builder
	out.Grow(length)
	for _, value := range values {
		out.WriteString(lua.LVAsString(value))
	}
	L.Push(lua.LString(out.String()))
	return 1
}

// concatenateMeta joins values some of which have a metamethod for it. It
// associates to the right, pair by pair, so that each result is counted.
func concatenateMeta(L *lua.LState, values []lua.LValue) int {
	last := len(values) - 1
	right := values[last]
	for i := last - 1; i >= 0; i-- {
		left := values[i]
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			joined := lua.LVAsString(left) + lua.LVAsString(right)
			callOf(L).chargeString(L, len(joined))
			right = lua.LString(joined)
			continue
		}
		method := L.GetMetaField(left, "__concat")
		if method == lua.LNil {
			method = L.GetMetaField(right, "__concat")
		}
		if method.Type() != lua.LTFunction {
			L.RaiseError("attempt to concatenate a %s and a %s value", left.Type(), right.Type())
		}
		L.Push(method)
		L.Push(left)
		L.Push(right)
		L.Call(2, 1)
		right = L.Get(-1)
		L.Pop(1)
	}
	L.Push(right)
	return 1
}

// storeValue is the assignment t[k] = v, counted.
func storeValue(L *lua.LState) int {
	target, key, value := L.Get(1), L.Get(2), L.Get(3)
	if table, ok := target.(*lua.LTable); ok {
		callOf(L).chargeStore(L, table, key, value)
	}
	L.SetTable(target, key, value)
	return 0
}

// newTable counts a table that was constructed with so many keyed fields.
func newTable(L *lua.LState) int {
	table := L.CheckTable(1)
	callOf(L).charge(L, sizeTable+L.CheckInt(2)*sizeField+table.Len()*sizeSlot)
	L.Push(table)
	return 1
}

// newKey counts a computed key of a table under construction, as if the table
// were empty.
func newKey(L *lua.LState) int {
	key := L.Get(1)
	if index, ok := listIndex(key); ok {
		callOf(L).checkIndex(L, index)
		callOf(L).charge(L, index*sizeSlot)
	}
	L.Push(key)
	return 1
}

// newFunction counts a function with what it keeps of the scopes around it.
func newFunction(L *lua.LState) int {
	callOf(L).charge(L, sizeFunction+len(L.CheckFunction(1).Upvalues)*sizeUpvalue)
	L.SetTop(1)
	return 1
}
