package hook

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// fence is a block of code: its language, what follows that, and its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$")

// documents are what the hooks of the README get beside its failure.
var documents = map[string]string{
	"before_vector": `{"vector":"a","input":{"sku":"SKU-1"}}`,
	"after_vector":  `{"vector":"a","duration_ms":6000}`,
	"on_event":      `{"type":"session","vector":"a"}`,
}

// TestReadme runs every Lua snippet of the README, and compares the answers
// that it shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	var failure, answer json.RawMessage
	snippets, answers := 0, 0
	for _, block := range fence.FindAllStringSubmatch(string(readme), -1) {
		language, title, text := block[1], block[2], block[3]
		switch {
		case language == "json" && title == "failure":
			failure = json.RawMessage(text)
		case language == "json" && title == "answer":
			answers++
			if !reflect.DeepEqual(value(t, answer), value(t, json.RawMessage(text))) {
				t.Errorf("the script answered %s, the README says %s", answer, text)
			}
		case language == "lua" && strings.HasSuffix(title, "_test.lua"):
			// The tests of package cli run these, with all that they need.
		case language == "lua":
			snippets++
			files[title] = text
			answer = runSnippet(t, files, title, failure)
		}
	}
	if snippets < 6 || answers < 3 {
		t.Errorf("found %d snippets and %d answers", snippets, answers)
	}
}

func value(t *testing.T, document json.RawMessage) (v any) {
	t.Helper()
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return v
}

// runSnippet calls every hook that a snippet could define.
func runSnippet(t *testing.T, files map[string]string, name string, failure json.RawMessage) json.RawMessage {
	t.Helper()
	attributes := map[string]any{"classifier": name}
	if name == "hooks.lua" {
		attributes = map[string]any{"hooks": name}
	}
	p := configured(t, files, attributes)
	call := func(hook string, document json.RawMessage) json.RawMessage {
		answer, err := p.Call(t.Context(), hook, document)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return answer
	}
	if name != "hooks.lua" {
		return call("classify", failure)
	}
	for hook, document := range documents {
		if answer := call(hook, json.RawMessage(document)); hook != "on_event" && isNull(answer) {
			t.Errorf("%s of the README answered nothing", hook)
		}
	}
	return nil
}

// TestReadmeTellsTheDefaults compares the README's limits with the schema.
func TestReadmeTellsTheDefaults(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, attribute := range New().Describe().Schema.Attributes {
		want := map[string]string{"timeout": `time of a call \| 1 s`, "memory_mb": `garbage included \| 64 MiB`}[attribute.Name]
		if want != "" && !regexp.MustCompile(want).Match(readme) {
			t.Errorf("the README does not say %s, which is the default %s", want, attribute.Default)
		}
	}
}
