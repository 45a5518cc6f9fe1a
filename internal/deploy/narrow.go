package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// anyIndex stands in a path for every element of a list or member of a map.
const anyIndex = "*"

// narrowing is a place of the input at which a schema takes less than another.
type narrowing struct {
	path []string // names and indexes
	why  string   // finishes "input.sku …"
}

func (n narrowing) String() string {
	var b strings.Builder
	b.WriteString("input")
	for _, step := range n.path {
		switch _, err := strconv.Atoi(step); {
		case step == anyIndex || err == nil:
			b.WriteString("[" + step + "]")
		default:
			b.WriteString(member(step))
		}
	}
	return b.String() + " " + n.why
}

// narrower compares two JSON Schemas in normal form.
type narrower struct{ found []narrowing }

func (n *narrower) report(path []string, why string, args ...any) {
	n.found = append(n.found, narrowing{slices.Clone(path), fmt.Sprintf(why, args...)})
}

// keywords whose change never makes a schema take less.
var annotations = []string{
	"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated",
	"readOnly", "writeOnly", "contentEncoding", "contentMediaType",
}

// keywords that compare looks into.
var understood = []string{
	"type", "enum", "required", "properties", "additionalProperties", "items", "prefixItems", "uniqueItems",
	"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
	"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
}

// compare finds where wanted takes less than old. It errs on the side of
// telling: of keywords that it does not look into every change counts.
func (n *narrower) compare(old, wanted any, path []string) {
	before, taken := asObject(old)
	after, takes := asObject(wanted)
	switch {
	case !taken:
		return // nothing was taken before
	case !takes:
		n.report(path, "is not taken any more")
		return
	}
	n.types(before, after, path)
	n.values(before, after, path)
	n.bounds(before, after, path)
	n.members(before, after, path)
	n.elements(before, after, path)
	for _, keyword := range slices.Sorted(maps.Keys(after)) {
		if slices.Contains(annotations, keyword) || slices.Contains(understood, keyword) || reflect.DeepEqual(before[keyword], after[keyword]) {
			continue
		}
		if before[keyword] == nil {
			n.report(path, "is held against %s", keyword)
		} else {
			n.report(path, "is held against another %s", keyword)
		}
	}
}

// asObject reads a schema; ok is false where it takes nothing.
func asObject(s any) (keywords map[string]any, ok bool) {
	if takes, isBool := s.(bool); isBool {
		return nil, takes
	}
	keywords, _ = s.(map[string]any)
	return keywords, true
}

func (n *narrower) types(old, wanted map[string]any, path []string) {
	before, after := typeNames(old), typeNames(wanted)
	if after == nil {
		return
	}
	lost := slices.DeleteFunc(slices.Clone(before), func(name string) bool {
		return slices.Contains(after, name) || name == "integer" && slices.Contains(after, "number")
	})
	switch {
	case before == nil:
		n.report(path, "must be of type %s", strings.Join(after, " or "))
	case len(lost) > 0:
		n.report(path, "must be of type %s, not %s", strings.Join(after, " or "), strings.Join(before, " or "))
	}
}

// typeNames are the types that a schema takes; nil for all.
func typeNames(s map[string]any) []string {
	switch named := s["type"].(type) {
	case string:
		return []string{named}
	case []any:
		var names []string
		for _, name := range named {
			names = append(names, fmt.Sprint(name))
		}
		return names
	default:
		return nil
	}
}

func (n *narrower) values(old, wanted map[string]any, path []string) {
	after, listed := wanted["enum"].([]any)
	if !listed {
		return
	}
	before, wasListed := old["enum"].([]any)
	if !wasListed {
		n.report(path, "takes listed values only")
		return
	}
	lost := slices.DeleteFunc(slices.Clone(before), func(value any) bool {
		return slices.ContainsFunc(after, func(kept any) bool { return reflect.DeepEqual(kept, value) })
	})
	if len(lost) > 0 {
		n.report(path, "does not take %s any more", strings.Trim(text(lost), "[]"))
	}
}

func (n *narrower) bounds(old, wanted map[string]any, path []string) {
	for _, keyword := range []string{"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"} {
		n.bound(old, wanted, path, keyword, 1)
	}
	for _, keyword := range []string{"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"} {
		n.bound(old, wanted, path, keyword, -1)
	}
	if wanted["uniqueItems"] == true && old["uniqueItems"] != true {
		n.report(path, "must not repeat an element")
	}
}

// bound compares a limit that narrows as it grows, or with sign -1 as it shrinks.
func (n *narrower) bound(old, wanted map[string]any, path []string, keyword string, sign int) {
	after, bounded := number(wanted[keyword])
	if !bounded {
		return
	}
	before, wasBounded := number(old[keyword])
	if !wasBounded || sign*after.Cmp(before) > 0 {
		n.report(path, "has %s %s", keyword, wanted[keyword])
	}
}

func number(value any) (*big.Rat, bool) {
	written, ok := value.(json.Number)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetString(string(written))
}

func (n *narrower) members(old, wanted map[string]any, path []string) {
	before, _ := old["properties"].(map[string]any)
	after, _ := wanted["properties"].(map[string]any)
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		n.compare(propertyOf(old, before, name), propertyOf(wanted, after, name), append(path, name))
	}
	for _, name := range requiredNames(wanted) {
		if !slices.Contains(requiredNames(old), name) {
			n.report(append(path, name), "is required")
		}
	}
	if _, ok := wanted["additionalProperties"].(map[string]any); ok && len(after) == 0 {
		n.compare(orAny(old["additionalProperties"]), wanted["additionalProperties"], append(path, anyIndex))
	}
}

// propertyOf is what a schema says of a property, be it named or not.
func propertyOf(s, properties map[string]any, name string) any {
	if property, ok := properties[name]; ok {
		return property
	}
	return orAny(s["additionalProperties"])
}

func orAny(s any) any {
	if s == nil {
		return true
	}
	return s
}

func requiredNames(s map[string]any) []string {
	var names []string
	list, _ := s["required"].([]any)
	for _, name := range list {
		names = append(names, fmt.Sprint(name))
	}
	return names
}

func (n *narrower) elements(old, wanted map[string]any, path []string) {
	before, _ := old["prefixItems"].([]any)
	after, _ := wanted["prefixItems"].([]any)
	for i := range max(len(before), len(after)) {
		n.compare(elementOf(old, before, i), elementOf(wanted, after, i), append(path, strconv.Itoa(i)))
	}
	if items := wanted["items"]; items != nil {
		n.compare(orAny(old["items"]), items, append(path, anyIndex))
	}
}

func elementOf(s map[string]any, prefix []any, i int) any {
	if i < len(prefix) {
		return prefix[i]
	}
	return orAny(s["items"])
}
