package script

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// FuzzSource runs whatever compiles: nothing may crash, and nothing may run
// past its limits.
func FuzzSource(f *testing.F) {
	for _, attack := range attacks {
		f.Add("function f(x)\n" + attack.body + "\nend")
	}
	f.Add("function f(x) local t = {} t.a, t[1] = 1, x.a .. 'b' return t end")
	f.Add("function f(...) return ..., {...}, #'x' end")
	f.Add("local co = coroutine.wrap(function() pcall(coroutine.yield) table.sort({1, 2}, coroutine.yield) end) co() co(1) co(2)")
	f.Fuzz(func(t *testing.T, source string) {
		s := suite(t, map[string]string{"main.lua": source})
		script, err := s.Load("main.lua")
		if err != nil {
			return
		}
		const limit = 50 * time.Millisecond
		r := request(`{"a":[1,null],"b":"c"}`)
		r.Limits = Limits{Time: limit, Memory: 16 << 20}
		start := time.Now()
		answer, err := script.Call(t.Context(), r)
		if took := time.Since(start); took > limit+2*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil && !json.Valid(answer.Document) {
			t.Errorf("answered %q", answer.Document)
		}
	})
}

// FuzzDocument sends documents through Lua and back.
func FuzzDocument(f *testing.F) {
	for _, document := range []string{
		`{"a":[1,2.5,"é",true,null],"b":{},"c":[],"d":null}`, `[[],[[]],{"":""}]`, `"\ud800\u0000\\"`,
		`[9007199254740993,-0,1e-7,1E400,123456789012345678901234567890]`, ` { "a" : [ 1 , 2 ] } `, `[null,null]`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(document))
	}
	script := load(f, "function f(x) return x end")
	f.Fuzz(func(t *testing.T, document []byte) {
		r := request("")
		r.Document = document
		answer, err := script.Call(t.Context(), r)
		if err != nil || !json.Valid(document) {
			if err == nil {
				t.Errorf("%q answered %q", document, answer.Document)
			}
			return
		}
		if got, want := generic(t, answer.Document), generic(t, document); !reflect.DeepEqual(got, want) {
			t.Errorf("%q came back as %q", document, answer.Document)
		}
	})
}

// generic reads a document as Go does, with numbers as written where they are
// whole.
func generic(t *testing.T, document []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(document))
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", document, err)
	}
	return value
}
