package specfunc

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// files is a suite's folder; device stands for a file that is refused.
func files(name string) ([]byte, error) {
	switch name {
	case "orders.csv":
		return []byte("id,total\nA,1\nB,2\n"), nil
	case "body.tmpl":
		return []byte("Hello ${upper(name)}%{ for s in skus } ${s}%{ endfor }"), nil
	case "recursive.tmpl":
		return []byte(`${templatefile("recursive.tmpl", {})}`), nil
	case "wrong.tmpl":
		return []byte("${nobody}"), nil
	case "list.tmpl":
		return []byte("${[1]}"), nil
	case "binary":
		return []byte{0xff, 0xfe}, nil
	case "device":
		return nil, fmt.Errorf("cannot read %q: it is a device, not a regular file", name)
	default:
		return nil, fmt.Errorf("cannot read %q: %w", name, fs.ErrNotExist)
	}
}

// scope is what the tests' expressions see.
func scope() *hcl.EvalContext {
	now := time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("CET", 3600))
	return &hcl.EvalContext{
		Functions: Functions(files, now),
		Variables: map[string]cty.Value{
			"unknown": cty.UnknownVal(cty.String),
			"numbers": cty.ListVal([]cty.Value{cty.NumberIntVal(1), cty.UnknownVal(cty.Number)}),
			"bools":   cty.ListVal([]cty.Value{cty.False, cty.UnknownVal(cty.Bool)}),
			"secret":  cty.StringVal("s3cr3t").Mark(Sensitive),
			"absent":  cty.NullVal(cty.String),
		},
	}
}

func evaluate(t *testing.T, source string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(source), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return expr.Value(scope())
}

