package schema

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func typeOf(tb testing.TB, text string) cty.Type {
	tb.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	constraint, diags := typeexpr.TypeConstraint(expr)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return constraint
}

func lines(problems []Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.At("input"))
	}
	return all
}

func TestFromTypeDocument(t *testing.T) {
	tests := map[string]struct {
		constraint string
		closed     bool
		want       string
	}{
		"closed object": {
			`object({ sku = string, note = optional(string) })`, true,
			`{"additionalProperties":false,"properties":{"note":{"type":["string","null"]},"sku":{"type":"string"}},"required":["sku"],"type":"object"}`,
		},
		"open object":   {`object({ sku = string })`, false, `{"properties":{"sku":{"type":"string"}},"required":["sku"],"type":"object"}`},
		"list":          {`list(number)`, true, `{"items":{"type":"number"},"type":"array"}`},
		"set":           {`set(bool)`, true, `{"items":{"type":"boolean"},"type":"array","uniqueItems":true}`},
		"map":           {`map(string)`, true, `{"additionalProperties":{"type":"string"},"type":"object"}`},
		"tuple":         {`tuple([string, number])`, true, `{"maxItems":2,"minItems":2,"prefixItems":[{"type":"string"},{"type":"number"}],"type":"array"}`},
		"empty tuple":   {`tuple([])`, true, `{"maxItems":0,"minItems":0,"type":"array"}`},
		"any":           {`any`, true, `{}`},
		"optional any":  {`object({ x = optional(any) })`, false, `{"properties":{"x":{}},"type":"object"}`},
		"optional list": {`object({ x = optional(list(string)) })`, false, `{"properties":{"x":{"items":{"type":"string"},"type":["array","null"]}},"type":"object"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := FromType(typeOf(t, test.constraint), test.closed)
			if diff := cmp.Diff(test.want, string(s.Document())); diff != "" {
				t.Error(diff)
			}
			if !s.Type().Equals(typeOf(t, test.constraint)) {
				t.Errorf("type = %#v", s.Type())
			}
			if _, err := Parse("again", s.Document()); err != nil {
				t.Errorf("the document is not a JSON Schema: %v", err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	const order = `object({
		id    = string
		items = list(object({ sku = string, count = number, gift = optional(bool) }))
		tags  = optional(map(string))
		extra = optional(any)
	})`
	tests := map[string]struct {
		document string
		want     []string
	}{
		"good":            {`{"id":"1","items":[{"sku":"A","count":1}]}`, nil},
		"optional null":   {`{"id":"1","items":[{"sku":"A","count":1,"gift":null}],"tags":null,"extra":null}`, nil},
		"wrong type deep": {`{"id":"1","items":[{"sku":"A","count":1},{"sku":7,"count":1}]}`, []string{"input.items[1].sku: expected string, got number"}},
		"missing":         {`{"items":[{"count":1}]}`, []string{"input.id: required, but missing", "input.items[0].sku: required, but missing"}},
		"unknown key":     {`{"id":"1","items":[],"colour":"red"}`, []string{"input.colour: not declared by the schema"}},
		"odd key":         {`{"id":"1","items":[],"tags":{"a b":1}}`, []string{`input.tags["a b"]: expected string, got number`}},
		"required null":   {`{"id":null,"items":[]}`, []string{"input.id: expected string, got null"}},
		"not an object":   {`[1]`, []string{"input: expected object, got array"}},
		"not JSON":        {`{"id":`, []string{"input: not JSON: unexpected EOF"}},
		"empty":           {``, []string{"input: not JSON: the document is empty"}},
		"trailing":        {`{} {}`, []string{"input: not JSON: something follows the document"}},
		"huge exponent":   {`{"id":"1","items":[],"extra":1e999999999}`, []string{"input: a number has an exponent beyond ±400"}},
		"huge negative":   {`{"id":"1","items":[],"extra":[1E-401]}`, []string{"input: a number has an exponent beyond ±400"}},
		"huge number":     {`{"id":"1","items":[],"extra":` + strings.Repeat("9", 401) + `}`, []string{"input: a number has 401 characters, more than 400"}},
	}
	s := FromType(typeOf(t, order), true)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, lines(s.Check([]byte(test.document)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheckMarksMissing(t *testing.T) {
	s := FromType(typeOf(t, `object({ sku = string, count = number })`), true)
	want := []Problem{
		{Path: "count", Message: "expected number, got string"},
		{Path: "sku", Message: "required, but missing", Missing: true},
	}
	if diff := cmp.Diff(want, s.Check([]byte(`{"count":"1"}`))); diff != "" {
		t.Error(diff)
	}
}

func TestOpenTakesUnknownKeys(t *testing.T) {
	s := FromType(typeOf(t, `object({ sku = string })`), false)
	if problems := s.Check([]byte(`{"sku":"A","more":1}`)); problems != nil {
		t.Errorf("problems = %v", problems)
	}
}

// TestMessages sees that what a JSON Schema asks is said, and that no value of
// the document is.
func TestMessages(t *testing.T) {
	tests := map[string]struct{ schema, document, want string }{
		"format":     {`{"format":"date-time"}`, `"canary"`, "input: is not a valid date-time"},
		"pattern":    {`{"pattern":"^SKU-"}`, `"canary"`, `input: does not match the pattern "^SKU-"`},
		"minimum":    {`{"minimum":5}`, `1`, "input: must be at least 5"},
		"maximum":    {`{"maximum":5.5}`, `7`, "input: must be at most 5.5"},
		"above":      {`{"exclusiveMinimum":5}`, `5`, "input: must be greater than 5"},
		"below":      {`{"exclusiveMaximum":5}`, `5`, "input: must be less than 5"},
		"multiple":   {`{"multipleOf":2}`, `5`, "input: must be a multiple of 2"},
		"short":      {`{"minLength":9}`, `"canary"`, "input: must have at least 9 characters, has 6"},
		"long":       {`{"maxLength":3}`, `"canary"`, "input: must have at most 3 characters, has 6"},
		"few":        {`{"minItems":2}`, `["canary"]`, "input: must have at least 2 elements, has 1"},
		"many":       {`{"maxItems":0}`, `["canary"]`, "input: must have at most 0 elements, has 1"},
		"prefix":     {`{"prefixItems":[{}],"items":false}`, `[1,"canary"]`, "input[1]: not allowed by the schema"},
		"enum":       {`{"enum":["a","b"]}`, `"canary"`, "input: value must be one of 'a', 'b'"},
		"const":      {`{"const":1}`, `"canary"`, "input: value must be 1"},
		"one of":     {`{"oneOf":[{"type":"number"},{"type":"null"}]}`, `"canary"`, "input: fits none of the alternatives (expected null, got string; expected number, got string)"},
		"two of":     {`{"oneOf":[{},{"type":"string"}]}`, `"canary"`, "input: fits more than one of the alternatives"},
		"local $ref": {`{"$defs":{"s":{"type":"number"}},"$ref":"#/$defs/s"}`, `"canary"`, "input: expected number, got string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Parse("test.json", []byte(test.schema))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, lines(s.Check([]byte(test.document)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ document, want string }{
		"not JSON":    {`{`, "s.json: not JSON: unexpected EOF"},
		"not schema":  {`{"type":"strin"}`, "s.json: not a JSON Schema: schema.type: fits none of the alternatives"},
		"file $ref":   {`{"$ref":"other.json"}`, "s.json: $ref to schema:///other.json leaves the document; copy what it names into $defs"},
		"http $ref":   {`{"$ref":"http://127.0.0.1:1/x.json"}`, "s.json: $ref to http://127.0.0.1:1/x.json leaves the document; copy what it names into $defs"},
		"passwd":      {`{"$ref":"file:///etc/passwd"}`, "s.json: $ref to file:///etc/passwd leaves the document; copy what it names into $defs"},
		"bad pattern": {`{"pattern":"("}`, "s.json: not a JSON Schema: schema.pattern: is not a valid regex"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("s.json", []byte(test.document))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("err = %v, want %s", err, test.want)
			}
		})
	}
}

// TestParseReadsNoFiles sees that not even a good schema is loaded from beside
// the document.
func TestParseReadsNoFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "good.json")
	if err := os.WriteFile(path, []byte(`{"type":"string"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Parse("s.json", fmt.Appendf(nil, `{"$ref":"file://%s"}`, path))
	if err == nil || !strings.Contains(err.Error(), "leaves the document") {
		t.Errorf("err = %v", err)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	s := FromType(typeOf(t, `list(string)`), true)
	document, _ := json.Marshal(make([]int, 10_000))
	if got := len(s.Check(document)); got != MaxProblems {
		t.Errorf("%d problems, want %d", got, MaxProblems)
	}
}

func TestBigNumbersStayExact(t *testing.T) {
	s, err := Parse("test.json", []byte(`{"maximum":9007199254740993}`))
	if err != nil {
		t.Fatal(err)
	}
	if problems := s.Check([]byte("9007199254740993")); problems != nil {
		t.Errorf("equal: %v", problems)
	}
	if problems := s.Check([]byte("9007199254740994")); problems == nil {
		t.Error("one more than the maximum passes")
	}
}

func FuzzCheck(f *testing.F) {
	for _, document := range []string{`{"id":"1","n":1e3,"list":[1,null]}`, `[`, `1e999999`, `{"n":-0.0e-399}`, `"\ud800"`} {
		f.Add([]byte(document))
	}
	s := FromType(typeOf(f, `object({ id = string, n = optional(number), list = optional(set(any)) })`), true)
	whole, err := Parse("test.json", []byte(`{"type":["integer","array"],"uniqueItems":true,"multipleOf":3,"enum":[3,[3]]}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, s := range []*Schema{s, whole} {
			if len(s.Check(document)) > MaxProblems {
				t.Error("too many problems")
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"$ref":"#"}`))
	f.Add([]byte(`{"properties":{"a":{"$ref":"#/properties/b"},"b":{"$ref":"#/properties/a"}}}`))
	f.Add([]byte(`{"$id":"http://[","pattern":"(?=x)"}`))
	f.Fuzz(func(_ *testing.T, document []byte) {
		s, err := Parse("test.json", document)
		if err == nil {
			s.Check([]byte(`{"a":{"b":[1,"x"]}}`))
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := FromType(typeOf(b, `object({ sku = string, warehouseId = string, items = optional(list(object({ sku = string, count = number }))) })`), true)
	for _, size := range []int{0, 100} {
		items := make([]map[string]any, size)
		for i := range items {
			items[i] = map[string]any{"sku": fmt.Sprint("SKU-", i), "count": i}
		}
		document, _ := json.Marshal(map[string]any{"sku": "SKU-1", "warehouseId": "W-1", "items": items})
		b.Run(fmt.Sprintf("items=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s.Check(document) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
