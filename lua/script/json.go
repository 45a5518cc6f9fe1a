package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"

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

func jsonDecode(L *lua.LState) int {
	L.Push(callOf(L).decode(L, []byte(L.CheckString(1))))
	return 1
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

// decode makes a Lua value of a JSON document. A null is nil, in a list
// assay.json.null. A whole number that Lua's floating point cannot hold is a
// value of its own that tostring and encode write as it was.
func (c *call) decode(L *lua.LState, document []byte) lua.LValue {
	d := decoder{call: c, L: L, tokens: json.NewDecoder(bytes.NewReader(document))}
	d.tokens.UseNumber()
	value := d.value(0)
	if _, err := d.tokens.Token(); !errors.Is(err, io.EOF) {
		L.RaiseError("not valid JSON: more follows after the end of the document")
	}
	return value
}

type decoder struct {
	call   *call
	L      *lua.LState
	tokens *json.Decoder
}

func (d *decoder) token() json.Token {
	d.call.check(d.L)
	token, err := d.tokens.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		d.L.RaiseError("not valid JSON: %s", err.Error())
	}
	return token
}

func (d *decoder) value(depth int) lua.LValue { return d.of(d.token(), depth) }

func (d *decoder) of(token json.Token, depth int) lua.LValue {
	switch token := token.(type) {
	case json.Delim:
		if depth == maxJSONDepth {
			d.L.RaiseError("JSON nested deeper than %d levels", maxJSONDepth)
		}
		if token == '[' {
			return d.list(depth + 1)
		}
		return d.object(depth + 1)
	case string:
		d.call.charge(d.L, len(token)+sizeString)
		return lua.LString(token)
	case json.Number:
		return d.number(token)
	case bool:
		return lua.LBool(token)
	}
	return lua.LNil
}

func (d *decoder) list(depth int) lua.LValue {
	d.call.charge(d.L, sizeTable)
	table := d.L.CreateTable(4, 0)
	d.call.shapes[table] = shape{list: true}
	for d.tokens.More() {
		d.call.charge(d.L, sizeSlot)
		value := d.value(depth)
		if value == lua.LNil {
			value = d.call.script.suite.library.null
		}
		table.Append(value)
	}
	d.token()
	return table
}

func (d *decoder) object(depth int) lua.LValue {
	d.call.charge(d.L, sizeTable)
	table := d.L.CreateTable(0, 8)
	var nulls []string
	for d.tokens.More() {
		d.call.charge(d.L, sizeField)
		name := d.token().(string)
		value := d.value(depth)
		if value == lua.LNil {
			nulls = append(nulls, name)
		}
		table.RawSetString(name, value)
	}
	d.token()
	if nulls != nil {
		d.call.shapes[table] = shape{nulls: nulls}
	}
	return table
}

func (d *decoder) number(text json.Number) lua.LValue {
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		d.L.RaiseError("not valid JSON: the number %s is out of range", shorten(string(text), 40))
	}
	if whole, err := strconv.ParseInt(string(text), 10, 64); math.Abs(number) >= 1<<53 &&
		(err != nil || int64(number) != whole) && !bytes.ContainsAny([]byte(text), ".eE") {
		d.call.charge(d.L, sizeString+len(text))
		return &lua.LUserData{Value: text, Metatable: d.call.script.suite.library.number}
	}
	return lua.LNumber(number)
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
	e.call.check(e.L)
	if e.out.Len() > e.limit {
		e.call.fail(e.L, TooLarge, "answered more than %d MiB of JSON", e.limit>>20)
	}
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

func (e *encoder) string(text string) {
	if len(text) > e.limit {
		e.call.fail(e.L, TooLarge, "answered more than %d MiB of JSON", e.limit>>20)
	}
	writer := json.NewEncoder(&e.out)
	writer.SetEscapeHTML(false)
	if err := writer.Encode(text); err != nil {
		e.L.RaiseError("cannot write a string as JSON: %s", err.Error())
	}
	e.out.Truncate(e.out.Len() - 1) // the line feed
}

func (e *encoder) table(table *lua.LTable, depth int) {
	if depth > maxJSONDepth {
		e.L.RaiseError("cannot write a table as JSON that is nested deeper than %d levels, or within itself", maxJSONDepth)
	}
	known := e.call.shapes[table]
	names := e.names(table)
	length := table.MaxN()
	switch {
	case len(names) > 0 && length > 0:
		e.L.RaiseError("cannot write a table as JSON that has both a list and fields (such as %s)", strconv.Quote(shorten(names[0], 40)))
	case length > 0 || known.list && len(names) == 0:
		e.list(table, length, depth)
	default:
		e.object(table, names, known.nulls, depth)
	}
}

// names is the names of a table's fields.
func (e *encoder) names(table *lua.LTable) []string {
	var names []string
	for key, value := table.Next(lua.LNumber(table.MaxN())); key != lua.LNil; key, value = table.Next(key) {
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
