// Package sdktest is the conformance checks that every plugin should pass,
// ours and others: run them in a plugin's own tests, on its program or on its
// Go value.
//
// Start reading at Run, then at Subject.
package sdktest

import (
	"context"
	"testing"

	"github.com/assay-cx/assay/plugins/sdk"
)

// Subject is a plugin under test. Either Command or New is set; the other
// fields say how to drive it, and checks that need one that is absent are
// skipped.
type Subject struct {
	// Command is the plugin's program and its arguments.
	Command []string
	// New makes a fresh plugin, for checks without a process.
	New func() sdk.Plugin

	// Config is settings that the plugin takes.
	Config sdk.Config
	// Wrong is settings that it refuses, by the attribute that its problem
	// must name.
	Wrong map[string]sdk.Config

	// Operate calls an operation that succeeds, with a document or an answer
	// of about size bytes where the plugin has such a thing.
	Operate func(ctx context.Context, client *sdk.Client, size int) error
	// Hang calls an operation whose peer does not answer.
	Hang func(ctx context.Context, client *sdk.Client) error
	// Panic calls an operation that panics.
	Panic func(ctx context.Context, client *sdk.Client) error
}

// Run runs each check as a subtest that says what a plugin must do.
func Run(t *testing.T, s Subject) {
	t.Helper()
	t.Run("describes itself", s.describes)
	t.Run("refuses to start by hand", s.refusesWithoutCookie)
	t.Run("refuses operations before it is configured", s.refusesUnconfigured)
	t.Run("takes its settings", func(t *testing.T) { s.configured(t) })
	t.Run("names the attribute that is wrong", s.namesWrongAttributes)
	t.Run("takes documents of 5 MB", s.takesLargeDocuments)
	t.Run("works at 128 calls at once", s.worksConcurrently)
	t.Run("keeps to the deadline", s.keepsDeadline)
	t.Run("stops when canceled", s.stopsWhenCanceled)
	t.Run("answers a panic as an error", s.answersPanic)
	t.Run("shuts down within 2 seconds", s.shutsDown)
}
