package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/google/renameio/v2"

	"github.com/assay-cx/assay/internal/result"
)

// fixtures keeps each failure, redacted, in a file of its own: a debug session
// as the platform's poll answers it, for `assay classify` and for the tests of
// a suite's classifier.
type fixtures struct {
	dir string
	err error
}

// NewFixtures writes the failures of a run into a folder, which it makes.
func NewFixtures(dir string) (Reporter, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // redacted, and meant to be committed
		return nil, fmt.Errorf("failures cannot be saved: %w", err)
	}
	return &fixtures{dir: dir}, nil
}

func (f *fixtures) Started(string, string) {}

func (f *fixtures) Finished(v result.Vector) {
	if f.err != nil || v.Classification == nil {
		return
	}
	document, err := json.MarshalIndent(fixtureOf(v), "", "  ")
	if err == nil {
		err = renameio.WriteFile(filepath.Join(f.dir, fixtureName(v)), append(document, '\n'), 0o644)
	}
	f.err = err
}

func (f *fixtures) Close(result.Run) error {
	if f.err != nil {
		return fmt.Errorf("failures could not be saved: %w", f.err)
	}
	return nil
}

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// fixtureName is the vector's name as a file's. Vectors whose names differ
// only in what a file's name cannot hold share a file; the last one stays.
func fixtureName(v result.Vector) string {
	return unsafeInNames.ReplaceAllString(v.Suite+"."+v.Name, "_") + ".json"
}

type fixture struct {
	ID      string         `json:"id"`
	Session fixtureSession `json:"session"`
}

type fixtureSession struct {
	Status   string        `json:"status"`
	Duration int64         `json:"executionDuration"`
	Result   fixtureResult `json:"result"`
	Trace    []fixtureStep `json:"trace"`
}

type fixtureResult struct {
	Success bool                   `json:"success"`
	Error   *result.ExecutionError `json:"error"`
}

type fixtureStep struct {
	ID        string            `json:"stepId"`
	Name      string            `json:"stepName"`
	Timestamp string            `json:"timestamp,omitempty"`
	Output    json.RawMessage   `json:"output,omitempty"`
	Error     *result.StepError `json:"error,omitempty"`
}

func fixtureOf(v result.Vector) fixture {
	e := v.Execution
	session := fixtureSession{Status: e.Status, Duration: e.DurationMS, Result: fixtureResult{Error: e.Error}, Trace: []fixtureStep{}}
	if session.Result.Error == nil {
		session.Result.Error = &result.ExecutionError{}
	}
	for _, s := range e.Trace {
		session.Trace = append(session.Trace, fixtureStep{s.ID, s.Name, s.Timestamp, s.Output, s.Error})
	}
	return fixture{ID: v.Suite + "/" + v.Name, Session: session}
}
