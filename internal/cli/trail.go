package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/delivery"
	"github.com/assay-cx/assay/internal/invoke"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/redact"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/plugins/sdk"
)

// stack puts the time around the plugins' operations.
func (s *suite) stack(seed uint64) {
	s.stacks = map[string]*invoke.Stack{}
	for _, p := range s.plan.Plugins {
		s.stacks[p.Name] = invoke.New(p.Name, p.Policy, seed)
	}
}

// fanOut is the delivery of a suite's events to sinks.
func (s *suite) fanOut(ctx context.Context, redactor *redact.Redactor, sinks []delivery.Sink) *delivery.Fanout {
	return delivery.New(ctx, delivery.Options{
		Dir:   s.plan.Dir,
		Sinks: sinks,
		Mask:  func(text string) string { return redactor.With(nil).Text(text) },
	})
}

func (s *suite) sinks() []delivery.Sink {
	var sinks []delivery.Sink
	for _, p := range s.plan.Plugins {
		if p.Is(sdk.KindSink) {
			sinks = append(sinks, delivery.Sink{
				Name: p.Name, Traits: *p.Description.Sink, Policy: s.sinking[p.Name], BestEffort: s.lenient[p.Name],
				Deliver: s.clients[p.Name].Deliver, Stack: s.stacks[p.Name],
				Retry: p.Policy, Fingerprint: fingerprint(p),
			})
		}
	}
	return sinks
}

// fingerprint tells a plugin's settings from others, without its secrets.
func fingerprint(p *plan.Plugin) string {
	var attributes map[string]json.RawMessage
	if json.Unmarshal(p.Attributes, &attributes) != nil {
		return ""
	}
	digest := sha256.New()
	for _, a := range p.Description.Schema.Attributes {
		if !a.Sensitive {
			digest.Write(append(append([]byte(a.Name), '='), append(bytes.TrimSpace(attributes[a.Name]), '\n')...))
		}
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// trail is what the required sinks hear of a command itself: who ran it, what
// it was let do, how it ended.
type trail struct {
	suite   *suite
	fanout  *delivery.Fanout
	around  surroundings
	command string
	failure error // that the trail could not be kept
}

func (t *trail) event(kind sdk.EventType) sdk.Event {
	return sdk.Event{
		ID: uuid.NewString(), Type: kind, Time: time.Now().UTC(),
		RunID: t.around.runID, Suite: t.suite.plan.Suite, Command: t.command, Masked: true,
	}
}

// start records that the command begins, and who was opted in to what,
// and which plugins run that nobody vouches for.
func (t *trail) start(ctx context.Context) error {
	started := t.event(sdk.EventRunStarted)
	started.Actor = t.around.actor
	events := []sdk.Event{started}
	for _, p := range t.suite.plan.Plugins {
		if t.suite.sinking[p.Name].IncludeInput {
			optIn := t.event(sdk.EventOptIn)
			optIn.Plugin, optIn.Setting, optIn.Actor = p.Name, "include_input", t.around.actor
			events = append(events, optIn)
		}
	}
	for _, d := range t.suite.dev {
		dev := t.event(sdk.EventDevPlugin)
		dev.Plugin, dev.SHA256, dev.Actor = d.Plugin, d.SHA256, t.around.actor
		events = append(events, dev)
	}
	t.failure = t.fanout.Note(ctx, events...)
	return t.failure
}

// end ends the deliveries, records how the run ended, and adds to its outcome
// what went wrong with either.
func (t *trail) end(ctx context.Context, outcome *runner.Outcome) []result.Sink {
	sinks, warnings, err := t.fanout.Close(ctx)
	ended := t.event(sdk.EventRunEnded)
	ended.Actor, ended.Verdict = t.around.actor, outcome.Status.String()
	ended.Summary = &sdk.RunSummary{
		Total: outcome.Summary.Total, Passed: outcome.Summary.Passed, Failed: outcome.Summary.Failed,
		Errored: outcome.Summary.Errored, Skipped: outcome.Summary.Skipped,
	}
	if t.failure == nil {
		t.failure = t.fanout.Note(context.WithoutCancel(ctx), ended)
	}
	mask := t.around.redactor.With(nil).Text
	for _, failure := range []error{err, t.failure} {
		if failure == nil {
			continue
		}
		outcome.Status = result.Errored
		told := result.Error{Summary: runner.SummaryOf(failure), Detail: mask(failure.Error())}
		if !slices.Contains(outcome.Errors, told) {
			outcome.Errors = append(outcome.Errors, told)
		}
	}
	for i := range sinks {
		sinks[i].LastError = mask(sinks[i].LastError)
		warnings = append(warnings, t.leftovers(sinks[i])...)
	}
	for _, w := range warnings {
		outcome.Warnings = append(outcome.Warnings, result.Error{Summary: w.Summary, Detail: mask(w.Detail)})
	}
	return sinks
}

// leftovers warns of what a sink did not get.
func (t *trail) leftovers(sink result.Sink) (warnings []result.Error) {
	dir := t.suite.dir
	if sink.Queued > 0 {
		warnings = append(warnings, result.Error{
			Summary: "Deliveries are still queued",
			Detail: fmt.Sprintf("%s for plugin %q of suite %s are in the outbox. They go on at the suite's next run, or with: assay outbox flush %s",
				events(sink.Queued), sink.Plugin, t.suite.plan.Suite, dir),
		})
	}
	if sink.Failed > 0 && t.suite.isQueued(sink.Plugin) {
		warnings = append(warnings, result.Error{
			Summary: "Deliveries were given up",
			Detail: fmt.Sprintf("%s for plugin %q of suite %s are dead letters. See them with: assay outbox dead %s; try again with: assay outbox redeliver %s",
				events(sink.Failed), sink.Plugin, t.suite.plan.Suite, dir, dir),
		})
	}
	return warnings
}

// isQueued reports whether a plugin is a queued sink.
func (s *suite) isQueued(name string) bool {
	return slices.ContainsFunc(s.plan.Plugins, func(p *plan.Plugin) bool {
		return p.Name == name && p.Description.Sink.Queued
	})
}

func events(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
