package classify

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Evidence is one thing that was seen in a failure and speaks for a category.
type Evidence struct {
	Category   string
	Confidence float64 // 0…1, if this were all that is known
	Tier       string  // the kind of evidence, by which it counts
	Depth      int     // layers of the cause chain above it
	Place      string  // where it was seen, such as "the failing step's message"
	Text       string  // what was seen, in quotes, at most 80 bytes
	Means      string  // what that means, as a clause

	tier tier
}

// Reason tells the evidence in a sentence.
func (e Evidence) Reason() string {
	return fmt.Sprintf("%s%s: %s says %s.", strings.ToUpper(e.Means[:1]), e.Means[1:], e.Place, e.Text)
}

// gather gives the evidence in the order in which it counts: by tier, then the
// innermost layer of the cause chain first, then the surest.
func gather(f Failure, o *observation) []Evidence {
	var found []Evidence
	if v, ok := ofStatus(o.status); ok {
		found = append(found, ofVerdict(v, "the trace", 0, fmt.Sprintf("HTTP status %d", o.status)))
	}
	ix := theIndex()
	ofAnswer := o.status >= 200 && o.status < 300
	for i := range o.texts {
		s := scan{text: &o.texts[i], folded: fold(o.texts[i].raw), index: ix}
		s.ofAnswer = ofAnswer || o.status == 0 && speaksOfAnswer(s.folded)
		found = append(found, s.run()...)
	}
	found = append(found, ofDeclaration(f)...)
	slices.SortStableFunc(found, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(b.tier, a.tier), cmp.Compare(b.Depth, a.Depth), cmp.Compare(b.Confidence, a.Confidence))
	})
	return slices.CompactFunc(found, func(a, b Evidence) bool {
		return a.tier == b.tier && a.Category == b.Category && a.Means == b.Means && strings.EqualFold(a.Text, b.Text)
	})
}

func ofVerdict(v verdict, place string, depth int, seen string) Evidence {
	return Evidence{
		Category: v.category, Confidence: v.confidence, Tier: v.tier.String(), Depth: depth,
		Place: place, Text: quote(seen), Means: v.means, tier: v.tier,
	}
}

// ofDeclaration is what the action's error code says.
func ofDeclaration(f Failure) []Evidence {
	category, undeclared := f.declaredCategory()
	v := verdict{category, declared, 0.8, "the action declares its error code as " + category}
	switch {
	case undeclared:
		v = verdict{schemaMismatch, declared, 0.8, "the action answered with an error code that it does not declare"}
	case category == "" || category == unknown:
		return nil
	}
	return []Evidence{ofVerdict(v, "the action's error code", 0, f.Execution.Error.Code)}
}

// speaksOfAnswer says whether a text without a status speaks of an answer or
// an output rather than of what the caller gave.
func speaksOfAnswer(folded string) bool {
	for from, to := range wordsOf(folded) {
		word := folded[from:to]
		if strings.HasSuffix(word, "response") || word == "output" {
			return true
		}
	}
	return false
}

// scan looks for evidence in one text.
type scan struct {
	text     *text
	folded   string
	index    *index
	ofAnswer bool
	depth    int
	hits     []hit
	found    []Evidence
}

func (s *scan) run() []Evidence {
	// Python prints the cause first: what follows a marker is a layer further out.
	s.depth = strings.Count(s.folded, "the above exception was the direct") + strings.Count(s.folded, "during handling of the above")
	for from, to := range evidentLines(s.folded) {
		s.line(from, to)
	}
	return s.found
}

func (s *scan) line(from, to int) {
	line := s.folded[from:to]
	for a, b := range wordsOf(line) {
		a, b = a+from, b+from
		if strings.HasSuffix(s.folded[from:a], "---> ") {
			s.depth++
		}
		if code, ok := statusAt(s.folded, a, b); ok {
			v, _ := ofStatus(code)
			v.confidence -= 0.03 // the trace's own status is surer than a text's
			s.add(v, a, b)
		}
		s.hits = s.index.find(s.hits[:0], s.folded, a, b)
		for _, h := range s.hits {
			s.hit(h)
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
		category := h.sign.category
		if s.ofAnswer && h.sign.ofAnswer != "" {
			category = h.sign.ofAnswer
		}
		s.add(verdict{category, h.sign.tier, h.sign.confidence, h.sign.means}, h.from, h.to)
	}
}

func (s *scan) add(v verdict, from, to int) {
	if s.text.ofAction && v.tier > declared {
		v.tier, v.confidence = declared, v.confidence*0.8
	}
	s.found = append(s.found, ofVerdict(v, s.text.place, s.depth, s.text.raw[from:to]))
}

// isName says whether a hit is the name of a variable or field rather than
// something that happened.
func (s *scan) isName(h hit) bool {
	rest := s.folded[h.to:]
	for _, tail := range [...]string{" is not defined", " is not a function", " is not a constructor", " is not iterable", " is undefined"} {
		if strings.HasPrefix(rest, tail) {
			return h.sign.category != logicFault
		}
	}
	return h.sign.tier <= words && s.isQuoted(h.from, h.to)
}

// isQuoted says whether folded[from:to] stands in quotes as a name does, and
// not as the value of a key.
func (s *scan) isQuoted(from, to int) bool {
	if from == 0 || to == len(s.folded) || s.folded[from-1] != s.folded[to] || strings.IndexByte("'\"`", s.folded[to]) < 0 {
		return false
	}
	before := strings.TrimRight(s.folded[:from-1], " ")
	return before != "" && strings.IndexByte(":=(", before[len(before)-1]) < 0
}

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
