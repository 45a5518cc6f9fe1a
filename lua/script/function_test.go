package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestFunctions lets scripts call functions of the caller's.
func TestFunctions(t *testing.T) {
	t.Parallel()
	functions := map[string]Function{
		"list": func(_ context.Context, arguments []json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(arguments)
		},
		"refuse": func(context.Context, []json.RawMessage) (json.RawMessage, error) { return nil, errors.New("no") },
		"pass": func(context.Context, []json.RawMessage) (json.RawMessage, error) {
			return nil, fmt.Errorf("inner: %w", &Error{Kind: TimedOut, File: "inner.lua", Line: 7, Message: "ran long"})
		},
		"fail": func(context.Context, []json.RawMessage) (json.RawMessage, error) {
			return nil, &Error{Kind: Failed, File: "inner.lua", Line: 7, Message: "raised"}
		},
		"large": func(context.Context, []json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(strings.Repeat("x", int(limits().Memory)+1))
		},
		"garbage": func(context.Context, []json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{"), nil },
	}
	for _, test := range []struct{ body, want, fault string }{
		{`return list()`, `[]`, ""},
		{`return list(1, nil, { a = "x" })`, `[1,null,{"a":"x"}]`, ""},
		{`return { refuse() == nil, select(2, refuse()) }`, `[true,"no"]`, ""},
		{`return select(2, fail())`, `"inner.lua:7: raised"`, ""},
		{`return list(print)`, "", "main.lua:1: cannot write a function as JSON"},
		{`pcall(pass) return 1`, "", "inner.lua:7: ran long"},
		{`pcall(large) return 1`, "", "main.lua:1: allocated more than its limit"},
		{`return garbage()`, "", "main.lua:1: not valid JSON"},
	} {
		r := request("null")
		r.Functions = functions
		answer, err := load(t, "function f() "+test.body+" end").Call(t.Context(), r)
		if test.fault == "" && (err != nil || string(answer.Document) != test.want) {
			t.Errorf("%s: %s, %v; want %s", test.body, answer.Document, err, test.want)
		}
		if test.fault != "" && (err == nil || !strings.HasPrefix(err.Error(), test.fault)) {
			t.Errorf("%s: %s, %v; want %s", test.body, answer.Document, err, test.fault)
		}
	}
	if _, err := load(t, "function f() return list() end").Call(t.Context(), request("null")); err == nil {
		t.Error("a function is left to the next call")
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	s := suite(t, map[string]string{"lib.lua": "return 41"})
	compiled, err := s.Compile("harness", "function f() return require('lib') + 1 end")
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := compiled.Call(t.Context(), request("null")); err != nil || string(answer.Document) != "42" {
		t.Error(string(answer.Document), err)
	}
	var fault *Error
	if _, err := s.Compile("harness", "\nend"); !errors.As(err, &fault) || fault.Kind != Wrong || fault.Line != 2 || fault.File != "harness" {
		t.Error(err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	s := suite(t, map[string]string{"a/data.json": "12345", "main.lua": ""})
	if content, err := s.ReadFile("a/data.json", 5); err != nil || string(content) != "12345" {
		t.Error(string(content), err)
	}
	for name, want := range map[string]string{
		"a/data.json": "is larger than", "a": "is not a regular file", "b.json": "no such file in the suite", "../x": "cannot be read: path escapes",
	} {
		var fault *Error
		if _, err := s.ReadFile(name, 4); !errors.As(err, &fault) || fault.Kind != Wrong || !strings.Contains(fault.Message, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
