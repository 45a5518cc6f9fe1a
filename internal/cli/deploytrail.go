package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/assay-cx/assay/internal/deploy"
	"github.com/assay-cx/assay/internal/result"
	"github.com/assay-cx/assay/internal/runner"
	"github.com/assay-cx/assay/plugins/sdk"
)

// deployTrail is what the required sinks hear of a deploy.
type deployTrail struct {
	*trail
	summary result.Summary // of the actions
}

// recorded deploys between a record that it begins and one of how it ended.
// Where the first cannot be written nothing is deployed.
func (d *deployment) recorded(ctx context.Context, apply func(*deployTrail) error) error {
	t := &deployTrail{trail: &trail{
		suite: d.suite, command: "deploy", fanout: d.fanOut(ctx, d.redactor, d.sinks()),
		around: surroundings{runID: uuid.NewString(), actor: d.process.actor(), redactor: d.redactor},
	}}
	var err error
	if t.start(ctx) != nil {
		err = &exitError{exitUndecided, errors.New("nothing was deployed")}
	} else {
		err = apply(t)
	}
	outcome := runner.Outcome{Status: result.Pass, Summary: t.summary}
	if err != nil {
		outcome.Status = result.Errored
	}
	t.end(ctx, &outcome)
	for _, w := range outcome.Warnings {
		fmt.Fprintf(d.process.stderr, "Warning: %s: %s\n", w.Summary, w.Detail)
	}
	var problems []error
	for _, e := range outcome.Errors {
		problems = append(problems, &exitError{exitUndecided, fmt.Errorf("%s: %s", e.Summary, e.Detail)})
	}
	if err != nil {
		problems = append(problems, err)
	}
	return worst(problems)
}

// putRecorded deploys an action's document once the required sinks hold that
// it is about to be, and has them hold what came of it.
func (d *deployment) putRecorded(ctx context.Context, t *deployTrail, target string, item deploy.Item) error {
	document, err := item.Document.Encode()
	if err != nil {
		return err
	}
	digest := sha256.Sum256(document)
	about := t.event(sdk.EventDeploying)
	about.ActionID, about.ActionName, about.Plugin = item.Document.ID, item.Document.Name, target
	about.SHA256, about.SubmissionID, about.Actor = hex.EncodeToString(digest[:]), uuid.NewString(), t.around.actor
	t.summary.Total++
	if t.failure = t.fanout.Announce(ctx, about); t.failure != nil {
		t.summary.Errored++
		return fmt.Errorf("action.%s was not deployed, nor were those after it, because the audit log does not hold it", item.Action)
	}
	err = d.put(ctx, target, item.Document.ID, document)
	came := about
	came.ID, came.Type, came.Time = uuid.NewString(), sdk.EventDeployed, t.event("").Time
	err = t.judge(&came, item.Action, err)
	t.failure = t.fanout.Note(context.WithoutCancel(ctx), came)
	if t.failure != nil && err == nil {
		err = fmt.Errorf("action.%s was deployed, and those after it were not, because the audit log does not hold that", item.Action)
	}
	return err
}

// judge counts what came of a deploy and says it in the event. Its error says
// what a failure means for the action: an attempt that nobody answered may have
// arrived.
func (t *deployTrail) judge(came *sdk.Event, action string, err error) error {
	if err == nil {
		t.summary.Passed++
		came.Verdict = result.Pass.String()
		return nil
	}
	came.Error = &sdk.EventError{Kind: string(sdk.Internal), Message: t.around.redactor.With(nil).Text(err.Error())}
	var told *sdk.Error
	if errors.As(err, &told) {
		came.Error.Kind, came.Error.HTTPStatus = cmp.Or(string(told.Kind), came.Error.Kind), told.HTTPStatus
		if !told.Sent || told.HTTPStatus/100 == 4 {
			t.summary.Failed++
			came.Verdict = result.Fail.String()
			return fmt.Errorf("action.%s was not deployed, nor were those after it: %w", action, err)
		}
	}
	t.summary.Errored++
	came.Verdict = result.Errored.String()
	return fmt.Errorf("it is not known whether action.%s was deployed; those after it were not, and deploying again is safe: %w", action, err)
}
