package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/report"
)

// reportPlace is a report's path in the one way to write it.
func reportPlace(path string) (string, error) {
	if path == "-" {
		return path, nil
	}
	return filepath.Abs(path)
}

// openReports starts every report before anything is sent: one that cannot be
// written is told now.
func (e *execution) openReports() (many *report.Many, err error) {
	console := e.process.stdout
	live := e.color(e.process)
	var reports []report.Reporter
	var annotating []int // which of them
	defer func() {
		if err != nil {
			report.Abandon(reports)
		}
	}()
	taken := map[string]bool{}
	for _, wanted := range e.reports {
		format, path, ok := strings.Cut(wanted, "=")
		if !ok || path == "" {
			return nil, usageError("--report %s: write it as FORMAT=PATH, such as json=result.json", wanted)
		}
		place, err := reportPlace(path)
		if err != nil {
			return nil, usageError("--report %s: %w", wanted, err)
		}
		if taken[place] {
			return nil, usageError("--report %s: another report goes there already: give each a path of its own", wanted)
		}
		taken[place] = true
		if report.Formats[format] == nil {
			return nil, noSuchFormat(wanted, format)
		}
		if path == "-" {
			console, live = e.process.stderr, false
		}
		r, err := report.Open(format, path, e.process.stdout)
		if err != nil {
			return nil, usageError("--report %s: %w", wanted, err)
		}
		if format == "github" {
			annotating = append(annotating, len(reports))
		}
		reports = append(reports, r)
	}
	if e.newOnly && len(annotating) == 0 {
		return nil, usageError("--new-failures-only is for annotations: give --report github=PATH, too")
	}
	if e.failures != "" {
		r, err := report.NewFixtures(e.failures)
		if err != nil {
			return nil, usageError("--save-failures: %w", err)
		}
		reports = append(reports, r)
	}
	for _, i := range annotating {
		if e.newOnly {
			reports[i] = newFailures{reports[i], e.known}
		}
	}
	total := 0
	for _, s := range e.suites {
		total += len(s.plan.Vectors)
	}
	options := report.ConsoleOptions{Color: live, Live: live, Total: total}
	return report.NewMany(append(reports, report.NewConsole(console, options))...), nil
}

func noSuchFormat(wanted, format string) error {
	names, hint := report.FormatNames(), ""
	if nearest := specfile.Nearest(format, names); nearest != "" {
		hint = fmt.Sprintf("did you mean %q? ", nearest)
	}
	return usageError("--report %s: there is no report format %q: %suse one of %s", wanted, format, hint, strings.Join(names, ", "))
}
