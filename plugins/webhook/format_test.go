package webhook

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-cx/assay/plugins/sdk"
)

// bodies are what a receiver gets of the events.
func bodies(t *testing.T, given attributes, events ...sdk.Event) []delivery {
	t.Helper()
	r := newReceiver(t, status(204))
	if err := configured(t, r, given).Deliver(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return r.deliveries()
}

func TestCloudEvents(t *testing.T) {
	t.Parallel()
	event := failedSession()
	event.Suite = "a suite/ü"
	got := bodies(t, attributes{"format": "cloudevents"}, event)[0]
	if got.header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("content type %q", got.header.Get("Content-Type"))
	}
	var document map[string]any
	if err := json.Unmarshal(got.body, &document); err != nil {
		t.Fatal(err)
	}
	data := document["data"].(map[string]any)
	delete(document, "data")
	want := map[string]any{
		"specversion": "1.0", "id": event.ID, "source": "/assay/a%20suite%2F%C3%BC", "subject": `throttled["W-1"]`,
		"type": "io.github.assay-cx.data_action_debug_complete.v1", "time": "2026-01-02T03:04:05Z", "datacontenttype": "application/json",
	}
	if diff := cmp.Diff(want, document); diff != "" {
		t.Error(diff)
	}
	if data["event"] != "data_action_debug_complete" || data["sessionId"] != "s-1" || data["version"] != 1.0 {
		t.Errorf("data %v", data)
	}
}

// What the platform says is never a chat's markup.
func TestChatsShowTextAsItIs(t *testing.T) {
	t.Parallel()
	event := failedSession()
	event.Suite, event.Vector = "<!channel>", "<https://evil.example|click>"
	event.Correlation.RawError = "[click](https://evil.example) *bold* <!here> & more"
	for _, name := range []string{"slack", "teams"} {
		body := bodies(t, attributes{"format": name}, event)[0].body
		var document map[string]any
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{"EXTERNAL_DEPENDENCY_OUTAGE", "a1b2c3d4-e5f6-4890-abcd-ef1234567890", "s-1", "sync"} {
			if !strings.Contains(string(body), said) {
				t.Errorf("%s: %q is not in %s", name, said, body)
			}
		}
		if name == "slack" {
			checkSlack(t, document)
		} else {
			checkTeams(t, document)
		}
	}
}

func checkSlack(t *testing.T, document map[string]any) {
	t.Helper()
	if text := document["text"].(string); strings.ContainsAny(text, "<>") {
		t.Errorf("text %q", text)
	}
	for i, b := range document["blocks"].([]any) {
		block := b.(map[string]any)
		text := block["text"].(map[string]any)
		kind, limit := "section", 3000
		if i == 0 {
			kind, limit = "header", 150
		}
		if block["type"] != kind || text["type"] != "plain_text" || len(text["text"].(string)) > limit || text["text"] == "" {
			t.Errorf("block %d: %v", i, block)
		}
	}
}

func checkTeams(t *testing.T, document map[string]any) {
	t.Helper()
	attachment := document["attachments"].([]any)[0].(map[string]any)
	card := attachment["content"].(map[string]any)
	if document["type"] != "message" || attachment["contentType"] != "application/vnd.microsoft.card.adaptive" || card["type"] != "AdaptiveCard" {
		t.Errorf("document %v", document)
	}
	for _, b := range card["body"].([]any) {
		if b.(map[string]any)["type"] != "RichTextBlock" {
			t.Errorf("block %v is read for Markdown", b)
		}
	}
}

// Every format keeps within 20 KB, whatever the platform wrote.
func TestFormatsAreSmall(t *testing.T) {
	t.Parallel()
	event := failedSession()
	event.Correlation.RawError = strings.Repeat("<\x01", 100_000)
	event.Correlation.StackTrace = strings.Repeat("é", 100_000)
	event.Input = json.RawMessage(`{"text":"` + strings.Repeat("x", 100_000) + `"}`)
	event.Error = &sdk.EventError{Kind: "timeout", Message: strings.Repeat("世", 100_000)}
	event.Suite, event.Vector = strings.Repeat("\x02", 9999), strings.Repeat("&", 9999)
	for name, f := range formats() {
		p := newPayload(event)
		body, err := f.encode(event.ID, p)
		if err != nil || len(body) > maxPayload || !json.Valid(body) {
			t.Errorf("%s: %d bytes, %v", name, len(body), err)
		}
		if name == "generic" && (!p.Truncated || p.Input != nil) {
			t.Errorf("%s: truncated %v, input of %d bytes", name, p.Truncated, len(p.Input))
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given attributes
		want  sdk.SinkPolicy
	}{
		"default": {nil, sdk.SinkPolicy{Types: []sdk.EventType{sdk.EventSession}}},
		"fail":    {attributes{"on": []string{"fail"}}, sdk.SinkPolicy{Types: []sdk.EventType{sdk.EventSession}, Verdicts: []string{"fail"}}},
		"fail, error, input": {
			attributes{"on": []string{"fail", "error"}, "include_input": true},
			sdk.SinkPolicy{
				Types:    []sdk.EventType{sdk.EventSession, sdk.EventNotStarted, sdk.EventNotFinished, sdk.EventRefused},
				Verdicts: []string{"fail", "error"}, IncludeInput: true,
			},
		},
	} {
		given := attributes{"url": "https://hooks.example.com/"}
		for k, v := range test.given {
			given[k] = v
		}
		p, err := configure(t, given)
		if err != nil {
			t.Fatal(err)
		}
		got := *p.settings.policy()
		got.Verdicts = slices.Clip(got.Verdicts)
		if len(got.Verdicts) == 0 {
			got.Verdicts = nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for attribute, value := range map[string]any{"on": []string{"passed"}, "format": "xml"} {
		_, err := configure(t, attributes{"url": "https://hooks.example.com/", attribute: value})
		problemWith(t, err, attribute)
	}
}

// A session whose end is not known is told only to those who asked for errors.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	event := sdk.Event{
		ID: "1", Type: sdk.EventNotStarted, Suite: "s", Vector: "v", Verdict: "error",
		Error: &sdk.EventError{Kind: "unavailable", Message: "nobody listens"},
	}
	got := bodies(t, attributes{"on": []string{"error"}}, event)
	var document map[string]any
	if len(got) != 1 || json.Unmarshal(got[0].body, &document) != nil {
		t.Fatalf("got %v", got)
	}
	want := map[string]any{"kind": "unavailable", "message": "nobody listens"}
	if diff := cmp.Diff(want, document["error"]); diff != "" || document["event"] != "data_action_debug_error" || document["verdict"] != "error" {
		t.Errorf("%v %s", document, diff)
	}
}

func TestInputOnRequestOnly(t *testing.T) {
	t.Parallel()
	event := failedSession()
	if body := bodies(t, nil, event)[0].body; strings.Contains(string(body), `"input"`) {
		t.Errorf("body %s", body)
	}
	event.Input = json.RawMessage(`{"sku":"A"}`)
	var document struct{ Input map[string]string }
	body := bodies(t, attributes{"include_input": true}, event)[0].body
	if err := json.Unmarshal(body, &document); err != nil || document.Input["sku"] != "A" {
		t.Errorf("%v: %s", err, body)
	}
}
