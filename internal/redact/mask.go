package redact

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Masked stands where a sensitive value was.
const Masked = "(sensitive)"

// Mask replaces what stands at the paths in a decoded JSON document, and
// answers the texts of the values that it hid. A path is such as card.number,
// items[0].sku or items[*].sku. The document itself is not changed.
func Mask(document any, paths []string) (masked any, hidden []string) {
	if len(paths) == 0 {
		return document, nil
	}
	split := make([][]string, len(paths))
	for i, path := range paths {
		path = strings.NewReplacer("[", ".", "]", "").Replace(strings.TrimPrefix(path, "input."))
		split[i] = strings.Split(path, ".")
	}
	return mask(document, split, &hidden), hidden
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

func mask(document any, paths [][]string, hidden *[]string) any {
	for _, path := range paths {
		if len(path) == 0 {
			*hidden = appendLeaves(*hidden, document)
			return Masked
		}
	}
	switch document := document.(type) {
	case map[string]any:
		members := make(map[string]any, len(document))
		for name, member := range document {
			members[name] = mask(member, below(paths, name), hidden)
		}
		return members
	case []any:
		elements := make([]any, len(document))
		for i, element := range document {
			elements[i] = mask(element, below(paths, fmt.Sprint(i)), hidden)
		}
		return elements
	default:
		return document
	}
}

// below are the rests of the paths that lead through a member.
func below(paths [][]string, member string) [][]string {
	var rests [][]string
	for _, path := range paths {
		if path[0] == member || path[0] == "*" {
			rests = append(rests, path[1:])
		}
	}
	return rests
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
