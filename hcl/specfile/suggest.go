package specfile

import (
	"fmt"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Nearest gives the known name that is most like name, or an empty string
// where none is like it.
func Nearest(name string, known []string) string {
	best, nearest := min(3, len(name)), ""
	for _, candidate := range known {
		if distance := levenshtein.Distance(name, candidate, nil); distance < best {
			best, nearest = distance, candidate
		}
	}
	return nearest
}

// unknownNames reports the attributes and blocks that schema does not know.
// HCL's own report suggests the first name that is somewhat like; ours the
// nearest, be it an attribute or a block.
func unknownNames(body *hclsyntax.Body, schema *hcl.BodySchema) hcl.Diagnostics {
	attributes, blocks := map[string]bool{}, map[string]bool{}
	var names []string
	for _, a := range schema.Attributes {
		attributes[a.Name] = true
		names = append(names, a.Name)
	}
	for _, b := range schema.Blocks {
		blocks[b.Type] = true
		names = append(names, b.Type)
	}

	var diags hcl.Diagnostics
	for name, attribute := range body.Attributes {
		if !attributes[name] {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unsupported argument",
				Detail:   fmt.Sprintf("An argument named %q is not expected here.%s", name, hint(Nearest(name, names), blocks, "a block: write it with braces and no equals sign")),
				Subject:  &attribute.NameRange,
			})
		}
	}
	for _, block := range body.Blocks {
		if !blocks[block.Type] {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Unsupported block type",
				Detail:   fmt.Sprintf("Blocks of type %q are not expected here.%s", block.Type, hint(Nearest(block.Type, names), attributes, "an argument: set it with an equals sign")),
				Subject:  &block.TypeRange,
			})
		}
	}
	return diags
}

// hint words a suggestion; others are the names of the other sort, which also
// differ in how they are written.
func hint(suggestion string, others map[string]bool, otherSort string) string {
	switch {
	case suggestion == "":
		return ""
	case others[suggestion]:
		return fmt.Sprintf(" Did you mean %q? That is %s.", suggestion, otherSort)
	default:
		return fmt.Sprintf(" Did you mean %q?", suggestion)
	}
}
