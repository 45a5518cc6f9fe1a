package pluginhost

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/assay-cx/assay/internal/pluginsource"
	"github.com/assay-cx/assay/plugins/sdk"
)

// command is what a plugin's process runs.
type command struct {
	path string
	args []string
	// file is the program as it was checked, open; nil for assay itself.
	file *os.File
}

// command is the checked program of a block. It must be closed.
func (h *Host) command(block pluginsource.Block) (command, error) {
	if h.isBuiltin(block) {
		_, name, err := h.builtin(block.Source)
		return command{path: h.options.Executable, args: []string{"plugin", "serve", name}}, err
	}
	program, err := h.options.Finder.Find(block)
	if err != nil {
		return command{}, err
	}
	file, err := program.Open()
	if err != nil {
		return command{}, err
	}
	return command{path: program.Path, file: file}, nil
}

func (c command) close() {
	if c.file != nil {
		_ = c.file.Close() // it was only read
	}
}

// exec is the command with those files as descriptors 3 and up. A program that
// was checked comes after them, and is what is executed: its path may lead to
// another file by now.
func (c command) exec(inherited ...*os.File) *exec.Cmd {
	path := c.path
	if c.file != nil {
		inherited = append(inherited, c.file)
		path = openedPath(2+len(inherited), c.path)
	}
	cmd := exec.Command(path, c.args...) //nolint:noctx // the caller ends it, with all that it started
	cmd.Args[0] = c.path
	cmd.ExtraFiles = inherited
	isolate(cmd)
	return cmd
}

// started names the program in the error of a start, as the user knows it.
func (c command) started(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return fmt.Errorf("%s cannot be executed: %w; is it built for this machine, or has it no #! line?", c.path, pathErr.Err)
	}
	return err
}

// Development is the hash of the program that stands in for the plugin of a
// block, unlocked; false where none does.
func (h *Host) Development(name string) (hash string, ok bool) {
	program, ok := h.options.Finder.Dev[name]
	return program.Hash, ok
}

// isBuiltin reports whether assay itself serves the plugin of a block.
func (h *Host) isBuiltin(block pluginsource.Block) bool {
	_, replaced := h.Development(block.Name)
	return !replaced && strings.HasPrefix(block.Source, "builtin/")
}

func (h *Host) builtin(source string) (sdk.Plugin, string, error) {
	name := strings.TrimPrefix(source, "builtin/")
	if plugin, ok := h.options.Builtins[name]; ok {
		return plugin, name, nil
	}
	elsewhere := "; where a plugin from elsewhere is, its source says"
	if near := nearest(name, h.options.Builtins); near != "" {
		return nil, "", fmt.Errorf("there is no built-in plugin %q; did you mean \"builtin/%s\"? The built-in plugins are %s%s", name, near, h.sources(), elsewhere)
	}
	return nil, "", fmt.Errorf("there is no built-in plugin %q; the built-in plugins are %s%s", name, h.sources(), elsewhere)
}

func (h *Host) sources() string {
	names := slices.Sorted(maps.Keys(h.options.Builtins))
	for i, name := range names {
		names[i] = `"builtin/` + name + `"`
	}
	return strings.Join(names, ", ")
}

// nearest is the name that was probably meant, or empty.
func nearest(name string, known map[string]sdk.Plugin) string {
	best, distance := "", 3
	for _, candidate := range slices.Sorted(maps.Keys(known)) {
		if d := levenshtein.Distance(name, candidate, nil); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}
