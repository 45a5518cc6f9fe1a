package sdktest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

const secret = "s3cret-of-the-samples"

func subject(t *testing.T, fault string) Subject {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	answer := Answer{Body: json.RawMessage("{}")}
	return Subject{
		Command: []string{executable, "plugin", fault},
		Samples: Samples{
			Operation: Operation{
				Attributes: map[string]json.RawMessage{"secret": json.RawMessage(`"` + secret + `"`)},
				Target:     &TargetSample{ActionID: "greet", Input: json.RawMessage(`{"name":"Ada"}`)},
				Hook:       &HookSample{Name: "echo", Document: json.RawMessage(`{}`)},
			},
			Wrong: map[string]json.RawMessage{"size": json.RawMessage(`"x"`)},
			Peer: &Peer{Attribute: "base_url", Answers: map[string]Answer{
				"POST /token": answer, "POST /submit": answer, "POST /poll": answer, "POST /events": answer,
			}},
			Panic: &Operation{Target: &TargetSample{ActionID: "panic"}},
		},
	}
}

func TestConforming(t *testing.T) {
	t.Run("program", func(t *testing.T) { Run(t, subject(t, "none")) })
	t.Run("value", func(t *testing.T) {
		s := subject(t, "none")
		s.Command, s.New = nil, func() sdk.Plugin { return &everything{} }
		Run(t, s)
	})
}

// TestBrokenPluginsFail has a plugin for each way to fail a check, and holds
// that it does, for the reason that it should.
func TestBrokenPluginsFail(t *testing.T) {
	broken := map[string]map[string]string{
		"describe": {
			"cannot describe itself": "exit status 1", "has no name": "none may be empty", "speaks protocol 7": "protocol is 7",
			"is of no kind": "kinds is empty", "is of an odd kind": `kind "cook"`, "prints two documents": "more than one JSON document",
			"is no JSON": "does not print the JSON that is due", "describes itself anew": "something else the second time",
		},
		"schema": {
			"names an attribute of the host's": `"auth" must be`, "declares an attribute twice": "there twice",
			"does not explain an attribute": "no description", "has a default of another type": "default of attribute",
			"has an odd format": `format "colour"`, "requires what has a default": "one of the two",
			"has an odd type": `"text" is no type`, "misspells a key": "abstract",
		},
		"cookie": {
			"needs no cookie": "ended with status 0", "throws without the cookie": "stack trace",
			"greets without the cookie": "stdout", "is silent without the cookie": "no sentence",
		},
		"handshake": {
			"ends before the handshake": "no licence found", "babbles before the handshake": "listening …",
			"ignores the folder for sockets": "not in PLUGIN_UNIX_SOCKET_DIR", "has no certificate": "field 6",
		},
		"mutual-tls":          {"takes strangers": "no certificate"},
		"services":            {"has no health service": "Health/Check", "hides a kind": "kind auth, which it is not described as"},
		"long-temporary-path": {"ignores the folder for sockets": "before the handshake"},
		"unconfigured":        {"works unconfigured": "succeeds before Configure"},
		"configure":           {"refuses its settings": "refuses the settings"},
		"config-errors": {
			"takes wrong settings": `takes the wrong "size"`, "answers wrong settings with an error": "not problems",
			"names no attribute": "no problem names", "does not explain what is wrong": "summary and a detail",
		},
		"auth": {"keeps its token": "no request", "gives a token of two lines": "no header"},
		"target": {
			"fails without an error": "has no error", "has no status": "no status", "has an odd status": "status is none of",
			"cannot say that it has no analytics": "Metrics",
		},
		"sink": {
			"refuses a second delivery": "known already", "refuses unknown events": "does not know",
			"refuses batches": "a batch", "refuses no event": "no event",
		},
		"hook": {"answers hooks that it does not have": "not defined", "cannot call its hook": "unexpected EOF"},
		"one-attempt": {
			"retries": "makes 3 requests", "does not type its errors": "of kind unauthenticated", "loses Retry-After": "Retry-After: 2",
			"says that nothing was sent": "sent = true", "says that all was sent": "sent = false", "ignores errors": "succeeds",
		},
		"deadline": {
			"does not end in time": "does not answer before its deadline", "does not type a timeout": "kind timeout",
			"keeps its request": "still open",
		},
		"cancel":            {"keeps its request": "still open"},
		"independence":      {"does one thing at a time": "while another waits"},
		"large-documents":   {"takes small documents": "too large"},
		"concurrency":       {"takes few calls": "too many calls"},
		"hostile-documents": {"dies of what is not JSON": "exit status 2"},
		"panics":            {"dies of a panic": "exit status 2", "says that a panic is the peer's": "kind internal"},
		"stdout":            {"writes to stdout": "1048576 bytes"},
		"shutdown":          {"lingers": "runs on", "ends with status 3": "exit status 3"},
		"host-death":        {"ignores the lifeline": "runs on"},
	}
	for _, c := range checks() {
		if len(broken[c.name]) == 0 && c.name != "secrets" {
			t.Errorf("no broken plugin for the check %q", c.name)
		}
		for fault, why := range broken[c.name] {
			t.Run(c.name+"/"+fault, func(t *testing.T) {
				t.Parallel()
				r := newTrial(subject(t, fault)).run(t.Context(), c)
				if r.Status != Failed || !strings.Contains(r.Seen, why) {
					t.Errorf("%s, want a failure that says %q: %s", r.Status, why, r.Seen)
				}
			})
		}
	}
}

