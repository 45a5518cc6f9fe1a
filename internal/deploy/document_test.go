package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/assay-cx/assay/internal/action"
	"github.com/assay-cx/assay/internal/schema"
)

func parse(tb testing.TB, text string) Document {
	tb.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":         {`{"name":`, "not JSON"},
		"two documents":   {`{"name":"A"}{}`, "follows"},
		"a list":          {`[{"name":"A"}]`, "is an object with name, input, output and errorCodes, not an array"},
		"a text":          {`"A"`, "not a string"},
		"null":            {`null`, "name is missing"},
		"no name":         {`{"id":"x"}`, "name is missing"},
		"a name":          {`{"name":7}`, "name cannot be a number"},
		"codes":           {`{"name":"A","errorCodes":{}}`, "errorCodes cannot be an object"},
		"a code":          {`{"name":"A","errorCodes":[{"code":[]}]}`, "cannot be an array"},
		"code is empty":   {`{"name":"A","errorCodes":[{"message":"m"}]}`, "without a code"},
		"code repeats":    {`{"name":"A","errorCodes":[{"code":"X"},{"code":"X"}]}`, `holds "X" twice`},
		"input a text":    {`{"name":"A","input":"object"}`, "input is not a JSON Schema"},
		"output a number": {`{"name":"A","output":7}`, "output is not a JSON Schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "deploy.") {
				t.Errorf("%v names a Go type", err)
			}
		})
	}
}

