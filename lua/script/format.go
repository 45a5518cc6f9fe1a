package script

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format. Widths and precisions have at most two
// digits, as in Lua 5.1.
func stringFormat(L *lua.LState) int {
	format := L.CheckString(1)
	out := text{L: L}
	for arg := 2; ; {
		before, rest, found := strings.Cut(format, "%")
		out.add(before)
		if !found {
			return out.push()
		}
		if strings.HasPrefix(rest, "%") {
			out.add("%")
			format = rest[1:]
			continue
		}
		spec, verb := directive(L, rest)
		format = rest[len(spec)+1:]
		if arg > L.GetTop() {
			L.ArgError(arg, "no value")
		}
		out.add(formatted(L, "%"+spec, verb, arg))
		arg++
	}
}

// directive splits "5.1f…" into "5.1" and 'f'.
func directive(L *lua.LState, text string) (spec string, verb byte) {
	flags := len(text) - len(strings.TrimLeft(text, "-+ #0"))
	width, precision, dot := flags, 0, false
	for width < len(text) && isDigit(text[width]) {
		width++
	}
	end := width
	if end < len(text) && text[end] == '.' {
		dot = true
		for end++; end < len(text) && isDigit(text[end]); end++ {
			precision++
		}
	}
	if end == len(text) || flags > 5 || width-flags > 2 || dot && precision > 2 {
		L.RaiseError("invalid format (width or precision too long, or no conversion)")
	}
	return text[:end], text[end]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// formatted writes one argument. spec is the directive without its letter.
func formatted(L *lua.LState, spec string, verb byte, arg int) string {
	switch verb {
	case 'd', 'i':
		return fmt.Sprintf(spec+"d", int64(L.CheckNumber(arg)))
	case 'u', 'c':
		number := int64(L.CheckNumber(arg))
		if verb == 'u' {
			return fmt.Sprintf(spec+"d", uint64(number))
		}
		return fmt.Sprintf(spec+"s", string([]byte{byte(number)}))
	case 'o', 'x', 'X':
		return fmt.Sprintf(spec+string(rune(verb)), uint64(int64(L.CheckNumber(arg))))
	case 'e', 'E', 'f', 'g', 'G':
		return fmt.Sprintf(spec+string(rune(verb)), float64(L.CheckNumber(arg)))
	case 's':
		text := display(L, L.Get(arg))
		callOf(L).charge(L, len(text))
		return fmt.Sprintf(spec+"s", text)
	case 'q':
		text := L.CheckString(arg)
		callOf(L).charge(L, 2*len(text))
		return quoted(text)
	}
	L.RaiseError("invalid conversion '%%%s' to format", string(rune(verb)))
	return ""
}

// quoted is a text as Lua source.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", "\\\n", "\r", `\r`, "\x00", `\000`).Replace(text) + `"`
}
