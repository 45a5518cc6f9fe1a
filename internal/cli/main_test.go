package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	// The built binary's code: go test must not take an earlier result where it changed.
	_ "github.com/assay-cx/assay/internal/cli"
)

// The tests of this package run the built binary, as a user does: its plugins
// are processes of the same file.

// binDir is the folder that holds the built binary, for PATH.
var binDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "assay-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	build := exec.Command("go", slices.Concat([]string{"build"}, buildFlags, []string{"-o", filepath.Join(dir, "assay"), "../../cmd/assay"})...)
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binary: %v\n%s", err, out)
	} else if code = m.Run(); code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// patience is the longest that any one command of these tests may take: what
// exceeds it hangs.
const patience = 60 * time.Second

// environment is what a command of these tests sees: nothing of the tester's.
func environment(home, tmp string, extra ...string) []string {
	return append([]string{
		"PATH=" + binDir + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home, "TMPDIR=" + tmp,
		"GORACE=halt_on_error=0 exitcode=66",
	}, extra...)
}

// shortTemp is a private folder for temporary files, whose path is short
// enough for sockets. Whatever a command leaves in it is a defect.
func shortTemp(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "assay-t") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// running is an assay under way.
type running struct {
	*exec.Cmd
	t              testing.TB
	temp           string
	started        time.Time
	stdout, stderr *watched
	done           chan struct{} // closed when it has ended
	err            error         // of its end
}

// outcome is an assay that has ended.
type outcome struct {
	code           int // exit status; -1 where a signal ended it
	stdout, stderr string
	took           time.Duration
}

// start starts assay in a folder, with nothing of the tester's environment but
// what is given.
func start(tb testing.TB, dir string, env []string, args ...string) *running {
	tb.Helper()
	r := &running{t: tb, temp: shortTemp(tb), stdout: newWatched(), stderr: newWatched(), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.Cmd = exec.CommandContext(ctx, filepath.Join(binDir, "assay"), args...)
	r.Dir, r.Env = dir, environment(dir, r.temp, env...)
	r.Stdout, r.Stderr = r.stdout, r.stderr
	r.WaitDelay = 5 * time.Second // plugins that outlive it must not hold the test
	r.started = time.Now()
	if err := r.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	go func() {
		defer cancel()
		r.err = r.Wait()
		close(r.done)
	}()
	tb.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// end waits for the end, and finds what no end may leave behind.
func (r *running) end() outcome {
	r.t.Helper()
	<-r.done
	took := time.Since(r.started)
	out := outcome{r.ProcessState.ExitCode(), r.stdout.String(), r.stderr.String(), took}
	if took >= patience {
		r.t.Fatalf("assay %s hangs:\n%s%s", strings.Join(r.Args[1:], " "), out.stdout, out.stderr)
	}
	for _, disaster := range []string{"panic: ", "goroutine ", "DATA RACE"} {
		if strings.Contains(out.stdout+out.stderr, disaster) {
			r.t.Errorf("%s in the output:\n%s%s", disaster, out.stdout, out.stderr)
		}
	}
	if left := files(r.t, r.temp); len(left) > 0 && out.code >= 0 {
		r.t.Errorf("temporary files are left behind: %v", left)
	}
	return out
}

// run runs assay to its end.
func run(tb testing.TB, dir string, env []string, args ...string) outcome {
	tb.Helper()
	return start(tb, dir, env, args...).end()
}

// signal sends a signal to assay itself, not to its group.
func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// pluginPID is the process of a plugin, as a run with --log-level debug names
// it. It waits until the plugin has started.
func (r *running) pluginPID(name string) int {
	r.t.Helper()
	line := r.stderr.await(r.t, "plugin="+name+" pid=")
	var pid int
	_, after, _ := strings.Cut(line, " pid=")
	if _, err := fmt.Sscanf(after, "%d", &pid); err != nil {
		r.t.Fatalf("no process id in %q: %v", line, err)
	}
	return pid
}

// watched keeps what is written to it, and lets a test wait for a line.
type watched struct {
	changed chan struct{} // holds one token where something came since
	text    chan []byte   // holds the text: a lock that a select can take
}

func newWatched() *watched {
	w := &watched{changed: make(chan struct{}, 1), text: make(chan []byte, 1)}
	w.text <- nil
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	w.text <- append(<-w.text, p...)
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (w *watched) String() string {
	text := <-w.text
	w.text <- text
	return string(text)
}

// await waits until a line holds the text, and answers the line.
func (w *watched) await(tb testing.TB, text string) string {
	tb.Helper()
	timer := time.NewTimer(patience / 2)
	defer timer.Stop()
	for {
		lines := bufio.NewScanner(strings.NewReader(w.String()))
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return lines.Text()
			}
		}
		select {
		case <-w.changed:
		case <-timer.C:
			tb.Fatalf("no line with %q in:\n%s", text, w)
		}
	}
}

// isAlive reports whether a process runs; a dead one that nobody has waited
// for yet does not, but for one with threads left: it still has its sockets.
func isAlive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return !bytes.HasPrefix(after, []byte("Z")) || len(threads) > 1
}

