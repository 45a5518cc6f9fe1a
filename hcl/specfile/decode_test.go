package specfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiagnostics(t *testing.T) {
	tests := []struct {
		name, spec string
		want       []string // "LINE SUMMARY: start of the detail"
	}{
		{"assay twice", "assay {}\nassay {}", []string{
			"2 Duplicate block: Only one assay block is allowed here, and one stands already at a.assay.hcl:1,1-6. Join the two.",
		}},
		{"once each", "suite {}\nsuite {}\nsandbox {}\nsandbox {}\nclassifier {}\nclassifier {}\nhooks {\n script = \"a\"\n}\nhooks {\n script = \"a\"\n}", []string{
			"2 Duplicate block: Only one suite", "4 Duplicate block: Only one sandbox",
			"6 Duplicate block: Only one classifier", "10 Duplicate block: Only one hooks",
		}},
		{"version constraint", `assay { required_version = "new" }`, []string{
			`1 Invalid version constraint: "new" is not a version constraint. Write one such as ">= 0.1.0"`,
		}},
		{"unknown in assay", `assay { version = "1" }`, []string{`1 Unsupported argument: An argument named "version" is not expected here.`}},
		{"literal needed", "suite {\n name = var.x\n}", []string{"2 Variables not allowed"}},
		{"wrong literal", "suite {\n name = [1]\n}", []string{"2 Unsuitable value: A literal string is needed here."}},
		{"root attribute", "vector = 1", []string{`1 Unsupported argument: An argument named "vector" is not expected here. Did you mean "vector"? That is a block: write it with braces and no equals sign.`}},

		{"bad names", "variable \"a b\" {}\nplugin \"1\" {}\naction \"\" {}\nmock \"a/b\" {}\nvector \"é!\" {}\nthreshold \"\" {}", []string{
			`1 Invalid name: "a b" cannot be the name of a variable block, because expressions refer to it by that`,
			"2 Invalid name", "3 Invalid name", "4 Invalid name", "5 Invalid name",
			"6 Invalid name: The name of this threshold block must not be empty.",
		}},
		{"duplicate names", "variable \"a\" {}\nvariable \"a\" {}\nplugin \"a\" {}\nplugin \"a\" {}\nmock \"a\" {}\nmock \"a\" {}", []string{
			`2 Duplicate block: This is the second variable "a"; the first is at a.assay.hcl:1,10-13. Rename or remove one of them.`,
			"4 Duplicate block", "6 Duplicate block",
		}},
		{"labels", "vector {}\nsuite \"x\" {}\nplugin \"a\" \"b\" {}", []string{
			"1 Missing name for vector", "2 Extraneous label for suite", "3 Extraneous label for plugin",
		}},

		{"locals", "locals {\n a = 1\n}\nlocals {\n a = 2\n b {}\n}", []string{
			`5 Duplicate local value: The local value "a" is set already at a.assay.hcl:2,2-3.`,
			`6 Unexpected "b" block`,
		}},

		{"variable type", "variable \"a\" {\n type = strng\n}", []string{"2 Invalid type specification"}},
		{"variable default", "variable \"a\" {\n type = object({ a = list(number) })\n default = { a = [\"x\"] }\n}", []string{
			`3 Invalid default value: The default does not fit the variable's type object({a=list(number)}): .a[0]: a number is required.`,
		}},
		{"variable default refers", "variable \"a\" {\n default = var.b\n}", []string{"2 Variables not allowed"}},
		{"variable flags", "variable \"a\" {\n sensitive = \"often\"\n env = upper(\"x\")\n}", []string{
			"2 Unsuitable value: A literal bool is needed here.", "3 Function calls not allowed",
		}},
		{"variable typo", "variable \"a\" {\n sensitve = true\n}", []string{`2 Unsupported argument: An argument named "sensitve" is not expected here. Did you mean "sensitive"?`}},

		{"plugin blocks", "plugin \"a\" {\n rety {}\n retry {\n  atempts = 1\n }\n retry {}\n anything = 1\n breaker = 1\n}", []string{
			`2 Unsupported block type: Blocks of type "rety" are not expected here. Did you mean "retry"?`,
			`4 Unsupported argument: An argument named "atempts" is not expected here. Did you mean "attempts"?`,
			"6 Duplicate block",
			`8 Unsupported argument: An argument named "breaker" is not expected here. Did you mean "breaker"? That is a block`,
		}},
		{"plugin auth block", "plugin \"a\" {\n auth {}\n}", []string{
			`2 Unsupported block type: Blocks of type "auth" are not expected here. Did you mean "auth"? That is an argument: set it with an equals sign.`,
		}},
		{"plugin source", "plugin \"a\" {\n source = local.a\n version = \"x\"\n}", []string{"2 Variables not allowed", "3 Invalid version constraint"}},

		{"action types", "action \"a\" {\n id = 1\n input = string\n output = strng\n}", []string{
			"3 Invalid input type: An action's input is an object", "4 Invalid type specification",
		}},
		{"action schemas", "action \"a\" {\n id = 1\n input = any\n input_schema = \"a\"\n output = string\n output_schema = \"b\"\n}", []string{
			"4 Conflicting arguments: input is set at a.assay.hcl:3,10-13 already: an action declares the one or the other. Remove input or input_schema.",
			"6 Conflicting arguments: output is set",
		}},
		{"error codes", "action \"a\" {\n id = 1\n error \"A b\" {\n  message = 1\n }\n error \"A b\" {\n  message = 1\n }\n error \"\" {}\n}", []string{
			`6 Duplicate block: This is the second error "A b"; the first`, "9 Invalid name: The code of this error block must not be empty.",
		}},
		{"steps", "action \"a\" {\n id = 1\n handler {\n  step \"a\" {}\n  step \"b\" {\n   set = 1\n   request {\n    url = 1\n   }\n  }\n  step \"c\" {\n   set = 1\n  }\n  step \"c\" {}\n  step \"not a name\" {}\n  retry {}\n }\n handler {}\n}", []string{
			`4 Unclear step: A step either sends a request or sets values. Give step "a" a request block or a set argument, not both.`,
			"5 Unclear step", "14 Duplicate block", "15 Invalid name",
			`16 Unsupported block type: Blocks of type "retry" are not expected here.`,
			"18 Duplicate block",
		}},
		{"request", "action \"a\" {\n id = 1\n handler {\n  step \"a\" {\n   request {\n    uri = 1\n   }\n  }\n }\n}", []string{
			"5 Missing required argument", `6 Unsupported argument: An argument named "uri" is not expected here. Did you mean "url"?`,
		}},

		{"routes", "mock \"a\" {\n route \"POST v1\" {}\n route \"FETCH IT /a\" {}\n route \"GET /{a}/b\" {}\n route \"GET /a/{b}\" {}\n route \"GET /{a}/b\" {}\n route \"\" {}\n}", []string{
			`2 Invalid route pattern: "POST v1" is not a route: the path must start with a slash. Write a method`,
			`3 Invalid route pattern: "FETCH IT /a" is not a route: the path must start with a slash`,
			`5 Conflicting route patterns: Some requests fit both "GET /a/{b}" and "GET /{a}/b" (at a.assay.hcl:4,2-20), and neither is the more specific.`,
			"7 Invalid name: The pattern of this route block must not be empty.",
		}},
		{"route methods", "mock \"a\" {\n route \"post /\" {}\n route \"/any\" {}\n route \"PO@ST /\" {}\n route \"GET /{a\" {}\n}", []string{
			`2 Invalid route pattern: "post /" is not a route: the method "post" must be in capitals.`,
			`4 Invalid route pattern: "PO@ST /" is not a route: parsing "PO@ST /": at offset 0: invalid method "PO@ST".`,
			`5 Invalid route pattern`,
		}},
		{"route typo", "mock \"a\" {\n route \"GET /\" {\n  satus = 1\n }\n}", []string{`3 Unsupported argument: An argument named "satus" is not expected here. Did you mean "status"?`}},

		{"sandbox", "sandbox {\n x = 1\n falt \"a\" {}\n fault \"submit\" {\n  kind {}\n }\n fault \"submit\" {}\n}", []string{
			`3 Unsupported block type: Blocks of type "falt" are not expected here. Did you mean "fault"?`,
			`5 Unsupported block type: Blocks of type "kind" are not expected here.`,
		}},
		{"rules", "classifier {\n rule \"a\" {}\n rule \"a\" {}\n}\nhooks {}", []string{
			`2 Missing required argument: The argument "category"`, "3 Duplicate block", `5 Missing required argument: The argument "script"`,
		}},

		{"vector", "vector \"a\" {\n action = action.a\n expect {}\n expect {\n  minconfidence = 1\n }\n check \"c\" {}\n check \"c\" {}\n check \"\" {}\n}\nvector \"a\" {\n action = action.a\n}", []string{
			"4 Duplicate block: Only one expect block is allowed here",
			`7 Missing required argument: The argument "condition"`,
			"8 Duplicate block", "9 Invalid name", "11 Duplicate block",
		}},
		{"expect typo", "vector \"a\" {\n action = action.a\n expect {\n  minconfidence = 1\n }\n}", []string{
			`4 Unsupported argument: An argument named "minconfidence" is not expected here. Did you mean "min_confidence"?`,
		}},
		{"threshold", "threshold \"error rate\" {\n maxx = 1\n}\nthreshold \"error rate\" {}", []string{
			`1 Missing required argument: The argument "metric"`,
			`2 Unsupported argument: An argument named "maxx" is not expected here. Did you mean "max"?`,
			"4 Duplicate block",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inSuite(t, map[string]string{"a.assay.hcl": test.spec})
			_, diags := Load(".", "dev")
			got := outline(diags)
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "a.assay.hcl:")
				if i < len(test.want) && strings.HasPrefix(got[i], test.want[i]) {
					got[i] = test.want[i]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDuplicatesAcrossFilesNameTheOther(t *testing.T) {
	inSuite(t, map[string]string{
		"a.assay.hcl":  "vector \"v\" {\n action = action.a\n}\nlocals {\n x = 1\n}",
		"b.assay.json": `{"vector": {"v": {"action": "a"}}, "locals": {"x": 2, "a b": 1}}`,
	})
	_, diags := Load(".", "dev")
	want := []string{
		`b.assay.json:1 Duplicate block: This is the second vector "v"; the first is at a.assay.hcl:1,8-11. Rename or remove one of them.`,
		`b.assay.json:1 Duplicate local value: The local value "x" is set already at a.assay.hcl:5,2-3. Rename or remove one of them.`,
		`b.assay.json:1 Invalid name: "a b" cannot be the name of a local value: start with a letter and use letters, digits, underscores and dashes.`,
	}
	if diff := cmp.Diff(want, outline(diags)); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"min", "max", "metric", "window"}
	for name, want := range map[string]string{
		"mix": "min", "mx": "max", "metrics": "metric", "windw": "window",
		"x": "", "": "", "threshold": "", "max": "max",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if slices.Contains(known, Nearest("q", known)) {
		t.Error("a name of one letter is like every short name")
	}
}
