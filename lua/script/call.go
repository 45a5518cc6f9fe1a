package script

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// call is one run of a script. It is the context of its Lua state: gopher-lua
// asks Done before every instruction, which is where a call is stopped.
type call struct {
	context.Context // the caller's, for its values and deadline

	script  *Script
	request Request
	state   *lua.LState
	fault   atomic.Pointer[Error] // why the call must end; nil while it may run
	ended   atomic.Bool
	where   bool // fault has its position, if it can be told
	begins  int  // line where the function begins that is called

	opened    uint64 // the globals that are set
	allocated int64
	logged    int
	random    *rand.Rand
	required  map[string]lua.LValue // what the modules answered
	shapes    map[*lua.LTable]shape // what JSON knows of a table and Lua does not
}

// LogLine is what a script logs.
type LogLine struct {
	Level   string // debug, info, warn or error
	Message string // one line, shortened
	File    string
	Line    int
}

// Request is one call of a script's function.
type Request struct {
	Function string
	Document json.RawMessage // the function's argument
	Seed     uint64          // together with Key, what random numbers come from
	Key      func() string   // asked when the first random number is
	Limits   Limits
	Log      func(LogLine) // called while the script runs
	// Functions are globals beside the library's, by name.
	Functions map[string]Function
}

// Done is nil while the call may run, which the VM finds out fast.
func (c *call) Done() <-chan struct{} {
	if c.fault.Load() == nil {
		return nil
	}
	return c.script.suite.library.done
}

// Err gives the text of the error that the VM raises, again at every
// instruction, so that no pcall can swallow it for long.
func (c *call) Err() error {
	fault := c.fault.Load()
	if fault == nil {
		return nil
	}
	c.locate(c.state, fault)
	return errText(fault.Message)
}

// errText is an error that is nothing but its text.
type errText string

func (e errText) Error() string { return string(e) }

// stop makes the call end; the first reason counts.
func (c *call) stop(kind Kind, format string, args ...any) {
	c.fault.CompareAndSwap(nil, &Error{Kind: kind, File: c.script.Name, Message: fmt.Sprintf(format, args...), cause: c.Context.Err()})
}

// fail ends the call, from within one of the script's functions, because it
// passed a limit.
func (c *call) fail(L *lua.LState, format string, args ...any) {
	c.stop(TooLarge, format, args...)
	c.check(L)
}

// locate says where in the scripts the call is. Only its own goroutine may ask.
func (c *call) locate(L *lua.LState, fault *Error) {
	if c.where {
		return
	}
	c.where = true
	if file, line, ok := position(L); ok {
		fault.File, fault.Line = file, line
	}
}

// check ends the call if it must end. Go code that loops calls it.
func (c *call) check(L *lua.LState) {
	if fault := c.fault.Load(); fault != nil {
		c.locate(L, fault)
		L.RaiseError("%s", fault.Message)
	}
}

// charge counts bytes that the script is about to allocate.
func (c *call) charge(L *lua.LState, bytes int) {
	c.allocated += int64(bytes)
	if c.allocated > c.request.Limits.Memory {
		c.fail(L, "allocated more than its limit of %d MiB", c.request.Limits.Memory>>20)
	}
}

// chargeString counts a string that is about to be built.
func (c *call) chargeString(L *lua.LState, length int) {
	if length > MaxString {
		c.fail(L, "built a string of more than %d MiB", MaxString>>20)
	}
	c.charge(L, length+sizeString)
}

// What values take in gopher-lua, in bytes, roughly.
const (
	sizeString    = 16
	sizeSlot      = 24   // an element of a list, with its number
	sizeField     = 120  // an entry under another key
	sizeFields    = 2400 // the first such entry of an empty table
	sizeTable     = 512
	sizeFunction  = 100
	sizeUpvalue   = 80
	sizeCoroutine = (maxRegistry+registrySize)*16 + MaxDepth*100
)

