package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The sensitive input: a value, and one inside of an object.
const (
	canaryPhone = `+43/660 1"2=3&4`
	canaryPIN   = "90125731"
)

// canarySuite lets everything that can show a text show it: a script and rules
// that quote, checks that quote, all sinks.
const canarySuite = `
plugin "audit" {}
plugin "webhook" {
  url         = %q
  headers     = { X-Key = var.client_secret }
  allow_cidrs = ["127.0.0.0/8"]
}
action "lookup" {
  id        = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
  input     = object({ phone = string, card = object({ pin = number }), keep = string })
  output    = object({ found = bool })
  sensitive = ["phone", "card.pin"]
  error "E_LOOKUP" {
    message = "The lookup failed"
  }
}
classifier {
  script = "classify.lua"
}
vector "lookup" {
  for_each = toset([for n in range(%d) : format("%%02d", n)])
  action   = action.lookup
  input    = { phone = %q, card = { pin = %s }, keep = each.key }
  %s
}
threshold "health" {
  action = action.lookup
  metric = "error_rate"
  max    = 5
}
`

const canaryScript = `
function classify(failure)
  assay.log("warn", assay.json.encode(failure))
  return { category = "outage", confidence = 0.9, reason = failure.failing_step.error.message }
end
`

// echoes are every form of everything secret that an operation is told, as a
// careless tenant repeats it.
func echoes(token string, secrets ...string) []string {
	var all []string
	for _, secret := range append(secrets, foreignSecret, token) {
		all = append(all, encodings(secret)...)
	}
	all = append(all,
		"Authorization: Bearer "+token,
		"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(foreignClient+":"+foreignSecret)),
		string(must(json.Marshal(map[string]any{"secrets": secrets}))),
	)
	for _, datum := range personal {
		all = append(all, datum, url.QueryEscape(datum))
	}
	return all
}

// personal are data of persons, of each kind that is looked for.
var personal = []string{"ann.lee@example.co.uk", "4111 1111 1111 1111", "+44 20 7946 0958", "DE89370400440532013000", "123-45-6789"}

// manyVectors is more than there are echoes.
const manyVectors = 90

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// bearer is the token of a request.
func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// echoing answers a status with a body that repeats one thing after the other:
// errors are cut, so that not all fits into one.
func echoing(status int) answerer {
	return func(n int, w http.ResponseWriter, r *http.Request) bool {
		all := echoes(bearer(r), canaryPhone, canaryPIN)
		answerJSON(w, status, map[string]any{"message": "echo: " + all[n%len(all)], "code": all[n%len(all)]})
		return true
	}
}

// echoingSession is a session's document with the echo wherever text may stand.
func echoingSession(word string) answerer {
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		text := strings.Join(echoes(bearer(r), canaryPhone, canaryPIN), " | ")
		answerJSON(w, 200, map[string]any{
			"status": word, "executionDuration": 3,
			"result": map[string]any{"success": word == "COMPLETED", "found": text, text: text, "error": map[string]any{
				"code": "E_LOOKUP", "message": text, "stack": text, "details": map[string]any{"trace": text, text: []any{text}},
			}},
			"trace": []any{map[string]any{
				"stepId": text, "stepName": text, "timestamp": text,
				"input": map[string]any{"x": text}, "output": map[string]any{"x": text},
				"error": map[string]any{"message": text, "stack": text, "code": text},
			}},
		})
		return true
	}
}

