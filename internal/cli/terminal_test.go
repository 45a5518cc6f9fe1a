package cli_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// onTerminal starts assay on a terminal, and answers what it shows and its end.
func onTerminal(t *testing.T, dir string, env []string, args ...string) (shown *watched, end func() int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, filepath.Join(binDir, "assay"), args...)
	command.Dir, command.Env = dir, environment(dir, shortTemp(t), append([]string{"TERM=xterm-256color"}, env...)...)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	shown = newWatched()
	read := make(chan struct{})
	go func() {
		defer close(read)
		// The end of the last process on a terminal reads as an error.
		if _, err := io.Copy(shown, terminal); err != nil && !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}()
	return shown, func() int {
		t.Helper()
		err := command.Wait()
		<-read
		_ = terminal.Close()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return command.ProcessState.ExitCode()
	}
}

// On a terminal a vector that runs has a live line, and there is the progress
// of the whole; at the end the screen holds the results and nothing else.
func TestTerminal(t *testing.T) {
	t.Parallel()
	g := newGate()
	f := newForeignTenant(t, quirks{instead: map[string]answerer{opPoll: g.hold}})
	dir := trial{vectors: 3, vector: "check \"fine\" {\n condition = each.key != \"SKU-1\"\n error_message = \"it is not\"\n}"}.suite(t)
	shown, end := onTerminal(t, dir, f.env(), "run", ".", "--parallel", "2")
	g.await(t)
	// Two are under way and shown as such, before any has ended.
	shown.await(t, `/sync["SKU-0"]`)
	shown.await(t, `/sync["SKU-1"]`)
	shown.await(t, "0/3 vectors")
	if strings.Contains(shown.String(), "SKU-2") {
		t.Error("a vector that has not started is shown")
	}
	g.open()
	if code := end(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	if !strings.Contains(shown.String(), "\x1b[32mpass ") {
		t.Error("nothing is coloured")
	}
	screen := render(t, shown.String())
	text := strings.Join(screen, "\n")
	for _, leftover := range []string{"/3 vectors", "/sync[\"SKU-0\"]"} {
		if strings.Contains(text, leftover) {
			t.Errorf("a live line with %q is left on the screen:\n%s", leftover, text)
		}
	}
	for line, want := range map[string]int{
		`^  pass   sync\["SKU-[02]"\]  COMPLETED  `:    2,
		`^  FAIL   sync\["SKU-1"\]  COMPLETED  fine: `: 1,
		`^FAIL   3 vectors: 2 passed, 1 failed, `:      1,
		`^Failures$`: 1,
	} {
		got := 0
		for _, l := range screen {
			if regexp.MustCompile(line).MatchString(l) {
				got++
			}
		}
		if got != want {
			t.Errorf("%d lines of the screen match %s, want %d:\n%s", got, line, want, text)
		}
	}
	if last := screen[len(screen)-1]; last != "" {
		t.Errorf("the cursor does not stand at the start of a line, but after %q", last)
	}
}

// On a terminal, too, output is plain where that is asked for.
func TestTerminalPlain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env, args []string
	}{
		"--no-color":     {nil, []string{"--no-color"}},
		"NO_COLOR":       {[]string{"NO_COLOR=1"}, nil},
		"TERM=dumb":      {[]string{"TERM=dumb"}, nil},
		"JSON on stdout": {nil, []string{"--report", "json=-"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForeignTenant(t, quirks{})
			shown, end := onTerminal(t, trial{}.suite(t), append(f.env(), test.env...), append([]string{"run", "."}, test.args...)...)
			if code := end(); code != 0 {
				t.Errorf("exit status %d", code)
			}
			if text := shown.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "1 passed") {
				t.Errorf("shown: %q", text)
			}
		})
	}
}

// Ctrl-C as the terminal sends it, to the whole foreground group, stops the run
// but not its plugins: what is in flight is finished.
func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	g := newGate()
	f := newForeignTenant(t, quirks{instead: map[string]answerer{opPoll: g.hold}})
	dir := trial{vectors: 3, pollTimeout: "50s"}.suite(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(binDir, "assay"), "run", ".", "--parallel", "1")
	command.Dir, command.Env = dir, environment(dir, shortTemp(t), append(f.env(), "TERM=xterm")...)
	terminal, err := pty.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	shown := newWatched()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(shown, terminal)
	}()
	g.await(t)
	if _, err := terminal.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	shown.await(t, "Stopping:")
	g.open()
	_ = command.Wait()
	<-read
	text := strings.Join(render(t, shown.String()), "\n")
	if code := command.ProcessState.ExitCode(); code != 130 || !strings.Contains(text, "3 vectors: 1 passed, 0 failed, 0 errored, 2 skipped") {
		t.Errorf("exit status %d, want 130 and what was in flight finished:\n%s", code, text)
	}
}

// escape is a control sequence of a terminal: its numbers and its letter.
var escape = regexp.MustCompile(`^\x1b\[([0-9;?]*)([A-Za-z])`)

// render is what a terminal shows after a text, line by line, down to the
// cursor's. It knows what assay uses, and fails on anything else.
func render(t *testing.T, text string) []string {
	t.Helper()
	screen, row, column := [][]rune{nil}, 0, 0
	for len(text) > 0 {
		if m := escape.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			n, err := strconv.Atoi(m[1])
			if err != nil {
				n = 1
			}
			switch m[2] {
			case "A":
				row = max(0, row-n)
			case "J": // erase from the cursor on
				screen[row] = screen[row][:min(column, len(screen[row]))]
				screen = screen[:row+1]
			case "K":
				screen[row] = screen[row][:min(column, len(screen[row]))]
			case "m", "h", "l":
			default:
				t.Fatalf("control sequence %q", m[0])
			}
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\r':
			column = 0
		case '\n':
			if row++; row == len(screen) {
				screen = append(screen, nil)
			}
		default:
			for len(screen[row]) <= column {
				screen[row] = append(screen[row], ' ')
			}
			screen[row][column] = r
			column++
		}
	}
	lines := make([]string, len(screen))
	for i, line := range screen {
		lines[i] = strings.TrimRight(string(line), " ")
	}
	return lines
}
