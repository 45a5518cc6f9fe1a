package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, hook, body, want, problem string }{
		{"nothing", "classify", ``, `null`, ""},
		{"category", "classify", `return "timeout"`, `{"category":"timeout","confidence":0.9}`, ""},
		{"all", "classify", `return {category = "auth", confidence = 1, reason = "r"}`, `{"category":"auth","confidence":1,"reason":"r"}`, ""},
		{"no confidence at all", "classify", `return {category = "unknown", confidence = 0}`, `{"category":"unknown","confidence":0}`, ""},
		{"unknown category", "classify", `return "weather"`, "", `answered the category "weather", which does not exist; use one of outage, timeout, rate_limited, auth, logic_fault, invalid_input, schema_mismatch, unknown`},
		{"class for category", "classify", `return {category = "UNKNOWN"}`, "", `answered the category "UNKNOWN"`},
		{"no category", "classify", `return {confidence = 1}`, "", `answered the category ""`},
		{"confidence above", "classify", `return {category = "auth", confidence = 1.1}`, "", "answered the confidence 1.1; it must be from 0 to 1"},
		{"confidence below", "classify", `return {category = "auth", confidence = -0.1}`, "", "answered the confidence -0.1"},
		{"confidence of text", "classify", `return {category = "auth", confidence = "high"}`, "", "confidence is of type string"},
		{"unknown field", "classify", `return {category = "auth", sure = true}`, "", `unknown field "sure"`},
		{"number", "classify", `return 5`, "", "it is of type number"},
		{"list", "classify", `return {"auth"}`, "", "it is of type array"},
		{"vector", "before_vector", `x.input.n = x.input.n + 1 return x`, `{"input":{"n":2}}`, ""},
		{"no vector", "before_vector", `x.input.n = 5`, `null`, ""},
		{"odd vector", "before_vector", `return "x"`, "", "answered something other than the vector"},
		{"checks", "after_vector", `return {{name = "a", pass = true}, {name = "b", pass = false, message = "m"}}`, `[{"name":"a","pass":true},{"name":"b","pass":false,"message":"m"}]`, ""},
		{"no checks", "after_vector", `return {}`, `null`, ""},
		{"check without a name", "after_vector", `return {{name = "a", pass = true}, {pass = true}}`, "", "answered a check (number 2) without a name"},
		{"check without a verdict", "after_vector", `return {{name = "a"}}`, "", "answered a check (number 1) without"},
		{"checks as fields", "after_vector", `return {a = true}`, "", "answered something other than a list"},
		{"event", "on_event", `x.input = nil return x`, `{}`, ""},
		{"event dropped", "on_event", `return false`, `false`, ""},
		{"event left", "on_event", ``, `null`, ""},
		{"odd event", "on_event", `return true`, "", "answered something other than the event"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			attribute := "hooks"
			if test.hook == "classify" {
				attribute = "classifier"
			}
			source := fmt.Sprintf("\n\nfunction %s(x)\n  %s\nend", test.hook, test.body)
			p := configured(t, map[string]string{"dir/a.lua": source}, map[string]any{attribute: "dir/a.lua"})
			answer, err := p.Call(t.Context(), test.hook, json.RawMessage(`{"input":{"n":1}}`))
			if test.problem == "" {
				if err != nil || string(answer) != test.want {
					t.Errorf("answered %s, %v; want %s", answer, err, test.want)
				}
				return
			}
			want := fmt.Sprintf("hook %s: dir/a.lua:3: ", test.hook)
			if !errors.Is(err, sdk.Invalid) || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("err = %v; want %s…%s", err, want, test.problem)
			}
		})
	}
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	p := configured(t, map[string]string{"a.lua": `
function before_vector() while true do end; end
function after_vector() local s = "x" while true do s = s .. s end; end

function on_event()
  error("no")
end`}, map[string]any{"hooks": "a.lua", "timeout": "50ms", "memory_mb": 8})
	for _, test := range []struct {
		hook string
		kind sdk.ErrorKind
		want string
	}{
		{"before_vector", sdk.Timeout, "hook before_vector: a.lua:2: ran longer than its limit of 50ms"},
		{"after_vector", sdk.Invalid, "hook after_vector: a.lua:3: allocated more than its limit of 8 MiB"},
		{"on_event", sdk.Invalid, "hook on_event: a.lua:6: no"},
		{"classified", sdk.Unsupported, `there is no hook "classified": hooks are after_vector, before_vector, classify and on_event`},
	} {
		answer, err := p.Call(t.Context(), test.hook, json.RawMessage("{}"))
		var typed *sdk.Error
		if !errors.As(err, &typed) || typed.Kind != test.kind || typed.Message != test.want || typed.Sent || answer != nil {
			t.Errorf("%s: %s, %+v", test.hook, answer, err)
		}
	}
	// A hook without a script has nothing to say.
	if answer, err := p.Call(t.Context(), "classify", json.RawMessage("{}")); err != nil || string(answer) != "null" {
		t.Errorf("classify: %s, %v", answer, err)
	}
}

