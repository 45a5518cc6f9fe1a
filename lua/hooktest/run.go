package hooktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/assay-cx/assay/lua/script"
)

// Outcome says how a test ended.
type Outcome string

// The outcomes. Undecided is a test that passed a limit, or a file whose tests
// cannot be listed.
const (
	Passed    Outcome = "pass"
	Failed    Outcome = "fail"
	Undecided Outcome = "error"
)

// Result is one test that ended.
type Result struct {
	File    string // relative to the suite's folder
	Line    int    // where the test begins; 0 where it is not known
	Name    string // with those of the describes around it; empty for a file whose tests cannot be listed
	Outcome Outcome
	// Message is why it did not pass, of one or more lines, headed by the
	// position where that is known.
	Message  string
	Logs     []script.LogLine // what it logged
	Duration time.Duration
}

// test is a test as a file declares it.
type test struct {
	Name  string `json:"name"`
	Where string `json:"where"` // "file:line:"
}

// Run runs the tests, one after the other, and tells of each as it ends. Its
// error is the context's.
func (s *Suite) Run(ctx context.Context, tell func(Result)) error {
	for _, file := range s.files {
		tests, err := s.list(ctx, file)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			result := Result{File: file, Outcome: Undecided}
			result.Line, result.Message = explain(err, file, 0)
			tell(result)
			continue
		}
		for i, t := range tests {
			if s.settings.Filter != nil && !s.settings.Filter.MatchString(t.Name) {
				continue
			}
			result := s.run(ctx, file, i+1, t)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			tell(result)
		}
	}
	return nil
}

// list runs a file without its tests.
func (s *Suite) list(ctx context.Context, file string) ([]test, error) {
	var tests []test
	s.log = func(script.LogLine) {} // it is logged again when a test runs
	err := s.call(ctx, map[string]any{"file": required(file)}, &tests)
	if err == nil && len(tests) > maxTests {
		return nil, &script.Error{Kind: script.TooLarge, File: file, Message: fmt.Sprintf("has %d tests; a file may have %d", len(tests), maxTests)}
	}
	return tests, err
}

// required is a file's name for require, which takes dots for slashes where
// the name has no slash.
func required(file string) string { return "./" + file }

func (s *Suite) run(ctx context.Context, file string, number int, t test) Result {
	result := Result{File: file, Name: t.Name, Outcome: Passed}
	if match := position.FindStringSubmatch(t.Where); match != nil && match[1] == file {
		result.Line, _ = strconv.Atoi(match[2]) // it is of digits
	}
	var outcome struct {
		Name    string `json:"name"`
		Passed  bool   `json:"passed"`
		Message string `json:"message"`
	}
	started := time.Now()
	s.log = func(line script.LogLine) { result.Logs = append(result.Logs, line) }
	err := s.call(ctx, map[string]any{"file": required(file), "test": number}, &outcome)
	result.Duration = time.Since(started)
	switch {
	case err != nil:
		result.Outcome = Undecided
		_, result.Message = explain(err, file, result.Line)
	case outcome.Name != t.Name:
		result.Outcome = Undecided
		result.Message = fmt.Sprintf("%s: the file did not declare this test when it was run again: names and order of tests must not change", file)
	case !outcome.Passed:
		result.Outcome, result.Message = Failed, readable(outcome.Message, file, result.Line)
	}
	return result
}

// call runs the file of a request within testing.lua.
func (s *Suite) call(ctx context.Context, request map[string]any, answer any) error {
	document, err := json.Marshal(request)
	if err != nil {
		return err
	}
	told, err := s.harness.Call(ctx, script.Request{
		Function: "run", Document: document, Key: func() string { return string(document) }, Limits: limits(), Log: s.log,
		Functions: map[string]script.Function{"call_hook": s.callHook, "load_fixture": s.loadFixture},
	})
	if err != nil {
		return err
	}
	if string(told.Document) == "{}" {
		return nil // an empty list
	}
	return json.Unmarshal(told.Document, answer)
}

// callHook is hooks.NAME(document).
func (s *Suite) callHook(ctx context.Context, arguments []json.RawMessage) (json.RawMessage, error) {
	var name string
	if err := json.Unmarshal(arguments[0], &name); err != nil {
		return nil, err
	}
	return s.hook.Call(ctx, name, arguments[1])
}

// loadFixture is fixture(path).
func (s *Suite) loadFixture(_ context.Context, arguments []json.RawMessage) (json.RawMessage, error) {
	var name string
	if err := json.Unmarshal(arguments[0], &name); err != nil {
		return nil, err
	}
	recorded, err := s.scripts.ReadFile(path.Clean(name), maxFixture)
	if err != nil {
		return nil, fmt.Errorf("fixture: %w", err)
	}
	failure, err := s.settings.Fixture(recorded)
	if err != nil {
		return nil, fmt.Errorf("fixture: %s: %w", name, err)
	}
	return failure, nil
}

// position heads the errors that a script raises.
var position = regexp.MustCompile(`^([^\n:]+):([0-9]{1,9}): ?`)

// readable gives a message a position of the suite's: a position within
// testing.lua tells authors nothing.
func readable(message, file string, line int) string {
	rest := message
	match := position.FindStringSubmatch(message)
	if match != nil {
		if match[1] != harnessName {
			return strings.ToValidUTF8(message, "")
		}
		rest = message[len(match[0]):]
	}
	return strings.ToValidUTF8((&script.Error{File: file, Line: line, Message: rest}).Error(), "")
}

// explain says why a test or a file did not come to an end, and where.
func explain(err error, file string, line int) (int, string) {
	var fault *script.Error
	if !errors.As(err, &fault) {
		return line, fmt.Sprintf("%s: %v", file, err)
	}
	if fault.File == harnessName {
		return line, (&script.Error{File: file, Line: line, Message: fault.Message}).Error()
	}
	if fault.File == file && line == 0 {
		line = fault.Line
	}
	return line, fault.Error()
}
