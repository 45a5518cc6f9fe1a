package cli_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// faultRow is one row of the tables.
type faultRow struct {
	place      string   // what fails, as the table's heading has it
	kind       string   // of the fault
	attributes []string // of the fault, but for its kind
	hits, seen count    // requests that it struck, and all
	sessions   int      // of the vector; documents that the platform has, of a deploy
	verdict    string
	exit       int
	says       []string // texts of the report
	line       string   // as the README has it
}

// count is a number of requests; with a plus, more are right too.
type count struct {
	n      int
	orMore bool
}

func (c count) holds(n int) bool { return n == c.n || c.orMore && n > c.n }

// The places that differ from the tenant's operation of the same name.
const (
	placeFailure = "poll of a failure"
	placeMock    = "mock"
	placeDeploy  = "deploy"
	placeTest    = "test" // of Genesys Cloud: the suite has another target
)

var faultHeading = regexp.MustCompile("(?m)^### When .*`([a-z ]+)` fails$")

// faultRows are the rows of the README's tables, by place.
func faultRows(t *testing.T) map[string][]faultRow {
	t.Helper()
	readme := readmeOf(t)
	found := map[string][]faultRow{}
	for _, h := range faultHeading.FindAllStringSubmatchIndex(readme, -1) {
		place := readme[h[2]:h[3]]
		section, _, _ := strings.Cut(readme[h[1]:], "\n#")
		var columns []string
		for line := range strings.Lines(section) {
			switch {
			case strings.HasPrefix(line, "| fault |"):
				columns = cells(line)
			case strings.HasPrefix(line, "| `"):
				found[place] = append(found[place], newFaultRow(t, place, columns, line))
			}
		}
	}
	return found
}

func cells(line string) []string {
	parts := strings.Split(strings.Trim(line, "| \n"), "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func newFaultRow(t *testing.T, place string, columns []string, line string) faultRow {
	t.Helper()
	row := faultRow{place: place, line: strings.TrimSpace(line)}
	parts := cells(line)
	if len(parts) != len(columns) {
		t.Fatalf("%d cells in place of %d: %s", len(parts), len(columns), line)
	}
	for i, text := range parts {
		var err error
		switch columns[i] {
		case "fault":
			row.kind, row.attributes = spans(text)[0], spans(text)[1:]
		case "struck":
			hits, seen, _ := strings.Cut(text, " of ")
			if row.hits, err = parseCount(hits); err == nil {
				row.seen, err = parseCount(seen)
			}
		case "sessions", "deployed":
			row.sessions, err = strconv.Atoi(text)
		case "verdict":
			row.verdict = spans(text)[0]
		case "exit":
			row.exit, err = strconv.Atoi(text)
		default:
			row.says = spans(text)
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", columns[i], err, line)
		}
	}
	return row
}

func parseCount(text string) (count, error) {
	digits, orMore := strings.CutSuffix(text, "+")
	n, err := strconv.Atoi(digits)
	return count{n, orMore}, err
}
