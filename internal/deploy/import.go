package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/schema"
)

// Imported is an action block made from a schema document.
type Imported struct {
	Label string
	Block []byte // HCL, formatted
	// Files are the JSON Schemas that no type constraint can say, by their
	// path in the suite's folder, with slashes.
	Files map[string][]byte
	// MadeUpID is set where the document has no id and one was made of its name.
	MadeUpID bool
}

// Import turns a schema document into an action block of that label. target is
// the plugin that runs the action, empty where the suite has no more than one.
// Deploying the block changes nothing on the platform that has the document.
func Import(d Document, label, target string) (Imported, error) {
	imported := Imported{Label: label, Files: map[string][]byte{}}
	file := hclwrite.NewEmptyFile()
	body := file.Body().AppendNewBlock("action", []string{label}).Body()
	if d.ID == "" {
		d.ID, imported.MadeUpID = idOf(d.Name), true
		body.AppendUnstructuredTokens(comment("made of the name: the document has no id"))
	}
	body.SetAttributeValue("id", cty.StringVal(d.ID))
	body.SetAttributeValue("name", cty.StringVal(d.Name))
	if d.Description != "" {
		body.SetAttributeValue("description", cty.StringVal(d.Description))
	}
	if target != "" {
		body.SetAttributeTraversal("target", hcl.Traversal{hcl.TraverseRoot{Name: "plugin"}, hcl.TraverseAttr{Name: target}})
	}
	body.AppendNewline()
	for _, part := range []struct {
		name   string
		schema json.RawMessage
		closed bool
	}{{"input", d.Input, true}, {"output", d.Output, false}} {
		if err := imported.add(body, part.name, part.schema, part.closed); err != nil {
			return Imported{}, err
		}
	}
	for _, e := range d.ErrorCodes {
		body.AppendNewline()
		body.AppendNewBlock("error", []string{e.Code}).Body().SetAttributeValue("message", cty.StringVal(e.Message))
	}
	imported.Block = hclwrite.Format(file.Bytes())
	return imported, nil
}

// add writes one of the action's schemas: as a type constraint, or as a file.
func (i *Imported) add(body *hclwrite.Body, name string, document json.RawMessage, closed bool) error {
	if _, err := schema.Parse(name, document); err != nil {
		return err
	}
	t, ok := typeOf(document, closed)
	if ok && (name != "input" || t.IsObjectType() || t.IsMapType() || t == cty.DynamicPseudoType) {
		body.SetAttributeRaw(name, typeTokens(t))
		return nil
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, document, "", "  "); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	indented.WriteByte('\n')
	path := fmt.Sprintf("schemas/%s.%s.json", i.Label, name)
	i.Files[path] = indented.Bytes()
	body.SetAttributeValue(name+"_schema", cty.StringVal(path))
	return nil
}

func comment(text string) hclwrite.Tokens {
	return hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + text + "\n")}}
}

// idOf makes an id of a name, the same each time.
func idOf(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("assay:action:"+name)).String()
}

// maxLabel is the longest label that Label makes of a name: files are named by it.
const maxLabel = 60

// Label makes a block's label of an action's name, such as inventory_sync of
// InventorySyncAction, that is none of those taken.
func Label(name string, taken func(string) bool) string {
	label := snake(strings.TrimSuffix(name, "Action"))
	if label == "" {
		label = snake(name)
	}
	if label == "" || label[0] >= '0' && label[0] <= '9' {
		label = strings.TrimSuffix("action_"+label, "_")
	}
	label = strings.TrimSuffix(label[:min(len(label), maxLabel)], "_")
	unique := label
	for i := 2; taken(unique); i++ {
		unique = fmt.Sprintf("%s_%d", label, i)
	}
	return unique
}

// snake writes the words of a name in lower case with underscores between.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = '_'
		}
		startsWord := unicode.IsUpper(r) && i > 0 &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if (startsWord || r == '_') && b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
		if r != '_' {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.Trim(b.String(), "_")
}
