package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// The size of a state's registry, in values: one call passes at most as many
// arguments as there is room.
const (
	registrySize = 256
	maxRegistry  = 16 << 10
)

// Answer is what a function answered.
type Answer struct {
	Document json.RawMessage // null where it is not defined or answered nil
	Line     int             // where the function begins; 0 where it is not defined
}

// Call runs the script in a fresh environment and then its global function of
// the request's name. Errors are an *Error.
func (s *Script) Call(ctx context.Context, request Request) (Answer, error) {
	c := &call{
		Context: ctx, script: s, limits: request.Limits, random: newRandom(request), log: request.Log,
		required: map[string]lua.LValue{}, shapes: map[*lua.LTable]shape{},
	}
	c.state = lua.NewState(lua.Options{
		CallStackSize: MaxDepth, SkipOpenLibs: true,
		RegistrySize: registrySize, RegistryMaxSize: maxRegistry, RegistryGrowStep: 1024,
	})
	c.state.SetContext(c)
	s.suite.library.open(c.state)
	defer c.watch(ctx)()

	var answer Answer
	c.state.Push(c.state.NewFunction(func(L *lua.LState) int {
		answer = c.run(L, request)
		return 0
	}))
	if err := c.state.PCall(0, 0, nil); err != nil {
		return Answer{}, c.failure(err)
	}
	return answer, nil
}

func (c *call) run(L *lua.LState, request Request) Answer {
	answer := Answer{Document: json.RawMessage("null")}
	c.execute(L, c.script, 0)
	switch function := L.G.Global.RawGetString(request.Function).(type) {
	case *lua.LNilType:
		return answer
	case *lua.LFunction:
		if !function.IsG {
			answer.Line = function.Proto.LineDefined
		}
		L.Push(function)
		L.Push(c.decode(L, request.Document))
		L.Call(1, 1)
		answer.Document = c.encode(L, L.Get(-1), MaxOutput)
	default:
		L.RaiseError("%s is a %s, not a function", request.Function, function.Type())
	}
	return answer
}

// execute runs a script's own statements and leaves nret values on the stack.
func (c *call) execute(L *lua.LState, s *Script, nret int, args ...lua.LValue) {
	library := s.suite.library
	L.Push(L.NewFunctionFromProto(s.proto))
	L.Push(library.concat)
	L.Push(library.store)
	L.Push(library.table)
	L.Call(3, 1)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(len(args), nret)
}

// failure says why a call ended.
func (c *call) failure(err error) error {
	if fault := c.fault.Load(); fault != nil {
		c.locate(c.state, fault)
		return fault
	}
	failed := &Error{Kind: Failed, File: c.script.Name, Message: err.Error()}
	var luaError *lua.ApiError
	if !errors.As(err, &luaError) {
		return failed
	}
	if luaError.Type == lua.ApiErrorPanic {
		failed.Kind = Broken
	}
	switch object := luaError.Object.(type) {
	case lua.LString:
		failed.Message = string(object)
		if file, line, message := splitPosition(string(object)); line > 0 && c.script.suite.loaded(file) {
			failed.File, failed.Line, failed.Message = file, line, message
		}
	default:
		failed.Message = fmt.Sprintf("raised an error that is a %s, not a string", object.Type())
	}
	failed.Message = shorten(failed.Message, maxMessage)
	return failed
}