func TestConfigureFindsProblems(t *testing.T) {
	t.Parallel()
	files := map[string]string{"good.lua": "", "bad.lua": "\nx = = 1", "deep.lua": "x = " + strings.Repeat("(", 300)}
	for _, test := range []struct {
		name       string
		attributes map[string]any
		want       []string // attribute: summary: detail
	}{
		{"syntax", map[string]any{"classifier": "bad.lua"}, []string{`classifier: Script does not compile: bad.lua, line 2: syntax error near "=".`}},
		{"once", map[string]any{"hooks": "bad.lua"}, []string{`hooks: Script does not compile: bad.lua, line 2: syntax error near "=".`}},
		{"nesting", map[string]any{"hooks": "deep.lua"}, []string{"hooks: Script does not compile: deep.lua, line 1: is nested too deep"}},
		{"missing", map[string]any{"classifier": "none.lua"}, []string{"classifier: Script cannot be used: none.lua: there is no such file in the suite."}},
		{"outside", map[string]any{"classifier": "../x.lua"}, []string{"classifier: Script cannot be used: ../x.lua: "}},
		{"absolute", map[string]any{"classifier": "/etc/passwd"}, []string{"classifier: Script cannot be used: /etc/passwd: "}},
		{"timeout", map[string]any{"timeout": "0s"}, []string{"timeout: Wrong time limit: The time limit of a call is 0s"}},
		{"long timeout", map[string]any{"timeout": "2h"}, []string{"timeout: Wrong time limit: "}},
		{"memory", map[string]any{"memory_mb": 0}, []string{"memory_mb: Wrong memory limit: "}},
		{"much memory", map[string]any{"memory_mb": 100000}, []string{"memory_mb: Wrong memory limit: "}},
		{"odd seed", map[string]any{"seed": "x"}, []string{": Unusable settings: "}},
		{"several", map[string]any{"timeout": "-1s", "memory_mb": -1, "classifier": "bad.lua", "hooks": "none.lua"}, []string{"timeout: ", "memory_mb: ", "classifier: ", "hooks: "}},
		{"none", map[string]any{"classifier": "good.lua", "hooks": nil, "timeout": "1m", "memory_mb": 1}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := configure(t, files, test.attributes)
			var wrong *sdk.ConfigError
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, &wrong) {
				t.Fatalf("err = %v", err)
			}
			if len(wrong.Problems) != len(test.want) {
				t.Errorf("%d problems: %v", len(wrong.Problems), err)
			}
			for _, want := range test.want {
				found := false
				for _, p := range wrong.Problems {
					found = found || strings.HasPrefix(p.Attribute+": "+p.Summary+": "+p.Detail, want)
				}
				if !found {
					t.Errorf("no problem %q in %+v", want, wrong.Problems)
				}
			}
		})
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.lua": "function before_vector() return { n = assay.random(1000000) } end"}
	number := func(seed uint64, document string) string {
		p := configured(t, files, map[string]any{"hooks": "a.lua", "seed": seed})
		answer, err := p.Call(t.Context(), "before_vector", json.RawMessage(document))
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	const seed = 1<<64 - 1
	if a, b := number(seed, `{"vector":"v","at":1}`), number(seed, `{"vector":"v","at":2}`); a != b {
		t.Errorf("the same seed and vector gave %s and %s", a, b)
	}
	if number(seed, `{"vector":"v"}`) == number(1, `{"vector":"v"}`) || number(seed, `{"vector":"v"}`) == number(seed, `{"vector":"w"}`) {
		t.Error("another seed or vector gave the same number")
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	same := []string{
		`{"suite":"s","vector":"v","duration_ms":1}`,
		`{"duration_ms":2,"vector":"v","suite":"s","trace":[1]}`,
	}
	if identity(json.RawMessage(same[0])) != identity(json.RawMessage(same[1])) {
		t.Error("the same vector has two identities")
	}
	seen := map[string]string{}
	for _, document := range []string{same[0], `{"vector":"v"}`, `{"name":"v"}`, `{"vector":"w"}`, `{"vector":5}`, `{"a":1}`, `[1]`} {
		key := identity(json.RawMessage(document))
		if seen[key] != "" {
			t.Errorf("%s and %s have the same identity", document, seen[key])
		}
		seen[key] = document
	}
}
