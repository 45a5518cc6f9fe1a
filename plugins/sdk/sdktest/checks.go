package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assay-cx/assay/plugins/pluginv1"
	"github.com/assay-cx/assay/plugins/sdk"
)

const (
	largeDocument   = 5 << 20
	concurrentCalls = 128
	patience        = 2 * time.Second // for what should take no time
)

// reserved are the attributes of a plugin block that belong to the host.
var reserved = []string{"source", "version", "auth"}

// describe is what the plugin says of itself.
func (s Subject) describe(t *testing.T) sdk.Description {
	t.Helper()
	if s.Command == nil {
		return sdk.Describe(s.New())
	}
	args := append(slices.Clone(s.Command[1:]), "describe", "--json")
	stdout, err := exec.CommandContext(t.Context(), s.Command[0], args...).Output()
	if err != nil {
		t.Fatalf("`describe --json` must exit with 0 and need no handshake: %v", err)
	}
	var d sdk.Description
	if err := json.Unmarshal(stdout, &d); err != nil {
		t.Fatalf("`describe --json` must print one JSON document on stdout: %v", err)
	}
	return d
}

func (s Subject) describes(t *testing.T) {
	d := s.describe(t)
	if d.Name == "" || d.Version == "" || d.Summary == "" {
		t.Errorf("name %q, version %q and summary %q must not be empty", d.Name, d.Version, d.Summary)
	}
	if d.Protocol != pluginv1.Version {
		t.Errorf("protocol must be %d, not %d", pluginv1.Version, d.Protocol)
	}
	if len(d.Kinds) == 0 {
		t.Error("a plugin must be of one kind at least: implement Auth, Target, Sink or Hook")
	}
	seen := make(map[string]bool)
	for _, a := range d.Schema.Attributes {
		checkAttribute(t, a)
		if seen[a.Name] {
			t.Errorf("attribute %q is declared twice", a.Name)
		}
		seen[a.Name] = true
	}
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func checkAttribute(t *testing.T, a sdk.Attribute) {
	t.Helper()
	if !identifier.MatchString(a.Name) || slices.Contains(reserved, a.Name) {
		t.Errorf("attribute %q must be a lower-case identifier, and none of %q", a.Name, reserved)
	}
	if a.Description == "" {
		t.Errorf("attribute %q must have a description", a.Name)
	}
	if a.Default != nil && !json.Valid(a.Default) {
		t.Errorf("the default of attribute %q must be JSON", a.Name)
	}
	if a.Required && a.Default != nil {
		t.Errorf("attribute %q is required and has a default: it can be one of the two", a.Name)
	}
}

func (s Subject) refusesWithoutCookie(t *testing.T) {
	if s.Command == nil {
		t.Skip("not a program")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
	cmd.Env = []string{}
	stdout, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		t.Errorf("without %s in its environment a plugin must exit with another status than 0 at once: %v", pluginv1.CookieKey, err)
	}
	if len(stdout) > 0 {
		t.Errorf("without %s in its environment a plugin must write nothing to stdout", pluginv1.CookieKey)
	}
}

func (s Subject) refusesUnconfigured(t *testing.T) {
	client := s.start(t).client
	for _, kind := range s.describe(t).Kinds {
		if err := anyOperation(t.Context(), client, kind); err == nil {
			t.Errorf("an operation of kind %s must be an error before Configure", kind)
		}
	}
}

func anyOperation(ctx context.Context, client *sdk.Client, kind sdk.Kind) error {
	var err error
	switch kind {
	case sdk.KindAuth:
		_, err = client.Token(ctx, "")
	case sdk.KindTarget:
		_, err = client.Poll(ctx, sdk.PollRequest{})
	case sdk.KindSink:
		err = client.Deliver(ctx, nil)
	case sdk.KindHook:
		_, err = client.Call(ctx, "", json.RawMessage("null"))
	}
	return err
}

func (s Subject) namesWrongAttributes(t *testing.T) {
	if len(s.Wrong) == 0 {
		t.Skip("no wrong settings given")
	}
	for attribute, config := range s.Wrong {
		_, err := s.start(t).client.Configure(t.Context(), config)
		var wrong *sdk.ConfigError
		if !errors.As(err, &wrong) {
			t.Errorf("wrong %q: Configure must answer problems (a *sdk.ConfigError), not %v", attribute, err)
			continue
		}
		named := slices.ContainsFunc(wrong.Problems, func(p sdk.Problem) bool { return p.Attribute == attribute })
		if !named {
			t.Errorf("no problem names the attribute %q: %v", attribute, err)
		}
		for _, p := range wrong.Problems {
			if p.Summary == "" || p.Detail == "" {
				t.Errorf("the problem with %q must have a summary and a detail: %+v", p.Attribute, p)
			}
		}
	}
}

func (s Subject) takesLargeDocuments(t *testing.T) {
	if s.Operate == nil {
		t.Skip("no operation given")
	}
	if err := s.Operate(t.Context(), s.configured(t), largeDocument); err != nil {
		t.Error(err)
	}
}

func (s Subject) worksConcurrently(t *testing.T) {
	if s.Operate == nil {
		t.Skip("no operation given")
	}
	client := s.configured(t)
	var calls sync.WaitGroup
	for range concurrentCalls {
		calls.Go(func() {
			if err := s.Operate(t.Context(), client, 100); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}

func (s Subject) keepsDeadline(t *testing.T) {
	if s.Hang == nil {
		t.Skip("no hanging operation given")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	client := s.configured(t)
	err := s.Hang(ctx, client)
	var e *sdk.Error
	if !errors.As(err, &e) || e.Kind != sdk.Timeout {
		t.Fatalf("an operation whose deadline passes must be an error of kind timeout: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the plugin must give up by itself: its context ends in time for it to answer whether the request was sent")
	}
}

func (s Subject) stopsWhenCanceled(t *testing.T) {
	if s.Hang == nil {
		t.Skip("no hanging operation given")
	}
	client := s.configured(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(patience/20, cancel).Stop()
	if err := s.Hang(ctx, client); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled operation must be an error of kind canceled: %v", err)
	}
}

func (s Subject) answersPanic(t *testing.T) {
	if s.Panic == nil {
		t.Skip("no panicking operation given")
	}
	client := s.configured(t)
	if err := s.Panic(t.Context(), client); !errors.Is(err, sdk.Internal) {
		t.Errorf("a panic must be answered as an error of kind internal: %v", err)
	}
	if err := client.Shutdown(t.Context()); err != nil {
		t.Errorf("the plugin must go on after a panic: %v", err)
	}
}

func (s Subject) shutsDown(t *testing.T) {
	r := s.start(t)
	if _, err := r.client.Configure(t.Context(), s.Config); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	began := time.Now()
	if err := r.client.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	r.stop()
	if took := time.Since(began); took >= patience {
		t.Errorf("the plugin must end within %v of Shutdown; it took %v", patience, took.Round(time.Millisecond))
	}
}
