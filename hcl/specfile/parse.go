package specfile

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// source is a file's text, not parsed yet.
type source struct {
	name string // as diagnostics give it
	text []byte
}

// Parse reads a file that stands beside the spec, as specs are read. name is
// what diagnostics call it. The file is never nil.
func Parse(name string, text []byte) (*hcl.File, hcl.Diagnostics) {
	return parse(source{name, text})
}

// parse reads HCL in the syntax that the file's name tells. The file is never
// nil.
func parse(s source) (*hcl.File, hcl.Diagnostics) {
	if at, deep := nesting(s.text); deep {
		return &hcl.File{Body: hcl.EmptyBody(), Bytes: s.text}, hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Nested too deeply",
			Detail:   fmt.Sprintf("More than %d brackets are open here. Look for one that is never closed.", maxNesting),
			Subject:  &hcl.Range{Filename: s.name, Start: at, End: at},
		}}
	}
	if strings.HasSuffix(s.name, ".json") {
		return json.Parse(s.text, s.name)
	}
	return hclsyntax.ParseConfig(s.text, s.name, hcl.InitialPos)
}

// maxNesting is how many brackets may be open at once. The parsers recurse at
// each, and nothing recovers from a stack that overflows, as it does at about
// ten times as many.
const maxNesting = 10_000

// nesting tells where text nests more than maxNesting deep, if it does. It
// counts brackets in strings and comments too, and so begins anew with each
// line that starts a block.
func nesting(text []byte) (hcl.Pos, bool) {
	depth, signs := 0, 0
	line, lineStart := 1, 0
	for i, c := range text {
		switch {
		case c == '!' || c == '-':
			signs++
		case c == '(' || c == '[' || c == '{':
			depth, signs = depth+1, 0
		case c == ')' || c == ']' || c == '}':
			depth, signs = max(0, depth-1), 0
		case c >= 'a' && c <= 'z' && i == lineStart:
			depth, signs = 0, 0
		case c == '\n':
			line, lineStart, signs = line+1, i+1, 0
		default:
			signs = 0
		}
		if depth+signs > maxNesting {
			return hcl.Pos{Line: line, Column: i - lineStart + 1, Byte: i}, true
		}
	}
	return hcl.Pos{}, false
}