func TestFunctions(t *testing.T) {
	// An expression, and its result as JSON.
	tests := [][2]string{
		{`abs(-2)`, `2`},
		{`ceil(1.1)`, `2`},
		{`floor(1.9)`, `1`},
		{`log(8, 2)`, `3`},
		{`max(1, 3, 2)`, `3`},
		{`min(numbers...)`, `unknown`},
		{`parseint("ff", 16)`, `255`},
		{`pow(2, 5)`, `32`},
		{`signum(-4)`, `-1`},

		{`chomp("a\n")`, `"a"`},
		{`format("%s-%03d", "W", 7)`, `"W-007"`},
		{`formatlist("%s!", ["a", "b"])`, `["a!","b!"]`},
		{`indent(2, "a\nb")`, `"a\n  b"`},
		{`join("-", ["a", "b"])`, `"a-b"`},
		{`lower("AbC")`, `"abc"`},
		{`upper("AbC")`, `"ABC"`},
		{`title("erp down")`, `"Erp Down"`},
		{`regex("[a-z]+", "12ab3")`, `"ab"`},
		{`regexall("[0-9]", "1a2")`, `["1","2"]`},
		{`replace("a.b.c", ".", "-")`, `"a-b-c"`},
		{`replace("a1b22", "/[0-9]+/", "#")`, `"a#b#"`},
		{`replace("ab", "/(a)(b)/", "$2$1")`, `"ba"`},
		{`replace("a/b", "/", "-")`, `"a-b"`},
		{`split(",", "a,b")`, `["a","b"]`},
		{`strrev("abc")`, `"cba"`},
		{`substr("hello", 1, 3)`, `"ell"`},
		{`trim("?!a?!", "!?")`, `"a"`},
		{`trimprefix("v1", "v")`, `"1"`},
		{`trimsuffix("a.lua", ".lua")`, `"a"`},
		{`trimspace("  a ")`, `"a"`},
		{`startswith("SKU-1", "SKU")`, `true`},
		{`startswith("SKU-1", "1")`, `false`},
		{`endswith("SKU-1", "-1")`, `true`},
		{`endswith("SKU-1", "SKU")`, `false`},
		{`strcontains("SKU-1", "U-")`, `true`},
		{`strcontains("SKU-1", "X")`, `false`},

		{`chunklist([1, 2, 3], 2)`, `[[1,2],[3]]`},
		{`coalesce(null, "", "b")`, `"b"`},
		{`coalesce(absent, "b")`, `"b"`},
		{`coalesce("a", unknown)`, `"a"`},
		{`coalesce(absent, unknown)`, `unknown`},
		{`coalescelist([], [1])`, `[1]`},
		{`compact(["a", "", "b"])`, `["a","b"]`},
		{`concat([1], ["a"])`, `[1,"a"]`},
		{`contains(["a"], "a")`, `true`},
		{`distinct(["a", "a"])`, `["a"]`},
		{`element(["a", "b"], 3)`, `"b"`},
		{`flatten([[1], [[2]]])`, `[1,2]`},
		{`index(["a", "b"], "b")`, `1`},
		{`index([1, "b"], "b")`, `1`},
		{`index([unknown, "b"], "b")`, `unknown`},
		{`keys({b = 1, a = 2})`, `["a","b"]`},
		{`length("häß")`, `3`},
		{`length([1, 2])`, `2`},
		{`length({a = 1})`, `1`},
		{`length(tomap({a = 1}))`, `1`},
		{`length(unknown)`, `unknown`},
		{`lookup({a = 1}, "a")`, `1`},
		{`lookup({a = 1}, "b", 2)`, `2`},
		{`lookup(tomap({a = 1}), "a")`, `1`},
		{`lookup(tomap({a = 1}), "b", 2)`, `2`},
		{`lookup({a = 1}, unknown)`, `unknown`},
		{`matchkeys(["a", "b"], ["x", "y"], ["y"])`, `["b"]`},
		{`matchkeys(["a", "b"], ["1", "2"], [2])`, `["b"]`},
		{`matchkeys(["a"], ["x"], ["z"])`, `[]`},
		{`matchkeys(["a"], ["x"], [unknown])`, `unknown`},
		{`merge({a = 1}, {b = 2})`, `{"a":1,"b":2}`},
		{`one([])`, `null`},
		{`one(["a"])`, `"a"`},
		{`one(toset(["a"]))`, `"a"`},
		{`one(tolist(["a"]))`, `"a"`},
		{`one(toset([unknown, "a"]))`, `unknown`},
		{`range(3)`, `[0,1,2]`},
		{`reverse(["a", "b"])`, `["b","a"]`},
		{`setintersection(["a", "b"], ["b"])`, `["b"]`},
		{`setproduct(["a"], ["b"])`, `[["a","b"]]`},
		{`setsubtract(["a", "b"], ["b"])`, `["a"]`},
		{`setunion(["a"], ["b"])`, `["a","b"]`},
		{`slice(["a", "b", "c"], 1, 2)`, `["b"]`},
		{`sort(["b", "a"])`, `["a","b"]`},
		{`sum([1, 2.5])`, `3.5`},
		{`sum(["1", 2])`, `3`},
		{`sum(numbers)`, `unknown`},
		{`transpose({a = ["x", "y"], b = ["y"]})`, `{"x":["a"],"y":["a","b"]}`},
		{`transpose({})`, `{}`},
		{`values({b = 1, a = 2})`, `[2,1]`},
		{`zipmap(["a"], [1])`, `{"a":1}`},
		{`alltrue([])`, `true`},
		{`alltrue([true, "true"])`, `true`},
		{`alltrue([true, null])`, `false`},
		{`alltrue([true, false])`, `false`},
		{`alltrue(bools)`, `false`},
		{`alltrue([true, bools[1]])`, `unknown`},
		{`anytrue([])`, `false`},
		{`anytrue([null, true])`, `true`},
		{`anytrue([null, false])`, `false`},
		{`anytrue(bools)`, `unknown`},

		{`tobool("true")`, `true`},
		{`tolist([1])`, `[1]`},
		{`tomap({a = 1})`, `{"a":1}`},
		{`tonumber("1")`, `1`},
		{`toset(["a", "a"])`, `["a"]`},
		{`tostring(1)`, `"1"`},
		{`try({}.nothing, "else")`, `"else"`},
		{`can({}.nothing)`, `false`},

		{`jsonencode({a = [1]})`, `"{\"a\":[1]}"`},
		{`jsondecode("{\"a\":[1]}")`, `{"a":[1]}`},
		{`csvdecode(file("orders.csv"))`, `[{"id":"A","total":"1"},{"id":"B","total":"2"}]`},
		{`base64encode("a?")`, `"YT8="`},
		{`base64decode("YT8=")`, `"a?"`},
		{`urlencode("a b/ü")`, `"a+b%2F%C3%BC"`},
		{`md5("a")`, `"0cc175b9c0f1b6a831c399e269772661"`},
		{`sha1("a")`, `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`},
		{`sha256("a")`, `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`},
		{`substr(sha512("a"), 0, 8)`, `"1f40fc92"`},
		{`base64sha256("a")`, `"ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="`},
		{`substr(base64sha512("a"), 0, 8)`, `"H0D8ktok"`},
		{`uuidv5("dns", "example.com")`, `"cfbff0d1-9375-5685-968c-48ce8b15ae17"`},

		{`file("body.tmpl") != ""`, `true`},
		{`fileexists("orders.csv")`, `true`},
		{`fileexists("nothing")`, `false`},
		{`filebase64("binary")`, `"//4="`},
		{`filesha256("orders.csv") == sha256(file("orders.csv"))`, `true`},
		{`filemd5("orders.csv") == md5(file("orders.csv"))`, `true`},
		{`templatefile("body.tmpl", {name = "ann", skus = ["A", "B"]})`, `"Hello ANN A B"`},
		{`templatefile("body.tmpl", {name = unknown, skus = []})`, `unknown`},

		{`timestamp()`, `"2026-01-02T03:04:05Z"`},
		{`formatdate("DD/MM/YYYY", timestamp())`, `"02/01/2026"`},
		{`timeadd(timestamp(), "1h")`, `"2026-01-02T04:04:05Z"`},
		{`timecmp(timestamp(), "2026-01-02T04:04:05+01:00")`, `0`},
		{`timecmp(timestamp(), "2027-01-01T00:00:00Z")`, `-1`},

		{`issensitive(secret)`, `true`},
		{`issensitive("a")`, `false`},
		{`issensitive(unknown)`, `unknown`},
		{`issensitive(sensitive("a"))`, `true`},
		{`issensitive(nonsensitive(secret))`, `false`},
		{`issensitive(upper(secret))`, `true`},
		{`issensitive(coalesce(absent, secret))`, `true`},
		{`issensitive(jsonencode({a = secret}))`, `true`},
		{`issensitive(sha256(secret))`, `true`},
		{`issensitive(length([secret]))`, `false`},
		{`issensitive(templatefile("body.tmpl", {name = secret, skus = []}))`, `true`},
		{`issensitive(unknown == "a" ? secret : "b")`, `true`},
	}
	for _, test := range tests {
		value, diags := evaluate(t, test[0])
		if diags.HasErrors() {
			t.Errorf("%s: %v", test[0], diags)
		} else if got := show(t, value); got != test[1] {
			t.Errorf("%s: got %s, want %s", test[0], got, test[1])
		}
	}
}

