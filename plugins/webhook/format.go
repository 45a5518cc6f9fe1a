package webhook

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// format is how a payload is written for one kind of receiver.
type format struct {
	contentType string
	render      func(id string, p *payload) any
}

// formats are the values of the attribute of that name.
func formats() map[string]format {
	return map[string]format{
		"generic":     {"application/json", func(_ string, p *payload) any { return p }},
		"cloudevents": {"application/cloudevents+json; charset=utf-8", cloudEvent},
		"slack":       {"application/json", func(_ string, p *payload) any { return slackMessage(p) }},
		"teams":       {"application/json", func(_ string, p *payload) any { return teamsMessage(p) }},
	}
}

// cloudEvent wraps the payload after CloudEvents 1.0, structured mode.
func cloudEvent(id string, p *payload) any {
	return struct {
		SpecVersion     string   `json:"specversion"`
		ID              string   `json:"id"`
		Source          string   `json:"source"`
		Type            string   `json:"type"`
		Subject         string   `json:"subject,omitempty"`
		Time            string   `json:"time"`
		DataContentType string   `json:"datacontenttype"`
		Data            *payload `json:"data"`
	}{
		"1.0", id, "/assay/" + url.PathEscape(p.Suite), fmt.Sprintf("io.github.assay-cx.%s.v%d", p.Event, p.Version),
		p.Vector, p.Timestamp, "application/json", p,
	}
}

// maxQuote bounds an error's message, and what a chat message quotes, in bytes
// of JSON.
const maxQuote = 1000

// maxHeader bounds a header in Slack, which takes 150 characters.
const maxHeader = 150

// line is a line of a chat message: a label and what the platform or the spec
// says, which no chat may take for markup.
type line struct{ label, text string }

// headline says in a few words what happened.
func (p *payload) headline() string {
	what := p.Status
	if what == "" {
		what = "no result"
	}
	return fmt.Sprintf("%s: %s/%s (%s)", strings.ToUpper(p.Verdict), p.Suite, p.Vector, what)
}

func (p *payload) lines() []line {
	all := []line{{"Action", p.ActionID}, {"Session", p.SessionID}}
	if p.Classification != nil {
		all = append(all, line{"Fault", fmt.Sprintf("%s (%s, confidence %.2f)", *p.Classification, *p.Category, *p.Confidence)})
	}
	if c := p.CorrelationContext; c != nil {
		all = append(all, line{"Failing step", c.FailingStepName}, line{"Error", p.cut(c.RawError, maxQuote)})
	}
	if p.Error != nil {
		all = append(all, line{"Error", p.Error.Message})
	}
	if p.Input != nil {
		all = append(all, line{"Input", p.cut(string(p.Input), maxQuote)})
	}
	if p.Truncated {
		all = append(all, line{"Note", "shortened; the run's report has the whole"})
	}
	return slices.DeleteFunc(all, func(l line) bool { return l.text == "" })
}

// slackMessage is a message for an incoming webhook of Slack.
func slackMessage(p *payload) any {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	type text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	type block struct {
		Type string `json:"type"`
		Text text   `json:"text"`
	}
	// plain_text is shown as it is; only the fallback is read for markup.
	blocks := []block{{"header", text{"plain_text", p.cut(p.headline(), maxHeader)}}}
	for _, l := range p.lines() {
		blocks = append(blocks, block{"section", text{"plain_text", l.label + ": " + l.text}})
	}
	return map[string]any{"text": escape(p.headline()), "blocks": blocks}
}

// teamsMessage is an adaptive card for a webhook of Microsoft Teams. Text runs
// are shown as they are; text blocks would be read for Markdown.
func teamsMessage(p *payload) any {
	type run struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Weight string `json:"weight,omitempty"`
	}
	type rich struct {
		Type    string `json:"type"`
		Inlines []run  `json:"inlines"`
	}
	body := []rich{{"RichTextBlock", []run{{"TextRun", p.headline(), "Bolder"}}}}
	for _, l := range p.lines() {
		body = append(body, rich{"RichTextBlock", []run{{"TextRun", l.label + ": ", "Bolder"}, {"TextRun", l.text, ""}}})
	}
	return map[string]any{
		"type": "message",
		"attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive",
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
				"type":    "AdaptiveCard", "version": "1.4", "body": body,
			},
		}},
	}
}

// encode writes a payload in the format, its input, its stack and then its
// error left out or shortened until the whole is small enough.
func (f format) encode(id string, p *payload) ([]byte, error) {
	body, err := json.Marshal(f.render(id, p))
	for err == nil && len(body) > maxPayload && p.isLong() {
		p.Truncated = true
		p.shorten(len(body) - maxPayload)
		body, err = json.Marshal(f.render(id, p))
	}
	return body, err
}
