package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxCaptures is how many captures a Lua pattern may have.
const maxCaptures = 32

// translator writes a Lua 5.1 pattern as a regular expression over characters
// up to U+00FF, which stand for bytes. Lua repeats single characters only and
// knows no alternation, so leftmost-first matching finds what Lua's own
// backtracking finds.
type translator struct {
	pattern string
	pos     int
	out     strings.Builder

	open      []int            // captures not closed yet
	captures  [maxCaptures]int // by capture: repeated items before it; after its end, within it
	closed    [maxCaptures]bool
	positions []bool
	anchored  bool
	repeats   int  // repeated items
	backtrack bool // it has items that no regular expression can match
}

// set is the bytes that an item matches.
type set [256]bool

func (t *translator) run() error {
	if len(t.pattern) > MaxLength {
		return fmt.Errorf("the pattern is longer than %d bytes", MaxLength)
	}
	if strings.HasPrefix(t.pattern, "^") {
		t.anchored = true
		t.pos = 1
		t.out.WriteString(`\A`)
	}
	for t.pos < len(t.pattern) {
		if err := t.item(); err != nil {
			return err
		}
	}
	if len(t.open) > 0 {
		return errors.New("unfinished capture")
	}
	return nil
}

func (t *translator) item() error {
	switch c := t.pattern[t.pos]; {
	case c == '(':
		return t.openCapture()
	case c == ')':
		return t.closeCapture()
	case c == '$' && t.pos == len(t.pattern)-1:
		t.pos++
		t.out.WriteString(`\z`)
		return nil
	case c == '%' && t.pos+1 < len(t.pattern):
		switch next := t.pattern[t.pos+1]; {
		case next == 'b':
			return t.balance()
		case next == 'f':
			return errors.New("%f is not supported; use re.find")
		case next >= '0' && next <= '9':
			return t.reference(int(next - '1'))
		}
	}
	return t.single()
}

func (t *translator) openCapture() error {
	if len(t.positions) == maxCaptures {
		return errors.New("too many captures")
	}
	position := strings.HasPrefix(t.pattern[t.pos:], "()")
	t.positions = append(t.positions, position)
	if position {
		t.pos += 2
		t.out.WriteString("()")
		t.closed[len(t.positions)-1] = true
		return nil
	}
	t.pos++
	t.out.WriteString("(")
	t.open = append(t.open, len(t.positions)-1)
	t.captures[len(t.positions)-1] = t.repeats
	return nil
}

func (t *translator) closeCapture() error {
	if len(t.open) == 0 {
		return errors.New("invalid pattern capture")
	}
	last := len(t.open) - 1
	t.closed[t.open[last]] = true
	t.captures[t.open[last]] = t.repeats - t.captures[t.open[last]]
	t.open = t.open[:last]
	t.pos++
	t.out.WriteString(")")
	return nil
}

func (t *translator) balance() error {
	if t.pos+3 >= len(t.pattern) {
		return errors.New("unbalanced pattern: %b needs two characters")
	}
	t.pos += 4
	t.backtrack = true
	t.repeats++ // it scans the text once for each place it is tried at
	return nil
}

func (t *translator) reference(capture int) error {
	if capture < 0 || capture >= len(t.positions) || !t.closed[capture] || t.positions[capture] {
		return errors.New("invalid capture index")
	}
	t.pos += 2
	t.backtrack = true
	if t.captures[capture] > 0 {
		t.repeats++ // comparing takes as long as the capture is
	}
	return nil
}

// single translates one character class and what repeats it.
func (t *translator) single() error {
	members, literal, err := t.class()
	if err != nil {
		return err
	}
	if literal >= 0 {
		t.writeLiteral(byte(literal))
	} else {
		t.out.WriteString(members.String())
	}
	if t.pos == len(t.pattern) {
		return nil
	}
	switch t.pattern[t.pos] {
	case '*', '+':
		t.out.WriteByte(t.pattern[t.pos])
	case '-':
		t.out.WriteString("*?")
	case '?':
		t.out.WriteByte('?')
	default:
		return nil
	}
	t.repeats++
	t.pos++
	return nil
}

func (t *translator) writeLiteral(c byte) {
	if c < 0x80 && c >= ' ' {
		t.out.WriteString(regexp.QuoteMeta(string(rune(c))))
		return
	}
	fmt.Fprintf(&t.out, `\x{%02x}`, c)
}

// class reads one item: the bytes it matches, or the one byte it is (else -1).
func (t *translator) class() (members set, literal int, err error) {
	c := t.pattern[t.pos]
	t.pos++
	switch c {
	case '.':
		for i := range members {
			members[i] = true
		}
		return members, -1, nil
	case '%':
		if t.pos == len(t.pattern) {
			return members, -1, errors.New("malformed pattern (ends with '%')")
		}
		c = t.pattern[t.pos]
		t.pos++
		if named(c) {
			members.addClass(c)
			return members, -1, nil
		}
		return members, int(c), nil
	case '[':
		members, err = t.bracket()
		return members, -1, err
	}
	return members, int(c), nil
}

// bracket reads a set, after its opening bracket.
func (t *translator) bracket() (set, error) {
	var members set
	rest := t.pattern[t.pos:]
	negated := strings.HasPrefix(rest, "^")
	if negated {
		rest = rest[1:]
	}
	for first := true; first || !strings.HasPrefix(rest, "]"); first = false {
		switch {
		case rest == "" || rest == "%":
			return members, errors.New("malformed pattern (missing ']')")
		case rest[0] == '%':
			members.addClass(rest[1])
			rest = rest[2:]
		case len(rest) > 2 && rest[1] == '-' && rest[2] != ']':
			for c := int(rest[0]); c <= int(rest[2]); c++ {
				members[c] = true
			}
			rest = rest[3:]
		default:
			members[rest[0]] = true
			rest = rest[1:]
		}
	}
	t.pos = len(t.pattern) - len(rest) + 1
	if negated {
		for i := range members {
			members[i] = !members[i]
		}
	}
	return members, nil
}

// named says whether % and this letter make a class.
func named(c byte) bool { return strings.IndexByte("acdlpsuwxzACDLPSUWXZ", c) >= 0 }

// addClass adds what % and this letter match, or the letter itself.
func (s *set) addClass(c byte) {
	if !named(c) {
		s[c] = true
		return
	}
	lower := c | 0x20
	for i := range s {
		if inClass(byte(i), lower) == (c == lower) {
			s[i] = true
		}
	}
}

func inClass(b, class byte) bool {
	lower := b >= 'a' && b <= 'z'
	upper := b >= 'A' && b <= 'Z'
	digit := b >= '0' && b <= '9'
	switch class {
	case 'a':
		return lower || upper
	case 'c':
		return b < ' ' || b == 0x7f
	case 'd':
		return digit
	case 'l':
		return lower
	case 'p':
		return b > ' ' && b < 0x7f && !lower && !upper && !digit
	case 's':
		return b == ' ' || b >= '\t' && b <= '\r'
	case 'u':
		return upper
	case 'w':
		return lower || upper || digit
	case 'x':
		return digit || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
	default: // 'z'
		return b == 0
	}
}

// String writes the set as a class of a regular expression.
func (s *set) String() string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if !s[i] {
			continue
		}
		from := i
		for i+1 < len(s) && s[i+1] {
			i++
		}
		fmt.Fprintf(&out, `\x{%02x}-\x{%02x}`, from, i)
	}
	if out.Len() == 0 {
		return `[^\x{00}-\x{10FFFF}]` // matches nothing
	}
	return "[" + out.String() + "]"
}
