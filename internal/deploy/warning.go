package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/assay-cx/assay/internal/schema"
)

// Vector is what a vector gives an action.
type Vector struct {
	Name  string
	Input json.RawMessage // a JSON object, or nil where it is not known
}

// maxNamed is how many vectors a warning names.
const maxNamed = 3

// Warnings tell whom deploying wanted in place of deployed may hurt: callers
// that know an error code which goes, and those that send what the vectors
// send. No warning holds a value of an input.
func Warnings(deployed, wanted Document, vectors []Vector) []string {
	var warnings []string
	after := messages(wanted.ErrorCodes)
	for _, e := range deployed.ErrorCodes {
		if _, kept := after[norm.NFC.String(e.Code)]; !kept {
			warnings = append(warnings, fmt.Sprintf(
				"drops the error code %s: callers may handle it, and an execution that still fails with it is rejected", codeName(e.Code)))
		}
	}
	warnings = append(warnings, narrowedFor(deployed.Input, wanted.Input, vectors)...)
	return append(warnings, refusedFrom(deployed.Input, wanted.Input, vectors)...)
}

// narrowedFor tells where the input is narrowed that vectors use.
func narrowedFor(deployed, wanted json.RawMessage, vectors []Vector) []string {
	var n narrower
	n.compare(normal(deployed), normal(wanted), nil)
	var warnings []string
	for _, narrowed := range n.found {
		var names []string
		for _, v := range vectors {
			if input, err := schema.Decode(v.Input); err == nil && uses(input, narrowed.path) {
				names = append(names, v.Name)
			}
		}
		if len(names) > 0 {
			warnings = append(warnings, fmt.Sprintf("narrows the input: %s; used by %s", narrowed, list(names)))
		}
	}
	return warnings
}

// uses reports whether there is something at a path of an input.
func uses(input any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch input := input.(type) {
	case map[string]any:
		if path[0] != anyIndex {
			below, ok := input[path[0]]
			return ok && uses(below, path[1:])
		}
		for _, below := range input {
			if uses(below, path[1:]) {
				return true
			}
		}
	case []any:
		if path[0] == anyIndex {
			return slices.ContainsFunc(input, func(below any) bool { return uses(below, path[1:]) })
		}
		i, err := strconv.Atoi(path[0])
		return err == nil && i < len(input) && uses(input[i], path[1:])
	}
	return false
}

// refusedFrom tells which vectors' inputs the deployed schema takes and the
// wanted one refuses.
func refusedFrom(deployed, wanted json.RawMessage, vectors []Vector) []string {
	before, err := schema.Parse("input", deployed)
	if err != nil {
		return nil // a schema that this house cannot read
	}
	after, err := schema.Parse("input", wanted)
	if err != nil {
		return nil
	}
	var warnings []string
	for _, v := range vectors {
		if v.Input == nil || before.Check(v.Input) != nil {
			continue
		}
		if problems := after.Check(v.Input); problems != nil {
			warnings = append(warnings, fmt.Sprintf(
				"refuses the input of %s, which the deployed schema takes: %s", v.Name, problems[0].At("input")))
		}
	}
	return warnings
}

// list names some vectors and counts the others.
func list(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