func TestParseFillsIn(t *testing.T) {
	t.Parallel()
	got := parse(t, `{"actionId":"x","name":"A","input":null,"errorCodes":null,"version":3}`)
	want := Document{ID: "x", Name: "A", Input: anything, Output: anything}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	d := Of(action.Definition{
		Name: "sync", ID: "x", DisplayName: "Sync <&>", Description: "d",
		Input:  schema.FromType(cty.Object(map[string]cty.Type{"sku": cty.String}), true),
		Errors: []action.ErrorCode{{Code: "E", Message: "m", Category: "timeout"}},
	})
	got, err := d.Encode()
	want := `{"id":"x","name":"Sync <&>","description":"d","input":{"additionalProperties":false,` +
		`"properties":{"sku":{"type":"string"}},"required":["sku"],"type":"object"},"output":{},"errorCodes":[{"code":"E","message":"m"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, string(got)))
	}
	empty, err := Of(action.Definition{ID: "x", DisplayName: "A"}).Encode()
	if err != nil || !strings.Contains(string(empty), `"errorCodes":[]`) {
		t.Errorf("%s, %v: a document without codes has an empty list of them", empty, err)
	}
}

// TestCompareSame holds documents against others that say the same.
func TestCompareSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string][2]string{
		"other fields":       {`{"name":"A","version":1}`, `{"name":"A","updatedAt":"now"}`},
		"absent description": {`{"name":"A"}`, `{"name":"A","description":""}`},
		"null description":   {`{"name":"A","description":null}`, `{"name":"A"}`},
		"absent schemas":     {`{"name":"A","input":null}`, `{"name":"A","input":{},"output":{}}`},
		"order of required":  {`{"name":"A","input":{"required":["b","a"]}}`, `{"name":"A","input":{"required":["a","b"]}}`},
		"none required":      {`{"name":"A","input":{"required":[]}}`, `{"name":"A","input":{}}`},
		"one type":           {`{"name":"A","input":{"type":["object"]}}`, `{"name":"A","input":{"type":"object"}}`},
		"order of types":     {`{"name":"A","output":{"items":{"type":["null","string"]}}}`, `{"name":"A","output":{"items":{"type":["string","null"]}}}`},
		"order of an enum":   {`{"name":"A","input":{"properties":{"x":{"enum":[1,"b"]}}}}`, `{"name":"A","input":{"properties":{"x":{"enum":["b",1.0]}}}}`},
		"alternatives":       {`{"name":"A","input":{"anyOf":[{"required":["b","a"]}]}}`, `{"name":"A","input":{"anyOf":[{"required":["a","b"]}]}}`},
		"numbers":            {`{"name":"A","input":{"minProperties":1e1}}`, `{"name":"A","input":{"minProperties":10}}`},
		"order of codes":     {`{"name":"A","errorCodes":[{"code":"B"},{"code":"A"}]}`, `{"name":"A","errorCodes":[{"code":"A"},{"code":"B"}]}`},
		"composition":        {"{\"name\":\"e\u0301\"}", "{\"name\":\"\u00e9\"}"},
		"spelling of ids":    {`{"id":"ABC","name":"A"}`, `{"id":"abc","name":"A"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if changes := Compare(parse(t, test[0]), parse(t, test[1])); changes != nil {
				t.Errorf("differ in %v", changes)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		old, wanted string
		want        []string
	}{
		"texts": {
			`{"name":"A","description":"old \"one\""}`, `{"name":"B"}`,
			[]string{`~ name: "A" → "B"`, `- description: "old \"one\""`},
		},
		"a keyword": {
			`{"name":"A","input":{"properties":{"sku":{"type":"string"}}}}`, `{"name":"A","input":{"properties":{"sku":{"type":"number","minimum":0}}}}`,
			[]string{`+ input.properties.sku.minimum: 0`, `~ input.properties.sku.type: "string" → "number"`},
		},
		"a property of an odd name": {
			`{"name":"A","output":{"properties":{"a b":{}}}}`, `{"name":"A","output":{"properties":{}}}`,
			[]string{`- output.properties["a b"]: {}`},
		},
		"a schema in a list": {
			`{"name":"A","input":{"anyOf":[{"type":"string"}]}}`, `{"name":"A","input":{"anyOf":[{"type":"number"}]}}`,
			[]string{`~ input.anyOf: [{"type":"string"}] → [{"type":"number"}]`},
		},
		"a property called required keeps its order": {
			`{"name":"A","input":{"properties":{"required":{"const":["b","a"]}}}}`, `{"name":"A","input":{"properties":{"required":{"const":["a","b"]}}}}`,
			[]string{`~ input.properties.required.const: ["b","a"] → ["a","b"]`},
		},
		"a boolean schema": {
			`{"name":"A","input":{}}`, `{"name":"A","input":false}`,
			[]string{`~ input: {} → false`},
		},
		"codes": {
			`{"name":"A","errorCodes":[{"code":"SAME"},{"code":"GONE","message":"g"},{"code":"D"},{"code":"C"},{"code":"KEPT","message":"k"}]}`,
			`{"name":"A","errorCodes":[{"code":"KEPT","message":"other"},{"code":"SAME"},{"code":"NEW ONE","message":""},{"code":"E"}]}`,
			[]string{`- error C: ""`, `- error D: ""`, `+ error E: ""`, `- error GONE: "g"`, `~ error KEPT: "k" → "other"`, `+ error "NEW ONE": ""`},
		},
		"control characters": {
			`{"name":"A"}`, `{"name":"A","description":"\u001b[31mred"}`,
			[]string{`+ description: "\u001b[31mred"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range Compare(parse(t, test.old), parse(t, test.wanted)) {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestItem(t *testing.T) {
	t.Parallel()
	deployed := parse(t, inventory)
	wanted := deployed
	wanted.ErrorCodes = wanted.ErrorCodes[:1]
	items := []Item{
		NewItem("fresh", wanted, nil, nil),
		NewItem("old", wanted, &deployed, nil),
		NewItem("same", deployed, &deployed, nil),
	}
	if created, updated, unchanged := Count(items); created != 1 || updated != 1 || unchanged != 1 {
		t.Errorf("%d, %d, %d", created, updated, unchanged)
	}
	for i, want := range []string{
		"  + action.fresh \"InventorySyncAction\" (a1b2c3d4-e5f6-4890-abcd-ef1234567890) will be created\n      + name: \"InventorySyncAction\"\n",
		"  ~ action.old \"InventorySyncAction\" (a1b2c3d4-e5f6-4890-abcd-ef1234567890) will be updated\n      - error UPSTREAM_TIMEOUT: \"External service did not respond within threshold\"\n    ! Warning: drops the error code UPSTREAM_TIMEOUT",
		"    action.same \"InventorySyncAction\" (a1b2c3d4-e5f6-4890-abcd-ef1234567890) is unchanged\n",
	} {
		if got := items[i].Text(); !strings.HasPrefix(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	object := func(properties string, more string) string {
		return `{"name":"A","input":{"type":"object","properties":{` + properties + `}` + more + `}}`
	}
	const sku = `"sku":{"type":"string"}`
	vectors := []Vector{
		{"both", json.RawMessage(`{"sku":"S-secret","tags":["a"],"n":1}`)},
		{"sku_only", json.RawMessage(`{"sku":"S"}`)},
		{"unknown", nil},
	}
	for name, test := range map[string]struct {
		old, wanted string
		want        []string
	}{
		"the same": {
			object(`"n":{"type":"integer","minimum":1,"maximum":9},"tags":{"type":"array","uniqueItems":true,"items":{"type":"string","enum":["a","b"]}}`, `,"required":["n"],"anyOf":[true]`),
			object(`"n":{"maximum":9.0,"minimum":1e0,"type":"integer"},"tags":{"type":"array","uniqueItems":true,"items":{"type":"string","enum":["b","a"]}}`, `,"required":["n"],"anyOf":[true]`),
			nil,
		},
		"a number is no integer":    {object(`"n":{"type":"number"}`, ""), object(`"n":{"type":"integer"}`, ""), []string{"input.n must be of type integer, not number; used by both"}},
		"other members of a record": {object(sku, ""), object(sku+`,"tags":{},"n":{}`, `,"additionalProperties":{"type":"string"}`), nil},
		"wider":                     {object(sku, `,"required":["sku"],"additionalProperties":false`), object(sku, ""), nil},
		"another type":              {object(sku, ""), object(`"sku":{"type":"number"}`, ""), []string{"input.sku must be of type number, not string; used by both, sku_only", "refuses the input of both", "refuses the input of sku_only"}},
		"a type where none":         {object(`"sku":{}`, ""), object(sku, ""), []string{"input.sku must be of type string; used by both, sku_only"}},
		"more types":                {object(sku, ""), object(`"sku":{"type":["null","string"]}`, ""), nil},
		"integer is a number":       {object(`"n":{"type":"integer"}`, ""), object(`"n":{"type":"number"}`, ""), nil},
		"nobody uses it":            {object(`"other":{"type":"string"}`, ""), object(`"other":{"type":"number"}`, ""), nil},
		"required":                  {object(sku, ""), object(sku, `,"required":["sku"]`), []string{"input.sku is required; used by both, sku_only"}},
		"gone":                      {object(sku+`,"n":{},"tags":{}`, ""), object(sku+`,"n":{}`, `,"additionalProperties":false`), []string{"input.tags is not taken any more; used by both", "refuses the input of both, which the deployed schema takes: input.tags: not declared"}},
		"gone but open":             {object(sku+`,"tags":{}`, ""), object(sku, ""), nil},
		"closed":                    {object(sku+`,"n":{}`, ""), object(sku+`,"n":{}`, `,"additionalProperties":false`), []string{"refuses the input of both, which the deployed schema takes: input.tags: not declared"}},
		"enum":                      {object(sku, ""), object(`"sku":{"type":"string","enum":["S","S-secret"]}`, ""), []string{"input.sku takes listed values only"}},
		"fewer values":              {object(`"sku":{"enum":["S","T","S-secret"]}`, ""), object(`"sku":{"enum":["S","S-secret"]}`, ""), []string{`input.sku does not take "T" any more`}},
		"more values":               {object(`"sku":{"enum":["S","S-secret"]}`, ""), object(`"sku":{"enum":["T","S","S-secret"]}`, ""), nil},
		"higher minimum":            {object(`"sku":{"minLength":0}`, ""), object(`"sku":{"minLength":1}`, ""), []string{"input.sku has minLength 1"}},
		"lower minimum":             {object(`"sku":{"minLength":1}`, ""), object(`"sku":{"minLength":0}`, ""), nil},
		"lower maximum":             {object(`"sku":{"maxLength":90}`, ""), object(`"sku":{"maxLength":80}`, ""), []string{"input.sku has maxLength 80"}},
		"higher maximum":            {object(`"sku":{"maxLength":80}`, ""), object(`"sku":{"maxLength":90}`, ""), nil},
		"a pattern":                 {object(sku, ""), object(`"sku":{"type":"string","pattern":"^S"}`, ""), []string{"input.sku is held against pattern"}},
		"another pattern":           {object(`"sku":{"pattern":"S"}`, ""), object(`"sku":{"pattern":"^S"}`, ""), []string{"input.sku is held against another pattern"}},
		"a title":                   {object(sku, ""), object(`"sku":{"type":"string","title":"SKU","default":"x"}`, ""), nil},
		"elements":                  {object(`"tags":{"type":"array"}`, ""), object(`"tags":{"type":"array","items":{"type":"string"}}`, ""), []string{"input.tags[*] must be of type string; used by both"}},
		"the first element":         {object(`"tags":{"type":"array"}`, ""), object(`"tags":{"type":"array","prefixItems":[{"type":"string"}]}`, ""), []string{"input.tags[0] must be of type string; used by both"}},
		"no second element":         {object(`"tags":{"type":"array"}`, ""), object(`"tags":{"type":"array","prefixItems":[{},{"type":"string"}]}`, ""), nil},
		"no repetition":             {object(`"tags":{"type":"array"}`, ""), object(`"tags":{"type":"array","uniqueItems":true}`, ""), []string{"input.tags must not repeat an element"}},
		"members of a map":          {`{"name":"A","input":{"type":"object"}}`, `{"name":"A","input":{"type":"object","additionalProperties":{"type":["string","array","number"]}}}`, []string{"input[*] must be of type array or number or string; used by both, sku_only"}},
		"nothing at all":            {object(sku, ""), `{"name":"A","input":false}`, []string{"input is not taken any more", "refuses the input of both", "refuses the input of sku_only"}},
		"from nothing":              {`{"name":"A","input":false}`, object(sku, ""), nil},
		"a broken schema":           {`{"name":"A","input":{"type":"nonsense"}}`, object(sku, ""), []string{"input must be of type object, not nonsense", "input.sku must be of type string"}},
		"codes":                     {`{"name":"A","errorCodes":[{"code":"X","message":""}]}`, `{"name":"A"}`, []string{"drops the error code X"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Warnings(parse(t, test.old), parse(t, test.wanted), vectors)
			if len(got) != len(test.want) {
				t.Fatalf("%q, want %q", got, test.want)
			}
			for i := range got {
				if !strings.Contains(got[i], test.want[i]) || strings.Contains(got[i], "secret") && name != "fewer values" {
					t.Errorf("%q, want %q", got[i], test.want[i])
				}
			}
		})
	}
}

func TestWarningsNameFewVectors(t *testing.T) {
	t.Parallel()
	var vectors []Vector
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		vectors = append(vectors, Vector{name, json.RawMessage(`{"x":1}`)})
	}
	got := Warnings(parse(t, `{"name":"A"}`), parse(t, `{"name":"A","input":{"required":["x"]}}`), vectors)
	if len(got) != 1 || !strings.HasSuffix(got[0], "used by a, b, c and 2 more") {
		t.Errorf("%q", got)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	imported := assertNoOp(t, parse(t, inventory))
	const want = `action "inventory_sync" {
  id          = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  name        = "InventorySyncAction"
  description = "Synchronizes inventory data with external ERP system"

  input = object({
    sku         = string
    warehouseId = string
  })
  output_schema = "schemas/inventory_sync.output.json"

  error "INVALID_INPUT_FORMAT" {
    message = "Input payload does not match expected schema"
  }

  error "UPSTREAM_TIMEOUT" {
    message = "External service did not respond within threshold"
  }
}
`
	if diff := cmp.Diff(want, string(imported.Block)); diff != "" {
		t.Error(diff)
	}
	if content := string(imported.Files["schemas/inventory_sync.output.json"]); !strings.Contains(content, `"format": "date-time"`) || len(imported.Files) != 1 {
		t.Errorf("files %v", imported.Files)
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	closed := func(properties, required string) string {
		return `{"type":"object","properties":{` + properties + `},"required":[` + required + `],"additionalProperties":false}`
	}
	for document, want := range map[string]string{
		`{}`:                   `any`,
		`{"type":["boolean"]}`: `bool`,
		closed(`"a":{"type":"string"},"b":{}`, `"b","a"`):                                `object({a=string,b=any,})`,
		closed(`"a":{"type":["string","null"]}`, ``):                                     `object({a=optional(string),})`,
		closed(`"a":{"type":["null","array"],"items":{}}`, ``):                           `object({a=optional(list(any)),})`,
		`{"type":"array","items":{"type":"number"},"uniqueItems":true}`:                  `set(number)`,
		`{"type":"object","additionalProperties":{"type":"string"}}`:                     `map(string)`,
		`{"type":"array","prefixItems":[{"type":"string"}],"minItems":1,"maxItems":1.0}`: `tuple([string])`,
		// Nothing says these exactly.
		`true`:                                     ``,
		`{"type":"integer"}`:                       ``,
		`{"type":["string","null"]}`:               ``,
		`{"type":"string","title":"x"}`:            ``,
		`{"type":"string","format":"date"}`:        ``,
		`{"type":"object"}`:                        ``,
		`{"type":"array"}`:                         ``,
		closed(`"a":{"type":"string"}`, ``):        ``,
		closed(`"a b":{"type":"string"}`, `"a b"`): ``,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`:         ``,
		`{"type":"object","properties":{},"required":["a"],"additionalProperties":false}`: ``,
	} {
		got := ""
		if typed, ok := typeOf(json.RawMessage(document), true); ok {
			got = strings.NewReplacer(" ", "", "({\n", "({", "\n", ",").Replace(string(typeTokens(typed).Bytes()))
		}
		if got != want {
			t.Errorf("%s is %q, want %q", document, got, want)
		}
	}
}

func TestImportTarget(t *testing.T) {
	t.Parallel()
	imported, err := Import(parse(t, inventory), "sync", "genesys")
	if err != nil || !strings.Contains(string(imported.Block), "target      = plugin.genesys\n") {
		t.Errorf("%v\n%s", err, imported.Block)
	}
}

func TestImportRefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"name":"A","input":{"type":"strin"}}`, `{"name":"A","output":{"$ref":"https://example.com/x.json"}}`, `{"name":"A","input":{"pattern":"("}}`,
	} {
		if imported, err := Import(parse(t, text), "a", ""); err == nil {
			t.Errorf("%s was imported:\n%s", text, imported.Block)
		}
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"InventorySyncAction":   "inventory_sync",
		"inventory-sync":        "inventory_sync",
		"CRMLookup":             "crm_lookup",
		"LookupCRM":             "lookup_crm",
		"Get Order 7":           "get_order_7",
		"Action":                "action",
		"7 wonders":             "action_7_wonders",
		"日本語":                   "action",
		"ÜberAction":            "ber",
		"__x__":                 "x",
		strings.Repeat("y", 99): strings.Repeat("y", 60),
	} {
		if got := Label(name, none); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	taken := map[string]bool{"sync": true, "sync_2": true}
	if got := Label("Sync", func(name string) bool { return taken[name] }); got != "sync_3" {
		t.Errorf("got %q", got)
	}
}
