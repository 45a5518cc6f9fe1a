package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/assay-cx/assay/internal/result"
)

// maxDifferences bounds what one check lists.
const maxDifferences = 10

// outputCheck passes where expected is a subset of the output: objects may
// hold more keys, everything else is equal.
func outputCheck(expected any, output json.RawMessage) result.Check {
	c := result.Check{Name: "expect.output", Status: result.Pass}
	var actual any
	if len(output) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(output))
		decoder.UseNumber()
		if err := decoder.Decode(&actual); err != nil {
			c.Status, c.Message = result.Errored, "the output is not JSON: "+err.Error()
			return c
		}
	}
	var found []difference
	differences(&found, "output", expected, actual)
	if len(found) == 0 {
		return c
	}
	c.Status = result.Fail
	wanted, got, messages := make([]string, len(found)), make([]string, len(found)), make([]string, len(found))
	for i, d := range found {
		wanted[i] = d.path + " = " + d.expected
		got[i] = d.path + " = " + d.actual
		messages[i] = fmt.Sprintf("%s: expected %s, got %s", d.path, d.expected, d.actual)
	}
	c.Expected, c.Actual = strings.Join(wanted, "\n"), strings.Join(got, "\n")
	c.Message = strings.Join(messages, "; ")
	return c
}

type difference struct{ path, expected, actual string }

func differences(found *[]difference, path string, expected, actual any) {
	if len(*found) == maxDifferences {
		return
	}
	switch want := expected.(type) {
	case map[string]any:
		got, ok := actual.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			value, present := got[key]
			if !present && want[key] != nil {
				*found = append(*found, difference{path + "." + key, text(want[key]), "nothing"})
				continue
			}
			differences(found, path+"."+key, want[key], value)
		}
		return
	case []any:
		got, ok := actual.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		for i := range want {
			differences(found, fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
		}
		return
	default:
		if equal(expected, actual) {
			return
		}
	}
	*found = append(*found, difference{path, text(expected), text(actual)})
}

// equal compares scalars; numbers by value, so that 1 equals 1.0.
func equal(a, b any) bool {
	x, xIsNumber := a.(json.Number)
	y, yIsNumber := b.(json.Number)
	if !xIsNumber || !yIsNumber {
		return a == b
	}
	if x == y {
		return true
	}
	p, _, errP := big.ParseFloat(x.String(), 10, 512, big.ToNearestEven)
	q, _, errQ := big.ParseFloat(y.String(), 10, 512, big.ToNearestEven)
	return errP == nil && errQ == nil && p.Cmp(q) == 0
}

const maxText = 200

func text(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if s := string(encoded); len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(string(encoded[:maxText]), "") + "…"
}
