package script

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func jsonDecode(L *lua.LState) int {
	L.Push(callOf(L).decode(L, []byte(L.CheckString(1))))
	return 1
}

// decode makes a Lua value of a JSON document. A null is nil, in a list
// assay.json.null. A whole number that Lua's floating point cannot hold is a
// value of its own that tostring and encode write as it was.
func (c *call) decode(L *lua.LState, document []byte) lua.LValue {
	c.charge(L, len(document))
	if !json.Valid(document) {
		var value json.RawMessage
		L.RaiseError("not valid JSON: %s", shorten(json.Unmarshal(document, &value).Error(), 200))
	}
	d := decoder{call: c, L: L, text: string(document)}
	return d.value(0)
}

// decoder reads a text that is known to be valid JSON.
type decoder struct {
	call *call
	L    *lua.LState
	text string
	pos  int
}

// peek is the next byte that is not white space.
func (d *decoder) peek() byte {
	for {
		switch c := d.text[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}
}

func (d *decoder) value(depth int) lua.LValue {
	d.call.check(d.L)
	switch c := d.peek(); c {
	case '[', '{':
		if depth == maxJSONDepth {
			d.L.RaiseError("JSON nested deeper than %d levels", maxJSONDepth)
		}
		d.pos++
		d.call.charge(d.L, sizeTable)
		if c == '[' {
			return d.list(depth + 1)
		}
		return d.object(depth + 1)
	case '"':
		return lua.LString(d.string())
	case 'n':
		d.pos += len("null")
		return lua.LNil
	case 't':
		d.pos += len("true")
		return lua.LTrue
	case 'f':
		d.pos += len("false")
		return lua.LFalse
	}
	return d.number()
}

// more says whether another element follows, and goes to it.
func (d *decoder) more(end byte) bool {
	switch d.peek() {
	case end:
		d.pos++
		return false
	case ',':
		d.pos++
	}
	return true
}

func (d *decoder) list(depth int) lua.LValue {
	table := d.L.CreateTable(4, 0)
	d.call.shapes[table] = shape{list: true}
	for d.more(']') {
		d.call.charge(d.L, sizeSlot)
		value := d.value(depth)
		if value == lua.LNil {
			value = d.call.script.suite.library.null
		}
		table.Append(value)
	}
	return table
}

func (d *decoder) object(depth int) lua.LValue {
	table := d.L.CreateTable(0, 8)
	var nulls []string
	for d.more('}') {
		d.call.charge(d.L, sizeField)
		d.peek()
		name := d.string()
		d.peek()
		d.pos++ // the colon
		value := d.value(depth)
		if value == lua.LNil {
			nulls = append(nulls, name)
		}
		table.RawSetString(name, value)
	}
	if nulls != nil {
		d.call.shapes[table] = shape{nulls: nulls}
	}
	return table
}

func (d *decoder) string() string {
	start := d.pos
	for d.pos++; d.text[d.pos] != '"'; d.pos++ {
		if d.text[d.pos] == '\\' {
			d.pos++
		}
	}
	d.pos++
	quoted := d.text[start:d.pos]
	d.call.charge(d.L, sizeString)
	if !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1]
	}
	d.call.charge(d.L, 2*len(quoted))
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		d.L.RaiseError("not valid JSON: %s", err.Error())
	}
	return text
}

func (d *decoder) number() lua.LValue {
	rest := d.text[d.pos:]
	end := strings.IndexAny(rest, ",]} \t\n\r")
	if end < 0 {
		end = len(rest)
	}
	d.pos += end
	text := rest[:end]
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d.L.RaiseError("the number %s is out of range", shorten(text, 40))
	}
	if math.Abs(number) >= 1<<53 && !strings.ContainsAny(text, ".eE") && !exact(text, number) {
		d.call.charge(d.L, sizeString+len(text))
		return &lua.LUserData{Value: json.Number(text), Metatable: d.call.script.suite.library.number}
	}
	return lua.LNumber(number)
}

// exact says whether a floating-point number is the whole number of text.
func exact(text string, number float64) bool {
	whole, err := strconv.ParseInt(text, 10, 64)
	return err == nil && int64(number) == whole
}
