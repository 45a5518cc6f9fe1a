package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/plan"
	"github.com/assay-cx/assay/plugins/audit"
	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditread"
)

// auditFolder is where a log stands in a suite that does not say.
const auditFolder = ".assay/audit"

func newAudit(p *process) *cobra.Command {
	command := &cobra.Command{
		Use:   "audit",
		Short: "Verify, read and prune audit logs",
		Long: `Verify, read and prune the audit logs that runs keep.

DIR is a suite, or the folder of an audit log itself; without it the current
folder is meant. A suite may keep several logs.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newAuditVerify(p), newAuditHead(p), newAuditProof(p), newAuditQuery(p), newAuditExport(p), newAuditPrune(p))
	return command
}

// auditLogs finds the logs that a command is about.
type auditLogs struct {
	inputFlags
	plugin string // only the log of this plugin block
}

func (a *auditLogs) register(command *cobra.Command) {
	a.inputFlags.register(command)
	command.Flags().StringVar(&a.plugin, "plugin", "", "only the log of this plugin block; its `NAME`")
}

// auditLog is one log.
type auditLog struct {
	dir       string // of the log, as it is shown
	workspace string // the suite's folder; empty: the log's folder was named itself
	settings  *audit.Settings
}

// find finds the logs in a suite, or the one in a folder.
func (a *auditLogs) find(ctx context.Context, p *process, args []string) ([]auditLog, error) {
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	if !isSuite(dir) {
		if info, err := os.Stat(filepath.Join(dir, auditFolder)); err == nil && info.IsDir() {
			dir = filepath.Join(dir, auditFolder)
		}
		return []auditLog{{dir: dir}}, nil
	}
	var found findings
	suites, err := loadAll(ctx, p, &a.inputFlags, []string{dir}, &found)
	if err != nil {
		return nil, err
	}
	if found.diags.HasErrors() {
		if err := found.write(p, a.colorDiagnostics(p)); err != nil {
			return nil, err
		}
		return nil, usageError("the suite in %s is wrong; the folder of its audit log can be named itself", dir)
	}
	var logs []auditLog
	for _, s := range suites {
		of, err := a.ofSuite(s)
		if err != nil {
			return nil, err
		}
		logs = append(logs, of...)
	}
	if len(logs) == 0 {
		return nil, usageError("%s keeps no audit log: it has no such plugin block with the source builtin/audit", dir)
	}
	return logs, nil
}

// isSuite reports whether DIR names a suite, or all below it.
func isSuite(dir string) bool {
	if strings.HasSuffix(dir, "...") {
		return true
	}
	for _, pattern := range []string{"*.assay.hcl", "*.assay.json"} {
		if names, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(names) > 0 {
			return true
		}
	}
	return false
}

func (a *auditLogs) ofSuite(s *suite) ([]auditLog, error) {
	var logs []auditLog
	for _, p := range s.plan.Plugins {
		if p.Source != "builtin/audit" || a.plugin != "" && a.plugin != p.Name {
			continue
		}
		settings, err := auditSettings(p)
		if err != nil {
			return nil, err
		}
		logs = append(logs, auditLog{fromHere(filepath.Join(s.spec.Dir, settings.Path)), s.plan.Dir, settings})
	}
	return logs, nil
}

// fromHere is a path as one would write it in the current folder.
func fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return path
}

func auditSettings(p *plan.Plugin) (*audit.Settings, error) {
	settings := &audit.Settings{}
	if p.Attributes == nil {
		return nil, usageError("not all settings of plugin %q are known: give the variables that they use, or name the log's folder itself", p.Name)
	}
	if err := json.Unmarshal(p.Attributes, settings); err != nil {
		return nil, usageError("the settings of plugin %q: path must be a string and retention_days a whole number", p.Name)
	}
	return settings, nil
}

// one is the only log, for commands that are about one.
func (a *auditLogs) one(ctx context.Context, p *process, args []string) (*auditLog, error) {
	logs, err := a.find(ctx, p, args)
	if err != nil {
		return nil, err
	}
	if len(logs) > 1 {
		var dirs []string
		for _, log := range logs {
			dirs = append(dirs, log.dir)
		}
		return nil, usageError("there are several logs here: name one of their folders: %s", strings.Join(dirs, ", "))
	}
	return &logs[0], nil
}

// verifier is the key that must have signed the log, as far as the suite says.
func (l *auditLog) verifier() (string, error) {
	if l.settings == nil || l.settings.Key == "" {
		return "", nil
	}
	return auditfile.VerifierKey(l.settings.Key)
}

// read opens a log to read it.
func (l *auditLog) read(ctx context.Context) (*auditread.Snapshot, error) {
	snapshot, err := auditread.OpenSnapshot(ctx, l.dir)
	if errors.Is(err, auditread.ErrNoLog) {
		return nil, usageError("%w: no run has kept one there yet, or it is gone", err)
	}
	return snapshot, l.unreadable(err)
}

// unreadable is the error of a log that cannot be read.
func (l *auditLog) unreadable(err error) error {
	if err == nil {
		return nil
	}
	var altered *auditfile.AlteredError
	if errors.As(err, &altered) {
		return &exitError{exitFail, fmt.Errorf("%s: %w; assay audit verify says more", l.dir, err)}
	}
	return &exitError{exitUndecided, fmt.Errorf("the audit log %s cannot be read: %w", l.dir, err)}
}

// each does something with every log, in order.
func (a *auditLogs) each(ctx context.Context, p *process, args []string, do func(*auditLog, *auditread.Snapshot) error) error {
	logs, err := a.find(ctx, p, args)
	if err != nil {
		return err
	}
	var problems []error
	for i := range logs {
		snapshot, err := logs[i].read(ctx)
		if err == nil {
			err = errors.Join(do(&logs[i], snapshot), snapshot.Close())
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return worst(problems)
}

// worst joins errors under the gravest of their exit statuses.
func worst(problems []error) error {
	if len(problems) < 2 {
		return errors.Join(problems...)
	}
	code := func(err error) int {
		var exit *exitError
		if errors.As(err, &exit) {
			return exit.code
		}
		return exitUsage
	}
	codes := make([]int, len(problems))
	var said []error
	for i, err := range problems {
		codes[i] = code(err)
		var exit *exitError
		if !errors.As(err, &exit) || exit.err != nil {
			said = append(said, err)
		}
	}
	return &exitError{slices.Max(codes), errors.Join(said...)}
}

func atMostOneDir(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError("name one suite, or the folder of one audit log")
	}
	return nil
}

func newAuditHead(p *process) *cobra.Command {
	a := &auditLogs{}
	command := &cobra.Command{
		Use:   "head [DIR]",
		Short: "Print a log's last checkpoint, to be noted elsewhere",
		Long: `Print the last checkpoint of an audit log: how many records it has and the root
of the tree over them, signed. Noted where those who can write to the log cannot,
it lets assay audit verify --head find a log that was put back as a whole.`,
		Example: `  assay audit head ./specs/inventory > /mnt/worm/inventory.head
  assay audit verify ./specs/inventory --head /mnt/worm/inventory.head`,
		Args: atMostOneDir,
		RunE: func(command *cobra.Command, args []string) error {
			log, err := a.one(command.Context(), p, args)
			if err != nil {
				return err
			}
			snapshot, err := log.read(command.Context())
			if err != nil {
				return err
			}
			head, err := snapshot.Head()
			if err = errors.Join(err, snapshot.Close()); err != nil {
				return log.unreadable(err)
			}
			_, err = fmt.Fprint(p.stdout, head.Note)
			return err
		},
	}
	a.register(command)
	return command
}

func newAuditProof(p *process) *cobra.Command {
	a := &auditLogs{}
	command := &cobra.Command{
		Use:   "proof ID [DIR]",
		Short: "Prove that a record is in a log",
		Long: `Print a proof that a record is in an audit log, as JSON: the record, the path
from it to the root, and the signed checkpoint. ID is the record's auditId or
its number, seq. assay audit verify --proof checks it without the log.

A record that was pruned has a proof by its number: of its hash, without text.`,
		Example: `  assay audit proof 1f0c4b5e-55a5-4b0c-9a8f-0f1d2c3b4a59 ./specs/inventory > proof.json
  assay audit verify --proof proof.json --key key.pub`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError("name a record, by its auditId or number, and at most one suite")
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			log, err := a.one(command.Context(), p, args[1:])
			if err != nil {
				return err
			}
			snapshot, err := log.read(command.Context())
			if err != nil {
				return err
			}
			proof, err := snapshot.Prove(args[0])
			err = errors.Join(err, snapshot.Close())
			if errors.Is(err, auditread.ErrNotThere) {
				return usageError("%w", err)
			}
			if err != nil {
				return log.unreadable(err)
			}
			return writeIndented(p, proof)
		},
	}
	a.register(command)
	return command
}

func writeIndented(p *process, document any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
