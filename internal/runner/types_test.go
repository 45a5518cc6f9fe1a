package runner

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/lua/hook"
)

var (
	typeClass = regexp.MustCompile(`(?m)^---@class (\S+).*\n((?:---@field .*\n)*)`)
	typeField = regexp.MustCompile(`(?m)^---@field (\w+\??) (\S+)`)
	typeAlias = regexp.MustCompile(`(?m)^---@alias (\S+) "`)
)

// classes are the classes of the documents that scripts get, by Go type.
var classes = map[reflect.Type]string{
	reflect.TypeFor[scriptFailure]():         "assay.Failure",
	reflect.TypeFor[scriptAction]():          "assay.Action",
	reflect.TypeFor[scriptStep]():            "assay.TraceStep",
	reflect.TypeFor[hookVector]():            "assay.Vector",
	reflect.TypeFor[result.Vector]():         "assay.Result",
	reflect.TypeFor[result.Execution]():      "assay.Execution",
	reflect.TypeFor[result.ExecutionError](): "assay.ExecutionError",
	reflect.TypeFor[result.Step]():           "assay.Step",
	reflect.TypeFor[result.StepError]():      "assay.StepError",
	reflect.TypeFor[result.Classification](): "assay.Classification",
	reflect.TypeFor[result.Check]():          "assay.Check",
	reflect.TypeFor[result.Error]():          "assay.Error",
}

// luaType is a Go type as the annotations call it.
func luaType(t reflect.Type) string {
	if class, ok := classes[t]; ok {
		return class
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return "any"
	case t == reflect.TypeFor[result.Status]():
		return "string" // its JSON is a word
	}
	switch t.Kind() {
	case reflect.Pointer:
		return luaType(t.Elem())
	case reflect.Slice:
		return luaType(t.Elem()) + "[]"
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Int64:
		return "integer"
	}
	return t.String()
}

// TestTypesTellTheDocuments holds the annotations that `assay hook types`
// writes against the documents that scripts get.
func TestTypesTellTheDocuments(t *testing.T) {
	t.Parallel()
	words := map[string]bool{}
	for _, alias := range typeAlias.FindAllStringSubmatch(hook.Types(), -1) {
		words[alias[1]] = true
	}
	told := map[string]map[string]string{}
	for _, class := range typeClass.FindAllStringSubmatch(hook.Types(), -1) {
		fields := map[string]string{}
		for _, field := range typeField.FindAllStringSubmatch(class[2], -1) {
			fields[field[1]] = field[2]
			if words[field[2]] {
				fields[field[1]] = "string"
			}
		}
		told[class[1]] = fields
	}
	for document, class := range classes {
		real := map[string]string{}
		for _, field := range reflect.VisibleFields(document) {
			name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous || name == "-" {
				continue
			}
			if strings.Contains(rest, "omitempty") {
				name += "?"
			}
			real[name] = luaType(field.Type)
		}
		if len(real) == 0 || !reflect.DeepEqual(real, told[class]) {
			t.Errorf("%s is %v\nthe types tell %v", class, real, told[class])
		}
	}
}
