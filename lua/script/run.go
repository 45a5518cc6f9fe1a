package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
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
		Context: ctx, script: s, request: request,
		required: map[string]lua.LValue{}, shapes: map[*lua.LTable]shape{},
	}
	c.state = s.suite.library.state()
	c.opened = s.suite.library.named("string")
	c.state.SetContext(c) //nolint:contextcheck // the call is the context: it embeds ctx
	defer c.watch(ctx)()

	var answer Answer
	c.state.Push(c.state.NewFunction(func(L *lua.LState) int {
		answer = c.run(L)
		return 0
	}))
	if err := c.state.PCall(0, 0, nil); err != nil {
		return Answer{}, c.failure(err)
	}
	s.suite.library.states.Put(c.state) // one that failed is in who knows what state
	return answer, nil
}

func (c *call) run(L *lua.LState) Answer {
	request := c.request
	answer := Answer{Document: json.RawMessage("null")}
	c.setFunctions(L)
	c.execute(L, c.script, 0)
	switch function := L.G.Global.RawGetString(request.Function).(type) {
	case *lua.LNilType:
		return answer
	case *lua.LFunction:
		if !function.IsG {
			answer.Line = function.Proto.LineDefined
			c.begins = answer.Line
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
	library.open(L, s.globals&^c.opened)
	c.opened |= s.globals
	L.Push(L.NewFunctionFromProto(s.proto))
	for _, meter := range library.meters {
		L.Push(meter)
	}
	L.Call(len(library.meters), 1)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(len(args), nret)
}

// failure says why a call ended.
func (c *call) failure(err error) error {
	failed := c.fault.Load()
	if failed == nil {
		failed = c.failed(err)
	}
	if failed.Line == 0 && failed.File == c.script.Name {
		failed.Line = c.begins // as near as can be told
	}
	return failed
}

// failed makes an Error of what a script raised.
func (c *call) failed(err error) *Error {
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
	failed.Message = shorten(strings.TrimSpace(failed.Message), maxMessage)
	return failed
}
