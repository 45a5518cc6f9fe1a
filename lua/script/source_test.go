package script

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source string
		line         int
		want         string
	}{
		{"parser", "local x = 1\nlocal y = = 2\n", 2, `syntax error near "="`},
		{"end of the file", "function f()\n\n", 3, "at the end of the file"},
		{"scanner", "x = 1\ny = 'abc\n", 2, "unterminated string"},
		{"compiler", "\nbreak\n", 2, "break"},
		{"goto without a label", "do\n  goto nowhere\nend", 3, "'nowhere' for <goto> at line 2"},
		{"long token", "x = '" + strings.Repeat("a", 500), 1, "unterminated string"},
		{"brackets", "x = " + strings.Repeat("(", 5_000_000/20) + "1", 1, "nested too deep"},
		{"tables", "x = " + strings.Repeat("{", 300), 1, "nested too deep"},
		{"functions", strings.Repeat("function f()\n", 300), 200, "nested too deep"},
		{"ifs", strings.Repeat("if x then\n", 300), 201, "nested too deep"},
		{"elseifs", "if x then\n" + strings.Repeat("elseif x then\n", 3000) + "end", 1001, "nested too deep"},
		{"nots", "x = " + strings.Repeat("not ", 3000) + "x", 1, "nested too deep"},
		{"sum", "x = 1" + strings.Repeat(" + 1", 3000), 1, "nested too deep"},
		{"concatenation", "x = 1" + strings.Repeat(" .. 1", 3000), 1, "nested too deep"},
		{"power", "x = 1" + strings.Repeat("^1", 3000), 1, "nested too deep"},
		{"calls", "f" + strings.Repeat("()", 3000), 1, "nested too deep"},
		{"indexes", "x = a" + strings.Repeat(".a", 3000), 1, "nested too deep"},
		{"methods", "x = a" + strings.Repeat(":a{}", 3000), 1, "nested too deep"},
		{"levels times tokens", "x = " + strings.Repeat("1 + 1 + 1 + 1 + 1 + 1 + (", 180), 1, "nested too deep"},
		{"size", "-- " + strings.Repeat("x", MaxSource), 0, "larger than 256 KiB"},
		{"many locals", "function f()\n" + strings.Repeat("local a\n", 300) + "end", 1, "too many local"},
		{"constants", strings.Repeat("x = 1\n", 100) + manyConstants(3000), 2099, "more than 2000 different"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := suite(t, map[string]string{"dir/bad.lua": test.source}).Load("dir/bad.lua")
			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("err = %v", err)
			}
			if wrong.Kind != Wrong || wrong.File != "dir/bad.lua" || wrong.Line != test.line || !strings.Contains(wrong.Message, test.want) {
				t.Errorf("%+v; want line %d and %q", wrong, test.line, test.want)
			}
			if len(wrong.Message) > 300 {
				t.Errorf("the message has %d bytes", len(wrong.Message))
			}
		})
	}
}

func TestSourceIsFine(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"many statements":  strings.Repeat("f(\"a\")\ng(1)\nx.y = 1\nt = { 1, 2 } ; (f)()\n", 1500),
		"many functions":   strings.Repeat("function f(a, b) if a then return b else return a .. b end; end\n", 2000),
		"a great table":    "t = {" + strings.Repeat("{ name = \"a\", [1] = not x, f(x) },\n", 3000) + "}",
		"a long condition": "x = a" + strings.Repeat(" or a", 900),
		"a mark first":     "\ufefflocal x = 1",
		"empty":            "",
		"nested loops":     strings.Repeat("for i = 1, 2 do ", 40) + strings.Repeat("end ", 40),
	} {
		if _, err := suite(t, map[string]string{"a.lua": source}).Load("a.lua"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// manyConstants is a source with so many different numbers, one a line.
func manyConstants(n int) string {
	var source strings.Builder
	for i := range n {
		fmt.Fprintf(&source, "x=%d\n", i+10)
	}
	return source.String()
}

// TestGreatSourceCompilesSoon bounds what one require can take in a call.
func TestGreatSourceCompilesSoon(t *testing.T) {
	t.Parallel()
	source := manyConstants(maxConstants - 1)
	source += strings.Repeat(fmt.Sprintf("x=%d\n", maxConstants), (MaxSource-len(source))/len("x=2000\n"))
	s := suite(t, map[string]string{"a.lua": source})
	start := time.Now()
	if _, err := s.Load("a.lua"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 4*time.Second && !raceEnabled {
		t.Errorf("took %v", took)
	}
}

func TestFilesOutside(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret.lua")
	if err := os.WriteFile(outside, []byte("return 'secret'"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, target := range map[string]string{"link.lua": outside, "loop.lua": "loop.lua", "device.lua": "/dev/zero"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.lua"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, name := range []string{
		"link.lua", "loop.lua", "device.lua", "pipe.lua", "folder.lua", "missing.lua", "", ".", "..",
		"../secret.lua", outside, "a/../../secret.lua", `..\secret.lua`, "x\x00.lua",
	} {
		_, err := s.Load(name)
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.Kind != Wrong {
			t.Errorf("Load(%q) = %v", name, err)
		}
		if err != nil && name != outside && strings.Contains(err.Error(), dir) {
			t.Errorf("Load(%q) names the folder: %v", name, err)
		}
	}
}
