package classify

import (
	"iter"
	"strings"
)

// What is read of one text: runtimes put what matters first, and the root of a
// long cause chain last.
const (
	headBytes = 16 << 10
	tailBytes = 8 << 10
)

// clip shortens a text to its head and tail.
func clip(s string) string {
	if len(s) <= headBytes+tailBytes {
		return s
	}
	return s[:headBytes] + "\n" + s[len(s)-tailBytes:]
}

// fold lowers ASCII letters, undoes JSON's escapes so that a body quoted in a
// message reads like one that is not, and blanks addresses, whose words say
// nothing. Every byte keeps its place.
func fold(s string) string {
	b := make([]byte, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '\\':
			i = unescape(b, s, i)
			continue
		case c == ':' && strings.HasPrefix(s[i:], "://"):
			i = blankAddress(b, s, i)
			continue
		}
		b[i] = c
	}
	return string(b)
}

// unescape writes the escape at s[i:] into b and gives its last byte's index.
func unescape(b []byte, s string, i int) int {
	for i < len(s) && s[i] == '\\' {
		b[i] = ' '
		i++
	}
	if i == len(s) {
		return i - 1
	}
	switch s[i] {
	case 'n', 'r', 't':
		b[i] = '\n'
	case 'u':
		if code := s[i:min(len(s), i+5)]; code == "u0027" || code == "u0022" {
			copy(b[i:], "    '")
			return i + 4
		}
		b[i] = 'u'
	default:
		i--
	}
	return i
}

// blankAddress blanks the address whose "://" is at s[i:], and gives the index
// of its last byte.
func blankAddress(b []byte, s string, i int) int {
	for ; i < len(s) && !strings.ContainsRune(" \t\r\n\"'`<>\\),;]}", rune(s[i])); i++ {
		b[i] = '~'
	}
	return i - 1
}

// isFrame says whether a line is a place in the code, which is no evidence:
// a frame of a stack, or what a runtime prints around frames.
func isFrame(line string) bool {
	trimmed := strings.TrimLeft(line, " \t")
	if len(trimmed) < len(line) && (strings.HasPrefix(trimmed, "at ") || strings.HasPrefix(trimmed, "in <")) {
		return true
	}
	return isPythonFrame(line) || strings.HasPrefix(trimmed, "goroutine ") || strings.HasPrefix(trimmed, "... ") ||
		strings.HasPrefix(trimmed, "- /") || strings.HasPrefix(trimmed, "/") && strings.Contains(trimmed, ".go:") ||
		trimmed != "" && strings.Trim(trimmed, "^~ \r") == ""
}

// isPythonFrame says whether a line is a frame that the frame's source line follows.
func isPythonFrame(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, " \t"), `file "`)
}

// evidentLines gives the bounds of each line of a folded text that is no frame.
func evidentLines(text string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		python := false
		for from := 0; from < len(text); {
			to := len(text)
			if end := strings.IndexByte(text[from:], '\n'); end >= 0 {
				to = from + end
			}
			line := text[from:to]
			source := python && strings.HasPrefix(line, "    ")
			python = isPythonFrame(line)
			if !source && !isFrame(line) && !yield(from, to) {
				return
			}
			from = to + 1
		}
	}
}

// maxQuote is how much of a text a reason quotes, in bytes.
const maxQuote = 80

// quote gives a text in quotes, on one line and shortened.
func quote(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s[:min(len(s), 4*maxQuote)], "?")), " ")
	s = strings.ReplaceAll(s, `"`, "'")
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote-len("…")], "") + "…"
	}
	return `"` + s + `"`
}