// eventually waits until a condition holds that another process brings about.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within 10 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// files are the files below a folder, sockets too.
func files(tb testing.TB, dir string) []string {
	tb.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if path != dir && err == nil {
			found = append(found, strings.TrimPrefix(path, dir+"/")+" "+entry.Type().String())
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// suite writes files into a new folder. names and contents alternate.
func suite(tb testing.TB, files ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// everyReport is a run's flags for a report of each format.
var everyReport = []string{
	"--report", "json=result.json", "--report", "junit=junit.xml", "--report", "html=report.html", "--report", "markdown=report.md",
	"--report", "tap=report.tap", "--report", "ctrf=ctrf.json", "--report", "github=annotations.txt",
}

// document is a result document, read by the names that its contract gives.
type document struct {
	Version int
	Status  string
	Summary struct{ Total, Passed, Failed, Errored, Skipped int }
	Vectors []vector
	Errors  []problem

	Thresholds []struct {
		Name, Status, Message string
		Value                 *float64
	}
	Sinks []struct {
		Plugin                    string
		Delivered, Queued, Failed int
		LastError                 string `json:"last_error"`
	}
	Operations  []operationCount
	Interrupted bool
}

type operationCount struct {
	Plugin, Operation                  string
	Calls, Attempts, Retries, Restarts int
	Trips                              int   `json:"breaker_trips"`
	WaitMS                             int64 `json:"wait_ms"`
}

// operation is what is told of a plugin's operation.
func (d document) operation(plugin, operation string) operationCount {
	for _, o := range d.Operations {
		if o.Plugin == plugin && o.Operation == operation {
			return o
		}
	}
	return operationCount{}
}

type problem struct{ Summary, Detail string }

type vector struct {
	Name, Status string
	Execution    struct {
		Status    string
		SessionID string `json:"session_id"`
		InputHash string `json:"input_hash"`
		Polls     int
		Output    any
		Error     struct {
			Code, Message, Stack string
			Details              any
		}
	}
	Classification struct {
		Classification, Category, Source, Reason string
		Confidence                               float64
	}
	Checks []struct{ Name, Status, Expected, Actual, Message string }
	Error  problem
}

func readDocument(tb testing.TB, dir string) document {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		tb.Fatalf("%v: %s", err, content)
	}
	return d
}

// everything is all that a run left in its suite's folder, but for the spec.
func everything(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, ".hcl") {
			return err
		}
		content, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir+"/")] = string(content)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// encodings are the forms in which a secret may travel.
func encodings(secret string) []string {
	quoted, _ := json.Marshal(secret)
	plain := &bytes.Buffer{}
	encoder := json.NewEncoder(plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(secret)
	raw := []byte(secret)
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		strings.Trim(string(quoted), `"`), strings.Trim(strings.TrimSpace(plain.String()), `"`),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
		hex.EncodeToString(raw), html.EscapeString(secret),
		strings.ToLower(url.QueryEscape(secret)), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		strings.ReplaceAll(strings.Trim(string(quoted), `"`), "/", `\/`),
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// assertNoSecrets finds secrets, in any encoding and also cut, in texts by name.
func assertNoSecrets(tb testing.TB, secrets []string, texts map[string]string) {
	tb.Helper()
	for _, secret := range secrets {
		for _, form := range encodings(secret) {
			for name, text := range texts {
				at := strings.Index(text, form)
				for _, n := range []int{len(form) - 1, len(form) - 3, len(form) / 2} {
					if at < 0 && n >= 5 {
						at = strings.Index(text, form[:n]+"…")
					}
				}
				if at >= 0 {
					tb.Errorf("%s holds the secret %q as %q:\n…%s…", name, secret, form, text[max(0, at-200):min(len(text), at+len(form)+100)])
				}
			}
		}
	}
}

// discard reads a body to its end, so that a server notices a client that goes.
func discard(body io.Reader) { _, _ = io.Copy(io.Discard, body) }
