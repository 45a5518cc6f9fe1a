// Package report renders what a run tells, each format in a file of its own:
// the console, plain or live, and the documents of --report.
//
// Start reading at Reporter and Formats.
package report

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/assay-cx/assay/internal/result"
)

// Reporter renders one run. Vectors come one at a time and in the order in
// which they end; Started may come from many goroutines at once.
type Reporter interface {
	Started(suite, vector string)
	Finished(v result.Vector)
	// Close ends the report with what the run came to, and answers the first
	// error that kept the report from being complete.
	Close(run result.Run) error
}

// Formats are the documents that --report can write.
var Formats = map[string]func(w io.Writer) (Reporter, error){
	"ctrf":     func(w io.Writer) (Reporter, error) { return newCTRF(w) },
	"github":   func(w io.Writer) (Reporter, error) { return newGitHub(w), nil },
	"html":     func(w io.Writer) (Reporter, error) { return newHTML(w) },
	"json":     func(w io.Writer) (Reporter, error) { return newJSON(w) },
	"junit":    func(w io.Writer) (Reporter, error) { return newJUnit(w) },
	"markdown": func(w io.Writer) (Reporter, error) { return newMarkdown(w), nil },
	"tap":      func(w io.Writer) (Reporter, error) { return newTAP(w), nil },
}

// FormatNames are the names of Formats, in order.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats)) }

// Open starts a report of the format, one of Formats, at path; "-" is stdout. A
// file appears under its name only once it is complete.
func Open(format, path string, stdout io.Writer) (Reporter, error) {
	build := Formats[format]
	if path == "-" {
		return build(stdout)
	}
	file, err := createFile(path)
	if err != nil {
		return nil, fmt.Errorf("report %s cannot be written: %w", path, err)
	}
	reporter, err := build(file)
	if err != nil {
		return nil, errors.Join(err, file.abandon())
	}
	return &fileReport{Reporter: reporter, file: file, path: path}, nil
}

// Abandon drops reports of Open that will not be written.
func Abandon(reporters []Reporter) {
	for _, r := range reporters {
		if f, ok := r.(*fileReport); ok {
			_ = f.file.abandon() // nothing is lost but an empty file
		}
	}
}

// fileReport puts a finished report under its name.
type fileReport struct {
	Reporter
	file *outputFile
	path string
}

func (f *fileReport) Close(run result.Run) error {
	if err := f.Reporter.Close(run); err != nil {
		return fmt.Errorf("report %s is not complete and was not kept: %w", f.path, errors.Join(err, f.file.abandon()))
	}
	if err := f.file.commit(); err != nil {
		return fmt.Errorf("report %s cannot be written: %w", f.path, err)
	}
	return nil
}

// Many is several reporters as one. It passes one call at a time.
type Many struct {
	mu        sync.Mutex
	reporters []Reporter
}

// NewMany bundles reporters.
func NewMany(reporters ...Reporter) *Many { return &Many{reporters: reporters} }

// Started tells all that a vector is under way.
func (m *Many) Started(suite, vector string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.reporters {
		r.Started(suite, vector)
	}
}

// Finished tells all of a vector.
func (m *Many) Finished(v result.Vector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.reporters {
		r.Finished(v)
	}
}

// Close ends all reports.
func (m *Many) Close(run result.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, r := range m.reporters {
		errs = append(errs, r.Close(run))
	}
	return errors.Join(errs...)
}
