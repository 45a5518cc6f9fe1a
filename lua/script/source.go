package script

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// read reads a script of the suite.
func (s *Suite) read(name string) (string, error) {
	source, err := s.ReadFile(name, MaxSource)
	return strings.TrimPrefix(string(source), "\ufeff"), err // some editors write a mark first
}

// ReadFile reads a file of the suite that has at most limit bytes. Its path is
// relative to the folder. Errors are an *Error that quotes nothing of it.
func (s *Suite) ReadFile(name string, limit int64) ([]byte, error) {
	wrong := func(format string, args ...any) error {
		return &Error{Kind: Wrong, File: name, Message: fmt.Sprintf(format, args...)}
	}
	// A device or a pipe could hang the open, so look first.
	info, err := s.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("there is no such file in the suite")
	case err != nil:
		return nil, wrong("cannot be read: %v", cause(err))
	case !info.Mode().IsRegular():
		return nil, wrong("is not a regular file")
	}
	file, err := s.root.Open(name)
	if err != nil {
		return nil, wrong("cannot be read: %v", cause(err))
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, wrong("cannot be read: %v", cause(err))
	}
	if int64(len(content)) > limit {
		return nil, wrong("is larger than %d KiB, the most that it may be", limit>>10)
	}
	return content, nil
}

// cause is the reason without the path, which may be one of this machine's.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// compile makes a function of a source. Called with the library's
// meters it answers the script as a function. words are what its source mentions.
func compile(source, name string) (proto *lua.FunctionProto, words map[string]struct{}, err error) {
	defer func() {
		// The compiler indexes past its tables on some sources.
		if fault := recover(); fault != nil {
			err = &Error{Kind: Wrong, File: name, Message: fmt.Sprintf("cannot be compiled: %v", fault)}
		}
	}()
	if words, err = checkTokens(source, name); err != nil {
		return nil, nil, err
	}
	chunk, err := parse.Parse(strings.NewReader(source), name)
	if err != nil {
		return nil, nil, syntaxError(err, source, name)
	}
	if proto, err = lua.Compile(instrument(chunk), name); err != nil {
		return nil, nil, syntaxError(err, source, name)
	}
	harden(proto)
	return proto, words, nil
}

func syntaxError(err error, source, name string) error {
	wrong := &Error{Kind: Wrong, File: name}
	var parseError *parse.Error
	var compileError *lua.CompileError
	switch {
	case errors.As(err, &parseError) && parseError.Pos.Line == parse.EOF:
		wrong.Line = strings.Count(source, "\n") + 1
		wrong.Message = parseError.Message + " at the end of the file"
	case errors.As(err, &parseError):
		wrong.Line = parseError.Pos.Line
		if parseError.Message == "unterminated string" {
			wrong.Line-- // the scanner is past the end of the line
		}
		wrong.Message = fmt.Sprintf("%s near %s", parseError.Message, strconv.Quote(shorten(parseError.Token, 40)))
	case errors.As(err, &compileError):
		wrong.Line, wrong.Message = compileError.Line, compileError.Message
	default:
		wrong.Message = err.Error()
	}
	return wrong
}

// harden takes two things out of compiled code. Tail calls become ordinary
// ones: gopher-lua counts them in the stack trace that it builds for every
// error, which for an endless tail call takes gigabytes that nothing can stop.
// And functions of variable arguments no longer get Lua 5.0's table arg, which
// nothing would count.
func harden(proto *lua.FunctionProto) {
	const opShift = 26
	for i, instruction := range proto.Code {
		if int(instruction>>opShift) == lua.OP_TAILCALL {
			proto.Code[i] = instruction&(1<<opShift-1) | uint32(lua.OP_CALL)<<opShift
		}
	}
	proto.IsVarArg &^= lua.VarArgNeedsArg
	for _, inner := range proto.FunctionPrototypes {
		harden(inner)
	}
}

// shorten cuts text to at most limit bytes, whole characters where it has any.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
