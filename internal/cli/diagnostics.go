package cli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/assay-cx/assay/hcl/specfile"
	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/internal/pluginhost"
)

// findings are diagnostics and the files that illustrate them.
type findings struct {
	files   map[string]*hcl.File
	diags   hcl.Diagnostics
	secrets []string // that no illustration may show
}

func (f *findings) add(suite *specfile.Suite, diags hcl.Diagnostics) {
	if f.files == nil {
		f.files = map[string]*hcl.File{}
	}
	maps.Copy(f.files, suite.Files)
	// A mistake inside a for expression is found once for each element.
	for _, d := range diags {
		if !slices.ContainsFunc(f.diags, func(known *hcl.Diagnostic) bool { return same(known, d) }) {
			f.diags = f.diags.Append(d)
		}
	}
}

func same(a, b *hcl.Diagnostic) bool {
	at := func(d *hcl.Diagnostic) hcl.Range {
		if d.Subject == nil {
			return hcl.Range{}
		}
		return *d.Subject
	}
	return a.Severity == b.Severity && a.Summary == b.Summary && a.Detail == b.Detail && at(a) == at(b)
}

// load loads the suite in dir.
func (f *findings) load(dir string, s *suite) hcl.Diagnostics {
	spec, diags := specfile.Load(dir, version)
	s.dir, s.spec = dir, spec
	f.add(spec, diags)
	return diags
}

// addPlan finds what else is wrong with a suite that has errors already, so
// that a person can mend all of it at once.
func (f *findings) addPlan(ctx context.Context, s *suite, host *pluginhost.Host, options plan.Options) {
	if s.spec.Complete {
		f.build(ctx, s, host, options)
		slices.SortStableFunc(f.diags, specfile.ByPosition)
	}
}

// build plans a suite that was loaded.
func (f *findings) build(ctx context.Context, s *suite, host *pluginhost.Host, options plan.Options) {
	f.add(s.spec, s.build(ctx, host, options))
	f.secrets = append(f.secrets, s.plan.Secrets...)
}

// write tells the diagnostics on stderr.
func (f *findings) write(p *process, color bool) error {
	return specfile.WriteDiagnostics(p.stderr, specfile.Hide(f.files, f.diags, f.secrets), f.diags, p.width, color)
}

// validation is the shape of `terraform validate -json`.
type validation struct {
	FormatVersion string       `json:"format_version"`
	Valid         bool         `json:"valid"`
	ErrorCount    int          `json:"error_count"`
	WarningCount  int          `json:"warning_count"`
	Diagnostics   []diagnostic `json:"diagnostics"`
}

type diagnostic struct {
	Severity string     `json:"severity"`
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail"`
	Range    *diagRange `json:"range,omitempty"`
	Snippet  *snippet   `json:"snippet,omitempty"`
}

type diagRange struct {
	Filename string  `json:"filename"`
	Start    diagPos `json:"start"`
	End      diagPos `json:"end"`
}

type diagPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type snippet struct {
	Context              *string  `json:"context"`
	Code                 string   `json:"code"`
	StartLine            int      `json:"start_line"`
	HighlightStartOffset int      `json:"highlight_start_offset"`
	HighlightEndOffset   int      `json:"highlight_end_offset"`
	Values               []string `json:"values"`
}

func (f *findings) validation() validation {
	v := validation{FormatVersion: "1.0", Valid: true, Diagnostics: []diagnostic{}}
	files := specfile.Hide(f.files, f.diags, f.secrets)
	for _, d := range f.diags {
		out := diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			out.Severity = "warning"
			v.WarningCount++
		} else {
			v.Valid = false
			v.ErrorCount++
		}
		if d.Subject != nil {
			out.Range = &diagRange{d.Subject.Filename, position(d.Subject.Start), position(d.Subject.End)}
			out.Snippet = snippetOf(files[d.Subject.Filename], *d.Subject)
		}
		v.Diagnostics = append(v.Diagnostics, out)
	}
	return v
}

func position(p hcl.Pos) diagPos { return diagPos{p.Line, p.Column, p.Byte} }

// snippetOf is the first line of a range, as Terraform shows it.
func snippetOf(file *hcl.File, at hcl.Range) *snippet {
	if file == nil || at.Start.Byte > len(file.Bytes) {
		return nil
	}
	text := string(file.Bytes)
	from := strings.LastIndexByte(text[:at.Start.Byte], '\n') + 1
	line, _, _ := strings.Cut(text[from:], "\n")
	start := at.Start.Byte - from
	var context *string
	if nav, ok := file.Nav.(interface{ ContextString(offset int) string }); ok {
		if block := nav.ContextString(at.Start.Byte); block != "" {
			context = &block
		}
	}
	return &snippet{
		Context:              context,
		Code:                 line,
		StartLine:            at.Start.Line,
		HighlightStartOffset: start,
		HighlightEndOffset:   max(start, min(len(line), at.End.Byte-from)),
		Values:               []string{},
	}
}

func (f *findings) writeJSON(p *process) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(f.validation())
}
