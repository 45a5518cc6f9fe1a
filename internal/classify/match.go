package classify

import (
	"strings"
	"sync"
)

const (
	maxGap    = 100 // bytes that a "*" within a phrase may stand for
	prefixLen = 4   // bytes that find a phrase of one open word, such as "throttl*"
	minSuffix = 10  // shorter words have no suffix worth looking for
)

// pattern is a phrase, split at its stars.
type pattern struct {
	before    string   // punctuation that precedes the first word
	parts     []string // literals, the first at the word, each next one after a gap
	anyEnd    bool     // the phrase ends in "*": the last word may go on
	endOfLine bool     // the phrase ends in "$"
	sign      *sign
}

// index finds the phrases that start with a word.
type index struct {
	byWord   map[string][]pattern
	byPrefix map[string][]pattern // phrases of one open word, by its first prefixLen bytes
	suffixes []suffix
}

// theIndex is built at the first failure, since most processes see none.
var theIndex = sync.OnceValue(func() *index { return newIndex(allSigns(), suffixes) })

func newIndex(signs []sign, suffixes []suffix) *index {
	ix := &index{byWord: map[string][]pattern{}, byPrefix: map[string][]pattern{}, suffixes: suffixes}
	for i := range signs {
		for _, phrase := range signs[i].phrases {
			word, p := newPattern(phrase)
			p.sign = &signs[i]
			if p.anyEnd && word == p.parts[0] {
				ix.byPrefix[word[:prefixLen]] = append(ix.byPrefix[word[:prefixLen]], p)
			} else {
				ix.byWord[word] = append(ix.byWord[word], p)
			}
		}
	}
	return ix
}

// newPattern compiles a phrase, and gives the word that it starts with.
func newPattern(phrase string) (string, pattern) {
	var p pattern
	start := strings.IndexFunc(phrase, func(r rune) bool { return r < 0x80 && isWord[byte(r)] })
	p.before, phrase = phrase[:start], phrase[start:]
	phrase, p.endOfLine = strings.CutSuffix(phrase, "$")
	phrase, p.anyEnd = strings.CutSuffix(phrase, "*")
	p.parts = strings.Split(phrase, "*")
	return firstWord(phrase), p
}

func firstWord(s string) string {
	end := 0
	for end < len(s) && isWord[s[end]] {
		end++
	}
	return s[:end]
}

// match says where the phrase ends that starts at the word at from.
func (p *pattern) match(text string, from int) (end int, ok bool) {
	if !strings.HasPrefix(text[from:], p.parts[0]) || !strings.HasSuffix(text[:from], p.before) {
		return 0, false
	}
	end = from + len(p.parts[0])
	for _, part := range p.parts[1:] {
		window := text[end:min(len(text), end+maxGap+len(part))]
		if line := strings.IndexByte(window, '\n'); line >= 0 {
			window = window[:line]
		}
		at := strings.Index(window, part)
		if at < 0 {
			return 0, false
		}
		end += at + len(part)
	}
	return end, p.endsAt(text, end)
}

// endsAt says whether the phrase may end there: at a word's end, unless it is
// open, and at the line's end where it asks for that.
func (p *pattern) endsAt(text string, end int) bool {
	switch {
	case p.endOfLine:
		rest := strings.TrimLeft(text[end:min(len(text), end+8)], " \t\r.\"'})")
		return rest == "" || rest[0] == '\n'
	case p.anyEnd || end == len(text) || !isWord[text[end-1]]:
		return true
	}
	return !isWord[text[end]]
}

// hit is a phrase that was found at text[from:to].
type hit struct {
	sign     *sign
	from, to int
	open     bool // the phrase holds a gap, where more may stand
}

// find gives the longest phrase that starts at the word text[from:to], or what
// the word's end is a sign of. The hit's sign is nil where there is neither.
func (ix *index) find(text string, from, to int) hit {
	word := text[from:to]
	h := longest(hit{}, ix.byWord[word], text, from)
	if len(word) >= prefixLen {
		h = longest(h, ix.byPrefix[word[:prefixLen]], text, from)
	}
	if h.sign != nil || len(word) < minSuffix {
		return h
	}
	for i := range ix.suffixes {
		if strings.HasSuffix(word, ix.suffixes[i].text) {
			return hit{&ix.suffixes[i].sign, from, to, false}
		}
	}
	return h
}

func longest(h hit, patterns []pattern, text string, from int) hit {
	for i := range patterns {
		if end, ok := patterns[i].match(text, from); ok && end > h.to {
			h = hit{patterns[i].sign, from, end, len(patterns[i].parts) > 1}
		}
	}
	return h
}

// isWord are the bytes that words are made of.
var isWord = func() (set [256]bool) {
	for c := range set {
		set[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
	}
	return set
}()
