package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The tables of faults in specs/README.md are this test's: every row is driven
// over the built binary, against the embedded tenant, and must end as it says.

// atOnce is how many commands of a table run at a time. Most of their time is
// waits, for limits and for the next try.
const atOnce = 4

// pipeline starts n things in their order and ends them in it, a few at once.
func pipeline[T any](n int, start func(i int) T, end func(i int, started T)) {
	var under []T
	for i := range n + atOnce {
		if i >= atOnce && i-atOnce < n {
			end(i-atOnce, under[i-atOnce])
		}
		if i < n {
			under = append(under, start(i))
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tables := faultRows(t)
	for place, rows := range tables {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			if place == placeDeploy {
				driveDeploys(t, rows)
				return
			}
			suites := groups(rows)
			pipeline(len(suites), func(i int) *running {
				dir := suite(t, "faults.assay.hcl", suites[i].spec())
				return start(t, dir, nil, "run", ".", "--seed", "11", "--report", "json=result.json")
			}, func(i int, r *running) {
				suites[i].check(t, r)
			})
		})
	}
	if len(tables) != 8 {
		t.Errorf("%d tables, want 8", len(tables))
	}
}

// check holds what came of a group's suite against the README.
func (g group) check(t *testing.T, r *running) {
	t.Helper()
	out := r.end()
	d := readFaultDocument(t, r.Dir, out)
	if out.code != g[0].exit {
		t.Errorf("%s: exit status %d, want %d:\n%s%s", g[0].place, out.code, g[0].exit, out.stdout, out.stderr)
	}
	for i, row := range g {
		verdict, report := told(t, d.Vectors, rowName(i))
		if row.place == "analytics" {
			if verdict != "pass" {
				t.Errorf("%s: the vector: %s", row.line, report)
			}
			verdict, report = told(t, d.Thresholds, rowName(i))
		}
		var struck faultCount
		if row.place == placeMock {
			struck = d.at(fmt.Sprintf(`mock.%s_upstream "GET /work"`, rowName(i)))
		} else {
			struck = d.Faults[i] // the tenant's are the first, in the order of the spec
		}
		row.check(t, struck, d.at(fmt.Sprintf(`mock.%s "POST /begin"`, rowName(i))).Seen, verdict, report)
	}
	if g[0].place == "token" {
		return
	}
	for _, name := range []string{"witness", "last"} {
		if verdict, report := told(t, d.Vectors, name); verdict != "pass" {
			t.Errorf("%s: a vector that no fault strikes: %s", g[0].place, report)
		}
	}
}

// check holds what came of a row against the README.
func (r faultRow) check(t *testing.T, struck faultCount, sessions int, verdict, report string) {
	t.Helper()
	if struck.Kind != r.kind || !r.hits.holds(struck.Hits) || !r.seen.holds(struck.Seen) || sessions != r.sessions || verdict != r.verdict {
		t.Errorf("%s: %s\n%s struck %d of %d, %d, %s:\n%s", r.place, r.line, struck.Kind, struck.Hits, struck.Seen, sessions, verdict, report)
	}
	if sessions > 1 {
		t.Errorf("%s: %s\n%d of them, whatever the table says", r.place, r.line, sessions)
	}
	for _, text := range r.says {
		if !strings.Contains(report, text) {
			t.Errorf("%s: %s\n%q is not in the report:\n%s", r.place, r.line, text, report)
		}
	}
}

// faultDocument is a result document, as these tests need it.
type faultDocument struct {
	Seed                uint64
	Vectors, Thresholds []json.RawMessage
	Faults              []faultCount
	Operations          []struct {
		Plugin, Operation string
		Attempts          int
	}
}

type faultCount struct {
	Place, Kind string
	Seen, Hits  int
}

func readFaultDocument(t *testing.T, dir string, out outcome) faultDocument {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		t.Fatalf("%v:\n%s%s", err, out.stdout, out.stderr)
	}
	var d faultDocument
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at is the count of the fault at a place that has one.
func (d faultDocument) at(place string) faultCount {
	i := slices.IndexFunc(d.Faults, func(f faultCount) bool { return f.Place == place })
	if i < 0 {
		return faultCount{}
	}
	return d.Faults[i]
}

// told is what is told of the vector or threshold of that name.
func told(t *testing.T, all []json.RawMessage, name string) (verdict, report string) {
	t.Helper()
	for _, raw := range all {
		var one struct{ Name, Status string }
		if err := json.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		if one.Name == name {
			return one.Status, string(raw)
		}
	}
	t.Errorf("nothing is told of %s", name)
	return "", ""
}

// driveDeploys deploys the action of each row, by a command of its own, to a
// tenant that all share and that outlives them.
func driveDeploys(t *testing.T, rows group) {
	t.Helper()
	dir := suite(t, "faults.assay.hcl", rows.spec())
	tenant := start(t, dir, nil, "sandbox", ".", "--port-file", "url.txt")
	tenant.stdout.await(t, "Ctrl-C stops it")
	url, err := os.ReadFile(filepath.Join(dir, "url.txt"))
	if err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSpace(string(url))
	outs := make([]outcome, len(rows))
	pipeline(len(rows), func(i int) *running {
		spec := rows[i:i+1].preamble() + rows[i].blocks(i)
		return start(t, suite(t, "faults.assay.hcl", spec), []string{"CXONE_BASE_URL=" + base}, "deploy", ".", "--auto-approve")
	}, func(i int, r *running) {
		outs[i] = r.end()
	})
	deployed := deployedActions(t, base)
	tenant.signal(syscall.SIGTERM)
	struck := struckOf(t, tenant.end().stdout)
	for i, row := range rows {
		report := outs[i].stdout + outs[i].stderr
		if outs[i].code != row.exit {
			t.Errorf("%s\nexit status %d:\n%s", row.line, outs[i].code, report)
		}
		row.check(t, struck[i], deployed[rowAction(i)], "", report)
	}
}

// deployedActions asks a tenant how many documents it has, by action.
func deployedActions(t *testing.T, base string) map[string]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(method, path, token string, into any) {
		request, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("x-nice-workspace-id", "test")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s, %v", method, path, response.Status, err)
		}
	}
	var token struct {
		Value string `json:"access_token"`
	}
	ask(http.MethodPost, "/api/v2/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b", "", &token)
	var list struct{ Data []struct{ ID string } }
	ask(http.MethodGet, "/api/v2/dataactions", token.Value, &list)
	found := map[string]int{}
	for _, document := range list.Data {
		found[document.ID]++
	}
	return found
}

// struckOf reads what a tenant tells of its faults when it ends.
func struckOf(t *testing.T, output string) []faultCount {
	t.Helper()
	var found []faultCount
	for line := range strings.Lines(output) {
		var f faultCount
		if !strings.HasPrefix(line, "fault sandbox.") {
			continue
		}
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, ":", " "), "fault %s %s struck %d of %d requests", &f.Place, &f.Kind, &f.Hits, &f.Seen); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found = append(found, f)
	}
	return found
}
