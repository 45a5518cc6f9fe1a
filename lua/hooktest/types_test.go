package hooktest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/assay-cx/assay/lua/hook"
)

// TestTypesTellOfTests holds the annotations against what tests see beyond
// what hooks see.
func TestTypesTellOfTests(t *testing.T) {
	t.Parallel()
	list := `
local names = {}
for name in pairs(_G) do names[#names + 1] = name end
for name in pairs(hooks) do names[#names + 1] = "hooks." .. name end
for name in pairs(expect(1)) do names[#names + 1] = "expectation." .. name end
error(table.concat(names, " "), 0)`
	var seen []string
	all := results(t, map[string]string{"a_test.lua": list}, Settings{})
	for _, name := range strings.Fields(all[0].Message)[1:] {
		if !strings.Contains("_G _VERSION assert error getmetatable ipairs next pairs pcall print rawequal rawget rawset "+
			"require select setmetatable tonumber tostring type unpack xpcall assay coroutine math re string table hooks run ", name+" ") {
			seen = append(seen, name)
		}
	}
	var told []string
	for _, match := range regexp.MustCompile(`(?m)^function ([\w.]+)\(`).FindAllStringSubmatch(hook.Types(), -1) {
		if !strings.HasPrefix(match[1], "assay.") && !strings.HasPrefix(match[1], "re.") {
			told = append(told, match[1])
		}
	}
	slices.Sort(seen)
	slices.Sort(told)
	if len(seen) != 14 || !slices.Equal(seen, told) {
		t.Errorf("tests see %v\nthe types tell %v", seen, told)
	}
}
