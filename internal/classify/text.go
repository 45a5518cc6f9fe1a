package classify

import (
	"iter"
	"strconv"
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

// unescape undoes JSON's escapes, however deep, so that a body quoted in a
// message reads like one that is not.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		start := i
		for i < len(s) && s[i] == '\\' {
			i++
		}
		i += writeEscaped(&b, s[start:i], s[i:]) - 1
	}
	return b.String()
}

// writeEscaped writes what backslashes and the text after them stand for, and
// gives how much of that text it took.
func writeEscaped(b *strings.Builder, backslashes, rest string) int {
	switch {
	case rest == "":
		return 0
	case strings.IndexByte("nrt", rest[0]) >= 0:
		b.WriteByte('\n')
		return 1
	case rest[0] == '"' || rest[0] == '\'' || rest[0] == '/':
		return 0
	case rest[0] == 'u' && len(rest) >= 5:
		if code, err := strconv.ParseUint(rest[1:5], 16, 16); err == nil {
			b.WriteRune(rune(code))
			return 5
		}
	}
	b.WriteString(backslashes)
	return 0
}

// fold lowers ASCII letters, and blanks addresses, whose words say nothing.
// Every byte keeps its place.
func fold(s string) string {
	b := make([]byte, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ':' && strings.HasPrefix(s[i:], "://") {
			i = blankAddress(b, s, i)
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return string(b)
}

// blankAddress blanks the address whose "://" is at s[i:], and gives the index
// of its last byte. What a template leaves where a variable is not set stays.
func blankAddress(b []byte, s string, i int) int {
	end := i
	for end < len(s) && strings.IndexByte(" \t\r\n\"'`<>\\),;]}", s[end]) < 0 {
		end++
	}
	for from := i; from < end; {
		to := from + 1
		for to < end && strings.IndexByte("/=&?#", s[to]) < 0 {
			to++
		}
		segment := strings.ToLower(s[from:to])
		switch segment[1:] {
		case "undefined", "null", "nan", "[object":
			copy(b[from:to], segment)
		default:
			copy(b[from:to], strings.Repeat("~", to-from))
		}
		from = to
	}
	return end - 1
}

// isFrame says whether a line is a place in the code, which is no evidence:
// a frame of a stack, or what a runtime prints around frames.
func isFrame(line string) bool {
	trimmed := strings.TrimLeft(line, " \t")
	if len(trimmed) < len(line) && (strings.HasPrefix(trimmed, "at ") || strings.HasPrefix(trimmed, "in <")) {
		return true
	}
	return isPythonFrame(line) || strings.HasPrefix(trimmed, "goroutine ") || strings.HasPrefix(trimmed, "... ") ||
		strings.HasPrefix(trimmed, "- /") || strings.HasPrefix(trimmed, "/") && strings.Contains(trimmed, ".go:")
}

// isCaret says whether a text begins with a line that points at the source
// line above it.
func isCaret(text string) bool {
	text = strings.TrimLeft(text, " \t~")
	return strings.HasPrefix(text, "^")
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
			source := python && strings.HasPrefix(line, "    ") || isCaret(text[min(to+1, len(text)):])
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
