package script

import (
	"math"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// catching is pcall or coroutine.resume, counting the text of an error: errors
// may quote what the script has.
func catching(function lua.LValue) lua.LGFunction {
	protected := function.(*lua.LFunction).GFunction
	return func(L *lua.LState) int {
		results := protected(L)
		if results == 2 && L.Get(-2) == lua.LFalse {
			chargeError(L, L.Get(-1))
		}
		return results
	}
}

// raise is error(value [, level]), with the level counted as Lua counts it:
// gopher-lua takes 2 for 1.
func raise(L *lua.LState) int {
	value, level := L.CheckAny(1), L.OptInt(2, 1)
	if message, ok := value.(lua.LString); ok && level > 0 {
		if _, found := L.GetStack(level); found {
			if file, line, rest := splitPosition(L.Where(level)); line > 0 && rest == "" {
				value = lua.LString(file + ":" + strconv.Itoa(line) + ": " + string(message))
			}
		}
	}
	chargeError(L, value)
	L.Error(value, 0)
	return 0
}

// handling is xpcall, counting likewise.
func handling(function lua.LValue) lua.LGFunction {
	protected := function.(*lua.LFunction).GFunction
	return func(L *lua.LState) int {
		handler := L.CheckFunction(2)
		L.Replace(2, L.NewFunction(func(L *lua.LState) int {
			chargeError(L, L.Get(1))
			L.Push(handler)
			L.Push(L.Get(1))
			L.Call(1, 1)
			return 1
		}))
		return protected(L)
	}
}

func chargeError(L *lua.LState, value lua.LValue) {
	if message, ok := value.(lua.LString); ok {
		callOf(L).charge(L, len(message)+sizeString)
	}
}

func rawSet(L *lua.LState) int {
	table, key, value := L.CheckTable(1), L.CheckAny(2), L.CheckAny(3)
	callOf(L).chargeStore(L, table, key, value)
	L.RawSet(table, key, value)
	L.SetTop(1)
	return 1
}

// setMetatable is for tables only: the metatables of other types are shared by
// all values of the type.
func setMetatable(L *lua.LState) int {
	table := L.CheckTable(1)
	L.CheckTypes(2, lua.LTNil, lua.LTTable)
	if L.GetMetaField(table, "__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	L.SetMetatable(table, L.Get(2))
	L.SetTop(1)
	return 1
}

func toString(L *lua.LState) int {
	L.Push(lua.LString(display(L, L.CheckAny(1))))
	return 1
}

// display is what tostring makes of a value. Tables, functions and such are their
// type only: an address would differ from run to run.
func display(L *lua.LState, value lua.LValue) string {
	if method := L.GetMetaField(value, "__tostring"); method.Type() == lua.LTFunction {
		L.Push(method)
		L.Push(value)
		L.Call(1, 1)
		defer L.Pop(1)
		return lua.LVAsString(L.Get(-1))
	}
	switch value.(type) {
	case lua.LString, lua.LNumber, lua.LBool, *lua.LNilType:
		return value.String()
	}
	return value.Type().String()
}

// require runs a script of the suite, once in a call, and answers what it
// returned. Both "lib.rules" and "lib/rules.lua" name lib/rules.lua.
func require(L *lua.LState) int {
	c := callOf(L)
	name := L.CheckString(1)
	file := strings.TrimSuffix(name, ".lua")
	if !strings.Contains(file, "/") {
		file = strings.ReplaceAll(file, ".", "/")
	}
	file = path.Clean(file + ".lua")
	if value, done := c.required[file]; done {
		if value == nil {
			L.RaiseError("%s is required while it is being required", file)
		}
		L.Push(value)
		return 1
	}
	module, err := c.script.suite.Load(file)
	if err != nil {
		L.RaiseError("require(%s): %s", strconv.Quote(shorten(name, 100)), err.Error())
	}
	c.check(L)
	c.charge(L, sizeField)
	c.required[file] = nil
	c.execute(L, module, 1, lua.LString(name))
	value := L.Get(-1)
	if value == lua.LNil {
		value = lua.LTrue
	}
	c.required[file] = value
	L.Push(value)
	return 1
}

// log is assay.log([level,] message).
func log(L *lua.LState) int {
	level, message := "info", L.CheckAny(1)
	if L.GetTop() > 1 {
		level, message = L.CheckString(1), L.Get(2)
		switch level {
		case "debug", "info", "warn", "error":
		default:
			L.ArgError(1, `the level must be "debug", "info", "warn" or "error"`)
		}
	}
	callOf(L).writeLog(L, level, display(L, message))
	return 0
}

// printLine is print: assay.log of all that it is given.
func printLine(L *lua.LState) int {
	var line strings.Builder
	for i := 1; i <= L.GetTop() && line.Len() <= maxMessage; i++ {
		if i > 1 {
			line.WriteByte(' ')
		}
		line.WriteString(shorten(display(L, L.Get(i)), maxMessage))
	}
	callOf(L).writeLog(L, "info", line.String())
	return 0
}

func (c *call) writeLog(L *lua.LState, level, message string) {
	c.logged++
	if c.logged > MaxLogLines {
		return
	}
	if c.logged == MaxLogLines {
		message = "further lines of this call are dropped"
	}
	line := LogLine{Level: level, Message: oneLine(shorten(message, maxMessage))}
	line.File, line.Line, _ = position(L)
	c.request.Log(line)
}

// oneLine makes control characters visible.
func oneLine(message string) string {
	quoted := strconv.Quote(message)
	if quoted[1:len(quoted)-1] == message {
		return message
	}
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", " ", "\x1b", `\x1b`).Replace(message)
}

// now is assay.time(): seconds since 1970, UTC, with a fraction.
func now(L *lua.LState) int {
	L.Push(lua.LNumber(float64(time.Now().UnixMilli()) / 1000))
	return 1
}

// random is assay.random and math.random: a number in [0, 1), or a whole
// number from 1 or the first argument to the last, both included.
func random(L *lua.LState) int {
	generator := callOf(L).generator()
	if L.GetTop() == 0 {
		L.Push(lua.LNumber(generator.Float64()))
		return 1
	}
	low, high := 1.0, float64(L.CheckNumber(L.GetTop()))
	if L.GetTop() > 1 {
		low = float64(L.CheckNumber(1))
	}
	low, high = math.Ceil(low), math.Floor(high)
	if width := high - low; math.IsNaN(width) || width < 0 || width >= 1<<53 {
		L.ArgError(L.GetTop(), "interval is empty or too large")
	}
	L.Push(lua.LNumber(low + float64(generator.Int64N(int64(high-low)+1))))
	return 1
}

// randomSeed is math.randomseed: it starts this call's numbers anew.
func randomSeed(L *lua.LState) int {
	c := callOf(L)
	c.random = rand.New(rand.NewPCG(math.Float64bits(float64(L.CheckNumber(1))), 0))
	return 0
}

func mathModule(L *lua.LState, own func(lua.LGFunction) *lua.LFunction) module {
	m := take(functionsOf(L, lua.OpenMath),
		"abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod",
		"frexp", "ldexp", "log", "log10", "max", "min", "modf", "pow", "rad", "sin", "sinh", "sqrt",
		"tan", "tanh", "pi")
	m["huge"] = lua.LNumber(math.Inf(1))
	m["random"], m["randomseed"] = own(random), own(randomSeed)
	return values(m)
}

// coroutineModule is gopher-lua's, but that new coroutines are counted and
// stopped with their call.
func coroutineModule(L *lua.LState, own func(lua.LGFunction) *lua.LFunction) module {
	library := functionsOf(L, lua.OpenCoroutine)
	m := take(library, "running", "status", "yield")
	m["resume"] = own(catching(library.RawGetString("resume")))
	create := library.RawGetString("create").(*lua.LFunction).GFunction
	wrap := library.RawGetString("wrap").(*lua.LFunction).GFunction
	m["create"] = own(func(L *lua.LState) int {
		c := callOf(L)
		c.charge(L, sizeCoroutine)
		create(L)
		L.Get(-1).(*lua.LState).SetContext(c)
		return 1
	})
	m["wrap"] = own(func(L *lua.LState) int {
		c := callOf(L)
		c.charge(L, sizeCoroutine)
		wrap(L)
		L.Get(-1).(*lua.LFunction).Upvalues[0].Value().(*lua.LState).SetContext(c)
		return 1
	})
	return values(m)
}
