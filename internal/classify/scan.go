package classify

import (
	"iter"
	"slices"
	"strings"
)

// scan looks for evidence in one text.
type scan struct {
	text   *text
	plain  string // the text without JSON escapes
	folded string
	index  *index
	depth  int
	found  []Evidence
	// speaksOfAnswer is set where a word of the text means an answer or an
	// output rather than what the caller gave.
	speaksOfAnswer bool
}

// newScan prepares to add the evidence of a text to what was found before.
func newScan(t *text, found []Evidence) scan {
	plain := unescape(t.raw)
	return scan{text: t, plain: plain, folded: fold(plain), index: theIndex(), found: found}
}

func (s *scan) run() {
	// Python prints the cause first: what follows a marker is a layer further out.
	s.depth = strings.Count(s.folded, "the above exception was the direct cause of")
	for from, to := range evidentLines(s.folded) {
		s.line(from, to)
	}
}

func (s *scan) line(from, to int) {
	first, taken := len(s.found), 0
	for a, b := range wordsOf(s.folded[from:to]) {
		if a+from >= taken {
			taken = max(taken, s.word(a+from, b+from))
		}
	}
	s.demoteHeads(first)
}

// word takes the word folded[from:to], and says how far what it begins goes.
func (s *scan) word(from, to int) int {
	word := s.folded[from:to]
	if strings.HasSuffix(word, "response") || word == "output" {
		s.speaksOfAnswer = true
	}
	if strings.HasSuffix(s.folded[:from], "---> ") {
		s.depth++
	}
	if code, ok := statusAt(s.folded, from, to); ok {
		v, _ := ofStatus(code)
		v.confidence -= 0.03 // the trace's own status is surer than a text's
		s.add(v, from, to).isStatus = true
	}
	h := s.index.find(s.folded, from, to)
	if h.sign == nil {
		return to
	}
	s.hit(h)
	if h.open {
		return to
	}
	return h.to
}

// demoteHeads makes wrappers of what stands before a colon where surer
// evidence of another kind follows in the line: "validation failed: dial tcp:
// connection refused".
func (s *scan) demoteHeads(first int) {
	inner := -1
	for i := len(s.found) - 1; i >= first; i-- {
		e := &s.found[i]
		if inner >= 0 && e.Category != logicFault && s.found[inner].Category != e.Category && strings.HasPrefix(s.folded[e.end:], ":") {
			e.setTier(hint)
		} else if inner < 0 && e.tier >= status {
			inner = i
		}
	}
}

// hit takes a phrase that was found: a marker of the cause chain, or evidence.
func (s *scan) hit(h hit) {
	switch {
	case h.sign.tier == deeper:
		s.depth++
	case h.sign.tier == outer:
		s.depth--
	case s.isName(h):
	default:
		e := s.add(verdict{h.sign.category, h.sign.tier, h.sign.confidence, h.sign.means}, h.from, h.to)
		e.ofAnswer = h.sign.ofAnswer
	}
}

func (s *scan) add(v verdict, from, to int) *Evidence {
	if s.text.ofAction && v.tier > declared {
		v.tier, v.confidence = declared, v.confidence*0.8
	}
	e := ofVerdict(v, s.text.place, s.depth, s.plain[from:to])
	e.end = to
	s.found = append(s.found, e)
	return &s.found[len(s.found)-1]
}

// isName says whether a hit is the name of a variable or field rather than
// something that happened.
func (s *scan) isName(h hit) bool {
	end := h.to
	for end < len(s.folded) && isWord[s.folded[end]] {
		end++
	}
	if strings.HasSuffix(s.folded[:h.from], "x-") {
		return true // a header such as X-RateLimit-Limit, which every answer has
	}
	rest := s.folded[end:]
	for _, tail := range [...]string{" is not defined", " is not a function", " is not a constructor", " is not iterable", " is undefined"} {
		if strings.HasPrefix(rest, tail) {
			return h.sign.category != logicFault
		}
	}
	return s.isQuoted(h.from, h.to)
}

// isQuoted says whether folded[from:to] is one word that stands in quotes as a
// name or value does, and not as the value of a key that tells the error.
func (s *scan) isQuoted(from, to int) bool {
	if from == 0 || to == len(s.folded) || s.folded[from-1] != s.folded[to] ||
		strings.IndexByte("'\"`", s.folded[to]) < 0 || strings.IndexByte(s.folded[from:to], ' ') >= 0 {
		return false
	}
	before := strings.TrimRight(s.folded[:from-1], " ")
	if before == "" {
		return false
	}
	switch before[len(before)-1] {
	case '=', '(':
		return false
	case ':':
		return !tellsError(before[:len(before)-1])
	}
	return true
}

// tellsError says whether a text ends in a key that has part of an error for
// its value: any key of a JSON document but those that name a field, or one by
// which runtimes print their errors.
func tellsError(before string) bool {
	key := wordBefore(before, len(before))
	if strings.HasSuffix(before, `"`) {
		return !slices.Contains(nameKeys, key)
	}
	return slices.Contains(errorKeys, key)
}

var (
	nameKeys  = []string{"field", "fields", "path", "param", "parameter", "property", "attribute", "loc", "key", "column", "value", "expected", "received"}
	errorKeys = []string{"code", "errno", "error", "errorcode", "name", "type", "reason", "status", "cause", "message", "exception"}
)

// wordsOf gives the bounds of each word of a text.
func wordsOf(s string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for i := 0; i < len(s); {
			if !isWord[s[i]] {
				i++
				continue
			}
			from := i
			for i < len(s) && isWord[s[i]] {
				i++
			}
			if !yield(from, i) {
				return
			}
		}
	}
}
