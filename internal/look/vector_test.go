package look

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/result"
)

func TestInputsShowAsTheyAre(t *testing.T) {
	head, err := json.Marshal(`{"a":"\u003c` + strings.Repeat("x", maxBlock))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ input, want string }{
		"none":      {"", ""},
		"laid out":  {`{"a":1}`, "{\n  \"a\": 1\n}"},
		"escapes":   {`{"a":"\u003cb\u003e \u0026 \\u003c \\\u003c"}`, "{\n  \"a\": \"<b> & \\\\u003c \\\\<\"\n}"},
		"long":      {`{"a":"` + strings.Repeat("x", maxBlock) + `"}`, `{"a":"` + strings.Repeat("x", maxBlock-6) + "…"},
		"beginning": {string(head), `{"a":"<` + strings.Repeat("x", maxBlock-7) + "…"},
	} {
		if got := VectorOf(result.Vector{Input: json.RawMessage(test.input)}).Input; got != test.want {
			t.Errorf("%s: got %.200q, want %.200q", name, got, test.want)
		}
	}
}
