package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assay-cx/assay/plugins/sdk"
)

const otherSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// While secrets are rotated, a receiver that knows either accepts.
func TestTwoSecretsAreLive(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, status(204))
	p := configured(t, r, attributes{"secret": secret, "secrets": []string{otherSecret}})
	if err := p.Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
		t.Fatal(err)
	}
	got := r.deliveries()[0]
	if n := len(strings.Fields(got.header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures, want 2", n)
	}
	for _, known := range []string{secret, otherSecret} {
		verifier, err := standardwebhooks.NewWebhook(known)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(got.body, got.header); err != nil {
			t.Errorf("%s: %v", known, err)
		}
	}
}

func TestEd25519(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"seed": private.Seed(), "seed and public key": private} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, status(204))
			p := configured(t, r, attributes{"secret": "whsk_" + base64.StdEncoding.EncodeToString(key)})
			if err := p.Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
				t.Fatal(err)
			}
			got := r.deliveries()[0]
			encoded, ok := strings.CutPrefix(got.header.Get("webhook-signature"), "v1a,")
			signature, err := base64.StdEncoding.DecodeString(encoded)
			if !ok || err != nil {
				t.Fatalf("webhook-signature %q: %v", got.header.Get("webhook-signature"), err)
			}
			signed := got.header.Get("webhook-id") + "." + got.header.Get("webhook-timestamp") + "." + string(got.body)
			if !ed25519.Verify(public, []byte(signed), signature) {
				t.Error("the signature does not verify")
			}
			if ed25519.Verify(public, []byte(signed+" "), signature) {
				t.Error("the signature verifies another body")
			}
		})
	}
}

func TestWrongSecrets(t *testing.T) {
	t.Parallel()
	half := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PrivateKeySize)) // the public half is not the seed's
	for _, wrong := range []string{"whsk_", "whsk_" + headerCanary, "whsk_AAAA", "whsk_" + half, "whsec_" + headerCanary} {
		for attribute, value := range map[string]any{"secret": wrong, "secrets": []string{wrong}} {
			_, err := configure(t, attributes{"url": "https://hooks.example.com/", attribute: value})
			problemWith(t, err, attribute)
			if err != nil && strings.Contains(err.Error(), headerCanary) {
				t.Errorf("%v quotes a secret", err)
			}
		}
	}
}

// verifyScript verifies deliveries with the reference implementation in
// TypeScript, and sees that it refuses others.
const verifyScript = `
const { Webhook } = require("standardwebhooks");
for (const d of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  const payload = new Webhook(d.secret).verify(d.body, d.headers);
  if (JSON.stringify(payload) !== JSON.stringify(JSON.parse(d.body))) throw new Error("another payload");
  for (const bad of [
    () => new Webhook(d.secret).verify(d.body + " ", d.headers),
    () => new Webhook(d.wrong).verify(d.body, d.headers),
    () => new Webhook(d.secret).verify(d.body, { ...d.headers, "webhook-id": "other" }),
  ]) {
    let refused = false;
    try { bad(); } catch { refused = true; }
    if (!refused) throw new Error("a forgery was accepted");
  }
  console.log("verified", require("standardwebhooks/package.json").version);
}
`

// An implementation that is not ours, of another language, accepts what is
// sent, in every format and while secrets are rotated.
func TestTheReferenceImplementationVerifies(t *testing.T) {
	t.Parallel()
	dir := installStandardWebhooks(t)
	type sample struct {
		Secret  string            `json:"secret"`
		Wrong   string            `json:"wrong"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
	}
	var samples []sample
	for name := range formats() {
		r := newReceiver(t, status(204))
		p := configured(t, r, attributes{"secret": secret, "secrets": []string{otherSecret}, "format": name})
		if err := p.Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
			t.Fatal(err)
		}
		got := r.deliveries()[0]
		headers := map[string]string{}
		for _, header := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			headers[header] = got.header.Get(header)
		}
		for _, known := range []string{secret, otherSecret} {
			samples = append(samples, sample{known, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)), string(got.body), headers})
		}
	}
	input, err := json.Marshal(samples)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", verifyScript)
	node.Dir, node.Stdin = dir, strings.NewReader(string(input))
	out, err := node.CombinedOutput()
	if err != nil || strings.Count(string(out), "verified") != len(samples) {
		t.Errorf("%v\n%s", err, out)
	}
}

// installStandardWebhooks installs the npm package into a folder of its own.
func installStandardWebhooks(t *testing.T) string {
	t.Helper()
	missing := func(why string) {
		t.Helper()
		if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
			t.Fatalf("signatures cannot be held against the npm package standardwebhooks: %s", why)
		}
		t.Skipf("signatures are not held against the npm package standardwebhooks: %s", why)
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(tool + " is not installed")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "standardwebhooks@1.0.0")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		missing("npm install: " + err.Error() + "\n" + string(out))
	}
	return dir
}