func show(t *testing.T, value cty.Value) string {
	t.Helper()
	if !value.IsWhollyKnown() {
		return "unknown"
	}
	text, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestErrors(t *testing.T) {
	tests := []struct{ source, want string }{
		{`index(["a"], "b")`, "the list does not hold the value"},
		{`index("a", "b")`, "a list is needed"},
		{`lookup({a = 1}, "b")`, `no attribute "b"`},
		{`lookup(tomap({a = 1}), "b")`, `no element "b"`},
		{`lookup("a", "b")`, "a map or an object is needed"},
		{`lookup({}, "b", 1, 2)`, "at most one default"},
		{`length(1)`, "must be a list"},
		{`matchkeys(["a"], [], [])`, "as many keys as values"},
		{`one([1, 2])`, "no or one element"},
		{`one(tolist([1, 2]))`, "no or one element"},
		{`one("a")`, "no or one element"},
		{`sum([])`, "an empty list has no sum"},
		{`sum(["a"])`, "every element must be a number"},
		{`sum([null])`, "every element must be a number"},
		{`sum(1)`, "a list, set or tuple of numbers"},
		{`transpose({a = [null]})`, "must not hold null"},
		{`transpose({a = null})`, "must not hold null"},
		{`base64decode("!")`, "not base64"},
		{`base64decode("//4=")`, "not text in UTF-8"},
		{`timecmp("now", "then")`, "RFC 3339"},
		{`replace("a", "/(/", "")`, "error parsing regexp"},
		{`coalesce(absent, "")`, "no non-null"},
		{`file("nothing")`, `cannot read "nothing": file does not exist`},
		{`file("device")`, `cannot read "device": it is a device`},
		{`fileexists("device")`, `cannot read "device": it is a device`},
		{`file("binary")`, `"binary" is not text in UTF-8`},
		{`filebase64("nothing")`, "file does not exist"},
		{`filesha1("nothing")`, "file does not exist"},
		{`templatefile("nothing", {})`, "file does not exist"},
		{`templatefile("body.tmpl", [])`, "must be an object or a map"},
		{`templatefile("body.tmpl", {"a b" = 1})`, `"a b" cannot be a variable's name`},
		{`templatefile("wrong.tmpl", {})`, "wrong.tmpl:1"},
		{`templatefile("recursive.tmpl", {})`, `no function named "templatefile"`},
		{`templatefile("list.tmpl", {})`, "does not render text"},
		{`uuid()`, `no function named "uuid"`},
		{`bcrypt("a")`, `no function named "bcrypt"`},
	}
	for _, test := range tests {
		_, diags := evaluate(t, test.source)
		if !diags.HasErrors() || !strings.Contains(diags.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.source, diags, test.want)
		}
	}
}

func TestErrorsWithholdSensitiveArguments(t *testing.T) {
	for _, source := range []string{
		`tonumber(secret)`,
		`parseint(secret, 10)`,
		`formatdate("YYYY", secret)`,
		`jsondecode(secret)`,
		`base64decode(secret)`,
		`uuidv5(secret, "a")`,
		`file(secret)`,
		`lookup({}, secret)`,
		`regex(secret, "a")`,
		`templatefile("list.tmpl", {a = secret})`,
		`try(tonumber(secret))`,
	} {
		_, diags := evaluate(t, source)
		if !diags.HasErrors() {
			t.Errorf("%s: no error", source)
		}
		if strings.Contains(diags.Error(), "s3cr3t") || !strings.Contains(diags.Error(), "withheld") {
			t.Errorf("%s: %v", source, diags)
		}
	}
}

// TestErrorsPointAtTheArgument sees that the wrapping keeps what HCL needs to
// underline the wrong argument.
func TestErrorsPointAtTheArgument(t *testing.T) {
	for _, source := range []string{`parseint(upper("zz"), 10)`, `parseint(secret, 10)`} {
		_, diags := evaluate(t, source)
		if len(diags) != 1 || diags[0].Subject.Start.Column != len("parseint(")+1 {
			t.Errorf("%s: %v", source, diags)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	upper := Functions(files, time.Time{})["upper"]
	args := []cty.Value{cty.StringVal("sku")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := upper.Call(args); err != nil {
			b.Fatal(err)
		}
	}
}
