package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/schema"
)

// deployable loads an imported block as a suite and renders its document.
func deployable(tb testing.TB, imported Imported) Document {
	tb.Helper()
	dir := tb.TempDir()
	write(tb, filepath.Join(dir, "action.assay.hcl"), imported.Block)
	for path, content := range imported.Files {
		write(tb, filepath.Join(dir, path), content)
	}
	suite, diags := specfile.Load(dir, "0.1.0")
	if diags.HasErrors() {
		tb.Fatalf("%v\n%s", diags, imported.Block)
	}
	p, diags := plan.Build(tb.Context(), suite, plan.Options{Now: time.Now(), Inputs: plan.Inputs{LookupEnv: os.LookupEnv}})
	if diags.HasErrors() {
		tb.Fatalf("%v\n%s", diags, imported.Block)
	}
	return Of(p.Actions[0].Definition)
}

func write(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// assertNoOp imports a document and finds that deploying it changes nothing.
func assertNoOp(tb testing.TB, d Document) Imported {
	tb.Helper()
	imported, err := Import(d, Label(d.Name, none), "")
	if err != nil {
		tb.Fatal(err)
	}
	again := deployable(tb, imported)
	if changes := Compare(d, again); len(changes) > 0 {
		tb.Errorf("deploying what was imported changes %v\n%s", changes, imported.Block)
	}
	if d.ID != "" && again.ID != d.ID {
		tb.Errorf("id %q became %q", d.ID, again.ID)
	}
	second, err := Import(again, imported.Label, "")
	if err != nil || !imported.MadeUpID && !bytes.Equal(second.Block, imported.Block) {
		tb.Errorf("importing what was deployed: %v\n%s", err, cmp.Diff(string(imported.Block), string(second.Block)))
	}
	return imported
}

func none(string) bool { return false }

// TestRoundTrip imports generated documents and deploys them again.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	constraints := 0
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		d := g.document()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			imported := assertNoOp(t, d)
			constraints += 2 - len(imported.Files)
		})
	}
	if constraints < 100 || constraints > 500 {
		t.Errorf("%d of 600 schemas became type constraints: the generator does not try both ways", constraints)
	}
}

// generator makes schema documents, odd ones among them.
type generator struct{ *rand.Rand }

var oddTexts = []string{
	"", "plain", "with \"quotes\"", "${var.x}", "%{ if true }", "$${", "%%{", "line\nbreak\ttab", "ünïcode", "e\u0301 decomposed",
	"\u0000\u0007", "back\\slash", "日本語", "<html>&", "# no comment", "EOT\n<<EOT", "\u2028", "\U0001f4a9", "\ufeff",
}

func (g generator) text() string { return oddTexts[g.IntN(len(oddTexts))] }

func (g generator) document() Document {
	d := Document{ID: "a1b2c3d4-e5f6-4890-abcd-ef1234567890", Name: "N" + g.text(), Description: g.text(), ErrorCodes: []ErrorCode{}}
	if g.IntN(8) == 0 {
		d.ID = ""
	}
	d.Input, d.Output = g.schema(true), g.schema(false)
	for i := range g.IntN(4) {
		d.ErrorCodes = append(d.ErrorCodes, ErrorCode{fmt.Sprintf("CODE_%d%s", i, g.text()), g.text()})
	}
	return d
}

// schema is that of a type, now and then with something that no type says.
func (g generator) schema(closed bool) json.RawMessage {
	if g.IntN(12) == 0 {
		return json.RawMessage([]string{
			`true`, `{}`, `{"type":"object","$ref":"#/$defs/x","$defs":{"x":{"minProperties":1}}}`, `{"type":["object"],"required":[]}`,
			`{"type":"object","properties":{"a":{"const":1e2}},"required":["a"]}`, `{"enum":[{},{"required":["b","a"]}]}`,
		}[g.IntN(6)])
	}
	document := schema.FromType(g.constraint(3), closed != (g.IntN(6) == 0)).Document()
	value, err := schema.Decode(document)
	if err != nil {
		panic(err)
	}
	if s, ok := value.(map[string]any); ok && g.IntN(4) == 0 {
		s[[]string{"title", "format", "minProperties", "$comment"}[g.IntN(4)]] = map[bool]any{true: "date-time", false: 1}[g.IntN(2) == 0]
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	if _, err := schema.Parse("generated", encoded); err != nil {
		return document
	}
	return encoded
}

func (g generator) constraint(depth int) cty.Type {
	simple := []cty.Type{cty.String, cty.Number, cty.Bool, cty.DynamicPseudoType}
	if depth == 0 {
		return simple[g.IntN(4)]
	}
	switch g.IntN(9) {
	case 0:
		return cty.List(g.constraint(depth - 1))
	case 1:
		return cty.Set(g.constraint(depth - 1))
	case 2:
		return cty.Map(g.constraint(depth - 1))
	case 3:
		elements := make([]cty.Type, g.IntN(3))
		for i := range elements {
			elements[i] = g.constraint(depth - 1)
		}
		return cty.Tuple(elements)
	case 4:
		return simple[g.IntN(4)]
	default:
		return g.object(depth)
	}
}

func (g generator) object(depth int) cty.Type {
	attributes := map[string]cty.Type{}
	var optional []string
	names := []string{"sku", "warehouseId", "true", "null", "for", "if", "with-dash", "ünï", "e\u0301", "with space", "_", "any"}
	for range g.IntN(4) {
		name := names[g.IntN(len(names))]
		attributes[name] = g.constraint(depth - 1)
		if g.IntN(2) == 0 {
			optional = append(optional, name)
		}
	}
	return cty.ObjectWithOptionalAttrs(attributes, optional)
}

// FuzzImport reads foreign documents: they are refused, or survive the round trip.
func FuzzImport(f *testing.F) {
	f.Add([]byte(inventory))
	f.Add([]byte(`{"name":"N","input":{"type":"object","properties":{"for":{"type":"string"}},"required":["for"],"additionalProperties":false}}`))
	f.Add([]byte(`{"name":"N","input":true,"output":{"type":["null","string"]},"errorCodes":[{"code":"${X}","message":"%{"}]}`))
	f.Add([]byte(`{"actionId":"x","name":"\ud800","errorCodes":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		imported, err := Import(d, Label(d.Name, none), "")
		if err != nil {
			return
		}
		again := deployable(t, imported)
		if changes := Compare(d, again); len(changes) > 0 {
			t.Errorf("deploying what was imported changes %v\n%s", changes, imported.Block)
		}
	})
}

// inventory is the contract's example, as a platform may write it.
const inventory = `{
  "id": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
  "name": "InventorySyncAction",
  "description": "Synchronizes inventory data with external ERP system",
  "input": {"type": "object", "properties": {"sku": {"type": "string"}, "warehouseId": {"type": "string"}},
    "required": ["warehouseId", "sku"], "additionalProperties": false},
  "output": {"type": "object", "properties": {"synced": {"type": "boolean"}, "lastModified": {"type": "string", "format": "date-time"}}},
  "errorCodes": [
    {"code": "INVALID_INPUT_FORMAT", "message": "Input payload does not match expected schema"},
    {"code": "UPSTREAM_TIMEOUT", "message": "External service did not respond within threshold"}
  ],
  "version": 7, "createdBy": {"id": "x"}
}`
