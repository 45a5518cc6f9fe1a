package classify

import (
	"cmp"
	"fmt"
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

	tier     tier
	ofAnswer string // the category where the failure is about an answer, as sign has it
	isStatus bool   // it is an HTTP status of failure
	end      int    // of the text that was seen
}

func (e *Evidence) setTier(t tier) { e.tier, e.Tier = t, t.String() }

// Reason tells the evidence in a sentence.
func (e Evidence) Reason() string {
	return fmt.Sprintf("%s%s: %s says %s.", strings.ToUpper(e.Means[:1]), e.Means[1:], e.Place, e.Text)
}

// gather gives the evidence in the order in which it counts, without repeats.
func gather(f Failure, o *observation) []Evidence {
	var found []Evidence
	answered := o.status >= 200 && o.status < 300
	for i := range o.texts {
		s := newScan(&o.texts[i], found)
		s.run()
		found = s.found
		answered = answered || o.status == 0 && s.speaksOfAnswer
	}
	found = append(found, ofTrace(o.status, found)...)
	found = append(found, ofDeclaration(f)...)
	if answered {
		attributeToAnswer(found)
	}
	slices.SortStableFunc(found, byWeight)
	return slices.CompactFunc(found, func(a, b Evidence) bool {
		return a.tier == b.tier && a.Category == b.Category && a.Means == b.Means && strings.EqualFold(a.Text, b.Text)
	})
}

// attributeToAnswer reads what is said of refused values as said of an answer,
// unless an HTTP status says that the upstream refused them.
func attributeToAnswer(found []Evidence) {
	if slices.ContainsFunc(found, func(e Evidence) bool { return e.isStatus }) {
		return
	}
	for i := range found {
		found[i].Category = cmp.Or(found[i].ofAnswer, found[i].Category)
	}
}

// byWeight orders evidence by how much it counts, the most first, as tier says.
func byWeight(a, b Evidence) int {
	if a.tier >= class && b.tier >= class {
		return cmp.Or(cmp.Compare(b.Depth, a.Depth), cmp.Compare(b.tier, a.tier), cmp.Compare(b.Confidence, a.Confidence))
	}
	return cmp.Or(cmp.Compare(b.tier, a.tier), cmp.Compare(b.Depth, a.Depth), cmp.Compare(b.Confidence, a.Confidence))
}

func ofVerdict(v verdict, place string, depth int, seen string) Evidence {
	return Evidence{
		Category: v.category, Confidence: v.confidence, Tier: v.tier.String(), Depth: depth,
		Place: place, Text: quote(seen), Means: v.means, tier: v.tier,
	}
}

// ofTrace is what the HTTP status says that the step saw. It counts with the
// innermost of the evidence that the texts hold: wrapping an error does not
// change what the step saw.
func ofTrace(code int, found []Evidence) []Evidence {
	v, failed := ofStatus(code)
	switch {
	case code >= 200 && code < 300:
		v = verdict{schemaMismatch, hint, 0.4, "the upstream answered, and nothing says what else went wrong"}
	case !failed:
		return nil
	}
	depth := 0
	for i := range found {
		depth = max(depth, found[i].Depth)
	}
	e := ofVerdict(v, "the trace", depth, fmt.Sprintf("HTTP status %d", code))
	e.isStatus = failed
	return []Evidence{e}
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
