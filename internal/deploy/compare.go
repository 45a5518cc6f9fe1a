package deploy

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/text/unicode/norm"
)

// Change is one attribute in which a document differs from the deployed one.
type Change struct {
	Path string // such as description, input.properties.sku.type or error UPSTREAM_TIMEOUT
	Old  string // as JSON; empty where the deployed document has no such attribute
	New  string // as JSON; empty where the wanted document has none
}

// Compare tells what deploying wanted in place of deployed would change, in
// the order of the document. Documents that say the same in other words do not
// differ, and neither do ids: they say which action it is.
func Compare(deployed, wanted Document) []Change {
	changes := compareText("name", deployed.Name, wanted.Name)
	changes = append(changes, compareText("description", deployed.Description, wanted.Description)...)
	changes = append(changes, compareSchemas("input", deployed.Input, wanted.Input)...)
	changes = append(changes, compareSchemas("output", deployed.Output, wanted.Output)...)
	return append(changes, compareCodes(deployed.ErrorCodes, wanted.ErrorCodes)...)
}

func compareText(path, old, wanted string) []Change {
	if norm.NFC.String(old) == norm.NFC.String(wanted) {
		return nil
	}
	return []Change{{path, textOrNone(old), textOrNone(wanted)}}
}

// textOrNone is a text as JSON. An empty one is as good as none.
func textOrNone(plain string) string {
	if plain == "" {
		return ""
	}
	return text(plain)
}

func compareSchemas(path string, old, wanted []byte) []Change {
	if old == nil { // nothing is deployed
		return []Change{{Path: path, New: text(normal(wanted))}}
	}
	return compareValues(path, normal(old), normal(wanted))
}

// compareValues goes down as far as both sides are objects.
func compareValues(path string, old, wanted any) []Change {
	before, isObject := old.(map[string]any)
	after, areBoth := wanted.(map[string]any)
	if !isObject || !areBoth {
		if reflect.DeepEqual(old, wanted) {
			return nil
		}
		return []Change{{path, text(old), text(wanted)}}
	}
	var changes []Change
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		was, had := before[name]
		is, has := after[name]
		switch below := path + member(name); {
		case !had:
			changes = append(changes, Change{Path: below, New: text(is)})
		case !has:
			changes = append(changes, Change{Path: below, Old: text(was)})
		default:
			changes = append(changes, compareValues(below, was, is)...)
		}
	}
	return changes
}

// member is the step of a path to an object's member.
func member(name string) string {
	if hclsyntax.ValidIdentifier(strings.TrimPrefix(name, "$")) {
		return "." + name
	}
	return "[" + strconv.Quote(name) + "]"
}

func compareCodes(deployed, wanted []ErrorCode) []Change {
	before, after := messages(deployed), messages(wanted)
	codes := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(codes)
	var changes []Change
	for _, code := range slices.Compact(codes) {
		was, had := before[code]
		is, has := after[code]
		change := Change{Path: "error " + codeName(code)}
		if had {
			change.Old = text(was)
		}
		if has {
			change.New = text(is)
		}
		if change.Old != change.New {
			changes = append(changes, change)
		}
	}
	return changes
}

func messages(codes []ErrorCode) map[string]string {
	byCode := make(map[string]string, len(codes))
	for _, e := range codes {
		byCode[norm.NFC.String(e.Code)] = norm.NFC.String(e.Message)
	}
	return byCode
}

func codeName(code string) string {
	if hclsyntax.ValidIdentifier(code) {
		return code
	}
	return strconv.Quote(code)
}
