package classify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/assay-cx/assay/internal/result"
)

// Rule is a rule of a spec's classifier block. It matches when each of the
// conditions that it gives holds for the first failing step.
type Rule struct {
	Name       string
	Match      *regexp.Regexp // nil matches any text
	Field      string         // one of Fields, which Match reads; empty is message and stack
	Step       string         // id or name of the failing step; empty is any
	Status     int            // HTTP status that the step saw or the message names; 0 is any
	Category   string         // a key of result.Categories
	Confidence float64        // 0…1

	matched uint32 // 1 once the rule matched; set atomically
}

// Fields are the values that Rule.Field takes beside the empty one.
var Fields = []string{"message", "stack", "code", "details"}

// Rules are a spec's rules in their order. They are safe for concurrent use;
// copies share nothing but the backing array, which holds what matched.
type Rules []Rule

// Match judges by the first rule that matches. It answers false when none does.
func (rs Rules) Match(f Failure) (result.Classification, bool) {
	if len(rs) == 0 || f.Execution == nil {
		return result.Classification{}, false
	}
	seen := observe(f)
	for i := range rs {
		r := &rs[i]
		text, ok := r.match(&seen)
		if !ok {
			continue
		}
		atomic.StoreUint32(&r.matched, 1)
		return result.Classification{
			Class:      result.Categories[r.Category],
			Category:   r.Category,
			Confidence: r.Confidence,
			Reason:     fmt.Sprintf("The spec's rule %q matched %s.", r.Name, text),
			Source:     "rule:" + r.Name,
		}, true
	}
	return result.Classification{}, false
}

// Unmatched are the names of the rules that never matched, in their order.
func (rs Rules) Unmatched() []string {
	var names []string
	for i := range rs {
		if atomic.LoadUint32(&rs[i].matched) == 0 {
			names = append(names, rs[i].Name)
		}
	}
	return names
}

// match says whether every condition of the rule holds, and names what it saw.
func (r *Rule) match(seen *observation) (string, bool) {
	if r.Step != "" && r.Step != seen.stepID && r.Step != seen.stepName {
		return "", false
	}
	if r.Status != 0 && !slices.Contains(seen.statuses(), r.Status) {
		return "", false
	}
	if r.Match == nil {
		return r.conditions(), true
	}
	for _, text := range seen.field(r.Field) {
		if at := r.Match.FindStringIndex(text); at != nil {
			return quote(text[at[0]:at[1]]), true
		}
	}
	return "", false
}

// conditions names what a rule without a pattern matched by.
func (r *Rule) conditions() string {
	var parts []string
	if r.Step != "" {
		parts = append(parts, fmt.Sprintf("step %q", r.Step))
	}
	if r.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP status %d", r.Status))
	}
	if len(parts) == 0 {
		return "any failure"
	}
	return strings.Join(parts, " and ")
}
