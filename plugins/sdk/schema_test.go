package sdk_test

import (
	"encoding/json"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

// TestTypes: what a plugin in another language describes is a type, or an
// error; libraries of types panic on some of the latter.
func TestTypes(t *testing.T) {
	for text, good := range map[string]bool{
		`"string"`:                      true,
		`"dynamic"`:                     true,
		`["list","number"]`:             true,
		`["map",["list","bool"]]`:       true,
		`["object",{}]`:                 true,
		`["object",{"a":"string"}]`:     true,
		`["object",{"a":"bool"},["a"]]`: true,
		`["object",{"a":"bool"},null]`:  true,
		`["object",{"a":"bool"},["b"]]`: false,
		`["object",{"a":"bool"},[7]]`:   false,
		`["object",{"a":"bool"},"a"]`:   false,
		`["object",{"a":"text"}]`:       false,
		`["object",["a"]]`:              false,
		`["list","number",["a"]]`:       false,
		`["list"]`:                      false,
		`[{},"string"]`:                 false,
		`["object",{"a":"b"},[],[]]`:    false,
		`"text"`:                        false,
		`null`:                          false,
		`7`:                             false,
	} {
		var got sdk.Type
		if err := json.Unmarshal([]byte(text), &got); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