// TestSecrets: secrets are found in what the checks before have brought out,
// and no result holds one.
func TestSecrets(t *testing.T) {
	for _, fault := range []string{"quotes its secret", "logs its secret"} {
		t.Run(fault, func(t *testing.T) {
			found := false
			trial := newTrial(subject(t, fault))
			for _, c := range checks() {
				if !slices.Contains([]string{"target", "one-attempt", "secrets"}, c.name) {
					continue
				}
				r := trial.run(t.Context(), c)
				if strings.Contains(r.Seen, secret) {
					t.Errorf("%s says the secret: %s", c.name, r.Seen)
				}
				found = found || c.name == "secrets" && r.Status == Failed
			}
			if !found {
				t.Error("the secret was not found")
			}
		})
	}
}

// TestUndecided: who is interrupted, or has no program, blames no plugin.
func TestUndecided(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for r := range Check(ctx, subject(t, "none")) {
		if r.Status == Failed {
			t.Errorf("%s: %s", r.Check, r.Seen)
		}
	}
}

func TestReadSamples(t *testing.T) {
	for content, why := range map[string]string{
		``:                "EOF",
		`{"settings":{}}`: "settings",
		`{} {}`:           "more than one",
		`{"peer":{}}`:     "peer.attribute",
		`{"peer":{"attribute":"u","answers":{"GET /{":{}}}}`: "peer.answers",
	} {
		path := filepath.Join(t.TempDir(), "plugintest.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSamples(path); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want an error that says %q", content, err, why)
		}
	}
}

func FuzzReadHandshake(f *testing.F) {
	f.Add("1|1|unix|/tmp/s|grpc|AAAA")
	f.Add("1|1|unix|/tmp/s|grpc|AAAA|true")
	f.Fuzz(func(t *testing.T, line string) {
		if h, err := readHandshake(line); err == nil && h.certificate == nil {
			t.Error("no certificate")
		}
	})
}

// TestReadmeDescription: the description in the documentation passes the
// checks.
func TestReadmeDescription(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "### Described")
	_, rest, _ = strings.Cut(rest, "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var d sdk.Description
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Schema.Attributes) != 4 {
		t.Errorf("%d attributes, want 4", len(d.Schema.Attributes))
	}
	for _, a := range d.Schema.Attributes {
		if err := wrongAttribute(a); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(`{"schema":{"attributes":[{"name":"a","type":["object",{"b":"string"},["b"]],"default":{}}]}}`))
	f.Add([]byte(`{"schema":{"attributes":[{"name":"a","type":["object",{"b":"string"},["c"]],"default":{}}]}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		var d sdk.Description
		if json.Unmarshal(text, &d) != nil {
			return
		}
		for _, a := range d.Schema.Attributes {
			_ = wrongAttribute(a)
		}
	})
}
