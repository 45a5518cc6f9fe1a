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
	const wrong = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	var samples []signed
	for name := range formats() {
		r := newReceiver(t, status(204))
		p := configured(t, r, attributes{"secret": secret, "secrets": []string{otherSecret}, "format": name})
		if err := p.Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
			t.Fatal(err)
		}
		for _, known := range []string{secret, otherSecret} {
			samples = append(samples, signedBy(known, wrong, r.deliveries()[0]))
		}
	}
	assertVerified(t, dir, verifyScript, samples)
}

// installStandardWebhooks installs the npm package into a folder of its own.
func installStandardWebhooks(t *testing.T) string {
	t.Helper()
	const what = "the npm package standardwebhooks"
	needTools(t, what, "node", "npm")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "standardwebhooks@1.0.0")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, what, "npm install: "+err.Error()+"\n"+string(out))
	}
	return dir
}

// needTools skips a test whose tools are not installed, but in CI.
func needTools(t *testing.T, what string, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, what, tool+" is not installed")
		}
	}
}

func missing(t *testing.T, what, why string) {
	t.Helper()
	if inCI, _ := strconv.ParseBool(os.Getenv("CI")); inCI {
		t.Fatalf("signatures cannot be held against %s: %s", what, why)
	}
	t.Skipf("signatures are not held against %s: %s", what, why)
}

// verifyEd25519 verifies deliveries as the specification of Standard Webhooks
// says: any of the signatures in the header may be the one, and what is signed
// is id, timestamp and body. The cryptography is Node's.
const verifyEd25519 = `
const crypto = require("crypto");
function verify(publicKey, headers, body) {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ""), "base64").toString("base64url");
  const key = crypto.createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  const signed = Buffer.from(headers["webhook-id"] + "." + headers["webhook-timestamp"] + "." + body);
  return headers["webhook-signature"].split(" ").some((signature) => {
    const [version, encoded] = signature.split(",");
    return version === "v1a" && crypto.verify(null, signed, key, Buffer.from(encoded, "base64"));
  });
}
for (const d of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  if (!verify(d.secret, d.headers, d.body)) throw new Error("not verified");
  for (const forged of [
    verify(d.secret, d.headers, d.body + " "),
    verify(d.wrong, d.headers, d.body),
    verify(d.secret, { ...d.headers, "webhook-id": "other" }, d.body),
    verify(d.secret, { ...d.headers, "webhook-timestamp": "1" }, d.body),
    verify(d.secret, { ...d.headers, "webhook-signature": d.headers["webhook-signature"].replaceAll("v1a,", "v1,") }, d.body),
  ]) {
    if (forged) throw new Error("a forgery was accepted");
  }
  console.log("verified");
}
`

// Ed25519 signatures are what the specification says, by an implementation of
// another language: in every format, while keys are rotated, and while a
// receiver changes over from a shared secret.
func TestAnotherImplementationVerifiesEd25519(t *testing.T) {
	t.Parallel()
	needTools(t, "Node's Ed25519", "node")
	var public, private []string
	for range 3 {
		key, secretKey, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		public = append(public, "whpk_"+base64.StdEncoding.EncodeToString(key))
		private = append(private, "whsk_"+base64.StdEncoding.EncodeToString(secretKey))
	}
	var samples []signed
	for name := range formats() {
		for _, live := range []struct {
			secrets []string
			known   []string
		}{{private[:1], public[:1]}, {private[:2], public[:2]}, {[]string{secret, private[1]}, public[1:2]}} {
			r := newReceiver(t, status(204))
			p := configured(t, r, attributes{"secret": live.secrets[0], "secrets": live.secrets[1:], "format": name})
			if err := p.Deliver(t.Context(), []sdk.Event{failedSession()}); err != nil {
				t.Fatal(err)
			}
			for _, known := range live.known {
				samples = append(samples, signedBy(known, public[2], r.deliveries()[0]))
			}
		}
	}
	assertVerified(t, t.TempDir(), verifyEd25519, samples)
}

// signed is a delivery, a key that verifies it, and another.
type signed struct {
	Secret  string            `json:"secret"`
	Wrong   string            `json:"wrong"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

func signedBy(known, wrong string, got delivery) signed {
	headers := map[string]string{}
	for _, header := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		headers[header] = got.header.Get(header)
	}
	return signed{known, wrong, string(got.body), headers}
}

// assertVerified runs a script of Node's, which says of each sample that it was
// verified.
func assertVerified(t *testing.T, dir, script string, samples []signed) {
	t.Helper()
	input, err := json.Marshal(samples)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", script)
	node.Dir, node.Stdin = dir, strings.NewReader(string(input))
	out, err := node.CombinedOutput()
	if err != nil || len(samples) == 0 || strings.Count(string(out), "verified") != len(samples) {
		t.Errorf("%v\n%s", err, out)
	}
}
