package runner

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/plugins/sdk"
)

// hooking are hook plugins that answer each hook as a test writes it; what is
// not written has nothing to say. log gets what they were asked, in order.
func hooking(log *[]string, answers ...map[string]string) []Hook {
	hooks := make([]Hook, len(answers))
	for i, answer := range answers {
		name := string(rune('a' + i))
		hooks[i] = Hook{HookPlugin, name, func(_ context.Context, hook string, document json.RawMessage) (json.RawMessage, error) {
			*log = append(*log, name+" "+hook+" "+string(document))
			switch text, ok := answer[hook]; {
			case !ok:
				return json.RawMessage("null"), nil
			case text == "unsupported":
				return nil, &sdk.Error{Kind: sdk.Unsupported, Message: "no such hook"}
			case strings.HasPrefix(text, "fail"):
				return nil, &sdk.Error{Kind: sdk.Invalid, Message: text}
			default:
				return json.RawMessage(text), nil
			}
		}}
	}
	return hooks
}

// askedOfB are the documents that the second plugin got for a hook.
func askedOfB(log []string, hook string) (documents []string) {
	for _, line := range log {
		if document, found := strings.CutPrefix(line, "b "+hook+" "); found {
			documents = append(documents, document)
		}
	}
	return documents
}

func TestTheFirstHookThatClassifiesDecides(t *testing.T) {
	for name, test := range map[string]struct {
		first, second, source string
		confidence            float64
	}{
		"an object":            {`{"category":"timeout","confidence":0.7}`, `"outage"`, "plugin:a", 0.7},
		"a category alone":     {`"timeout"`, `"outage"`, "plugin:a", 0.9},
		"the first passes on":  {`null`, `{"category":"timeout"}`, "plugin:b", 0.9},
		"it has no such hook":  {`unsupported`, `"timeout"`, "plugin:b", 0.9},
		"nobody has an answer": {`null`, `null`, "builtin", 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return failing("connect ETIMEDOUT"), nil }}, 1)
				var log []string
				b.Classifiers = hooking(&log, map[string]string{"classify": test.first}, map[string]string{"classify": test.second})
				b.run(t)
				c := b.listener.vectors[0].Classification
				if c.Source != test.source || c.Category != "timeout" || c.Class != "EXTERNAL_DEPENDENCY_OUTAGE" || c.Confidence != test.confidence {
					t.Errorf("got %+v", c)
				}
				if asked := len(askedOfB(log, "classify")); (asked == 0) != (test.source == "plugin:a") {
					t.Errorf("asked %v", log)
				}
			})
		})
	}
}

func TestEachHookSeesWhatTheOneBeforeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		b := newBench(t.Context(), p, 1)
		b.Plan.Vectors[0].Sensitive = []string{"1234"} // as of a sensitive variable
		var log []string
		b.Hooks = hooking(&log,
			map[string]string{
				"before_vector": `{"input":{"pin":"(sensitive)","b":7}}`,
				"after_vector":  `[{"name":"of a","pass":false,"message":"saw 1234"}]`,
				"on_event":      `{"id":"forged","type":"forged","vector":"by a"}`,
			},
			map[string]string{
				"before_vector": `{"input":{"pin":"(sensitive)","b":8,"c":1}}`,
				"after_vector":  `[{"name":"of b","pass":true}]`,
			})
		b.run(t)
		if got := string(p.submits[0].Input); got != `{"b":8,"c":1,"pin":"1234"}` {
			t.Errorf("submitted %s", got)
		}
		if got := askedOfB(log, "before_vector")[0]; !strings.Contains(got, `"input":{"b":7,"pin":"(sensitive)"}`) {
			t.Errorf("before_vector of b saw %s", got)
		}
		if got := askedOfB(log, "after_vector")[0]; !strings.Contains(got, `"status":"fail"`) || !strings.Contains(got, `"name":"of a"`) {
			t.Errorf("after_vector of b saw %s", got)
		}
		if got := askedOfB(log, "on_event")[0]; !strings.Contains(got, `"vector":"by a"`) || strings.Contains(got, "forged") {
			t.Errorf("on_event of b saw %s", got)
		}
		if v := b.listener.vectors[0]; v.Status != result.Fail || len(v.Checks) != 3 || v.Checks[2].Name != "of b" {
			t.Errorf("got %s with %+v", v.Status, v.Checks)
		}
		if all := strings.Join(log, "\n"); strings.Contains(all, "1234") {
			t.Errorf("a hook was shown a secret: %s", all)
		}
	})
}

func TestADroppedEventIsShownToNoOtherHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t.Context(), &platform{}, 1)
		var log []string
		b.Hooks = hooking(&log, map[string]string{"on_event": "false"}, nil)
		b.run(t)
		if asked := askedOfB(log, "on_event"); len(asked) > 0 || len(b.sink.events) != 1 {
			t.Errorf("b was asked %v, the audit log has %v", asked, b.sink.events)
		}
	})
}

func TestAHookPluginThatFailsIsAnErrorWithItsName(t *testing.T) {
	for name, test := range map[string]struct{ hook, answer, detail string }{
		"an error":           {"before_vector", "fail: boom", "hook before_vector of plugin a: fail: boom"},
		"no JSON":            {"after_vector", `{`, "hook after_vector of plugin a: its answer is not understood"},
		"no object":          {"before_vector", `[]`, "hook before_vector of plugin a: its answer is not understood"},
		"a check of no name": {"after_vector", `[{"pass":true}]`, "a check without a name"},
		"a check of no word": {"after_vector", `[{"name":"x"}]`, "a check without a name, or without pass"},
		"no event":           {"on_event", `true`, "hook on_event of plugin a: its answer is not an event"},
		"no category":        {"classify", `{"confidence":1}`, `hook classify of plugin a: it answered the category "", which does not exist`},
		"other category":     {"classify", `"sunshine"`, `the category "sunshine"`},
		"too sure":           {"classify", `{"category":"outage","confidence":1.5}`, "the confidence 1.5; it must be from 0 to 1"},
		"a number":           {"classify", `7`, "hook classify of plugin a: its answer is not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t.Context(), &platform{onPoll: func(int) (sdk.PollResult, error) { return failing("x"), nil }}, 1)
				var log []string
				b.Hooks = hooking(&log, map[string]string{test.hook: test.answer})
				b.Classifiers = b.Hooks
				b.run(t)
				v := b.listener.vectors[0]
				if v.Status != result.Errored || v.Error.Summary != "A hook plugin failed" || !strings.Contains(v.Error.Detail, test.detail) {
					t.Errorf("got %s: %+v", v.Status, v.Error)
				}
			})
		})
	}
}
