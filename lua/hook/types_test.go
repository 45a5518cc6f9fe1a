package hook

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

var (
	typeFunction = regexp.MustCompile(`(?m)^function ([\w.]+)\(`)
	typeClass    = regexp.MustCompile(`(?m)^---@class (\S+).*\n((?:---@field .*\n)*)`)
	typeField    = regexp.MustCompile(`(?m)^---@field (\w+\??) (\S+)`)
)

// TestTypesTellTheLibrary holds the annotations of assay and re against the
// tables that scripts get.
func TestTypesTellTheLibrary(t *testing.T) {
	t.Parallel()
	p := configured(t, map[string]string{"classify.lua": `
local function list(t, prefix, names)
  for name, value in pairs(t) do
    if type(value) == "table" then
      list(value, prefix .. name .. ".", names)
    else
      names[#names + 1] = prefix .. name
    end -- of a value
  end
  return names
end
local base = list(_G.assay, "assay.", {})
function classify() error(table.concat(list(re, "re.", base), " "), 0) end`}, map[string]any{"classifier": "classify.lua"})
	_, err := p.Call(t.Context(), "classify", json.RawMessage("null"))
	if err == nil {
		t.Fatal("the script did not tell")
	}
	var real, told []string
	for _, name := range strings.Fields(err.Error()) {
		if strings.HasPrefix(name, "assay.") || strings.HasPrefix(name, "re.") {
			real = append(real, name)
		}
	}
	for _, match := range typeFunction.FindAllStringSubmatch(Types(), -1) {
		if strings.HasPrefix(match[1], "assay.") || strings.HasPrefix(match[1], "re.") {
			told = append(told, match[1])
		}
	}
	told = append(told, "assay.json.null") // a field of its class
	slices.Sort(real)
	slices.Sort(told)
	if !slices.Equal(real, told) || len(real) < 8 || !strings.Contains(Types(), "---@field null userdata") {
		t.Errorf("scripts see %v\nthe types tell %v", real, told)
	}
}

// TestTypesTellTheDocuments holds annotations against what the plugin reads
// and the SDK's event.
func TestTypesTellTheDocuments(t *testing.T) {
	t.Parallel()
	told := map[string]string{}
	for _, class := range typeClass.FindAllStringSubmatch(Types(), -1) {
		for _, field := range typeField.FindAllStringSubmatch(class[2], -1) {
			told[class[1]] += field[1] + " "
		}
	}
	for class, document := range map[string]any{
		"assay.Judgement": classification{}, "assay.NewCheck": check{},
		"assay.Event": sdk.Event{}, "assay.EventClassification": sdk.Classification{}, "assay.Correlation": sdk.Correlation{}, "assay.EventError": sdk.EventError{},
	} {
		real := ""
		for _, field := range reflect.VisibleFields(reflect.TypeOf(document)) {
			name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			// What an author may leave out of an answer is a pointer or omitted.
			if strings.Contains(rest, "omitempty") || name == "confidence" && field.Type.Kind() == reflect.Pointer {
				name += "?"
			}
			real += name + " "
		}
		if real != told[class] {
			t.Errorf("%s has the fields %s, the types tell %s", class, real, told[class])
		}
	}
	quoted := make([]string, len(categories))
	for i, category := range categories {
		quoted[i] = fmt.Sprintf("%q", category)
	}
	if alias := "---@alias assay.Category " + strings.Join(quoted, " | ") + "\n"; !strings.Contains(Types(), alias) {
		t.Errorf("the types do not hold %s", alias)
	}
	for name := range hooks {
		if !strings.Contains(Types(), "function hooks."+name+"(") {
			t.Errorf("the types do not tell of hooks.%s", name)
		}
	}
}
