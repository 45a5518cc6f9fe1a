package specfunc

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadmeListsTheFunctions(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Functions\n")
	_, table, _ := strings.Cut(section, "| of | functions |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for _, name := range regexp.MustCompile("`([a-z0-9]+)`").FindAllStringSubmatch(table, -1) {
		listed = append(listed, name[1])
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(Functions(files, time.Time{}))), listed); diff != "" {
		t.Error(diff)
	}
}
