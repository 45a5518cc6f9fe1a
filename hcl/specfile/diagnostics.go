package specfile

import (
	"io"

	"github.com/hashicorp/hcl/v2"
)

// WriteDiagnostics writes diagnostics for people: severity, summary, place
// with the source lines, and detail wrapped at width columns (0: not wrapped).
func WriteDiagnostics(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics, width int, color bool) error {
	return hcl.NewDiagnosticTextWriter(w, files, uint(max(0, width)), color).WriteDiagnostics(diags)
}
