package redact

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Masked stands where a sensitive value was.
const Masked = "(sensitive)"

// Paths lead to the sensitive values of a document.
type Paths [][]string

// ParsePaths reads paths such as card.number, items[0].sku or items[*].sku,
// from a document's root on, with or without input. before them.
func ParsePaths(texts []string) Paths {
	paths := make(Paths, len(texts))
	for i, text := range texts {
		text = strings.NewReplacer("[", ".", "]", "").Replace(strings.TrimPrefix(text, "input."))
		paths[i] = strings.Split(text, ".")
	}
	return paths
}

// Here reports whether one of the paths has arrived.
func (p Paths) Here() bool {
	return slices.ContainsFunc(p, func(path []string) bool { return len(path) == 0 })
}

// Below are the rests of the paths that lead through a member, or an element
// by its number.
func (p Paths) Below(member string) Paths {
	var rests Paths
	for _, path := range p {
		if len(path) > 0 && (path[0] == member || path[0] == "*") {
			rests = append(rests, path[1:])
		}
	}
	return rests
}

// Mask replaces what stands at the paths in a decoded JSON document, and
// answers the texts of the values that it hid. The document itself is not
// changed.
func Mask(document any, paths []string) (masked any, hidden []string) {
	if len(paths) == 0 {
		return document, nil
	}
	return mask(document, ParsePaths(paths), &hidden), hidden
}

// Cover replaces each text and number of a decoded JSON document that holds
// something secret, as a whole, so that Unmask finds the masks. The document
// itself is not changed.
func (v View) Cover(document any) any {
	switch document := document.(type) {
	case string:
		if v.String(document) != document {
			return Masked
		}
		return document
	case json.Number:
		if v.String(document.String()) != document.String() {
			return Masked
		}
		return document
	case map[string]any:
		members := make(map[string]any, len(document))
		for name, member := range document {
			members[name] = v.Cover(member)
		}
		return members
	case []any:
		elements := make([]any, len(document))
		for i, element := range document {
			elements[i] = v.Cover(element)
		}
		return elements
	default:
		return document
	}
}

// Unmask puts the original's values back where a mask still stands in a
// document that somebody may have changed otherwise.
func Unmask(document, original any) any {
	switch document := document.(type) {
	case string:
		if document == Masked && original != nil {
			return original
		}
		return document
	case map[string]any:
		from, _ := original.(map[string]any)
		for name, member := range document {
			document[name] = Unmask(member, from[name])
		}
		return document
	case []any:
		from, _ := original.([]any)
		for i := range document {
			if i < len(from) {
				document[i] = Unmask(document[i], from[i])
			}
		}
		return document
	default:
		return document
	}
}

func mask(document any, paths Paths, hidden *[]string) any {
	if paths.Here() {
		*hidden = appendLeaves(*hidden, document)
		return Masked
	}
	switch document := document.(type) {
	case map[string]any:
		members := make(map[string]any, len(document))
		for name, member := range document {
			members[name] = mask(member, paths.Below(name), hidden)
		}
		return members
	case []any:
		elements := make([]any, len(document))
		for i, element := range document {
			elements[i] = mask(element, paths.Below(fmt.Sprint(i)), hidden)
		}
		return elements
	default:
		return document
	}
}

func appendLeaves(leaves []string, document any) []string {
	switch document := document.(type) {
	case map[string]any:
		for _, member := range document {
			leaves = appendLeaves(leaves, member)
		}
	case []any:
		for _, element := range document {
			leaves = appendLeaves(leaves, element)
		}
	case string:
		leaves = append(leaves, document)
	case json.Number:
		leaves = append(leaves, document.String())
	}
	return leaves
}
