package webhook

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assay-cx/assay/plugins/sdk"
)

// A payload is small and valid whatever the platform wrote.
func TestEncodeTruncates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw, stack string
		truncated  bool
	}{
		"small":         {"429", "at sync", false},
		"stack":         {"429", strings.Repeat("at line\n", 10_000), true},
		"error":         {strings.Repeat("e", 100_000), "at sync", true},
		"both":          {strings.Repeat("e", 100_000), strings.Repeat("s", 100_000), true},
		"escapes":       {strings.Repeat("<\x01", 50_000), strings.Repeat("\"", 50_000), true},
		"wide runes":    {strings.Repeat("é", 50_000), strings.Repeat("世", 50_000), true},
		"invalid UTF-8": {strings.Repeat("\xffa", 50_000), "\xc3", true},
		"at the limit":  {"", strings.Repeat("s", maxPayload-650), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := failedSession()
			event.Correlation.RawError, event.Correlation.StackTrace = test.raw, test.stack
			checkPayload(t, event, test.truncated)
		})
	}
}

// In every format the payload stays small, whatever all of its texts are.
func TestEncodeLongNames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\x01é", "\x01", "é", "世", "😀", "<", `"`, "\xff"} {
		event := failedSession()
		long := strings.Repeat(text, 50_000)
		event.Suite, event.Vector, event.SessionID, event.ActionID, event.RunID = long, long, long, long, long
		event.Correlation = &sdk.Correlation{FailingStepID: long, FailingStepName: long, Timestamp: long, RawError: long, StackTrace: long}
		checkPayload(t, event, true)
		event.Error = &sdk.EventError{Kind: long, Message: long}
		event.Classification = &sdk.Classification{Class: long, Category: long}
		for name, format := range formats() {
			body, err := format.encode(event.ID, newPayload(event))
			if err != nil || len(body) > maxPayload {
				t.Errorf("%s of %q: %d bytes, %v", name, text, len(body), err)
			}
		}
	}
}

// Whatever was cut, receivers are told so, in every format.
func TestEncodeMarksWhatIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 30_000)
	for name, change := range map[string]func(*sdk.Event){
		"vector":  func(e *sdk.Event) { e.Vector = long },
		"session": func(e *sdk.Event) { e.SessionID = long },
		"error":   func(e *sdk.Event) { e.Error = &sdk.EventError{Kind: "timeout", Message: long} },
		"step":    func(e *sdk.Event) { e.Correlation.FailingStepName = long },
		"raw":     func(e *sdk.Event) { e.Correlation.RawError = long },
		"input":   func(e *sdk.Event) { e.Input = json.RawMessage(`"` + long + `"`) },
		"nothing": func(*sdk.Event) {},
	} {
		for format, mark := range map[string]string{"generic": `"truncated":true`, "cloudevents": `"truncated":true`, "slack": "Note: shortened", "teams": "shortened"} {
			event := failedSession()
			change(&event)
			body, err := formats()[format].encode(event.ID, newPayload(event))
			if marked := strings.Contains(string(body), mark); err != nil || marked != (name != "nothing") {
				t.Errorf("%s in %s: marked %v, %v", name, format, marked, err)
			}
		}
	}
}

func checkPayload(t *testing.T, event sdk.Event, truncated bool) {
	t.Helper()
	body, err := formats()["generic"].encode(event.ID, newPayload(event))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > maxPayload {
		t.Errorf("%d bytes, want at most %d", len(body), maxPayload)
	}
	if !utf8.Valid(body) {
		t.Error("not UTF-8")
	}
	var got payload
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Truncated != truncated {
		t.Errorf("truncated %v, want %v", got.Truncated, truncated)
	}
	if truncated && len(body) < maxPayload*9/10 {
		t.Errorf("only %d bytes are left", len(body))
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for size, want := range []string{"", "a", "a", "aé", "aé", "aé", "aé世", "aé世"} {
		if got := clip("aé世", size); got != want {
			t.Errorf("%d bytes: %q, want %q", size, got, want)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("name", "raw", "stack", 1)
	f.Add("\xff", "<\x00>", "é", 9000)
	f.Fuzz(func(t *testing.T, name, raw, stack string, times int) {
		times = max(0, min(times, 20_000))
		event := failedSession()
		event.Vector, event.Correlation.FailingStepName = name, name
		event.Correlation.RawError = strings.Repeat(raw, min(times, 1+100_000/(1+len(raw))))
		event.Correlation.StackTrace = strings.Repeat(stack, min(times, 1+100_000/(1+len(stack))))
		body, err := formats()["generic"].encode(event.ID, newPayload(event))
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > maxPayload || !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%d bytes of %.100q", len(body), body)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	event := failedSession()
	event.Correlation.StackTrace = strings.Repeat("    at step (file.js:1:1)\n", 40)
	for b.Loop() {
		if _, err := formats()["generic"].encode(event.ID, newPayload(event)); err != nil {
			b.Fatal(err)
		}
	}
}