// No secret, token or sensitive input shows in anything that leaves a run, in
// whatever encoding and place the tenant repeats it.
func TestCanaries(t *testing.T) {
	t.Parallel()
	quoting := `expect {
    status = "COMPLETED"
    output = { found = true }
  }
  check "quotes" {
    condition     = result.status == "COMPLETED" && jsonencode(result) == ""
    error_message = "it said ${jsonencode(result)}"
  }`
	signIn := func(_ int, w http.ResponseWriter, r *http.Request) bool {
		text := strings.Join(echoes("no-token-yet"), " | ")
		answerJSON(w, 401, map[string]any{"error": "invalid_client", "error_description": text})
		return true
	}
	metrics := func(_ int, w http.ResponseWriter, r *http.Request) bool {
		answerJSON(w, 403, map[string]any{"message": strings.Join(echoes(bearer(r)), " | ")})
		return true
	}
	for name, test := range map[string]struct {
		quirks quirks
		code   int
		vector string
		shows  bool // what the tenant said is in the report, masked
	}{
		"token":      {quirks{instead: map[string]answerer{opToken: signIn}}, 3, quoting, true},
		"completed":  {quirks{instead: map[string]answerer{opPoll: echoingSession("COMPLETED")}}, 1, quoting, true},
		"failed":     {quirks{instead: map[string]answerer{opPoll: echoingSession("FAILED")}}, 1, quoting, true},
		"never ends": {quirks{instead: map[string]answerer{opPoll: echoingStatus}}, 3, quoting, true},
		"submit 400": {quirks{instead: map[string]answerer{opSubmit: echoing(400)}}, 1, quoting, true},
		"submit 401": {quirks{instead: map[string]answerer{opSubmit: echoing(401)}}, 3, quoting, true},
		"submit 403": {quirks{instead: map[string]answerer{opSubmit: echoing(403)}}, 3, quoting, true},
		"cut":        {quirks{instead: map[string]answerer{opSubmit: echoingCut}}, 3, quoting, true},
		"submit 500": {quirks{instead: map[string]answerer{opSubmit: echoing(500)}}, 3, quoting, true},
		"poll 500":   {quirks{instead: map[string]answerer{opPoll: echoing(500)}}, 3, quoting, true},
		"poll 403":   {quirks{instead: map[string]answerer{opPoll: echoing(403)}}, 3, quoting, true},
		"metrics":    {quirks{instead: map[string]answerer{opMetrics: metrics}}, 3, "", false},
		"redirect":   {quirks{instead: map[string]answerer{opSubmit: echoingRedirect}}, 3, quoting, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			board := newDashboard(t, func(w http.ResponseWriter, r *http.Request) {
				// The receiver repeats its headers, which hold the secret.
				http.Error(w, fmt.Sprint(r.Header, echoes("no-token")), http.StatusUnprocessableEntity)
			})
			f := newForeignTenant(t, test.quirks)
			f.session = changed(completedDocument(map[string]any{"found": true}), "x", 1)
			base, _, _ := strings.Cut(fmt.Sprintf(foreignBase, "", "breaker {\n failures = 1000\n }", 3, "20s"), `action "inventory_sync"`)
			dir := suite(t,
				"canary.assay.hcl", base+fmt.Sprintf(canarySuite, board.URL, manyVectors, canaryPhone, canaryPIN, test.vector),
				"classify.lua", canaryScript)
			receiver := newTracesReceiver(t)
			env := append(f.env(), receiver.env(otlpKey)...)
			out := run(t, dir, env, append([]string{"run", ".", "--otel", "--log-level", "debug"}, everyReport...)...)
			if out.code != test.code {
				t.Errorf("exit status %d, want %d\n%s%s", out.code, test.code, out.stdout, out.stderr)
			}
			bodies, _ := board.got()
			texts := everything(t, dir)
			delete(texts, "canary.assay.hcl")
			texts["stdout"], texts["stderr"], texts["webhook"] = out.stdout, out.stderr, strings.Join(bodies, "\n")
			texts["spans"] = receiver.raw.String()
			for _, command := range []string{"history . --json", "history broken . --json", "outbox list . --json", "audit query ."} {
				told := run(t, dir, env, strings.Fields(command)...)
				texts[command] = told.stdout + told.stderr
			}
			secrets := append(f.secrets(), otlpKey, canaryPhone, canaryPIN)
			// What stands in base64 beside other text: the middle is enough to know it.
			basic := base64.StdEncoding.EncodeToString([]byte(foreignClient + ":" + foreignSecret))
			secrets = append(secrets, basic[24:len(basic)-4])
			assertNoSecrets(t, append(secrets, personal...), texts)
			if test.shows && !strings.Contains(texts["result.json"], "(sensitive)") {
				t.Errorf("nothing was masked, so nothing is shown by the test:\n%s", texts["result.json"])
			}
		})
	}
}

// echoingStatus is a session that runs, in a word that repeats everything.
func echoingStatus(n int, w http.ResponseWriter, r *http.Request) bool {
	all := echoes(bearer(r), canaryPhone, canaryPIN)
	answerJSON(w, 200, map[string]any{"status": "echo: " + all[n%len(all)]})
	return true
}

// echoingCut repeats the secret where an error is cut, a byte later each time.
func echoingCut(n int, w http.ResponseWriter, _ *http.Request) bool {
	answerJSON(w, 500, map[string]any{"message": strings.Repeat("x", 250+n) + foreignSecret + strings.Repeat("x", 100)})
	return true
}

// echoingRedirect leads to a place named by everything.
func echoingRedirect(_ int, w http.ResponseWriter, r *http.Request) bool {
	forms := slices.DeleteFunc(encodings(foreignSecret), func(form string) bool { return strings.ContainsAny(form, " \"<>\\%/+&=") })
	w.Header().Set("Location", "https://"+strings.Join(append(forms, "login.example"), ".")+"/?t="+bearer(r))
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}
