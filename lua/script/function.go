package script

import (
	"context"
	"encoding/json"
	"errors"

	lua "github.com/yuin/gopher-lua"
)

// Function is a function of the caller's that a script may call as a global:
// it takes and answers JSON. Where it fails, the script gets nil and the
// message, unless it failed because a limit of another call was passed: that
// ends this call too.
type Function func(ctx context.Context, arguments []json.RawMessage) (json.RawMessage, error)

// Compile compiles a source that is no file of the suite. Its errors are an
// *Error.
func (s *Suite) Compile(name, source string) (*Script, error) {
	proto, words, err := compile(source, name)
	if err != nil {
		return nil, err
	}
	return &Script{Name: name, suite: s, proto: proto, globals: s.library.mentioned(words)}, nil
}

// setFunctions makes the request's functions globals.
func (c *call) setFunctions(L *lua.LState) {
	for name, function := range c.request.Functions {
		L.SetGlobal(name, L.NewFunction(func(L *lua.LState) int { return c.invoke(L, function) }))
	}
}

func (c *call) invoke(L *lua.LState, function Function) int {
	arguments := make([]json.RawMessage, L.GetTop())
	for i := range arguments {
		arguments[i] = c.encode(L, L.Get(i+1), MaxOutput)
	}
	answer, err := function(c.Context, arguments)
	c.check(L)
	if err == nil {
		L.Push(c.decode(L, answer))
		return 1
	}
	var fault *Error
	if errors.As(err, &fault) && (fault.Kind == TimedOut || fault.Kind == TooLarge || fault.Kind == Broken) {
		passed := *fault
		c.where = true // it says where
		c.fault.CompareAndSwap(nil, &passed)
		c.check(L)
	}
	message := err.Error()
	c.chargeString(L, len(message))
	L.Push(lua.LNil)
	L.Push(lua.LString(message))
	return 2
}
