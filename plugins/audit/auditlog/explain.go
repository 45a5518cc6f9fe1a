package auditlog

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
)

// Explain says why a log cannot be written or read, and what to do about it.
// It names no path outside the log.
func Explain(err error) string {
	var changed *auditfile.AlteredError
	if errors.As(err, &changed) {
		return changed.Error() + "; see what assay audit verify says; to write on, move the folder away and keep it as evidence"
	}
	if errors.Is(err, auditfile.ErrKey) {
		return err.Error()
	}
	why := err.Error()
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		why = pathError.Err.Error()
	}
	return why + "; " + remedy(err)
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space on its disk"
	case errors.Is(err, syscall.EFBIG):
		return "raise the limit on the size of files, or move the file away"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "let the user who runs assay write there, or set path to another folder of the suite"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return "a file stands where the folder should be: move it away, or set path to another folder of the suite"
	case errors.Is(err, context.DeadlineExceeded):
		return "another process holds its lock"
	}
	return "path must be a folder in the suite's tree that can be written to"
}
