package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assay-cx/assay/plugins/sdk"
)

func (t *trial) refusesUnconfigured(ctx context.Context) (string, error) {
	d, err := t.describe(ctx)
	if err != nil {
		return "", err
	}
	r, err := t.start(ctx)
	if err != nil {
		return "", err
	}
	for _, kind := range d.Kinds {
		if err := r.any(ctx, kind); err == nil {
			return "", failed("an operation of kind %s succeeds before Configure", kind)
		}
	}
	return "", nil
}

func (t *trial) takesSettings(ctx context.Context) (string, error) {
	if _, err := t.ready(ctx); err != nil {
		return "", err
	}
	names := slices.Sorted(maps.Keys(t.Samples.Attributes))
	if len(names) == 0 {
		return "the defaults", nil
	}
	return "it takes " + strings.Join(names, ", "), nil
}

func (t *trial) namesWrongAttributes(ctx context.Context) (string, error) {
	if len(t.Samples.Wrong) == 0 {
		return "", skip("the samples hold no wrong attributes")
	}
	if _, err := t.describe(ctx); err != nil {
		return "", err
	}
	var seen []string
	for _, attribute := range slices.Sorted(maps.Keys(t.Samples.Wrong)) {
		config, _, err := t.config(ctx, t.Samples.over(&Operation{
			Attributes: map[string]json.RawMessage{attribute: t.Samples.Wrong[attribute]},
		}), t.Samples.Peer != nil && t.Samples.Peer.Attribute != attribute)
		if err != nil {
			return "", err
		}
		r, err := t.start(ctx)
		if err != nil {
			return "", err
		}
		_, err = r.Configure(ctx, config)
		t.note(err)
		problem, err := problemWith(attribute, err)
		if err != nil {
			return "", err
		}
		seen = append(seen, fmt.Sprintf("%s: %s", problem.Attribute, problem.Detail))
	}
	return strings.Join(seen, "; "), nil
}

// problemWith finds the problem that names an attribute.
func problemWith(attribute string, err error) (sdk.Problem, error) {
	var wrong *sdk.ConfigError
	if err == nil {
		return sdk.Problem{}, failed("Configure takes the wrong %q of the samples", attribute)
	}
	if !errors.As(err, &wrong) {
		return sdk.Problem{}, failed("with a wrong %q Configure answers an error, and not problems: %w", attribute, err)
	}
	for _, p := range wrong.Problems {
		if p.Attribute != attribute && !strings.HasPrefix(p.Attribute, attribute+".") {
			continue
		}
		if p.Summary == "" || p.Detail == "" {
			return p, failed("the problem with %q must have a summary and a detail, and has %q and %q", attribute, p.Summary, p.Detail)
		}
		return p, nil
	}
	return sdk.Problem{}, failed("no problem names the attribute %q: %w", attribute, err)
}
