package script

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// maxJSONDepth is how deep arrays and objects may stand within each other.
const maxJSONDepth = 200

// shape is what a JSON value was that a Lua table cannot show: a list although
// it is empty, and which fields of an object were null.
type shape struct {
	list  bool
	nulls []string
}

func jsonEncode(L *lua.LState) int {
	L.Push(lua.LString(callOf(L).encode(L, L.CheckAny(1), MaxString)))
	return 1
}

// numberString writes a number that Lua cannot hold.
func numberString(L *lua.LState) int {
	number, _ := L.CheckUserData(1).Value.(json.Number)
	L.Push(lua.LString(number.String()))
	return 1
}

// encode writes a Lua value as JSON, with the fields of objects in the order
// of their names, in at most limit bytes.
func (c *call) encode(L *lua.LState, value lua.LValue, limit int) []byte {
	e := encoder{call: c, L: L, limit: limit}
	e.value(value, 0)
	c.charge(L, e.out.Len())
	return e.out.Bytes()
}

type encoder struct {
	call  *call
	L     *lua.LState
	limit int
	out   bytes.Buffer
}

func (e *encoder) value(value lua.LValue, depth int) {
	e.check()
	switch v := value.(type) {
	case *lua.LNilType:
		e.out.WriteString("null")
	case lua.LBool:
		e.out.WriteString(v.String())
	case lua.LNumber:
		e.number(float64(v))
	case lua.LString:
		e.string(string(v))
	case *lua.LTable:
		e.table(v, depth+1)
	case *lua.LUserData:
		if number, ok := v.Value.(json.Number); ok {
			e.out.WriteString(number.String())
			return
		}
		e.out.WriteString("null") // assay.json.null, the only other one
	default:
		e.L.RaiseError("cannot write a %s as JSON", value.Type())
	}
}

func (e *encoder) number(number float64) {
	encoded, err := json.Marshal(number)
	if err != nil {
		e.L.RaiseError("cannot write %v as JSON", number)
	}
	e.out.Write(encoded)
}

// string writes a text piece by piece: one byte may become six.
func (e *encoder) string(text string) {
	const piece = 32 << 10
	e.out.WriteByte('"')
	for len(text) > piece {
		cut := piece
		for cut > piece-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		e.piece(text[:cut])
		text = text[cut:]
	}
	e.piece(text)
	e.out.WriteByte('"')
}

func (e *encoder) piece(text string) {
	e.check()
	start := e.out.Len()
	writer := json.NewEncoder(&e.out)
	writer.SetEscapeHTML(false)
	if err := writer.Encode(text); err != nil {
		e.L.RaiseError("cannot write a string as JSON: %s", err.Error())
	}
	written := e.out.Bytes()[start:]
	copy(written, written[1:]) // without the quotes and the line feed
	e.out.Truncate(e.out.Len() - 3)
}

// check ends the call where it must end, or where it writes too much.
func (e *encoder) check() {
	e.call.check(e.L)
	if e.out.Len() > e.limit {
		e.call.fail(e.L, "wrote more than %d MiB of JSON", e.limit>>20)
	}
}

func (e *encoder) table(table *lua.LTable, depth int) {
	if depth > maxJSONDepth {
		e.L.RaiseError("cannot write a table as JSON that is nested deeper than %d levels, or within itself", maxJSONDepth)
	}
	known := e.call.shapes[table]
	length := table.MaxN()
	names := e.names(table, length)
	switch {
	case len(names) > 0 && length > 0:
		e.L.RaiseError("cannot write a table as JSON that has both a list and fields (such as %s)", strconv.Quote(shorten(names[0], 40)))
	case length > 0 || known.list && len(names) == 0:
		e.list(table, length, depth)
	default:
		e.object(table, names, known.nulls, depth)
	}
}

// names is the names of a table's fields: its keys but for a list's.
func (e *encoder) names(table *lua.LTable, length int) []string {
	var names []string
	last := lua.LNil
	if length > 0 {
		last = lua.LNumber(length)
	}
	for key, value := table.Next(last); key != lua.LNil; key, value = table.Next(key) {
		if value == lua.LNil {
			continue
		}
		name, ok := key.(lua.LString)
		if !ok {
			e.L.RaiseError("cannot write a table as JSON that has a %s (%s) as a key among others than a list's", key.Type(), shorten(key.String(), 40))
		}
		e.call.charge(e.L, 2*sizeString)
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func (e *encoder) list(table *lua.LTable, length, depth int) {
	e.out.WriteByte('[')
	for i := range length {
		if i > 0 {
			e.out.WriteByte(',')
		}
		e.value(table.RawGetInt(i+1), depth)
	}
	e.out.WriteByte(']')
}

func (e *encoder) object(table *lua.LTable, names, nulls []string, depth int) {
	for _, name := range nulls {
		if table.RawGetString(name) == lua.LNil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	e.out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			e.out.WriteByte(',')
		}
		e.string(name)
		e.out.WriteByte(':')
		e.value(table.RawGetString(name), depth)
	}
	e.out.WriteByte('}')
}
