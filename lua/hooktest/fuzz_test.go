package hooktest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzTestFile runs files of any content: each ends in time, with results that
// name what they are about.
func FuzzTestFile(f *testing.F) {
	for _, seed := range []string{
		`it("a", function() expect({ 1, { a = 2 } }).to_equal({ 1, { a = 3 } }) end)`,
		`describe("d", function() it("b", function() expect("x").to_match("(") end); end)`,
		`expect(1).to_be(2)`, `it = nil it("x", print)`, `it(("x"):rep(100), error)`, `describe("d", describe)`,
		`it("a", function() expect(function() error({}) end).to_fail("x") end)`, `string = nil it("x", function() expect("a").to_contain("b") end)`,
		`it("a", function() hooks.classify(setmetatable({}, { __index = error })) end)`, "\xff", `it("\200", function() error("\200") end)`,
		`it("a", function() run({ file = "a_test", test = 1 }) end)`, `error(setmetatable({}, { __tostring = error }))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a_test.lua"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Settings{Dir: dir, Fixture: func([]byte) (json.RawMessage, error) { return json.RawMessage("{}"), nil }})
		if err != nil {
			return
		}
		defer func() {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		err = s.Run(t.Context(), func(r Result) {
			if r.File != "a_test.lua" || (r.Outcome == Passed) != (r.Message == "") || r.Duration > 2*limits().Time+time.Second {
				t.Errorf("%+v", r)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}
