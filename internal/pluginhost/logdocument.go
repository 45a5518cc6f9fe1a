package pluginhost

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxLogged is how many bytes of a message are logged.
const maxLogged = 600

// shownTexts are the fields whose texts are logged: names and words of the
// protocol. Any other text is told by its length alone, since it may be a
// secret, or about a person.
var shownTexts = set("name", "attribute", "summary", "kind", "type", "time", "timestamp",
	"id", "run_id", "suite", "vector", "action_id", "action_name", "session_id", "submission_id", "input_hash",
	"step_id", "step_name", "failing_step_id", "failing_step_name", "verdict", "verdicts", "types", "window",
	"classification", "category", "source", "command", "plugin", "setting", "workspace", "local_hosts")

// shownWords are the fields whose texts are logged where they are a single word
// without digits: platforms make them.
var shownWords = set("status", "error_code")

var word = regexp.MustCompile(`^[A-Za-z_]{1,24}$`)

// hiddenTrees are the fields of which nothing is logged but its shape: what
// specs and platforms put into them is theirs.
var hiddenTrees = set("input", "output", "details", "value", "schema", "actor", "error", "trace", "failing_step", "correlation")

func set(names ...string) map[string]bool {
	members := make(map[string]bool, len(names))
	for _, name := range names {
		members[name] = true
	}
	return members
}

// logged is a message of the protocol as the log may show it: as JSON,
// redacted and shortened.
func logged(message any) string {
	m, ok := message.(proto.Message)
	if !ok {
		return ""
	}
	text, err := json.Marshal(shape(fields(m.ProtoReflect()), "", false))
	if err != nil {
		return fmt.Sprintf("(%d bytes)", proto.Size(m))
	}
	if len(text) <= maxLogged {
		return string(text)
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(string(text[:maxLogged]), ""), len(text))
}

// fields are those that a message has set, documents decoded.
func fields(m protoreflect.Message) map[string]any {
	tree := map[string]any{}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := string(field.Name())
		if !field.IsList() {
			tree[name] = fieldValue(field, value)
			return true
		}
		items := make([]any, value.List().Len())
		for i := range items {
			items[i] = fieldValue(field, value.List().Get(i))
		}
		tree[name] = items
		return true
	})
	return tree
}

func fieldValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return fields(value.Message())
	case protoreflect.BytesKind:
		var document any
		if json.Unmarshal(value.Bytes(), &document) == nil {
			return document
		}
		return string(value.Bytes())
	default:
		return value.Interface()
	}
}

// shape is a value with everything left out that is not to be shown.
func shape(value any, name string, hidden bool) any {
	hidden = hidden || hiddenTrees[name]
	switch v := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for key, inner := range v {
			if hidden && !hclsyntax.ValidIdentifier(key) { // a number or an address, rather than a name
				key = textOf(key)
			}
			shown[key] = shape(inner, key, hidden)
		}
		return shown
	case []any:
		for i, inner := range v {
			v[i] = shape(inner, name, hidden)
		}
		return v
	case nil:
		return nil
	case string:
		if !hidden && (shownTexts[name] || shownWords[name] && word.MatchString(v)) {
			return v
		}
		return textOf(v)
	case bool:
		if hidden {
			return "(bool)"
		}
		return v
	default:
		if hidden {
			return "(number)"
		}
		return v
	}
}

func textOf(text string) string { return fmt.Sprintf("(text of %d)", utf8.RuneCountInString(text)) }
