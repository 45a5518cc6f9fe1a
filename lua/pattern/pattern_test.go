package pattern

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yuin/gopher-lua/pm"
)

func TestLuaFinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, pattern, text string
		from                int
		want                []int
	}{
		{"literal", "b.c", "abxc", 0, []int{1, 4}},
		{"escaped dot", "b%.c", "abxc b.c", 0, []int{5, 8}},
		{"greedy", "<.*>", "<a><b>", 0, []int{0, 6}},
		{"lazy", "<.->", "<a><b>", 0, []int{0, 3}},
		{"plus", "%d+", "ab123c", 0, []int{2, 5}},
		{"optional", "colou?r", "the color", 0, []int{4, 9}},
		{"captures", "(%w+)=(%w*)", "x key=val", 0, []int{2, 9, 2, 5, 6, 9}},
		{"nested captures", "((a)(b))", "ab", 0, []int{0, 2, 0, 2, 0, 1, 1, 2}},
		{"positions", "()b()", "abc", 0, []int{1, 2, 1, 1, 2, 2}},
		{"anchor holds", "^a", "aa", 0, []int{0, 1}},
		{"anchor is where the search starts", "^a", "ba", 1, []int{1, 2}},
		{"anchor fails", "^a", "ba", 0, nil},
		{"end", "c$", "cabc", 0, []int{3, 4}},
		{"dollar inside", "a$b", "a$b", 0, []int{0, 3}},
		{"caret inside", "a^b", "a^b", 0, []int{0, 3}},
		{"set", "[%d_]+", "a1_2b", 0, []int{1, 4}},
		{"negated set", "[^%s]+", "  ab ", 0, []int{2, 4}},
		{"range", "[b-d]+", "abcde", 0, []int{1, 4}},
		{"bracket first in a set", "[]]", "a]", 0, []int{1, 2}},
		{"dash last in a set", "[a-]+", "b-a-", 0, []int{1, 4}},
		{"dot in a set", "[.]", "a.", 0, []int{1, 2}},
		{"upper class", "%S+", "  ab ", 0, []int{2, 4}},
		{"unknown escape", "%-", "a-b", 0, []int{1, 2}},
		{"star after star", "a**", "aa*", 0, []int{0, 3}},
		{"plus after a capture", "(a)+", "aa+", 0, []int{1, 3, 1, 2}},
		{"newline", "a.b", "a\nb", 0, []int{0, 3}},
		{"bytes", "^.", "é", 0, []int{0, 1}},
		{"bytes from an offset", ".", "éé", 2, []int{2, 3}},
		{"after other bytes", "x()", "äöüx", 0, []int{6, 7, 7, 7}},
		{"high bytes in the pattern", "ü+", "aüb", 0, []int{1, 3}},
		{"invalid UTF-8", "\xff", "a\xffb", 0, []int{1, 2}},
		{"balanced", "%b()", "f(a(b)c) d", 0, []int{1, 8}},
		{"reference", "([\"'])(.-)%1", `x='a"b'`, 0, []int{2, 7, 2, 3, 3, 6}},
		{"position with reference", "(a)()%1", "xaa", 0, []int{1, 3, 1, 2, 2, 2}},
		{"empty", "", "ab", 2, []int{2, 2}},
		{"nothing", "z*$", "abc", 1, []int{3, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, err := Lua(test.pattern)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Search(test.text).Find(test.from)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Find = %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestLuaRefuses(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"%", "[a", "[%", "[^]", "[", "(a", "a)", "%0", "%1", "(a%1)", "()%1", "%f[a]", "%b", "%bx",
		strings.Repeat("()", 33), strings.Repeat("a", MaxLength+1),
	} {
		if _, err := Lua(pattern); err == nil {
			t.Errorf("Lua(%.20q) succeeded", pattern)
		}
	}
}

func TestRE2SeesWhatStandsBefore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expr, text string
		from       int
		want       []int
	}{
		{`\bb`, "ab b", 1, []int{3, 4}},
		{`^a`, "aa", 1, nil},
		{`(?m)^a`, "a\na", 1, []int{2, 3}},
		{`(?i)(É)x`, "aéx", 1, []int{1, 4, 1, 3}},
		{`a|b(c)?`, "xab", 2, []int{2, 3, -1, -1}},
		{`b`, "äb", 2, []int{2, 3}},
		{`$`, "ab", 1, []int{2, 2}},
	} {
		e, err := RE2(test.expr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Search(test.text).Find(test.from); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s from %d in %q: %v, %v; want %v", test.expr, test.from, test.text, got, err, test.want)
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 4<<20)
	for _, pattern := range []string{".-.-.-.-b", "(.-)%1b", "%b()", "a?a?a?a?a?a?b", "[^b]*.-.-b$"} {
		e, err := Lua(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Search(long).Find(0); !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s over %d bytes: %v, want ErrTooMuch", pattern, len(long), err)
		}
		// The longest text that it accepts takes a bounded time.
		for length := len(long); ; length /= 2 {
			start := time.Now()
			if _, err := e.Search(long[:length]).Find(0); err == nil {
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("%s over %d bytes took %v", pattern, length, took)
				}
				break
			}
		}
	}
}

// FuzzLua compares the translation with the backtracking matcher.
func FuzzLua(f *testing.F) {
	for _, seed := range [][2]string{
		{"^(%w+)%s*=%s*(.-)$", "key = some value"},
		{"[^%z\x80-\xff]+()", "aé\x00b"},
		{"%a-%d*$", "abc123"},
		{"a**[]-a]?", "aa*]"},
		{"((.)(x?))", "yx"},
		{"[%w_-]+@[%w.]+", "to: a.b@c.de"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 20 || len(text) > 40 {
			return
		}
		e, err := Lua(pattern)
		if err != nil || e.re == nil || unlike(pattern) {
			return
		}
		got, err := e.Search(text).Find(0)
		if err != nil {
			t.Fatal(err)
		}
		matches, err := pm.Find(pattern, []byte(text), 0, 1)
		if err != nil {
			return
		}
		var want []int
		for _, match := range matches {
			for i := range match.CaptureLength() {
				offset := match.Capture(i)
				if match.IsPosCapture(i) {
					offset--
				}
				want = append(want, offset)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q in %q: %v, the backtracker says %v", pattern, text, got, want)
		}
	})
}

// unlike says whether the backtracker reads the pattern otherwise than Lua 5.1
// does: in its sets, and around its ends.
func unlike(pattern string) bool {
	return strings.ContainsAny(pattern, "[]") || strings.Contains(pattern, "%") && strings.HasSuffix(pattern, "$") ||
		strings.Contains(pattern, "$") && !strings.HasSuffix(pattern, "$")
}

func BenchmarkLuaFind(b *testing.B) {
	e, err := Lua("status (%d+) from (%S+)")
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("at handler (index.js:12:5) ", 40) + "status 503 from erp.example"
	for b.Loop() {
		if loc, err := e.Search(text).Find(0); loc == nil || err != nil {
			b.Fatal(loc, err)
		}
	}
}
