package action

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// encoded are values that both encoders write.
func encoded(tb testing.TB) map[string]cty.Value {
	tb.Helper()
	number := func(s string) cty.Value {
		v, err := cty.ParseNumberVal(s)
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
	return map[string]cty.Value{
		"numbers": cty.TupleVal([]cty.Value{
			number("0"), number("-7"), number("1.5"), number("0.1"), number("1e3"), number("1e-7"),
			number("9223372036854775807"), number("9223372036854775808"), number("123456789012345678901234567890.125"),
		}),
		"texts":  cty.ListVal([]cty.Value{cty.StringVal(""), cty.StringVal("a\"b\\ \n<é>\u2028")}),
		"object": cty.ObjectVal(map[string]cty.Value{"b": cty.True, "a": cty.NullVal(cty.String), "c d": cty.EmptyTupleVal}),
		"map":    cty.MapVal(map[string]cty.Value{"z": cty.Zero, "y": cty.NullVal(cty.Number)}),
		"set":    cty.SetVal([]cty.Value{cty.StringVal("b"), cty.StringVal("a")}),
		"empty":  cty.EmptyObjectVal,
		"null":   cty.NullVal(cty.DynamicPseudoType),
	}
}

func TestEncodeValueAgreesWithCty(t *testing.T) {
	for name, value := range encoded(t) {
		want, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			t.Fatal(err)
		}
		got, err := EncodeValue(value.Mark("secret"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" || !json.Valid(got) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestValuesThatAreNotJSON(t *testing.T) {
	for name, value := range map[string]cty.Value{
		"unknown":  cty.ListVal([]cty.Value{cty.UnknownVal(cty.String)}),
		"infinity": cty.PositiveInfinity,
	} {
		if got, err := EncodeValue(value); err == nil {
			t.Errorf("%s was written as %s", name, got)
		}
	}
}

func BenchmarkEncodeValue(b *testing.B) {
	value := cty.ObjectVal(map[string]cty.Value{"n": encoded(b)["numbers"], "s": cty.StringVal("W-1")})
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			_, _ = EncodeValue(value)
		}
	})
	b.Run("cty", func(b *testing.B) {
		for b.Loop() {
			_, _ = ctyjson.Marshal(value, value.Type())
		}
	})
}
