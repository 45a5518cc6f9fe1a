package specfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

func TestParseVarFlag(t *testing.T) {
	numbers := cty.List(cty.Number)
	tests := []struct {
		raw  string
		t    cty.Type
		want string // as %#v; empty for an error
	}{
		{`a "b" ${c}`, cty.String, `cty.StringVal("a \"b\" ${c}")`},
		{"007", cty.String, `cty.StringVal("007")`},
		{"", cty.String, `cty.StringVal("")`},
		{"12", cty.Number, `cty.NumberIntVal(12)`},
		{"twelve", cty.Number, ""},
		{"true", cty.Bool, `cty.True`},
		{"yes", cty.Bool, ""},
		{"007", cty.DynamicPseudoType, `cty.StringVal("007")`},
		{"[1]", cty.DynamicPseudoType, `cty.TupleVal([]cty.Value{cty.NumberIntVal(1)})`},
		{" {a = 1}", cty.DynamicPseudoType, `cty.ObjectVal(map[string]cty.Value{"a":cty.NumberIntVal(1)})`},
		{`["1", 2]`, numbers, `cty.ListVal([]cty.Value{cty.NumberIntVal(1), cty.NumberIntVal(2)})`},
		{`["x"]`, numbers, ""},
		{`[1`, numbers, ""},
		{`[var.a]`, numbers, ""},
		{`[max(1)]`, numbers, ""},
		{`null`, numbers, `cty.NullVal(cty.List(cty.Number))`},
	}
	for _, test := range tests {
		value, diags := ParseVarFlag("v", test.raw, test.t)
		if diags.HasErrors() != (test.want == "") {
			t.Errorf("%s: %v", test.raw, diags)
		}
		if test.want != "" && value.GoString() != test.want {
			t.Errorf("%s: got %#v, want %s", test.raw, value, test.want)
		}
		if test.want == "" && (value != cty.NilVal || len(diags) != 1 || !strings.Contains(diags[0].Detail, `variable "v"`)) {
			t.Errorf("%s: %#v, %v", test.raw, value, diags)
		}
	}
}

func TestParseVarFlagSaysWhereItDoesNotFit(t *testing.T) {
	_, diags := ParseVarFlag("v", `{ a = ["s3cr3t"] }`, cty.Map(cty.List(cty.Number)))
	want := `The value given for variable "v" does not fit its type map(list(number)): […][0]: a number is required`
	if len(diags) != 1 || diags[0].Detail != want {
		t.Errorf("got %v, want %s", diags, want)
	}
}

func TestConvertFillsDefaults(t *testing.T) {
	inSuite(t, map[string]string{"a.assay.hcl": `variable "v" {
  type    = object({ a = string, b = optional(number, 5) })
  default = { a = 1 }
}`})
	suite, diags := Load(".", "dev")
	if len(diags) > 0 {
		t.Fatal(outline(diags))
	}
	v := suite.Variables["v"]
	want := cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("1"), "b": cty.NumberIntVal(5)})
	if !v.Default.RawEquals(want) {
		t.Errorf("default: %#v", v.Default)
	}
	flag, diags := ParseVarFlag("v", `{ a = 1 }`, v.Type)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got, err := v.Convert(flag); err != nil || !got.RawEquals(want) {
		t.Errorf("flag: %#v, %v", got, err)
	}
	if _, err := v.Convert(cty.EmptyObjectVal); err == nil || !strings.Contains(err.Error(), `attribute "a" is required`) {
		t.Errorf("wrong value: %v", err)
	}
}

func TestLoadVarFile(t *testing.T) {
	inSuite(t, map[string]string{
		"a.assayvars":      "sku = \"A\"\nlist = [1]\n",
		"a.assayvars.json": `{"sku": "A", "list": [1]}`,
		"wrong.assayvars":  "a = var.b\nc {}\nd = upper(\"x\")\nfine = 1\n",
		"broken.assayvars": "a = ",
	})
	for _, path := range []string{"a.assayvars", "a.assayvars.json"} {
		values, file, diags := LoadVarFile(path)
		if diags.HasErrors() || file == nil {
			t.Fatal(diags)
		}
		sku := values["sku"]
		if sku.Value.AsString() != "A" || sku.Range.Filename != path || values["list"].Value.LengthInt() != 1 {
			t.Errorf("%s: %v", path, values)
		}
	}

	values, file, diags := LoadVarFile("wrong.assayvars")
	want := []string{
		"wrong.assayvars:1 Variables not allowed: Variables may not be used here.",
		`wrong.assayvars:2 Unexpected "c" block: Blocks are not allowed here.`,
		"wrong.assayvars:3 Function calls not allowed: Functions may not be called here.",
	}
	if diff := cmp.Diff(want, outline(diags)); diff != "" || file == nil || len(values) != 1 {
		t.Error(diff, values)
	}

	if _, _, diags := LoadVarFile("broken.assayvars"); !diags.HasErrors() {
		t.Error("a broken file is no error")
	}
	_, file, diags = LoadVarFile("nothing.assayvars")
	want = []string{"- Cannot read variable file: The variable file nothing.assayvars cannot be read: no such file or directory."}
	if diff := cmp.Diff(want, outline(diags)); diff != "" || file != nil {
		t.Error(diff)
	}
}

func FuzzParseVarFlag(f *testing.F) {
	types := []cty.Type{cty.String, cty.Number, cty.Bool, cty.DynamicPseudoType, cty.Map(cty.List(cty.Number)), cty.Set(cty.String)}
	f.Add(`{ a = [1, "2"] }`, byte(4))
	f.Add(`["a", "${"b"}"]`, byte(5))
	f.Fuzz(func(t *testing.T, raw string, kind byte) {
		want := types[int(kind)%len(types)]
		value, diags := ParseVarFlag("v", raw, want)
		if diags.HasErrors() != (value == cty.NilVal) {
			t.Fatalf("%q: %#v, %v", raw, value, diags)
		}
		if value != cty.NilVal && want != cty.DynamicPseudoType && !value.Type().Equals(want) {
			t.Errorf("%q: got %#v, want %#v", raw, value.Type(), want)
		}
	})
}
