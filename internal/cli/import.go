package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/assay-cx/assay/internal/deploy"
	"github.com/assay-cx/assay/internal/plan"
)

// importOptions are the flags of `assay import`.
type importOptions struct {
	inputFlags
	fromPlatform bool
	ids          []string
}

func newImport(p *process) *cobra.Command {
	o := &importOptions{}
	command := &cobra.Command{
		Use:   "import SCHEMA.json [DIR] | import --from-platform [DIR]",
		Short: "Make action blocks of schema documents",
		Long: `Print the action block that a schema document stands for: of a file, or with
--from-platform of all that the platform of the suite in DIR has and the suite
does not declare yet, or of the actions that --id names.

Where a type constraint says exactly what a JSON Schema says, the block has it.
Elsewhere the schema is written to DIR/schemas (DIR is the current folder where
it is not given) and the block refers to it. A file that says something else is
never overwritten. Deploying what was imported changes nothing.

Documents know no categories: add them to the error blocks, and failures are
judged better. The handler is yours to write.

Exit status:
  0    printed, also where there is nothing to import
  2    wrong usage, or a document that is none
  3    the platform could not be read`,
		Example: `  assay import InventorySyncAction.json >> action.assay.hcl

  # Into the folder of a suite, with the id that the platform gave it
  assay import InventorySyncAction.json ./specs/inventory --id a1b2c3d4-e5f6-4890-abcd-ef1234567890

  # All that a tenant has
  CXONE_BASE_URL=https://api.example.com CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=… assay import --from-platform ./specs/inventory`,
		RunE: func(command *cobra.Command, args []string) error {
			if o.fromPlatform {
				return o.platform(command.Context(), p, args)
			}
			return o.file(p, args)
		},
	}
	o.register(command)
	flags := command.Flags()
	flags.BoolVar(&o.fromPlatform, "from-platform", false, "import what the platform of the suite in DIR has")
	flags.StringArrayVar(&o.ids, "id", nil, "`ID` of the action: of the document's, or which to import from the platform; may be repeated there")
	return command
}

// file imports a document from a file.
func (o *importOptions) file(p *process, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return usageError("import takes a schema document, and the folder that it is for: see assay import --help")
	}
	if len(o.ids) > 1 {
		return usageError("--id may be given once for one document")
	}
	text, err := readBounded(args[0])
	if err != nil {
		return usageError("%w", err)
	}
	document, err := deploy.Parse(text)
	if err != nil {
		return usageError("%s%s: not a schema document: %w", args[0], placeOf(text, err), err)
	}
	if len(o.ids) == 1 {
		document.ID = o.ids[0]
	}
	label := deploy.Label(document.Name, func(string) bool { return false })
	imported, err := deploy.Import(document, label, "")
	if err != nil {
		return usageError("%s: %w", args[0], err)
	}
	dir := "."
	if len(args) == 2 {
		dir = args[1]
	}
	return p.deliver(dir, []deploy.Imported{imported})
}

// platform imports documents from the targets of a suite.
func (o *importOptions) platform(ctx context.Context, p *process, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := atMostOne("import --from-platform")(nil, args); err != nil {
		return err
	}
	s, err := o.open(ctx, p, opening{paths: args, log: handlerLog})
	if err != nil {
		return err
	}
	defer s.close(ctx)
	from := &platforms{opened: s}
	targets := from.targetNames()
	if len(targets) == 0 {
		return usageError("the suite in %s has no plugin that runs actions, so there is nowhere to import from: add a block such as plugin \"cxone\" { … }", s.plan.Dir)
	}
	if err := from.start(ctx); err != nil {
		return err
	}
	found, err := from.documents(ctx, targets, o.ids)
	if err != nil {
		return err
	}
	imported, err := from.imported(found, len(targets) > 1, len(o.ids) > 0)
	if err != nil {
		return &exitError{exitUndecided, err}
	}
	if len(imported) == 0 {
		fmt.Fprintln(p.stderr, "Nothing to import: the platform has no action that the suite does not declare.")
	}
	for _, name := range from.embedded() {
		fmt.Fprintf(p.stderr, "plugin.%s is the embedded tenant, where nothing is deployed: to import from yours, set what its base URL depends on.\n", name)
	}
	return p.deliver(s.plan.Dir, imported)
}

// imported makes blocks of documents. Those that the suite declares are left
// out, unless they are asked for by id: then they keep their label.
func (p *platforms) imported(found []onPlatform, nameTargets, again bool) ([]deploy.Imported, error) {
	taken := map[string]bool{}
	for _, a := range p.plan.Actions {
		taken[a.Name] = true
	}
	var all []deploy.Imported
	for _, one := range found {
		label := p.labelOf(one)
		if label != "" && !again {
			continue
		}
		if label == "" {
			label = deploy.Label(one.document.Name, func(name string) bool { return taken[name] })
		}
		taken[label] = true
		target := ""
		if nameTargets {
			target = one.target
		}
		block, err := deploy.Import(one.document, label, target)
		if err != nil {
			return nil, fmt.Errorf("the schema document of %q (%s): %w", one.document.Name, one.document.ID, err)
		}
		all = append(all, block)
	}
	return all, nil
}

// labelOf is the label under which the suite declares an action; empty where
// it does not.
func (p *platforms) labelOf(one onPlatform) string {
	i := slices.IndexFunc(p.plan.Actions, func(a *plan.Action) bool {
		return a.Target != nil && a.Target.Name == one.target && strings.EqualFold(a.ID, one.document.ID)
	})
	if i < 0 {
		return ""
	}
	return p.plan.Actions[i].Name
}

// deliver writes the schema files into a suite's folder, all or none, and the
// blocks to stdout.
func (p *process) deliver(dir string, all []deploy.Imported) error {
	files := map[string][]byte{}
	for _, imported := range all {
		for name, content := range imported.Files {
			files[name] = content
		}
	}
	if err := p.writeSchemas(dir, files); err != nil {
		return usageError("%s: %w", dir, err)
	}
	var blocks [][]byte
	for _, imported := range all {
		blocks = append(blocks, imported.Block)
		if imported.MadeUpID {
			fmt.Fprintf(p.stderr, "action.%s: the document has no id, so one was made of the name. If the platform has the action, put its id there, or give --id.\n", imported.Label)
		}
	}
	_, err := p.stdout.Write(bytes.Join(blocks, []byte("\n")))
	return err
}

// writeSchemas writes files below dir, which no link leads out of.
func (p *process) writeSchemas(dir string, files map[string][]byte) error {
	if len(files) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	missing, err := missingFiles(root, files)
	if err != nil {
		return err
	}
	for _, name := range missing {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(p.stderr, "%s: written, because no type constraint says what this JSON Schema does\n", name)
	}
	return nil
}

// missingFiles are those that are not there yet, in order. One that is there
// and says something else is an error.
func missingFiles(root *os.Root, files map[string][]byte) ([]string, error) {
	var missing []string
	for name, content := range files {
		there, err := root.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, err
		case !bytes.Equal(there, content):
			return nil, fmt.Errorf("%s is there already and says something else: move it away, or import into another folder", name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}
