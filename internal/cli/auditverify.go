package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/plugins/audit/auditfile"
	"github.com/assay-cx/assay/plugins/audit/auditread"
)

// auditVerifyOptions are the flags of `assay audit verify`.
type auditVerifyOptions struct {
	auditLogs
	head  string
	key   string
	proof string
	json  bool
}

func newAuditVerify(p *process) *cobra.Command {
	o := &auditVerifyOptions{}
	command := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Find whatever was changed in a log",
		Long: `Read a whole audit log and hold it against its signed checkpoint. Edits, swaps,
insertions, deletions, truncation, removed segments and checkpoints that were put
back are found, and the first bad record is named.

  intact    what stands there is what was signed
  complete  nothing is gone but what was pruned, as recorded in the log

Whoever can write to the log's folder can put all of it back to an earlier state.
Only a head noted elsewhere tells that: see assay audit head. And whoever can read
the key in the folder can sign: set key to a secret that is kept elsewhere, and
give --key where the suite does not know it.

Exit status 0 says intact and complete, 1 that it is not, 2 wrong usage or no log,
3 that it could not be read.`,
		Example: `  # The log of a suite
  assay audit verify ./specs/inventory

  # Against the head and the key that were noted elsewhere
  assay audit verify ./specs/inventory --head inventory.head --key inventory.pub

  # A proof that somebody sent, without the log
  assay audit verify --proof proof.json --key inventory.pub`,
		Args: atMostOneDir,
		RunE: func(command *cobra.Command, args []string) error {
			if o.proof != "" {
				return o.verifyProof(p)
			}
			return o.verify(command.Context(), p, args)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.StringVar(&o.head, "head", "", "a `FILE` with a head of this log that was noted earlier")
	flags.StringVar(&o.key, "key", "", "the verifier key that must have signed, or a `FILE` that holds it")
	flags.StringVar(&o.proof, "proof", "", "check the proof in this `FILE` instead of a log")
	flags.BoolVar(&o.json, "json", false, "tell everything as JSON, one document a log")
	return command
}

// verifierKey is what --key names.
func (o *auditVerifyOptions) verifierKey() (string, error) {
	if o.key == "" || strings.HasPrefix(o.key, auditfile.SignerName+"+") {
		return o.key, nil
	}
	content, err := os.ReadFile(o.key)
	if err != nil {
		return "", usageError("--key: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

func (o *auditVerifyOptions) verify(ctx context.Context, p *process, args []string) error {
	var trust auditread.Trust
	if o.head != "" {
		content, err := os.ReadFile(o.head)
		if err != nil {
			return usageError("--head: %w", err)
		}
		trust.Head = string(content)
	}
	given, err := o.verifierKey()
	if err != nil {
		return err
	}
	return o.each(ctx, p, args, func(log *auditLog, snapshot *auditread.Snapshot) error {
		trust.Verifier = given
		if trust.Verifier == "" {
			if trust.Verifier, err = log.verifier(); err != nil {
				return usageError("%w", err)
			}
		}
		report, err := snapshot.Verify(trust)
		if err != nil {
			return log.unreadable(err)
		}
		if err := o.tell(p, log.dir, report); err != nil {
			return err
		}
		if !report.Intact || !report.Complete {
			return &exitError{code: exitFail}
		}
		return nil
	})
}

func (o *auditVerifyOptions) tell(p *process, dir string, report *auditread.Report) error {
	if o.json {
		return writeIndented(p, struct {
			Path string `json:"path"`
			*auditread.Report
		}{dir, report})
	}
	_, err := fmt.Fprint(p.stdout, reportText(dir, report))
	return err
}

// reportText is a report as a person reads it.
func reportText(dir string, r *auditread.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d records", dir, r.Records)
	if r.SealedAt != "" {
		fmt.Fprintf(&b, ", sealed %s by key %s", r.SealedAt, r.KeyID)
	}
	fmt.Fprintf(&b, "\n  intact    %s\n  complete  %s", yesNo(r.Intact), yesNo(r.Complete))
	if r.Pruned > 0 {
		fmt.Fprintf(&b, ", %d records pruned as recorded", r.Pruned)
	}
	b.WriteString("\n")
	if len(r.Problems) > 0 && r.Problems[0].Seq != nil {
		fmt.Fprintf(&b, "  first bad record  %d\n", *r.Problems[0].Seq)
	}
	for i := range r.Problems {
		fmt.Fprintf(&b, "  %-11s %s\n", r.Problems[i].Kind, problemText(dir, &r.Problems[i]))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  note        %s\n", note)
	}
	return b.String()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "NO"
}

func problemText(dir string, p *auditread.Problem) string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(filepath.Join(dir, p.File))
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.AuditID != "" {
		fmt.Fprintf(&b, " (auditId %q)", p.AuditID)
	}
	return b.String()
}

// verifyProof checks a proof by itself.
func (o *auditVerifyOptions) verifyProof(p *process) error {
	content, err := os.ReadFile(o.proof)
	if err != nil {
		return usageError("--proof: %w", err)
	}
	var proof auditread.Proof
	if err := json.Unmarshal(content, &proof); err != nil {
		return usageError("--proof %s: not a proof, as assay audit proof prints it: %w", o.proof, err)
	}
	key, err := o.verifierKey()
	if err != nil {
		return err
	}
	trust := "the key that you gave"
	if key == "" {
		key, trust = proof.Verifier, "a key that the proof itself names: only --key says whose it is"
	}
	checkpoint, err := proof.Check(key)
	if err != nil {
		return &exitError{exitFail, fmt.Errorf("%s: %w", o.proof, err)}
	}
	if o.head != "" {
		if err := o.sameHead(checkpoint); err != nil {
			return err
		}
	}
	of := "record"
	if proof.Record == "" {
		of = "the hash of record"
	}
	_, err = fmt.Fprintf(p.stdout, "%s %d is in the log %s of %d records, sealed %s by %s\n",
		of, proof.Seq, checkpoint.Origin, checkpoint.Size, checkpoint.Time.Format("2006-01-02T15:04:05.000Z"), trust)
	return err
}

// sameHead holds a proof's checkpoint against a noted head.
func (o *auditVerifyOptions) sameHead(checkpoint auditfile.Checkpoint) error {
	noted, err := os.ReadFile(o.head)
	if err != nil {
		return usageError("--head: %w", err)
	}
	if string(noted) != checkpoint.Note {
		return &exitError{exitFail, errors.New("the proof leads to another checkpoint than the noted head; verify the log with --head instead")}
	}
	return nil
}
