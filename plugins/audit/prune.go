package audit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditlog"
	"github.com/assay-cx/assay/plugins/audit/auditread"
)

// pruning is the removal of old records behind a run's back.
type pruning struct {
	once   sync.Once
	cancel context.CancelFunc // nil: it was not begun
	done   chan struct{}
}

// startPruning begins to enforce the retention, on behalf of who began a run.
// What is removed at all is the segments of a day that got too old: so there is
// something to do once a day, and to see that there is not costs next to
// nothing. It keeps no record from being written; that it fails is logged, and
// the next run tries again.
func (p *Plugin) startPruning(ctx context.Context, command string, by *auditfile.Actor) {
	p.pruning.once.Do(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p.pruning.cancel, p.pruning.done = cancel, make(chan struct{})
		go func() {
			defer close(p.pruning.done)
			removed, err := p.prune(ctx, command, *cmp.Or(by, &auditfile.Actor{}))
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				slog.Warn("old records were not removed from the audit log", "path", p.settings.Path, "error", auditlog.Explain(err))
			case removed.Records > 0:
				slog.Info("old records were removed from the audit log", "path", p.settings.Path, "records", removed.Records)
			}
		}()
	})
}

// endPruning waits for it, as long as ctx allows.
func (p *Plugin) endPruning(ctx context.Context) error {
	if p.pruning.cancel == nil {
		return nil
	}
	defer p.pruning.cancel()
	select {
	case <-p.pruning.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prune removes what is too old from a log that verifies.
func (p *Plugin) prune(ctx context.Context, command string, by auditfile.Actor) (auditlog.Removed, error) {
	outdated, err := p.log.IsOutdated(ctx)
	if err != nil || !outdated {
		return auditlog.Removed{}, err
	}
	if err := p.verify(ctx); err != nil {
		return auditlog.Removed{}, err
	}
	if err := ctx.Err(); err != nil {
		return auditlog.Removed{}, err
	}
	return p.log.Prune(ctx, command, by)
}

// verify answers an error where the log is not as it was written.
func (p *Plugin) verify(ctx context.Context) error {
	snapshot, err := auditread.OpenSnapshot(ctx, filepath.Join(p.options.Workspace, p.options.Path))
	if err != nil {
		return err
	}
	var trust auditread.Trust
	if p.settings.Key != "" {
		trust.Verifier, err = auditfile.VerifierKey(p.settings.Key)
	}
	report, wrong := snapshot.Verify(trust)
	switch err = errors.Join(err, wrong, snapshot.Close()); {
	case err != nil:
		return err
	case !report.Intact || !report.Complete:
		return auditfile.Altered("%s", report.Problems[0].Message)
	}
	return nil
}
