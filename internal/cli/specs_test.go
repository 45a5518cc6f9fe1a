package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// The example suites are run as a newcomer runs them, and their README is held
// against what comes of it: its tables are this test's, and its snippets run.

// copySpecs copies the example suites, without the state of earlier runs, and
// answers the folder that holds specs/.
func copySpecs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "specs"), os.DirFS("../../specs")); err != nil {
		t.Fatal(err)
	}
	states, err := filepath.Glob(filepath.Join(dir, "specs", "*", ".assay"))
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range states {
		if err := os.RemoveAll(state); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readmeOf(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../specs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// specVector is a vector as the result document tells it.
type specVector struct {
	Suite, Name, Status string
	Execution           struct {
		Status    string
		SessionID string `json:"session_id"`
		Error     struct{ Code string }
		Trace     []struct {
			StepID string `json:"step_id"`
			Error  *struct{ Message string }
		}
	}
	Classification struct{ Classification, Category, Source string }
}

func readSpecVectors(t *testing.T, path string) []specVector {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var run struct{ Vectors []specVector }
	if err := json.Unmarshal(content, &run); err != nil {
		t.Fatal(err)
	}
	return run.Vectors
}

// row is what a row of the README's tables says of a vector: the words in
// backticks, by column.
type row struct {
	vector  string // NAME[*] stands for all instances of NAME
	outcome []string
	failure []string // failing step, and a part of what it says
	fault   []string // class and category
	source  []string
}

func (r row) describes(vector string) bool {
	if prefix, ok := strings.CutSuffix(r.vector, "[*]"); ok {
		return strings.HasPrefix(vector, prefix+"[")
	}
	return r.vector == vector
}

var (
	suiteHeading = regexp.MustCompile(`(?m)^### (\w+)$`)
	codeSpan     = regexp.MustCompile("`([^`]+)`")
)

// tables are the README's tables of vectors, by suite.
func tables(t *testing.T) map[string][]row {
	t.Helper()
	readme := readmeOf(t)
	found := map[string][]row{}
	headings := suiteHeading.FindAllStringSubmatchIndex(readme, -1)
	for _, h := range headings {
		suite := readme[h[2]:h[3]]
		section, _, _ := strings.Cut(readme[h[1]:], "\n#")
		for line := range strings.Lines(section) {
			if !strings.HasPrefix(line, "| `") {
				continue
			}
			cells := strings.Split(line, "|")
			if len(cells) != 8 {
				t.Fatalf("a row of %s has %d cells: %s", suite, len(cells)-2, line)
			}
			found[suite] = append(found[suite], row{
				vector: spans(cells[1])[0], outcome: spans(cells[3]), failure: spans(cells[4]), fault: spans(cells[5]), source: spans(cells[6]),
			})
		}
	}
	return found
}

func spans(cell string) []string {
	var texts []string
	for _, match := range codeSpan.FindAllStringSubmatch(cell, -1) {
		texts = append(texts, match[1])
	}
	return texts
}

// TestSpecsFormatted holds what people copy to the canonical format.
func TestSpecsFormatted(t *testing.T) {
	paths, err := filepath.Glob("../../specs/*/*.hcl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no spec files: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content, hclwrite.Format(content)) {
			t.Errorf("%s is not formatted", path)
		}
	}
}

func TestSpecs(t *testing.T) {
	t.Parallel()
	dir := copySpecs(t)
	before := files(t, dir)
	out := run(t, dir, nil, "run", "./specs/...", "--report", "json=result.json")
	if out.code != 0 {
		t.Fatalf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	if out.stderr != "" {
		t.Errorf("stderr: %s", out.stderr)
	}
	for _, file := range files(t, dir) {
		if !slices.Contains(before, file) && !strings.Contains(file, "/.assay") && !strings.HasPrefix(file, "result.json ") {
			t.Errorf("the run left %s behind", file)
		}
	}
	documented := tables(t)
	described := map[string]int{} // by suite and row, how many vectors
	for _, v := range readSpecVectors(t, filepath.Join(dir, "result.json")) {
		i := slices.IndexFunc(documented[v.Suite], func(r row) bool { return r.describes(v.Name) })
		if i < 0 {
			t.Errorf("the README has no row for %s of %s", v.Name, v.Suite)
			continue
		}
		r := documented[v.Suite][i]
		described[v.Suite+"/"+r.vector]++
		v.check(t, r)
	}
	for suite, rows := range documented {
		for _, r := range rows {
			if described[suite+"/"+r.vector] == 0 {
				t.Errorf("the README tells of %s of %s, which did not run", r.vector, suite)
			}
		}
	}
	if len(documented) < 3 {
		t.Errorf("the README tells of %d suites", len(documented))
	}
}

// check holds a vector against its row of the README.
func (v specVector) check(t *testing.T, r row) {
	t.Helper()
	var outcome, fault, source []string
	for _, text := range []string{v.Execution.Status, v.Execution.Error.Code} {
		if text != "" {
			outcome = append(outcome, text)
		}
	}
	if c := v.Classification; c.Category != "" {
		fault, source = []string{c.Classification, c.Category}, []string{c.Source}
	}
	name := v.Suite + "/" + v.Name
	if v.Status != "pass" {
		t.Errorf("%s: %s", name, v.Status)
	}
	if !slices.Equal(outcome, r.outcome) {
		t.Errorf("%s ends as %q, in the README as %q", name, outcome, r.outcome)
	}
	if !slices.Equal(fault, r.fault) || !slices.Equal(source, r.source) {
		t.Errorf("%s is judged %q by %q, in the README %q by %q", name, fault, source, r.fault, r.source)
	}
	step, message := v.failure()
	switch {
	case (v.Execution.Status == "FAILED") != (len(r.failure) == 2):
		t.Errorf("%s: the README says that it fails at %q", name, r.failure)
	case len(r.failure) == 2 && (step != r.failure[0] || !strings.Contains(message, r.failure[1])):
		t.Errorf("%s fails at %q: %q, in the README at %q", name, step, message, r.failure)
	case len(r.failure) == 0 && step != "":
		t.Errorf("%s has the failing step %q", name, step)
	}
}

// failure is the first failing step of the trace, and what it says.
func (v specVector) failure() (step, message string) {
	for _, s := range v.Execution.Trace {
		if s.Error != nil {
			return s.StepID, s.Error.Message
		}
	}
	return "", ""
}

var snippet = regexp.MustCompile("(?ms)^```(sh|hcl)\n(.*?)^```$")

// TestSpecsReadme follows the README from its top: an hcl snippet is written
// to the file that its first line names, a sh snippet must succeed.
func TestSpecsReadme(t *testing.T) {
	t.Parallel()
	dir := copySpecs(t)
	tenant := newForeignTenant(t, quirks{session: func(foreignSession) map[string]any {
		return completedDocument(map[string]any{"synced": true, "lastModified": "2026-01-02T03:04:05Z"})
	}})
	tenantOf := strings.NewReplacer("https://api.example.com", tenant.URL, "your-client", foreignClient, "your-secret", "'"+foreignSecret+"'")
	for _, s := range snippet.FindAllStringSubmatch(readmeOf(t), -1) {
		language, text := s[1], s[2]
		if language == "hcl" {
			writeSnippet(t, dir, text)
			continue
		}
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", tenantOf.Replace(text))
		command.Dir, command.Env = dir, environment(dir, shortTemp(t))
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s\n%s", err, text, out)
		}
	}
	if asked := tenant.requests(); asked[opToken] != 1 || asked[opSubmit] != 1 {
		t.Errorf("the tenant got %v", asked)
	}
	for _, report := range []string{"result.json", "junit.xml"} {
		if _, err := os.Stat(filepath.Join(dir, report)); err != nil {
			t.Error(err)
		}
	}
}

func writeSnippet(t *testing.T, dir, text string) {
	t.Helper()
	first, _, _ := strings.Cut(text, "\n")
	name, ok := strings.CutPrefix(first, "# specs/")
	if !ok || !filepath.IsLocal(name) {
		t.Fatalf("the first line of a snippet names no file below specs/: %s", first)
	}
	path := filepath.Join(dir, "specs", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// receiver takes webhooks and keeps what it got.
type receiver struct {
	*httptest.Server
	mu         sync.Mutex
	deliveries []string // headers and body
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		var text strings.Builder
		if err := request.Header.Write(&text); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deliveries = append(r.deliveries, text.String()+string(body))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deliveries)
}

// echo is an action whose upstream repeats what it is told, in its answer and,
// by way of a URL, in an error's message, and a check that tells the message.
const echo = `
mock "echo" {
  route "POST /" {
    body = "${request.json.phone} ${request.headers.authorization} ${base64encode(request.json.phone)}"
  }
}
action "echo" {
  id        = "3e5a7c19-64d0-4b2f-8e93-07f1c2d4a6b8"
  input     = object({ phone = string, again = bool })
  sensitive = ["phone"]
  error "ECHO" {
    message = "refused"
  }
  handler {
    step "ask" {
      request {
        url     = "${mock.echo.url}/"
        headers = { Authorization = "${var.crm_token} ${var.client_secret}" }
        json    = input
      }
    }
    step "again" {
      request {
        url     = input.again ? "${mock.echo.url}/${urlencode(step.ask.response.body)}" : "${mock.echo.url}/"
        method  = input.again ? "GET" : "POST"
        body    = jsonencode({ phone = "none" })
        headers = { Authorization = "none" }
      }
    }
    output = { echo = step.ask.response.body }
    errors = { default = "ECHO" }
  }
}
vector "echo" {
  action = action.echo
  input  = { phone = local.contacts[0].phone, again = false }
}
vector "echo_failure" {
  action = action.echo
  input  = { phone = local.contacts[0].phone, again = true }
  expect {
    error_code = "ECHO"
  }
  check "is told" {
    condition     = false
    error_message = result.error.details.reason
  }
}
`

var dataCell = regexp.MustCompile(`\+[0-9]{7,}|[^,\s]+@[^,\s]+`)

// TestSpecsKeepSecrets looks for secrets and callers' personal data in
// everything that leaves a run, at the most talkative log level.
func TestSpecsKeepSecrets(t *testing.T) {
	t.Parallel()
	dir := copySpecs(t)
	hook := newReceiver(t)
	secrets := []string{"canary/client+secret", "canary/crm+token"}
	for _, name := range []string{"contacts.csv", "failures.csv"} {
		content, err := os.ReadFile(filepath.Join(dir, "specs/crm", name))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, dataCell.FindAllString(string(content), -1)...)
	}
	if len(secrets) < 10 {
		t.Fatalf("the data files hold too little to look for: %q", secrets)
	}
	edit(t, filepath.Join(dir, "specs/crm/tenant.assay.hcl"), `"${mock.dashboard.url}/hook"`, `"`+hook.URL+`"`+"\n  allow_cidrs = [\"127.0.0.0/8\"]")
	if err := os.WriteFile(filepath.Join(dir, "specs/crm/echo.assay.hcl"), []byte(echo), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"CXONE_CLIENT_SECRET=" + secrets[0], "CRM_TOKEN=" + secrets[1]}
	out := run(t, dir, env, append([]string{"run", "./specs/crm", "--log-level", "debug"}, everyReport...)...)
	if out.code != 1 {
		t.Fatalf("exit status %d:\n%s%s", out.code, out.stdout, out.stderr)
	}
	vectors := readSpecVectors(t, filepath.Join(dir, "result.json"))
	planned := run(t, dir, env, "plan", "./specs/crm")
	texts := map[string]string{
		"plan": planned.stdout + planned.stderr, "stdout": out.stdout, "stderr": out.stderr, "webhook": strings.Join(hook.got(), "\n"),
	}
	for name, content := range everything(t, dir) {
		if strings.HasPrefix(name, "specs/crm/.assay/") || !strings.HasPrefix(name, "specs/") {
			texts[name] = content
		}
	}
	if n := len(hook.got()); n != len(vectors) {
		t.Errorf("%d deliveries of %d vectors", n, len(vectors))
	}
	for _, name := range []string{"plan", "stdout", "result.json", "junit.xml", "report.html", "report.md", "report.tap", "ctrf.json", "annotations.txt", "webhook"} {
		if !strings.Contains(texts[name], "(sensitive)") {
			t.Errorf("%s: nothing was masked, so nothing is shown by the test:\n%s", name, texts[name])
		}
	}
	assertNoSecrets(t, secrets, texts)
}

// edit replaces a text in a file, where it stands once.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(content), from) != 1 {
		t.Fatalf("%s holds %q %d times", path, from, strings.Count(string(content), from))
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(content), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
