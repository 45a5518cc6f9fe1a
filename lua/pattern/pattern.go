// Package pattern matches text for Lua scripts in time that grows with the
// text's length and not with what the pattern makes of it. It compiles two
// languages: Go's regular expressions (RE2), and Lua 5.1's patterns, which are
// translated to RE2 byte for byte.
//
// Lua's %b and %1 to %9 have no RE2 form. Patterns with them run on a
// backtracking matcher, on texts so short that its worst case is harmless.
//
// Start reading at Expr and Search.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/yuin/gopher-lua/pm"
)

// The limits of one search.
const (
	// MaxLength is the length of the longest pattern, in bytes.
	MaxLength = 4096
	// maxWork bounds text length times program size, and maxSteps what the
	// backtracker may do: each about a third of a second on a slow machine.
	maxWork  = 20_000_000
	maxSteps = 50_000_000
)

// ErrTooMuch is answered by a search that could take too long.
var ErrTooMuch = errors.New("the text is too long for a pattern this complex")

// Expr is a compiled pattern, safe for concurrent use.
type Expr struct {
	re *regexp.Regexp
	// rest finds the first match that starts after the first character of
	// its text, which is there so that ^ and \b see what stands before. Nil
	// where matches do not depend on that.
	rest *regexp.Regexp
	size int // instructions of the program

	bytewise  bool   // re matches bytes, given as characters up to U+00FF
	anchored  bool   // matches only where a search starts
	positions []bool // by capture: it is a position, not a text

	backtrack string // the Lua pattern, where it must be backtracked
	power     int    // the backtracker's steps grow with length to this power
}

// RE2 compiles a Go regular expression.
func RE2(expr string) (*Expr, error) {
	e, err := compile(expr)
	if err != nil {
		return nil, err
	}
	e.rest, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + expr + `)`)
	if err != nil {
		return nil, err
	}
	e.positions = make([]bool, e.re.NumSubexp())
	return e, nil
}

// Lua compiles a Lua 5.1 pattern.
func Lua(pattern string) (*Expr, error) {
	t := translator{pattern: pattern}
	if err := t.run(); err != nil {
		return nil, err
	}
	e := &Expr{backtrack: pattern, power: t.repeats + 1, size: len(pattern)}
	if !t.backtrack {
		var err error
		if e, err = compile(t.out.String()); err != nil {
			return nil, err
		}
	}
	e.bytewise, e.anchored, e.positions = true, t.anchored, t.positions
	return e, nil
}

func compile(expr string) (*Expr, error) {
	if len(expr) > 16*MaxLength {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", MaxLength)
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	// The package regexp does not tell how large its program is.
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	return &Expr{re: re, size: len(prog.Inst)}, nil
}

// Size is how large the compiled pattern is, in instructions.
func (e *Expr) Size() int { return e.size }

// Captures is how many captures the pattern has.
func (e *Expr) Captures() int { return len(e.positions) }

// Position says whether the capture i, from 0, is a position: Lua's ().
func (e *Expr) Position(i int) bool { return e.positions[i] }

// Anchored says whether the pattern matches only where a search starts, as
// Lua's ^ does.
func (e *Expr) Anchored() bool { return e.anchored }

// Bytewise says whether the pattern matches bytes, not characters: a text
// that is not ASCII is then copied to be searched.
func (e *Expr) Bytewise() bool { return e.bytewise }

// Search is a text being searched.
type Search struct {
	expr *Expr
	text string
	// offsets maps each offset of text to the offset in what the caller gave;
	// nil where they are the same.
	offsets []int
}

// Search starts searching text.
func (e *Expr) Search(text string) *Search {
	s := &Search{expr: e, text: text}
	if e.bytewise && e.re != nil && !ascii(text) {
		s.text, s.offsets = widen(text)
	}
	return s
}

// Find gives the leftmost match that starts at the byte offset from or after
// it: pairs of offsets, of the match and of each capture, -1 for a capture
// that took no part. Nil says that there is none.
func (s *Search) Find(from int) ([]int, error) {
	if s.expr.re == nil {
		return s.backtrack(from)
	}
	if s.offsets != nil {
		from += highBytes(s.offsets, from)
	}
	if (len(s.text)-from)*s.expr.size > maxWork {
		return nil, ErrTooMuch
	}
	loc := s.find(from)
	if s.offsets != nil {
		for i, offset := range loc {
			if offset >= 0 {
				loc[i] = s.offsets[offset]
			}
		}
	}
	return loc, nil
}

func (s *Search) find(from int) []int {
	if from == 0 || s.expr.rest == nil {
		return shift(s.expr.re.FindStringSubmatchIndex(s.text[from:]), from)
	}
	_, width := utf8.DecodeLastRuneInString(s.text[:from])
	loc := s.expr.rest.FindStringSubmatchIndex(s.text[from-width:])
	if loc == nil {
		return nil
	}
	return shift(loc[2:], from-width)
}

func shift(loc []int, by int) []int {
	for i := range loc {
		if loc[i] >= 0 {
			loc[i] += by
		}
	}
	return loc
}

// backtrack runs Lua's own algorithm where its worst case is within bounds.
func (s *Search) backtrack(from int) ([]int, error) {
	steps := 1
	for range s.expr.power {
		if steps *= len(s.text) - from + 1; steps > maxSteps {
			return nil, ErrTooMuch
		}
	}
	matches, err := pm.Find(s.expr.backtrack, []byte(s.text), from, 1)
	if err != nil || len(matches) == 0 {
		return nil, err
	}
	loc := make([]int, matches[0].CaptureLength())
	for i := range loc {
		loc[i] = matches[0].Capture(i)
		if matches[0].IsPosCapture(i) {
			loc[i]-- // it counts positions from 1
		}
	}
	return loc, nil
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// widen writes each byte as the character of its number, and gives for each
// offset of the result the offset in text.
func widen(text string) (string, []int) {
	wide := make([]byte, 0, len(text)+len(text)/4)
	offsets := make([]int, 0, len(text)+len(text)/4+1)
	for i := range len(text) {
		wide = utf8.AppendRune(wide, rune(text[i]))
		for len(offsets) < len(wide) {
			offsets = append(offsets, i)
		}
	}
	return string(wide), append(offsets, len(text))
}

// highBytes counts the bytes before the offset that take two in wide form.
func highBytes(offsets []int, before int) int {
	low, high := before, len(offsets)
	for low < high {
		if mid := (low + high) / 2; offsets[mid] < before {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - before
}