// chargeStore counts a value that is about to be stored in a table. A list
// grows by a nil too.
func (c *call) chargeStore(L *lua.LState, table *lua.LTable, key, value lua.LValue) {
	if index, ok := listIndex(key); ok {
		c.chargeIndex(L, table, index)
		return
	}
	if value == lua.LNil || table.RawGet(key) != lua.LNil {
		return
	}
	if first, _ := table.Next(lua.LNil); first == lua.LNil {
		c.charge(L, sizeFields)
	}
	c.charge(L, sizeField)
}

// listIndex says whether gopher-lua keeps a key's value in a table's list,
// which it fills up to the greatest index.
func listIndex(key lua.LValue) (int, bool) {
	number, ok := key.(lua.LNumber)
	index := int(number)
	return index, ok && number == lua.LNumber(index) && index >= 1 && index < lua.MaxArrayIndex
}

// chargeIndex counts an element of a list that is about to be stored.
func (c *call) chargeIndex(L *lua.LState, table *lua.LTable, index int) {
	c.checkIndex(L, index)
	if table.RawGetInt(index) != lua.LNil {
		return
	}
	if last := table.MaxN(); index > last {
		// Twice, because the list is copied as it grows.
		c.charge(L, (index-last)*2*sizeSlot)
	}
}

func (c *call) checkIndex(L *lua.LState, index int) {
	if index > MaxList {
		c.fail(L, "used %d as the index of a list, which may have at most %d elements; use tostring(%d) as the key", index, MaxList, index)
	}
}

// callOf is the call that a state belongs to.
func callOf(L *lua.LState) *call { return L.Context().(*call) }

// position says which line of which script runs.
func position(L *lua.LState) (file string, line int, ok bool) {
	for level := 0; ; level++ {
		if _, found := L.GetStack(level); !found {
			return "", 0, false
		}
		if file, line, rest := splitPosition(L.Where(level)); line > 0 && rest == "" {
			return file, line, true
		}
	}
}

// splitPosition splits "file:line: message"; line is 0 where it is otherwise.
func splitPosition(text string) (file string, line int, message string) {
	file, rest, ok := strings.Cut(text, ":")
	if !ok {
		return "", 0, text
	}
	number, message, ok := strings.Cut(rest, ":")
	line, err := strconv.Atoi(number)
	if !ok || err != nil {
		return "", 0, text
	}
	return file, line, strings.TrimPrefix(message, " ")
}

// generator gives the same numbers for the same seed, function and key,
// whatever other calls there are and whenever they run.
func (c *call) generator() *rand.Rand {
	if c.random == nil {
		hash := fnv.New64a()
		fmt.Fprintf(hash, "%s\x00%s", c.request.Function, c.request.Key())
		c.random = rand.New(rand.NewPCG(c.request.Seed, hash.Sum64()))
	}
	return c.random
}

// timeSlices is how many slices a call's time is measured in.
const timeSlices = 10

// watch stops the call at its time limit and at the end of the caller's
// context, until the answered function is called.
func (c *call) watch(ctx context.Context) (done func()) {
	timer := time.AfterFunc(c.request.Limits.Time/timeSlices, func() { c.slice(1) })
	release := context.AfterFunc(ctx, func() {
		c.stop(Canceled, "was canceled: %v", ctx.Err())
	})
	return func() {
		c.ended.Store(true)
		timer.Stop()
		release()
	}
}

// slice runs after each slice of time. A process that stands still, on a
// machine that is too busy, loses one slice by it and not the whole limit: that
// it stood still is not the script's fault.
func (c *call) slice(number int) {
	switch {
	case c.ended.Load():
	case number == timeSlices:
		c.stop(TimedOut, "ran longer than its limit of %v", c.request.Limits.Time)
	default:
		time.AfterFunc(c.request.Limits.Time/timeSlices, func() { c.slice(number + 1) })
	}
}
